#!/usr/bin/env python3
"""Install the Python environment that the tests of `delta/` compare semql with.

usage: delta_setup.py FOLDER

    FOLDER/test-delta/    the Python packages of delta/tests/requirements.txt: another reader and
                          writer of Delta Lake, and a server with the protocol of S3
"""

import pathlib
import sys

import setup
import test_setup


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: delta_setup.py FOLDER", file=sys.stderr)
        return 2
    folder = pathlib.Path(sys.argv[1]).absolute() / "test-delta"
    try:
        test_setup.environment(folder, test_setup.REPOSITORY / "delta/tests/requirements.txt")
    except (setup.SetupError, OSError) as error:
        print(f"set-up of the tests of Delta Lake: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
