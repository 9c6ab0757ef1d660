"""What machine, and which versions of what, were measured?"""

import importlib.metadata
import os
import pathlib
import platform
import re

# Instruction sets for matrix products, as named in /proc/cpuinfo.
VECTOR_EXTENSIONS = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "amx_int8", "asimddp", "i8mm")
PACKAGES = ("datafusion", "duckdb", "fastembed", "onnxruntime", "openvino", "nncf", "tokenizers", "numpy", "pyarrow")


def cores() -> int:
    """The cores that this process may use; every engine is given as many threads."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe(semql_version: str, repository: pathlib.Path, semql_home: pathlib.Path) -> list[tuple[str, str]]:
    """Facts and their values, in the order of the report."""
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    return [
        ("CPU", _cpu()),
        ("cores", str(cores())),
        ("vector extensions", ", ".join(_extensions()) or "unknown"),
        ("memory", _memory()),
        ("load before the run", _load()),
        ("operating system", _system()),
        ("semql", _semql(semql_version, repository, semql_home)),
        ("Python", f"{platform.python_version()}; {packages}"),
    ]


def _cpuinfo(field: str) -> str:
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""
    found = re.search(rf"^{field}\s*:\s*(.+)$", text, re.MULTILINE)
    return found.group(1).strip() if found else ""


def _cpu() -> str:
    name = _cpuinfo("model name") or platform.processor() or platform.machine()
    family, model = _cpuinfo("cpu family"), _cpuinfo("model")
    # Virtual machines often report the vendor alone; these two identify the model.
    return f"{name} (family {family}, model {model})" if family and model else name


def _extensions() -> list[str]:
    present = (_cpuinfo("flags") or _cpuinfo("Features")).split()
    return [name for name in VECTOR_EXTENSIONS if name in present]


def _memory() -> str:
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB"
    except (OSError, ValueError):
        return "unknown"


def _load() -> str:
    return f"{os.getloadavg()[0]:.2f} (mean of the last minute; figures are good only if it is near 0)"


def _system() -> str:
    kernel = f"{platform.system()} {platform.release()}"
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {kernel}"
    except (OSError, KeyError):
        return kernel


def _semql(version: str, repository: pathlib.Path, home: pathlib.Path) -> str:
    parts = [version]
    lock = repository / "Cargo.lock"
    if lock.is_file():
        found = re.search(r'name = "datafusion"\nversion = "([^"]+)"', lock.read_text())
        if found:
            parts.append(f"DataFusion {found.group(1)}")
    libraries = sorted((home / "onnxruntime").glob("libonnxruntime*"))
    found = re.search(r"(\d+\.\d+\.\d+)", libraries[0].name) if libraries else None
    if found:
        parts.append(f"ONNX Runtime {found.group(1)}")
    return ", ".join(parts)
