"""Speed and accuracy of fast mode, compared with exact mode."""

import dataclasses
import json
import pathlib
import re
import statistics
import sys

import report
import samples
from shell import Shell, quoted

FAST = "SET ai.mode = 'fast'"
SEEDS = 6
STRICT = ["SET ai.fast_agreement = '0.98'"]
TIMES = {"s": 1.0, "ms": 1e-3, "µs": 1e-6}

# Mapping of GPC segments from the data's README.
OFFERS = """
    SELECT title, text, gold FROM (
        SELECT "Name" AS title, "Description" AS text, CASE
            WHEN left(lvl1, 2) IN ('51', '53') THEN 'Health, Beauty'
            WHEN left(lvl1, 2) = '68' AND lvl3 LIKE '%Pre-Recorded or Digital Content Media%' THEN 'Movies, Music'
            WHEN left(lvl1, 2) IN ('65', '66', '68') THEN 'Electronics, Computers'
            WHEN left(lvl1, 2) IN ('72', '73', '75') THEN 'Home and Kitchen'
            WHEN left(lvl1, 2) IN ('63', '64', '67') THEN 'Clothing'
            WHEN left(lvl1, 2) IN ('71', '74') THEN 'Sports'
            WHEN left(lvl1, 2) = '62' THEN 'Office'
            WHEN left(lvl1, 2) = '60' THEN 'Books'
        END AS gold FROM {files}
    ) WHERE gold IS NOT NULL
"""


