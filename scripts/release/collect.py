#!/usr/bin/env python3
"""Complete the folder of a release: verify its archives, and write what names them.

usage: collect.py FOLDER --repository OWNER/NAME --version VERSION

FOLDER must have the archive of each platform with its checksum file, and no other
archive. collect.py writes beside them:

    SHA256SUMS      checksums of all archives and wheels
    install.sh      the shell installer, for this release
    semql.rb        the Homebrew formula
    notes.md        the part of CHANGELOG.md about this version
"""

import argparse
import hashlib
import pathlib
import re
import sys

from build import REPOSITORY, write
from platforms import PLATFORMS, ReleaseError, archive_name

TEMPLATES = pathlib.Path(__file__).resolve().parent
PLACEHOLDER = re.compile(r"@([A-Z0-9]+(?::[a-z0-9_-]+)?)@")


def archives(folder: pathlib.Path, version: str) -> "dict[str, str]":
    """The SHA-256 of the archive of each target, verified."""
    expected = {archive_name(version, known.target): known.target for known in PLATFORMS}
    present = {path.name for path in folder.glob("semql-*") if not path.name.endswith(".sha256")}
    if present != set(expected):
        missing = ", ".join(sorted(set(expected) - present)) or "none"
        others = ", ".join(sorted(present - set(expected))) or "none"
        raise ReleaseError(f"the archives in {folder} are not those of {version}: missing: {missing}; others: {others}")
    found = {}
    for name, target in expected.items():
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        checksum = (folder / (name + ".sha256")).read_text()
        if checksum != f"{digest}  {name}\n":
            raise ReleaseError(f"{name} has the SHA-256 {digest}; its checksum file has {checksum.strip()!r}")
        found[target] = digest
    return found


def fill(template: str, values: "dict[str, str]") -> str:
    """The template with all placeholders `@NAME@` replaced."""
    try:
        return PLACEHOLDER.sub(lambda match: values[match.group(1)], template)
    except KeyError as error:
        raise ReleaseError(f"no value for the placeholder @{error.args[0]}@") from error


def notes(changelog: str, version: str) -> str:
    """The text below the heading of a version."""
    parts = re.split(r"^## ", changelog, flags=re.MULTILINE)
    for part in parts[1:]:
        heading, _, text = part.partition("\n")
        if heading.split(",")[0].strip() == version:
            return text.strip() + "\n"
    raise ReleaseError(f"CHANGELOG.md has no heading '## {version}, DATE'")


def collect(folder: pathlib.Path, repository: str, version: str) -> None:
    digests = archives(folder, version)
    homepage = f"https://github.com/{repository}"
    releases = f"{homepage}/releases"
    values = {"VERSION": version, "HOMEPAGE": homepage, "RELEASES": releases}
    for target, digest in digests.items():
        values[f"URL:{target}"] = f"{releases}/download/v{version}/{archive_name(version, target)}"
        values[f"SHA256:{target}"] = digest
    artifacts = sorted(path for path in folder.iterdir() if path.suffix in (".gz", ".zip", ".whl"))
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in artifacts)
    for name, text in (
        ("SHA256SUMS", sums),
        ("install.sh", fill((TEMPLATES / "install.sh").read_text(), values)),
        ("semql.rb", fill((TEMPLATES / "semql.rb.in").read_text(), values)),
        ("notes.md", notes((REPOSITORY / "CHANGELOG.md").read_text(), version)),
    ):
        write(folder / name, text.encode())


def main() -> int:
    parser = argparse.ArgumentParser(description="Verify the archives of a release, and write what names them.")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--repository", required=True, metavar="OWNER/NAME", help="repository on GitHub")
    parser.add_argument("--version", required=True)
    arguments = parser.parse_args()
    try:
        collect(arguments.folder, arguments.repository, arguments.version)
    except (ReleaseError, OSError) as error:
        print(f"collect: {error}", file=sys.stderr)
        return 1
    print(f"collect: {arguments.folder} is complete")
    return 0


if __name__ == "__main__":
    sys.exit(main())
