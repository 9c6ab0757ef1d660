"""Times of queries in semql's shell.

Statements run from a query file in one process. The first ones warm up and are
not timed; then `\\timing` prints the duration of each statement, from parsing to
the last row written. The times include neither the start of the process nor the
loading of a model.
"""

import dataclasses
import pathlib
import re

import process

TIME = re.compile(r"^Time: ([0-9.]+) s", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Timed:
    seconds: list[float]
    peak_bytes: int


@dataclasses.dataclass(frozen=True)
class Shell:
    binary: pathlib.Path
    # Folder of the query files, outside the checkout and its data dictionary.
    folder: pathlib.Path

    def time(self, warm_up: list[str], timed: list[str]) -> Timed:
        """Run all statements, and return the durations of `timed`."""
        query_file = self.folder / "measure.sql"
        statements = [f"{sql};" for sql in warm_up] + ["\\timing on"] + [f"{sql};" for sql in timed]
        query_file.write_text("\n".join(statements) + "\n")
        finished = process.run(
            [str(self.binary), "--no-rc", "--format", "csv", "--file", str(query_file)], self.folder
        )
        seconds = [float(printed) for printed in TIME.findall(finished.stderr)]
        if len(seconds) != len(timed):
            raise process.ProcessFailure(
                f"{self.binary} printed {len(seconds)} times for {len(timed)} timed statements. "
                "The benchmarks read lines such as 'Time: 0.123 s' from standard error (bench/shell.py); "
                "did the output of \\timing change?"
            )
        return Timed(seconds, finished.peak_bytes)

    def rows_as_json(self, set_up: list[str], sql: str) -> str:
        """Rows of a query, as JSON."""
        command = "; ".join([*set_up, sql])
        return process.run(
            [str(self.binary), "--no-rc", "--quiet", "--format", "json", "--command", command], self.folder
        ).stdout

    def version(self) -> str:
        return process.run([str(self.binary), "--version"], self.folder).stdout.strip()


def quoted(value: "str | pathlib.Path") -> str:
    """A text as an SQL literal."""
    return "'" + str(value).replace("'", "''") + "'"
