"""Speed-up by a second executor, and an estimate for the whole corpus on N machines.

Scheduler, executors and client are processes on this machine. Each executor has
its own cores (taskset), the same number, so that a second one is a second
machine but for the network and the memory.
"""

import contextlib
import dataclasses
import os
import pathlib
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import process
import report
import samples
from shell import Shell, quoted

CORPUS = 1_118_658
MACHINES = (1, 2, 4, 8, 16, 32)
# Longest wait for processes to connect, in seconds.
CONNECT_TIMEOUT = 60.0


@dataclasses.dataclass(frozen=True)
class Bench:
    shell: Shell
    data: pathlib.Path
    folder: pathlib.Path
    rows: int

    def section(self) -> str:
        """The section of the report, in markdown."""
        binary = self.shell.binary.with_name("semql-cluster")
        if not binary.is_file():
            raise samples.MissingData(f"{binary.name} is not beside {self.shell.binary.name}; `make cluster` builds it")
        if not hasattr(os, "sched_getaffinity") or not shutil.which("taskset"):
            raise samples.MissingData("this system pins no process to cores")
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            raise samples.MissingData("two executors need two cores")
        half = len(cores) // 2
        shares = [cores[:half], cores[half : 2 * half]]
        texts, warm_up = samples.products_with_text(self.data, self.rows)
        samples.write(texts, self.folder / "texts.parquet")
        samples.write(warm_up, self.folder / "warm-up.parquet")
        copies = self._copies()
        runs = {count: self._run(binary, shares[:count], copies) for count in (1, 2)}
        alone = self._alone(shares[0], copies)
        grouped = self._grouped()
        both = [core for share in shares for core in share]
        whole = self._alone(both, grouped)
        divided = self._run(binary, shares, grouped)
        return "\n\n".join(
            [self._method(half), self._table(runs, alone), self._grouped_table(whole, divided), self._estimate(runs)]
        )

    def _grouped(self) -> tuple[list[str], list[str]]:
        """A count of categories over ordered, limited rows: only one process can find which rows these are."""

        def count(source: str) -> str:
            rows = f"SELECT * FROM {quoted(self.folder / source)} ORDER BY row LIMIT {self.rows}"
            return f"SELECT categorize(text, '') AS category, count(*) FROM ({rows}) GROUP BY 1 ORDER BY 1"

        return [count("warm-up.parquet")] * 3, [count("texts.parquet")]

    def _copies(self) -> tuple[list[str], list[str]]:
        def copy(source: str, target: str) -> str:
            return f"COPY (SELECT row, categorize(text, '') AS category FROM {quoted(self.folder / source)}) TO '{target}'"

        return [copy("warm-up.parquet", "warm-up-answers.parquet")] * 3, [copy("texts.parquet", "answers.parquet")]

    def _alone(self, cores: list[int], statements: tuple[list[str], list[str]]) -> float:
        print("bench: cluster: no cluster", file=sys.stderr, flush=True)
        with pinned(self.shell.binary, cores, [], self.folder) as binary:
            warm_up, timed = statements
            return Shell(binary, self.folder).time(["SET ai.cache = 'off'", *warm_up], timed).seconds[0]

    def _run(self, binary: pathlib.Path, shares: list[list[int]], statements: tuple[list[str], list[str]]) -> "Run":
        print(f"bench: cluster: executors: {len(shares)}", file=sys.stderr, flush=True)
        with contextlib.ExitStack() as servers:
            scheduler = servers.enter_context(server([str(binary), "cluster", "scheduler", "--port", "0"], self.folder))
            address = scheduler.wait_for(r"listens on (\S+)")
            executors = []
            for cores in shares:
                command = [*taskset(cores), str(binary), "cluster", "executor", "--scheduler", address]
                executor = server([*command, "--concurrency", str(len(cores))], self.folder)
                executors.append(servers.enter_context(executor).child.pid)
            await_executors(address, len(shares))
            client = servers.enter_context(pinned(binary, None, ["--cluster", address], self.folder))
            warm_up, timed = statements
            shell = Shell(client, self.folder)
            shell.time(warm_up, [])
            before = [process.cpu_seconds(pid) for pid in executors]
            seconds = shell.time([], timed).seconds[0]
            used = [process.cpu_seconds(pid) - start for pid, start in zip(executors, before, strict=True)]
            return Run(seconds, [share / seconds / len(cores) for share, cores in zip(used, shares, strict=True)])

    def _method(self, cores: int) -> str:
        return (
            f"{self.rows:,} distinct products with text, `categorize`, from Parquet to Parquet, the cache off. Each executor "
            f"is pinned to {cores} separate cores; scheduler and client share all cores, with little load. "
            "Executors have their model loaded when the clock starts."
        )

    def _table(self, runs: dict[int, "Run"], alone: float) -> str:
        one = runs[1].seconds
        rows = [["one process, no cluster", f"{alone:.2f}", f"{self.rows / alone:,.1f}", f"{one / alone:.2f}", ""]]
        for count, run in runs.items():
            name = f"{count} executor{'s' if count > 1 else ''}"
            took = run.seconds
            rows.append([name, f"{took:.2f}", f"{self.rows / took:,.1f}", f"{one / took:.2f}", run.shown_busy()])
        columns = ["on the same number of cores each", "seconds", "rows/s", "times one executor", "executors busy"]
        return report.table(columns, rows)

    def _grouped_table(self, whole: float, divided: "Run") -> str:
        rows = [
            ["one process on the cores of both", f"{whole:.2f}", "1.00", ""],
            ["2 executors", f"{divided.seconds:.2f}", f"{whole / divided.seconds:.2f}", divided.shown_busy()],
        ]
        columns = ["count of categories of ordered, limited rows", "seconds", "times one process", "executors busy"]
        return report.table(columns, rows)

    def _estimate(self, runs: dict[int, "Run"]) -> str:
        rate = self.rows / runs[1].seconds
        # Efficiency of the second executor: 1 is twice the rate.
        share = min(1.0, runs[1].seconds / runs[2].seconds / 2)
        rows = []
        for machines in MACHINES:
            # Assumes the measured efficiency for each doubling.
            efficiency = share ** (machines.bit_length() - 1)
            hours = CORPUS / (rate * machines * efficiency) / 3600
            rows.append([str(machines), f"{rate * machines * efficiency:,.0f}", f"{hours:.2f}"])
        return (
            f"### The corpus of {CORPUS:,} rows, estimated\n\nFrom the rate of one executor ({rate:,.1f} rows/s) and the share "
            f"of it that the second one kept ({share:.0%}), assumed at every doubling. Machines like one executor here; "
            "shared storage and the network are not measured.\n\n"
            + report.table(["machines", "rows/s", "hours"], rows)
        )


