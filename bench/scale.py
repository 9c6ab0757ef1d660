"""Does semql need more memory, or more time for each row, when there are more rows?"""

import dataclasses
import pathlib
import sys

import report
import samples
from shell import Shell, Timed, quoted

FUNCTIONS = {"embed": "embed(text)", "categorize": "categorize(text, '')"}


@dataclasses.dataclass(frozen=True)
class Bench:
    shell: Shell
    data: pathlib.Path
    folder: pathlib.Path
    sizes: tuple[int, ...]

    def section(self) -> str:
        """The section of the report, in markdown."""
        # Smaller sizes are the first rows of one sample.
        texts, warm_up = samples.titles(self.data, self.sizes[-1])
        samples.write(warm_up, self.folder / "warm-up.parquet")
        parts = [self._method()]
        for name, call in FUNCTIONS.items():
            runs = {}
            for size in self.sizes:
                print(f"bench: scaling: {name}, {size:,} rows", file=sys.stderr, flush=True)
                samples.write(texts[:size], self.folder / "texts.parquet")
                runs[size] = self._run(call)
            parts += [f"### {name}", self._table(runs)]
        return "\n\n".join(parts)

    def _run(self, call: str) -> Timed:
        def copy(source: str, target: str) -> str:
            return f"COPY (SELECT row, {call} AS answer FROM {quoted(source)}) TO {quoted(target)}"

        return self.shell.time(
            warm_up=["SET ai.cache = 'off'", copy("warm-up.parquet", "warm-up-answers.parquet")],
            timed=[copy("texts.parquet", "answers.parquet")],
        )

    def _method(self) -> str:
        return (
            "Distinct titles of products.parquet, semql's default settings, the cache off, one run of each size in a "
            "process of its own. Time is that of a `COPY` from Parquet to Parquet after a warm-up; memory is the most "
            "that the whole process had resident, the model and ONNX Runtime included. Growth is relative to the "
            "first line: what stays near 1 does not grow with the rows."
        )

    def _table(self, runs: dict[int, Timed]) -> str:
        smallest = self.sizes[0]
        first = runs[smallest]
        rows = []
        for size, run in runs.items():
            seconds = run.seconds[0]
            rows.append(
                [
                    f"{size:,}",
                    f"{seconds:.2f}",
                    f"{size / seconds:,.0f}",
                    f"{seconds / size / (first.seconds[0] / smallest):.2f}",
                    report.mebibytes(run.peak_bytes),
                    f"{run.peak_bytes / first.peak_bytes:.2f}",
                ]
            )
        last = self.sizes[-1]
        growth = runs[last].peak_bytes / first.peak_bytes
        summary = f"{last / smallest:.0f} times the rows take {growth:.2f} times the memory."
        header = ["rows", "seconds", "rows/s", "growth of time a row", "peak memory, MiB", "growth of memory"]
        return report.table(header, rows, left=0) + "\n\n" + summary
