"""Which Python packages do the measurements run with?

Those of requirements.txt, in a virtual environment outside the checkout. Only
the standard library is imported here: this runs before the packages are there.
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
    """Says what stops the environment from being made, and what to do."""


def enter() -> None:
    """Goes on in the virtual environment; returns if this already is in it."""
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
        # Last, so that an environment that was interrupted is made again.
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
    print(f"bench: making the Python environment in {folder} (once; about a minute)", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    _step(
        [sys.executable, "-m", "venv", str(folder)],
        f"no virtual environment could be made in {folder}",
        "Install Python's venv module (Debian and Ubuntu: the package python3-venv), or point XDG_CACHE_HOME "
        "at a folder that can be written to.",
    )
    _step(
        [str(python), "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "--requirement", str(REQUIREMENTS)],
        f"pip could not install {REQUIREMENTS}",
        "See whether `pip download duckdb` works here, and try again.",
    )


def _step(command: list[str], failure: str, remedy: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        said = (result.stderr.strip() or result.stdout.strip() or "it said nothing").splitlines()
        raise EnvironmentFailure(f"{failure}: {said[-1]}\n{remedy}")
