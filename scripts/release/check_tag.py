#!/usr/bin/env python3
"""Check that a tag may be released: the files of the repository agree with it.

usage: check_tag.py TAG --repository OWNER/NAME

    Cargo.toml      the version of the workspace is the tag's; `repository` is the
                    address of this repository, where `cargo binstall` looks for archives
    CHANGELOG.md    the heading of the version has a date
"""

import argparse
import pathlib
import re
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent


def section(manifest: str, name: str) -> str:
    """The lines of a table of a TOML file."""
    found = re.search(rf"^\[{re.escape(name)}\]\n(.*?)(?=^\[|\Z)", manifest, re.MULTILINE | re.DOTALL)
    return found.group(1) if found else ""


def value(table: str, key: str) -> str:
    found = re.search(rf'^{key} = "(.*)"$', table, re.MULTILINE)
    return found.group(1) if found else ""


def problems(tag: str, repository: str, manifest: str, changelog: str) -> "list[str]":
    """What speaks against the release of a tag."""
    workspace = section(manifest, "workspace.package")
    version = value(workspace, "version")
    found = []
    if tag != f"v{version}":
        found.append(f"the tag is {tag}, and the version in Cargo.toml {version}; the tag must be v{version}")
    address = f"https://github.com/{repository}"
    if value(workspace, "repository") != address:
        found.append(f'[workspace.package] of Cargo.toml needs the line: repository = "{address}"')
    if "repository.workspace = true" not in section(manifest, "package"):
        found.append("[package] of Cargo.toml needs the line: repository.workspace = true")
    if not re.search(rf"^## {re.escape(version)}, \d{{4}}-\d{{2}}-\d{{2}}$", changelog, re.MULTILINE):
        found.append(f"CHANGELOG.md needs the heading '## {version}, YYYY-MM-DD' with the date of the release")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Check that a tag may be released.")
    parser.add_argument("tag")
    parser.add_argument("--repository", required=True, metavar="OWNER/NAME", help="repository on GitHub")
    arguments = parser.parse_args()
    found = problems(arguments.tag, arguments.repository, (REPOSITORY / "Cargo.toml").read_text(),
                     (REPOSITORY / "CHANGELOG.md").read_text())
    for problem in found:
        print(f"check_tag: {problem}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
