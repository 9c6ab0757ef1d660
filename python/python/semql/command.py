"""The command `semql`: the shell, in this process."""

import os
import signal
import sys
from typing import NoReturn

from . import _semql
from .library import library


def main() -> NoReturn:
    """Run the shell with the process's command line, and end with its exit code."""
    # Python's handler only takes a note for when Python code runs again, which
    # is never: the shell has its own.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    found = library()
    if found is not None:
        os.environ["ORT_DYLIB_PATH"] = found
    sys.exit(_semql.main(["semql", *sys.argv[1:]]))
