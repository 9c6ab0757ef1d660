#!/usr/bin/env python3
"""Build the artifacts of a release for this platform: an archive of the program, a wheel.

usage: build.py archive [--target TRIPLE] [--binary PATH] [--out FOLDER]
       build.py wheel [--maturin PATH] [--python PATH] [--out FOLDER]

`archive` builds the program and writes two files to FOLDER (default: dist):

    semql-VERSION-TRIPLE.tar.gz           .zip for Windows
    semql-VERSION-TRIPLE.tar.gz.sha256    its SHA-256, for `sha256sum --check`

The archive has one folder: the program, LICENSE, README.md, CHANGELOG.md, the manual
page and completions of shells. It has neither ONNX Runtime nor a model; `semql setup`
brings both. The same program gives the same bytes. --binary packs a program that is
built already; VERSION is the one that the program reports.

`wheel` builds the Python package with maturin. Its platform tag follows from the C
library of this machine: build in an image that is old enough (container.sh).
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import typing
import zipfile

from platforms import ReleaseError, archive_stem, platform

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent
DOCUMENTS = ("LICENSE", "README.md", "CHANGELOG.md")
# File in the archive, and the arguments with which the program prints it.
PRINTED = (
    ("man/semql.1", ("man",)),
    ("completions/semql.bash", ("completions", "bash")),
    ("completions/_semql", ("completions", "zsh")),
    ("completions/semql.fish", ("completions", "fish")),
    ("completions/semql.elv", ("completions", "elvish")),
    ("completions/semql.ps1", ("completions", "powershell")),
)
# The earliest time that a zip archive can express: 1980-01-01.
EPOCH = 315532800


class Member(typing.NamedTuple):
    """A file of an archive."""

    content: bytes
    is_program: bool = False


def run(command: "list[str]", **options: typing.Any) -> "subprocess.CompletedProcess[bytes]":
    """Run a command whose failure ends the build. Its messages go to standard error."""
    try:
        done = subprocess.run(command, **options)
    except OSError as error:
        raise ReleaseError(f"cannot run {command[0]}: {error}") from error
    if done.returncode != 0:
        raise ReleaseError(f"failed with exit code {done.returncode}: {' '.join(command)}")
    return done


def host() -> str:
    """Target triple of this machine's Rust compiler."""
    version = run(["rustc", "--version", "--verbose"], stdout=subprocess.PIPE).stdout.decode()
    found = re.search(r"^host: (\S+)$", version, re.MULTILINE)
    if not found:
        raise ReleaseError(f"rustc does not name its host:\n{version}")
    return found.group(1)


def compile_program() -> pathlib.Path:
    """Build the program for this machine, with the flags of the Makefile. Returns its path."""
    command = [os.environ.get("CARGO", "cargo"), "build", "--release", "--locked", "--workspace",
               "--bin", "semql", "--message-format", "json-render-diagnostics"]
    lines = run(command, stdout=subprocess.PIPE, cwd=REPOSITORY).stdout.splitlines()
    messages = (json.loads(line) for line in lines)
    programs = [message["executable"] for message in messages
                if message["reason"] == "compiler-artifact" and message["executable"]]
    if not programs:
        raise ReleaseError("cargo reports no program; check the output above")
    return pathlib.Path(programs[-1])


def members(program: pathlib.Path) -> "dict[str, Member]":
    """The files of the archive by name."""
    found = {("semql.exe" if program.suffix == ".exe" else "semql"): Member(program.read_bytes(), is_program=True)}
    for name in DOCUMENTS:
        found[name] = Member((REPOSITORY / name).read_bytes())
    for name, arguments in PRINTED:
        found[name] = Member(run([str(program), *arguments], stdout=subprocess.PIPE).stdout)
    return found


def reported_version(program: pathlib.Path) -> str:
    printed = run([str(program), "--version"], stdout=subprocess.PIPE).stdout.decode()
    version = re.fullmatch(r"semql (\d+\.\d+\.\d+\S*)\s*", printed)
    if version is None:
        raise ReleaseError(f"{program} --version printed {printed!r}, which names no version of semql")
    return version.group(1)


def tar_bytes(folder: str, files: "dict[str, Member]") -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, member in files.items():
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size = len(member.content)
            entry.mtime = EPOCH
            entry.mode = 0o755 if member.is_program else 0o644
            archive.addfile(entry, io.BytesIO(member.content))
    packed = io.BytesIO()
    # Level 6: level 9 takes four times as long for a hundredth of the size.
    with gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=EPOCH, compresslevel=6) as compressed:
        compressed.write(plain.getvalue())
    return packed.getvalue()


def zip_bytes(folder: str, files: "dict[str, Member]") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, member in files.items():
            entry = zipfile.ZipInfo(f"{folder}/{name}", (1980, 1, 1, 0, 0, 0))
            # POSIX permissions, on each system that builds it.
            entry.create_system = 3
            entry.external_attr = (0o755 if member.is_program else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, member.content)
    return packed.getvalue()


def build_archive(target: str, binary: "pathlib.Path | None", out: pathlib.Path) -> pathlib.Path:
    suffix = platform(target).suffix
    program = (binary or compile_program()).absolute()
    if not program.is_file():
        raise ReleaseError(f"there is no program {program}")
    stem = archive_stem(reported_version(program), target)
    pack = zip_bytes if suffix == ".zip" else tar_bytes
    content = pack(stem, members(program))
    archive = out / (stem + suffix)
    checksum = f"{hashlib.sha256(content).hexdigest()}  {archive.name}\n"
    write(archive, content)
    write(archive.with_name(archive.name + ".sha256"), checksum.encode())
    return archive


def write(path: pathlib.Path, content: bytes) -> None:
    """Write a file that is whole or absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    partial.write_bytes(content)
    partial.replace(path)


def build_wheel(maturin: str, python: str, out: pathlib.Path) -> pathlib.Path:
    """Build the wheel with the flags of all builds, which share their dependencies."""
    with tempfile.TemporaryDirectory() as temporary:
        run([maturin, "build", "--release", "--locked", "--quiet", "--manifest-path",
             str(REPOSITORY / "python/Cargo.toml"), "--interpreter", python, "--out", temporary])
        built, = pathlib.Path(temporary).glob("*.whl")
        out.mkdir(parents=True, exist_ok=True)
        for earlier in out.glob(f"{built.name.split('-')[0]}-*.whl"):
            earlier.unlink()
        return pathlib.Path(shutil.move(built, out / built.name))


def main() -> int:
    parser = argparse.ArgumentParser(description="Build an artifact of a release for this platform.")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("dist"), help="folder of the artifact")
    kinds = parser.add_subparsers(dest="kind", required=True)
    archive = kinds.add_parser("archive", help="an archive of the program")
    archive.add_argument("--target", help="target triple (default: this machine)")
    archive.add_argument("--binary", type=pathlib.Path, help="pack this program in place of a new build")
    wheel = kinds.add_parser("wheel", help="the Python package")
    wheel.add_argument("--maturin", default="maturin", help="program maturin")
    wheel.add_argument("--python", default=sys.executable, help="Python to build for")
    for kind in (archive, wheel):
        kind.add_argument("--out", type=pathlib.Path, default=argparse.SUPPRESS, help="folder of the artifact")
    arguments = parser.parse_args()
    try:
        if arguments.kind == "archive":
            built = build_archive(arguments.target or host(), arguments.binary, arguments.out)
        else:
            built = build_wheel(arguments.maturin, arguments.python, arguments.out)
    except (ReleaseError, OSError) as error:
        print(f"build: {error}", file=sys.stderr)
        return 1
    print(f"build: {built}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
