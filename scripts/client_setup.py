#!/usr/bin/env python3
"""Install the client programs that tests/clients runs against a server.

usage: client_setup.py FOLDER [GROUP]...

    FOLDER/test-clients/GROUP/    a Python environment for each file in tests/clients/requirements
    FOLDER/test-clients/node/     packages of tests/clients/node, where npm is installed

Without a GROUP, all are installed. psql, Java and the JDBC driver are Debian
packages that `test_setup.py FOLDER debian` installs. What is installed is not
fetched again.
"""

import pathlib
import shutil
import subprocess
import sys

import setup
import test_setup

CLIENTS = test_setup.REPOSITORY / "tests/clients"
NODE = "node"


def groups() -> "dict[str, pathlib.Path]":
    """Python environments and their requirements."""
    return {file.stem: file for file in sorted((CLIENTS / "requirements").glob("*.txt"))}


def node_packages(folder: pathlib.Path) -> None:
    """Install the packages of tests/clients/node, again when they change."""
    if shutil.which("npm") is None:
        test_setup.say("no npm on this machine: the clients in JavaScript are skipped")
        return
    wanted = (CLIENTS / "node/package-lock.json").read_text()
    # npm writes its own copy of this file; ours is written after a whole installation.
    made_for = folder / "installed-lock.json"
    if not made_for.is_file() or made_for.read_text() != wanted:
        folder.mkdir(parents=True, exist_ok=True)
        for file in ("package.json", "package-lock.json"):
            shutil.copy(CLIENTS / "node" / file, folder)
        result = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, capture_output=True, text=True)
        if result.returncode != 0:
            raise setup.SetupError(f"npm could not install tests/clients/node into {folder}: "
                                   f"{test_setup.last_line(result.stderr)}; check the registry that npm uses")
        made_for.write_text(wanted)
    test_setup.say(f"{NODE} in {folder}")


def main() -> int:
    known = [*groups(), NODE]
    wanted = sys.argv[2:] or known
    if len(sys.argv) < 2 or not set(wanted) <= set(known):
        print(f"usage: client_setup.py FOLDER [{' | '.join(known)}]...", file=sys.stderr)
        return 2
    folder = pathlib.Path(sys.argv[1]).absolute() / "test-clients"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in wanted:
            if name == NODE:
                node_packages(folder / name)
            else:
                test_setup.environment(folder / name, groups()[name])
    except (setup.SetupError, OSError) as error:
        print(f"client set-up: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
