"""Child processes with deadlines."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Deadline of every wait, in seconds.
TIMEOUT = 300


def run(
    command: "list[str]", folder: "Path | None" = None, stdin: str = "", env: "dict[str, str] | None" = None
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        command, cwd=folder, input=stdin, env=env, capture_output=True, text=True, timeout=TIMEOUT
    )


@contextmanager
def started(command: "list[str]", folder: Path) -> "Iterator[subprocess.Popen[str]]":
    """Start a command in a folder, and kill it at the end of the block."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, stdout=pipe, stderr=pipe, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def wait_for_file(path: Path) -> None:
    """Wait until a file exists."""
    deadline = time.monotonic() + TIMEOUT
    while not path.exists():
        assert time.monotonic() < deadline, f"timeout: {path} does not exist"
        time.sleep(0.01)