@dataclasses.dataclass(frozen=True)
class Run:
    """A run on a cluster."""

    seconds: float
    # Processor time of each executor, as a share of its cores' time.
    busy: list[float]

    def shown_busy(self) -> str:
        return ", ".join(f"{share:.0%}" for share in self.busy)


@dataclasses.dataclass(frozen=True)
class Server:
    child: "subprocess.Popen[str]"
    lines: list[str]

    def wait_for(self, pattern: str) -> str:
        """Wait for a line that matches pattern, and return its first group."""
        end = time.monotonic() + CONNECT_TIMEOUT
        while time.monotonic() < end:
            for line in [*self.lines]:
                found = re.search(pattern, line)
                if found:
                    return found.group(1)
            if self.child.poll() is not None:
                break
            time.sleep(0.02)
        raise process.ProcessFailure("a process of the cluster did not start:\n" + "\n".join(self.lines[-8:]))


@contextlib.contextmanager
def server(command: list[str], folder: pathlib.Path) -> Iterator[Server]:
    """A server process, which ends with the block."""
    child = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    lines: list[str] = []

    def listen() -> None:
        assert child.stderr is not None
        lines.extend(line.rstrip() for line in iter(child.stderr.readline, ""))

    # `extend` adds each line when it arrives.
    threading.Thread(target=listen, daemon=True).start()
    try:
        yield Server(child, lines)
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def taskset(cores: list[int]) -> list[str]:
    return ["taskset", "--cpu-list", ",".join(str(core) for core in cores)]


@contextlib.contextmanager
def pinned(
    binary: pathlib.Path, cores: "list[int] | None", options: list[str], folder: pathlib.Path
) -> Iterator[pathlib.Path]:
    """A script that runs the shell with these options on these cores."""
    script = folder / "pinned-semql"
    command = [*(taskset(cores) if cores else []), str(binary), *options]
    script.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    script.chmod(0o755)
    try:
        yield script
    finally:
        script.unlink()


def await_executors(address: str, count: int) -> None:
    """Wait until the scheduler has this many executors."""
    host, port = address.rsplit(":", 1)
    end = time.monotonic() + CONNECT_TIMEOUT
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 5) as connection:
            connection.sendall(f"GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: connection.recv(4096), b"")).decode(errors="replace")
            if f"ready: {count} " in answer:
                return
        time.sleep(0.1)
    raise process.ProcessFailure(f"{count} executors did not find the scheduler at {address} in {CONNECT_TIMEOUT:.0f} s")
