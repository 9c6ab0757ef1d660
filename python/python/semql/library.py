"""Search for the library of ONNX Runtime in this Python environment."""

import importlib.util
import os
from pathlib import Path

#: File names of the library, by platform, in the package's folder `capi`.
NAMES = ("libonnxruntime.so*", "libonnxruntime.*dylib", "onnxruntime.dll")


def find_library() -> str | None:
    """Path of the library in the package `onnxruntime`.

    None without the package, or if ORT_DYLIB_PATH is set. The package is not
    imported, which would load a second ONNX Runtime.
    """
    if os.environ.get("ORT_DYLIB_PATH"):
        return None
    spec = importlib.util.find_spec("onnxruntime")
    if spec is None:
        return None
    for folder in spec.submodule_search_locations or ():
        for name in NAMES:
            for path in sorted(Path(folder, "capi").glob(name)):
                return str(path)
    return None
