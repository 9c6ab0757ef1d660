#!/usr/bin/env python3
"""Run client programs against servers of semql.

usage: run.py [options] [NAME]...

NAME is part of a tool's name; without one, all run. Each client runs as
`check_NAME READ_URL WRITE_URL` (see checks.py). The runner starts both servers
in folders with the tables of data.sql, whose model is `deterministic`. It prints
a table and exits with 1 if a client failed.
"""

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import typing

import client_list
import report
from client_list import Client

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
# Seconds for a server to end by itself.
SHUTDOWN_TIMEOUT = 20
DATABASE = "datafusion"
USER = "ada"


class Server:
    """Server of semql in a folder with the sample tables."""

    def __init__(self, semql: pathlib.Path, folder: pathlib.Path, options: "list[str]"):
        folder.mkdir()
        for file in ("data.sql", "data_dict.yaml"):
            shutil.copy(HERE / file, folder)
        subprocess.run([semql, "--quiet", "--no-rc", "--file", "data.sql"], cwd=folder, check=True)
        self.log = folder / "serve.log"
        command = [semql, "--set", "ai.model=deterministic", "serve", "--no-rc", "--log-statements",
                   "--listen", "127.0.0.1:0", *options]
        self.process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=self.log.open("w"), text=True)
        address = self.process.stdout.readline().strip()
        if not address:
            raise SystemExit(f"clients: semql serve has not started: {self.log.read_text()}")
        authority = address.split("//")[1].split("/")[0]
        self.url = f"postgresql://{USER}@{authority}/{DATABASE}"

    def failed_statements(self, offset: int) -> "list[str]":
        """Log lines of statements that failed, behind this offset of the log."""
        with self.log.open(encoding="utf-8", errors="replace") as log:
            log.seek(offset)
            return [line.strip() for line in log if "outcome=Error" in line or "internal error" in line]

    def log_size(self) -> int:
        return self.log.stat().st_size

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(SHUTDOWN_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()


def missing_needs(client: Client) -> "list[str]":
    return [need for need in client.needs
            if not (pathlib.Path(need).exists() if need.startswith("/") else shutil.which(need))]


def command_of(client: Client, environments: pathlib.Path) -> "list[str]":
    script = str(HERE / client.script)
    if client.script.endswith(".js"):
        return ["node", script]
    if client.script.endswith(".java"):
        return ["java", "-Xmx256m", "-cp", client_list.JDBC_DRIVER, script]
    python = environments / client.group / "bin/python" if client.group else sys.executable
    return [str(python), "-B", script]


def run_client(client: Client, environments: pathlib.Path, urls: "list[str]") -> report.Result:
    """Run one client. Its temporary files and its home are removed behind it."""
    missing = missing_needs(client)
    if missing:
        return report.Result(client.tool, skipped=f"no {missing[0]} on this machine")
    with tempfile.TemporaryDirectory(prefix="semql-client-") as home:
        variables = dict(os.environ, HOME=home, TMPDIR=home, NODE_PATH=str(environments / "node/node_modules"),
                         CLIENT_SCRIPTS=str(environments / (client.group or "") / "bin"))
        command = command_of(client, environments)
        process = subprocess.Popen([*command, *urls], cwd=home, env=variables, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        try:
            output, _ = process.communicate(timeout=client.timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output = process.communicate()[0] + f"\nFAILED: it took more than {client.timeout} s\n"
    return report.Result.parsed(client.tool, output, process.returncode)


def selected(names: "list[str]") -> "list[Client]":
    clients = [client for client in client_list.CLIENTS
               if not names or any(name.lower() in client.tool.lower() for name in names)]
    if not clients:
        raise SystemExit(f"clients: no client is called {' or '.join(names)}")
    return clients


def run_all(clients: "list[Client]", environments: pathlib.Path, servers: "list[Server]",
            urls: "list[str]", verbose: bool) -> "list[report.Result]":
    results = []
    for client in clients:
        offsets = [server.log_size() for server in servers]
        result = run_client(client, environments, urls)
        results.append(result)
        print(f"{result.outcome:8} {client.tool} {result.version} {result.skipped}", flush=True)
        for failure in result.failures:
            print(f"    {failure}", flush=True)
        if result.failures or verbose:
            for server, offset in zip(servers, offsets):
                for line in server.failed_statements(offset):
                    print(f"    log: {line}", flush=True)
        if verbose:
            print(result.output, flush=True)
        for server in servers:
            if server.process.poll() is not None:
                raise SystemExit(f"clients: the server ended with {server.process.returncode} during {client.tool}")
    return results


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run client programs against servers of semql.")
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or REPOSITORY / "target")
    parser.add_argument("--semql", type=pathlib.Path, default=target / "release/semql", help="the program")
    parser.add_argument("--environments", type=pathlib.Path, default=target / "test-clients",
                        help="folder that scripts/client_setup.py has filled")
    parser.add_argument("--url", action="append", default=[],
                        help="use this server in place of new ones; twice: one that refuses writes, one that allows them")
    parser.add_argument("--write-table", action="store_true", help="write the results into docs/clients.md")
    parser.add_argument("--verbose", action="store_true", help="print what clients print, and statements that failed")
    parser.add_argument("names", nargs="*", metavar="NAME")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    clients = selected(options.names)
    environments = options.environments.absolute()
    with tempfile.TemporaryDirectory(prefix="semql-clients-") as folder:
        servers = []
        try:
            if not options.url:
                semql = options.semql.absolute()
                servers.append(Server(semql, pathlib.Path(folder) / "read", []))
                servers.append(Server(semql, pathlib.Path(folder) / "write", ["--allow-writes"]))
            urls = (options.url * 2)[:2] or [server.url for server in servers]
            results = run_all(clients, environments, servers, urls, options.verbose)
        finally:
            for server in servers:
                server.stop()
    print()
    print(report.table(results))
    if options.write_table:
        report.write_table(REPOSITORY / "docs/clients.md", results)
    print(report.summary(results))
    return 1 if any(result.outcome == "FAILED" for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
