"""How is a program run so that nothing of it stays behind, and how much memory did it reach?"""

import dataclasses
import os
import pathlib
import subprocess
import sys
import tempfile
import time

POLL_SECONDS = 0.05


class ProcessFailure(Exception):
    """A measured program failed; the message has its command, status and output."""


@dataclasses.dataclass(frozen=True)
class Finished:
    stdout: str
    stderr: str
    peak_bytes: int


def run(command: list[str], folder: pathlib.Path) -> Finished:
    """Runs a program in folder to its end."""
    # Files instead of pipes: a full pipe would block the program.
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        try:
            process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, text=True
            )
        except OSError as error:
            raise ProcessFailure(f"{command[0]} does not start: {error.strerror}") from error
        try:
            peak = _wait(process)
        except BaseException:
            process.kill()
            process.wait()
            raise
        stdout.seek(0)
        stderr.seek(0)
        finished = Finished(stdout.read(), stderr.read(), peak)
    if process.returncode != 0:
        lines = finished.stderr.strip().splitlines()[-8:] or ["no message"]
        how = f"signal {-process.returncode}" if process.returncode < 0 else f"exit code {process.returncode}"
        raise ProcessFailure(f"{pathlib.Path(command[0]).name} ended with {how}:\n" + "\n".join(lines))
    return finished


def cpu_seconds(pid: int) -> float:
    """Processor time of a running process, all threads together; Linux only."""
    # The name in parentheses may hold blanks.
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])
    return (user + system) / os.sysconf("SC_CLK_TCK")


def _wait(process: "subprocess.Popen[str]") -> int:
    """Waits for the end; the most memory that was resident, in bytes."""
    peak = 0
    while True:
        peak = max(peak, _high_water(process.pid))
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            break
        time.sleep(POLL_SECONDS)
    if peak:
        return peak
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _high_water(pid: int) -> int:
    """Peak resident memory as the kernel reports it; 0 where it does not.

    Linux's ru_maxrss will not do: a program inherits the peak of the process
    that started it, and this one holds vectors and tables.
    """
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
