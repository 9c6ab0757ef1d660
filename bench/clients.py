"""Short texts of many clients of `semql serve`, alone and beside a long query.

The clients are pgbench's, each with one connection and a statement that
embeds one short text, no text twice.
"""

import contextlib
import dataclasses
import pathlib
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator

import process
import report
import samples
from shell import Shell, quoted

CLIENTS = (1, 10, 50)
STATEMENTS = {
    "one text": "SELECT embed('red running shoes number :n')",
    "the same statement without a model": "SELECT 'red running shoes number :n'",
}
RATE = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
ADDRESS = re.compile(r"postgresql://127\.0\.0\.1:([0-9]+)/(\S+)")
START_TIMEOUT = 60.0


@dataclasses.dataclass(frozen=True)
class Bench:
    shell: Shell
    data: pathlib.Path
    folder: pathlib.Path
    # Texts of the long query.
    rows: int
    seconds: int

    def section(self) -> str:
        """The section of the report, in markdown."""
        if not shutil.which("pgbench"):
            raise samples.MissingData("there is no pgbench on the path; Debian's package postgresql-contrib has it")
        texts, _ = samples.products_with_text(self.data, self.rows)
        samples.write(texts, self.folder / "texts.parquet")
        with self._server() as (port, database):
            rates = {
                name: [self._rate(port, database, sql, clients) for clients in CLIENTS]
                for name, sql in STATEMENTS.items()
            }
            alone = self._long(port, database)
            beside = self._beside(port, database)
        rows = [[name, *(f"{rate:,.0f}" for rate in of)] for name, of in rates.items()]
        table = report.table(["statements a second", *(f"{clients} clients" for clients in CLIENTS)], rows)
        return (
            f"pgbench sends statements for {self.seconds} seconds each; it shares the cores with the server.\n\n{table}\n\n"
            f"A query that embeds {len(texts):,} products takes {alone:.2f} s alone, and {beside:.2f} s while 10 clients "
            "embed short texts."
        )

    @contextlib.contextmanager
    def _server(self) -> Iterator[tuple[str, str]]:
        command = [str(self.shell.binary), "serve", "--listen", "127.0.0.1:0"]
        with subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
            try:
                deadline = time.monotonic() + START_TIMEOUT
                while time.monotonic() < deadline:
                    if found := ADDRESS.search(server.stdout.readline() if server.stdout else ""):
                        yield found[1], found[2]
                        return
                raise process.ProcessFailure("semql serve printed no address")
            finally:
                server.terminate()

    def _pgbench(self, port: str, database: str, sql: str, options: list[str]) -> str:
        script = self.folder / f"clients-{threading.get_ident()}.sql"
        script.write_text(f"\\set n random(1, 1000000000)\n{sql};\n")
        command = ["pgbench", "--no-vacuum", "--host=127.0.0.1", f"--port={port}", f"--file={script}", *options, database]
        return process.run(command, self.folder).stdout

    def _rate(self, port: str, database: str, sql: str, clients: int) -> float:
        printed = self._pgbench(port, database, sql, [f"--client={clients}", f"--time={self.seconds}"])
        found = RATE.search(printed)
        if not found:
            raise process.ProcessFailure(f"pgbench printed no rate:\n{printed}")
        return float(found[1])

    def _long(self, port: str, database: str) -> float:
        start = time.monotonic()
        sql = f"SELECT count(embed(text)) FROM {quoted(self.folder / 'texts.parquet')}"
        self._pgbench(port, database, sql, ["--client=1", "--transactions=1"])
        return time.monotonic() - start

    def _beside(self, port: str, database: str) -> float:
        """Seconds of the long query while clients embed short texts."""
        stop = threading.Event()

        def short() -> None:
            while not stop.is_set():
                self._pgbench(port, database, STATEMENTS["one text"], ["--client=10", "--time=1"])

        clients = threading.Thread(target=short)
        clients.start()
        try:
            time.sleep(1)
            return self._long(port, database)
        finally:
            stop.set()
            clients.join()
