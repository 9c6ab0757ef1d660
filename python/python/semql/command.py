"""Command `semql`: the shell, in this process."""

import os
import signal
import sys
from typing import NoReturn

from . import _semql
from .library import find_library


def main() -> NoReturn:
    """Run the shell with the command line of the process, and exit with its code."""
    # Python's handler would wait for Python code to run, which does not happen
    # while the shell runs. The shell installs its handler.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    found = find_library()
    if found is not None:
        os.environ["ORT_DYLIB_PATH"] = found
    _semql.main(["semql", *sys.argv[1:]])
