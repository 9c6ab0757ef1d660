"""Time and memory of the steps of a pipeline over tables of several sizes."""

import dataclasses
import pathlib
import sys

import report
import samples
from shell import Shell, Timed, quoted

# Rows on the left of the join.
JOINED_ROWS = 1_000
CLUSTERS = 50


@dataclasses.dataclass(frozen=True)
class Step:
    name: str
    # What the process does before; it is not timed.
    warm_up: tuple[str, ...]
    sql: str


# Each step reads what `embed`, the first one, wrote.
STEPS = (
    Step(
        "`embed` of titles to Parquet",
        ("SET ai.cache = 'off'", "SELECT count(embed(text)) FROM 'warm-up.parquet'"),
        "COPY (SELECT row, text, embed(text) AS v FROM 'texts.parquet') TO 'vectors.parquet'",
    ),
    Step(
        "`categorize` of titles, fast mode",
        ("SET ai.cache = 'off'", "SET ai.mode = 'fast'", "SELECT count(embed(text)) FROM 'warm-up.parquet'"),
        "SELECT categorize(text, '') AS category, count(*) FROM 'texts.parquet' GROUP BY category",
    ),
    Step(
        "`vector_search`, ten nearest",
        ("SELECT count(embed(text)) FROM 'warm-up.parquet'",),
        "SELECT text, score FROM vector_search('vectors.parquet', 'something warm for a winter hike', k => 10)",
    ),
    Step(
        f"`knn_join` of {JOINED_ROWS:,} rows with all",
        (f"COPY (SELECT * FROM 'vectors.parquet' ORDER BY row LIMIT {JOINED_ROWS}) TO 'left.parquet'",),
        "SELECT sum(score) FROM knn_join('left.parquet', 'vectors.parquet', k => 1)",
    ),
    Step(
        f"`kmeans`, {CLUSTERS} groups",
        (),
        f"SELECT k, count(*) FROM (SELECT kmeans(v, {CLUSTERS}) OVER () AS k FROM 'vectors.parquet') GROUP BY k",
    ),
    Step("`COPY` of titles and vectors", (), "COPY (SELECT * FROM 'vectors.parquet') TO 'copy.parquet'"),
)


@dataclasses.dataclass(frozen=True)
class Bench:
    shell: Shell
    data: pathlib.Path
    folder: pathlib.Path
    sizes: tuple[int, ...]

    def section(self) -> str:
        """The section of the report, in markdown."""
        _, warm_up = samples.titles(self.data, 1)
        samples.write(warm_up, self.folder / "warm-up.parquet")
        runs = {size: self._steps(size) for size in self.sizes}
        return "\n\n".join([self._method(), self._table(runs)])

    def _steps(self, size: int) -> list[Timed]:
        products = samples.existing(self.data / "products.parquet")
        titles = f"(SELECT DISTINCT title FROM {quoted(products)} WHERE title <> '')"
        # Where the titles run out, they return with a number.
        make = (
            "COPY (SELECT row_number() OVER () AS row, text FROM "
            "(SELECT title || CASE WHEN n.value > 1 THEN ' ' || n.value ELSE '' END AS text "
            f"FROM {titles} CROSS JOIN generate_series(1, {-(-size // 200_000)}) AS n(value) "
            f"ORDER BY n.value, md5(title) LIMIT {size})) TO 'texts.parquet'"
        )
        self.shell.time(warm_up=[make], timed=[])
        timed = []
        for step in STEPS:
            print(f"bench: scaling: {step.name}, {size:,} rows", file=sys.stderr, flush=True)
            timed.append(self.shell.time(warm_up=list(step.warm_up), timed=[step.sql]))
        return timed

    def _method(self) -> str:
        return (
            "Different titles of products.parquet, with a number where they run out; semql's default settings, the "
            "cache off; each step runs once, in a separate process. Time is that of the statement with the model "
            "warm, which for the steps after `embed` includes reading the vectors from Parquet; memory is the most "
            "that the whole process had resident, the model and ONNX Runtime included."
        )

    def _table(self, runs: dict[int, list[Timed]]) -> str:
        rows = []
        for number, step in enumerate(STEPS):
            row = [step.name]
            for timed in runs.values():
                run = timed[number]
                row += [f"{run.seconds[0]:,.2f}", report.mebibytes(run.peak_bytes)]
            rows.append(row)
        header = [""]
        for size in runs:
            header += [f"{size:,} rows, s", "MiB"]
        return report.table(header, rows)
