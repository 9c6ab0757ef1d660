"""Python environment of the measurements.

It has the packages of requirements.txt and lies outside the checkout. This module
imports the standard library alone, since it runs before they are installed.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

OLDEST_PYTHON = (3, 11)
REQUIREMENTS = pathlib.Path(__file__).resolve().parent / "requirements.txt"


class EnvironmentFailure(Exception):
    """The environment cannot be created; the message says what to do."""


def enter() -> None:
    """Restart in the virtual environment, unless the process already runs in it."""
    folder = _folder()
    if pathlib.Path(sys.prefix).resolve() == folder.resolve():
        return
    if sys.version_info < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        raise EnvironmentFailure(
            f"the benchmarks need Python {wanted} or later, and {sys.executable} is {sys.version.split()[0]}. "
            "Run them with a later one: make bench PYTHON=python3.12"
        )
    python = folder / "bin" / "python"
    stamp = folder / "made-from"
    if not (python.exists() and stamp.is_file() and stamp.read_text() == _fingerprint()):
        _create(folder, python)
        # Last, so that an interrupted installation is repeated.
        stamp.write_text(_fingerprint())
    sys.stdout.flush()
    os.execv(python, [str(python), "-B", *sys.argv])


def _folder() -> pathlib.Path:
    cache = os.environ.get("XDG_CACHE_HOME")
    return (pathlib.Path(cache) if cache else pathlib.Path.home() / ".cache") / "semql" / "bench-venv"


def _fingerprint() -> str:
    """Changes with the requirements and with the Python they are installed for."""
    return hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()


def _create(folder: pathlib.Path, python: pathlib.Path) -> None:
    print(f"bench: creating the Python environment in {folder} (once; about a minute)", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    _step(
        [sys.executable, "-m", "venv", str(folder)],
        f"cannot create a virtual environment in {folder}",
        "Install Python's venv module (Debian and Ubuntu: the package python3-venv), or point XDG_CACHE_HOME "
        "at a writable folder.",
    )
    _step(
        [str(python), "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "--requirement", str(REQUIREMENTS)],
        f"pip could not install {REQUIREMENTS}",
        "See whether `pip download duckdb` works here, and try again.",
    )


def _step(command: list[str], failure: str, remedy: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        lines = (result.stderr.strip() or result.stdout.strip() or "no message").splitlines()
        raise EnvironmentFailure(f"{failure}: {lines[-1]}\n{remedy}")