@dataclasses.dataclass(frozen=True)
class Bench:
    shell: Shell
    data: pathlib.Path
    folder: pathlib.Path
    slice: int
    synthetic: int

    def section(self) -> str:
        """The section of the report, in markdown."""
        return "\n\n".join([self._time(), self._labels(), self._many()])

    def _say(self, what: str) -> None:
        print(f"bench: fast mode: {what}", file=sys.stderr, flush=True)

    def _time(self) -> str:
        products = samples.existing(self.data / "products.parquet")
        self._say("products")
        rows = f"SELECT row_number() OVER (ORDER BY md5(title || text)) AS row, title, text FROM {quoted(products)} WHERE text <> ''"
        category = "categorize(title, text) AS category"
        part = f"SELECT row, {category} FROM 'rows.parquet' WHERE row <= {self.slice}"
        timed = self.shell.time(
            warm_up=[
                "SET ai.cache = 'off'",
                f"COPY ({rows}) TO 'rows.parquet'",
                # Loads the model and computes the vectors of its vocabulary once.
                FAST,
                f"COPY (SELECT row, {category} FROM 'rows.parquet' WHERE row % 15 = 0) TO 'warm-up-answers.parquet'",
                "SET ai.mode = 'exact'",
            ],
            timed=[
                f"COPY ({part}) TO 'exact.parquet'",
                FAST,
                f"COPY (SELECT row, {category} FROM 'rows.parquet') TO 'fast.parquet'",
            ],
        )
        [facts] = json.loads(
            self.shell.rows_as_json(
                [],
                "SELECT (SELECT count(*) FROM 'fast.parquet') AS rows, (SELECT accuracy(f.category, e.category) "
                "FROM 'exact.parquet' e JOIN 'fast.parquet' f ON e.row = f.row) AS agreement",
            )
        )
        total, exact, fast = facts["rows"], timed.seconds[0], timed.seconds[2]
        whole = exact * total / self.slice
        student = self._student(f"SELECT {category} FROM 'rows.parquet'", total)
        lines = [
            ["exact, a slice", f"{self.slice:,}", f"{exact:.2f}", f"{self.slice / exact:,.0f}", ""],
            ["exact, all (extrapolated from the slice)", f"{total:,}", f"{whole:.0f}", "", "1"],
            ["fast, all", f"{total:,}", f"{fast:.2f}", f"{total / fast:,.0f}", f"{whole / fast:.1f}"],
        ]
        return (
            "### Time\n\nRows of products.parquet with text, `categorize(title, text)`, from Parquet to Parquet, all in "
            "one process after a warm-up, the cache off.\n\n"
            + report.table(["", "rows", "seconds", "rows/s", "times exact"], lines)
            + f"\n\nOn the rows of the slice, {facts['agreement']:.1%} of fast mode's labels are the exact ones. "
            + student
        )

    def _student(self, sql: str, rows: int) -> str:
        explained = self.shell.rows_as_json([FAST], f"EXPLAIN ANALYZE {sql}")
        times = re.findall(r"student_time=([0-9.]+)(s|ms|µs)", explained)
        seconds = sum(float(number) * TIMES[unit] for number, unit in times)
        if not seconds:
            return "No student answered."
        return f"The student alone labelled {rows / seconds:,.0f} rows a second (`EXPLAIN ANALYZE`)."

    def _labels(self) -> str:
        files = [samples.existing(self.data / "mwpd2020" / f"{name}.jsonl") for name in ("train", "validation")]
        offers = OFFERS.format(files="(" + " UNION ALL ".join(f"SELECT * FROM {quoted(f)}" for f in files) + ")")
        exact, lines = None, []
        for name, settings, seeds in [
            ("exact", [], 1),
            (f"fast, default settings, mean of {SEEDS} seeds", [FAST], SEEDS),
            (f"fast, `ai.fast_agreement = 0.98`, mean of {SEEDS} seeds", [FAST, *STRICT], SEEDS),
        ]:
            self._say(f"labels, {name}")
            facts = [self._facts(offers, [*settings, f"SET ai.seed = '{seed}'"]) for seed in range(seeds)]
            mean = {key: statistics.fmean(fact[key] for fact in facts) for key in facts[0]}
            exact = exact or mean
            lines.append(
                [
                    name,
                    f"{mean['rows']:,.0f}",
                    f"{mean['seconds']:.1f}",
                    f"{mean['accuracy']:.4f}",
                    f"{mean['accuracy'] - exact['accuracy']:+.4f}",
                    f"{mean['f1']:.4f}",
                    f"{mean['f1'] - exact['f1']:+.4f}",
                ]
            )
        header = ["", "offers", "seconds", "accuracy", "to exact", "macro-F1", "to exact"]
        return (
            "### Labels\n\nMWPD2020 task 2, train and validation: predicted categories compared with human labels "
            "that map to one of the eight.\n\n" + report.table(header, lines)
        )

    def _facts(self, offers: str, settings: list[str]) -> dict[str, float]:
        """Rows, seconds, and accuracy and macro-F1 beside people's labels."""
        answers = self.folder / "labels.parquet"
        timed = self.shell.time(
            warm_up=settings,
            timed=[f"COPY (SELECT gold, categorize(title, text) AS category FROM ({offers})) TO {quoted(answers)}"],
        )
        [facts] = json.loads(
            self.shell.rows_as_json(
                [],
                "SELECT count(*) AS rows, accuracy(category, gold) AS accuracy, macro_f1(category, gold) AS f1 "
                f"FROM {quoted(answers)}",
            )
        )
        return {**facts, "seconds": timed.seconds[0]}

    def _many(self) -> str:
        products = samples.existing(self.data / "products.parquet")
        self._say(f"{self.synthetic:,} rows")
        make = (
            f"COPY (SELECT title || ' ' || n.value AS title, text || ' ' || n.value AS text FROM {quoted(products)} "
            f"CROSS JOIN generate_series(1, {-(-self.synthetic // 55_000)}) AS n(value) WHERE text <> '' "
            f"LIMIT {self.synthetic}) TO 'many.parquet'"
        )
        self.shell.time(warm_up=[make], timed=[])
        timed = self.shell.time(
            warm_up=["SET ai.cache = 'off'", FAST],
            timed=["COPY (SELECT title, categorize(title, text) AS category FROM 'many.parquet') TO 'answers.parquet'"],
        )
        seconds = timed.seconds[0]
        return (
            f"### Many rows\n\n{self.synthetic:,} distinct rows (offers with text, and a number): {seconds:.1f} s, "
            f"{self.synthetic / seconds:,.0f} rows/s, peak memory {report.mebibytes(timed.peak_bytes)} MiB, model and "
            "ONNX Runtime included."
        )
