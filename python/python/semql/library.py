"""Where ONNX Runtime's library is in this Python, if it is."""

import importlib.util
import os
from pathlib import Path

#: File names of the library, by platform, in the package's folder `capi`.
NAMES = ("libonnxruntime.so*", "libonnxruntime.*dylib", "onnxruntime.dll")


def library() -> str | None:
    """The library that the package `onnxruntime` brings; None without it.

    None too where ORT_DYLIB_PATH names another one. The package is looked at and
    not imported: that would load a second ONNX Runtime.
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
