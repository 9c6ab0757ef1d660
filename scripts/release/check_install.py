#!/usr/bin/env python3
"""Install an artifact of a release in a clean environment, and run it.

usage: check_install.py [--demo] [--no-dependencies] ARTIFACT...

An archive is unpacked after its checksum; a wheel is installed into a new virtual
environment. The program then runs in an empty folder with a new home, and with
nothing on PATH but Python. --demo runs `semql demo` too, which downloads ONNX Runtime and the
default model unless $SEMQL_HOME has them. --no-dependencies installs a wheel without
the packages that it needs, where no wheels of them exist (musl).
"""

import argparse
import hashlib
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import typing
import venv
import zipfile

from platforms import ReleaseError

# SQL of each kind that the program answers without a model, and the answer in CSV.
QUERIES = (
    ("SELECT upper('ready') AS word", "word\nREADY\n"),
    ("SELECT embed('text') IS NOT NULL AS has_vector", "has_vector\ntrue\n"),
)
SYSTEM_VARIABLES = ("SYSTEMROOT", "TEMP", "TMP", "PIP_CERT", "PIP_FIND_LINKS", "PIP_INDEX_URL", "SSL_CERT_FILE")


def unpack(archive: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """Verify and unpack an archive. Returns the path of its program."""
    checksum = archive.with_name(archive.name + ".sha256").read_text().split()
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if checksum != [digest, archive.name]:
        raise ReleaseError(f"{archive.name} has the SHA-256 {digest}; its checksum file has {' '.join(checksum)}")
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)
    else:
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
    top, = folder.iterdir()
    program, = top.glob("semql*")
    return program


def install_wheel(wheel: pathlib.Path, folder: pathlib.Path, dependencies: bool) -> pathlib.Path:
    """Install a wheel into a new environment. Returns the path of its command."""
    venv.create(folder, with_pip=True)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    options = ["--only-binary", ":all:"] if dependencies else ["--no-deps"]
    check([str(scripts / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
           *options, str(wheel.absolute())])
    return scripts / ("semql.exe" if os.name == "nt" else "semql")


def check(command: "list[str]", **options: typing.Any) -> str:
    """Run a command that must succeed. Returns its standard output."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, encoding="utf-8", **options)
    if done.returncode != 0:
        raise ReleaseError(f"failed with exit code {done.returncode}: {' '.join(command)}")
    return done.stdout


def check_program(program: pathlib.Path, folder: pathlib.Path, demo: bool) -> None:
    """Run the program in an empty folder, with nothing of this session but the system's variables."""
    environment = {name: os.environ[name] for name in SYSTEM_VARIABLES if name in os.environ}
    tools = folder / "tools"
    tools.mkdir()
    if os.name == "nt":
        environment["PATH"] = str(pathlib.Path(sys.executable).parent)
    else:
        (tools / "python3").symlink_to(sys.executable)
        environment["PATH"] = str(tools)
    home = folder / "home"
    home.mkdir()
    environment |= {"HOME": str(home), "USERPROFILE": str(home)}
    environment["SEMQL_HOME"] = os.environ.get("SEMQL_HOME", str(home / "semql"))
    work = folder / "work"
    work.mkdir()

    def semql(*arguments: str) -> str:
        return check([str(program), *arguments], env=environment, cwd=work)

    print(f"check: {semql('--version').strip()}", flush=True)
    for sql, expected in QUERIES:
        answer = semql("--set", "ai.model=deterministic", "--format", "csv", "-c", sql)
        if answer != expected:
            raise ReleaseError(f"{sql} gave {answer!r} in place of {expected!r}")
    if demo:
        semql("demo", "--format", "csv")
        results = work / "semql-demo/out/products_with_category.parquet"
        if not results.is_file():
            raise ReleaseError(f"`semql demo` wrote no {results.name}")
        print("check: the demo ran", flush=True)


def check_artifact(artifact: pathlib.Path, demo: bool, dependencies: bool) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        if artifact.suffix == ".whl":
            program = install_wheel(artifact, folder / "installed", dependencies)
        else:
            program = unpack(artifact, folder / "installed")
        check_program(program, folder, demo)
    print(f"check: {artifact.name} works", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Install artifacts in a clean environment, and run them.")
    parser.add_argument("--demo", action="store_true", help="run the demo too")
    parser.add_argument("--no-dependencies", action="store_true", help="install wheels alone")
    parser.add_argument("artifacts", nargs="+", type=pathlib.Path, metavar="ARTIFACT")
    arguments = parser.parse_args()
    try:
        for artifact in arguments.artifacts:
            check_artifact(artifact, arguments.demo, not arguments.no_dependencies)
    except (ReleaseError, OSError) as error:
        print(f"check: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
