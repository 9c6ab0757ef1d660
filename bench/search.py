"""How fast is search by vectors, and does it find what brute force finds?"""

import csv
import dataclasses
import json
import pathlib
import statistics
import sys
import threading
import time
from collections.abc import Callable

import duckdb
import machine
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import report
import samples
from shell import Shell, quoted

DIMS = 384
K = 10
COPIES = 10
ROUNDS = 4
# Filters: half of the rows, few, very few, and rows unlike the queries.
FILTERS = {
    "every other row": "id % 2 = 0",
    "one in 20": "id % 20 = 0",
    "one in 1,000": "id % 1000 = 0",
    "titles with a certain word": "lower(title) LIKE '% watch%'",
}
QUERIES = ("red running shoes", "usb cable 2 m", "crime novel", "garden hose", "face cream")


@dataclasses.dataclass(frozen=True)
class Bench:
    shell: Shell
    data: pathlib.Path
    folder: pathlib.Path
    # Number of indexed titles, and repetitions.
    indexed: int
    repeats: int

    def section(self) -> str:
        """The section of the report, in markdown."""
        indexed = self._indexed()
        return "\n\n".join([self._exact(), indexed, self._join()])

    def _say(self, what: str) -> None:
        print(f"bench: search: {what}", file=sys.stderr, flush=True)

    def _exact(self) -> str:
        """All vectors, many times over, so that they are far more than caches hold."""
        titles = self.folder / "titles.parquet"
        vectors = np.concatenate([vectors_of(titles)[1]] * COPIES)
        self._say(f"{len(vectors):,} vectors, one by one")
        asked = self.folder / "asked.parquet"
        self.shell.time(warm_up=[], timed=[f"COPY (SELECT 1 AS id, embed('{QUERIES[0]}') AS v) TO {quoted(asked)}"])
        query = vectors_of(asked)[1][0]
        copies = " UNION ALL ".join([f"SELECT * FROM {quoted(titles)}"] * COPIES)
        wanted = f"SELECT id, score FROM vector_search(kept, '{QUERIES[0]}', k => {K})"
        # By turns, since memory bandwidth varies on shared machines.
        searches, products, reads = [], [], []
        for _ in range(ROUNDS):
            searches += self.shell.time(
                warm_up=[f"CREATE TABLE kept AS {copies}", wanted], timed=[wanted] * self.repeats
            ).seconds
            products += times(lambda: vectors @ query, self.repeats)
            reads += times(reading(vectors), self.repeats)
        [facts] = json.loads(
            self.shell.rows_as_json(
                [], f"SELECT array_agg(score) AS scores FROM vector_search(({copies}), '{QUERIES[0]}', k => {K})"
            )
        )
        expected = np.sort(vectors @ query)[::-1][:K]
        same = np.allclose(sorted(facts["scores"], reverse=True), expected, atol=1e-5)
        size = vectors.nbytes
        seconds, product = statistics.median(searches), statistics.median(products)
        bandwidth = size / statistics.median(reads)
        lines = [
            ["vector_search, from planning to the last row", f"{seconds * 1e3:.1f}", f"{size / seconds / 1e9:.1f}"],
            ["numpy, the products alone", f"{product * 1e3:.1f}", f"{size / product / 1e9:.1f}"],
            ["reading the same memory, all cores", f"{size / bandwidth * 1e3:.1f}", f"{bandwidth / 1e9:.1f}"],
        ]
        return (
            f"### Exact\n\n{len(vectors):,} vectors of {DIMS} 32-bit floats in memory (the titles below, {COPIES} times), the "
            f"{K} nearest to a text, medians of {ROUNDS} rounds of {self.repeats} each, by turns. The scores are {'those' if same else '**not** those'} of "
            f"numpy; the search reaches {size / seconds / bandwidth:.0%} of the memory bandwidth.\n\n"
            + report.table(["", "milliseconds", "GB/s"], lines)
        )

    def _indexed(self) -> str:
        products = samples.existing(self.data / "products.parquet")
        self._say(f"{self.indexed:,} titles, by index")
        file = self.folder / "titles.parquet"
        copy = (
            f"COPY (SELECT row_number() OVER () AS id, title, embed(title) AS v FROM (SELECT DISTINCT title FROM "
            f"{quoted(products)} WHERE title <> '' ORDER BY md5(title) LIMIT {self.indexed})) TO {quoted(file)}"
        )
        self.shell.time(warm_up=[], timed=[copy])
        made = self.shell.time(warm_up=[], timed=[f"CREATE OR REPLACE INDEX v ON {quoted(file)} USING hnsw (v)"])
        [facts] = json.loads(self.shell.rows_as_json([], f"SHOW INDEXES ON {quoted(file)}"))
        search = [f"SELECT title, score FROM vector_search({quoted(file)}, '{query}', k => {K})" for query in QUERIES]
        every = search * self.repeats
        indexed = self.shell.time(warm_up=search, timed=every)
        exact = self.shell.time(
            warm_up=["SET ai.index_recall = 1", *search[:1]], timed=every[: 2 * len(search)]
        )
        kept = self.shell.time(
            warm_up=[f"CREATE TABLE kept AS SELECT * FROM {quoted(file)}"]
            + [sql.replace(quoted(file), "kept") for sql in search],
            timed=[sql.replace(quoted(file), "kept") for sql in every],
        )

        def found(sql: list[str]) -> float:
            """Recall of searches by the index."""
            off = ["SET ai.index_recall = 1"]
            pairs = [(set(titles(self.shell, [], one)), set(titles(self.shell, off, one))) for one in sql]
            return sum(len(own & true) for own, true in pairs) / sum(len(true) for _, true in pairs)

        by_index = statistics.median(indexed.seconds)
        lines = [
            [name, f"{statistics.median(taken.seconds) * 1e3:.1f}", f"{statistics.median(taken.seconds) / by_index:.1f}"]
            for name, taken in (
                ("by index, from Parquet", indexed),
                ("exact, from Parquet", exact),
                ("exact, table in memory", kept),
            )
        ]
        filtered = []
        for name, filter in FILTERS.items():
            rows = f"(SELECT title, v FROM {quoted(file)} WHERE {filter})"
            some = [f"SELECT title, score FROM vector_search({rows}, '{query}', k => {K})" for query in QUERIES]
            near = self.shell.time(warm_up=some, timed=some * self.repeats)
            whole = self.shell.time(warm_up=["SET ai.index_recall = 1", *some[:1]], timed=some * 2)
            fast, slow = (statistics.median(taken.seconds) for taken in (near, whole))
            [count] = json.loads(self.shell.rows_as_json([], f"SELECT count(*) AS n FROM {quoted(file)} WHERE {filter}"))
            filtered.append(
                [name, f"{count['n']:,}", f"{fast * 1e3:.1f}", f"{slow * 1e3:.1f}", f"{slow / fast:.1f}", f"{found(some):.1%}"]
            )
        return (
            f"### By index\n\n{facts['vectors']:,} product titles; the index took {made.seconds[0]:.0f} s and "
            f"{facts['megabytes']:,} MB. Its recall@10 is {facts['recall_at_10']:.3f}, as measured when it was made. Whole "
            f"queries, the text embedded anew each time, find {found(search):.0%} of what exact ones do:\n\n"
            + report.table(["", "milliseconds", "times the index"], lines)
            + "\n\nThe nearest of rows that pass a filter, from Parquet:\n\n"
            + report.table(["", "rows", "by index, ms", "exact, ms", "times the index", "found"], filtered)
        )

    def _join(self) -> str:
        folder = self.data / "abt-buy"
        self._say("Abt-Buy")
        for side in ("abt", "buy"):
            rows = read(samples.existing(folder / f"{side}.csv"))
            table = pa.table({name: [row[name] for row in rows] for name in rows[0]})
            pq.write_table(table, self.folder / f"{side}.parquet")
            columns = [name for name in rows[0] if name not in ("id", "row")]
            text = " || ' ' || ".join(f"coalesce({name}, '')" for name in columns if name in ("name", "description"))
            first = next(iter(rows[0]))
            self.shell.time(
                warm_up=[],
                timed=[
                    f"COPY (SELECT {first} AS id, embed({text}) AS v FROM {quoted(self.folder / f'{side}.parquet')}) "
                    f"TO {quoted(self.folder / f'{side}-v.parquet')}"
                ],
            )
        left, right = (self.folder / f"{side}-v.parquet" for side in ("abt", "buy"))
        join = f"SELECT id, right_id, score, rank FROM knn_join(a, b, k => {K})"
        tables = [f"CREATE TABLE {name} AS SELECT * FROM {quoted(file)}" for name, file in (("a", left), ("b", right))]
        answers = self.folder / "pairs.parquet"
        timed = self.shell.time(
            warm_up=[*tables, join],
            timed=[f"CREATE OR REPLACE TABLE pairs AS {join}"] * self.repeats + [f"COPY (SELECT * FROM pairs) TO {quoted(answers)}"],
        )
        a, b = (vectors_of(file) for file in (left, right))
        scores = a[1] @ b[1].T
        nearest = np.argsort(-scores, axis=1, kind="stable")[:, :K]
        found: dict = {}
        for row in pq.read_table(answers).to_pylist():
            found.setdefault(row["id"], {})[row["rank"]] = row["right_id"]
        same = np.mean(
            [
                set(found[own].values()) == {b[0][at] for at in nearest[row]}
                for row, own in enumerate(a[0])
            ]
        )
        truth = matches(folder / "gt.csv")
        recall = {
            k: np.mean([truth[own] in [found[own][rank] for rank in range(1, k + 1)] for own in a[0] if own in truth])
            for k in (1, K)
        }
        in_numpy = {
            k: np.mean([truth[own] in [b[0][at] for at in nearest[row][:k]] for row, own in enumerate(a[0]) if own in truth])
            for k in (1, K)
        }
        numpy_time = median(lambda: np.argpartition(-(a[1] @ b[1].T), K, axis=1), self.repeats)
        peer = self._duckdb(left, right)
        own = statistics.median(timed.seconds[:-1])
        lines = [
            ["knn_join", f"{own * 1e3:.1f}", "1", f"{recall[1]:.4f}", f"{recall[K]:.4f}"],
            ["numpy, products and partition", f"{numpy_time * 1e3:.1f}", f"{numpy_time / own:.1f}", f"{in_numpy[1]:.4f}", f"{in_numpy[K]:.4f}"],
            ["DuckDB, array_cosine_similarity", f"{peer * 1e3:.1f}", f"{peer / own:.1f}", "", ""],
        ]
        return (
            f"### Join\n\nAbt-Buy, {len(a[0]):,} x {len(b[0]):,} products, name and description embedded, the {K} nearest "
            f"of each; {same:.1%} of the lists are numpy's.\n\n"
            + report.table(["", "milliseconds", "times knn_join", "recall@1", "recall@10"], lines)
        )

    def _duckdb(self, left: pathlib.Path, right: pathlib.Path) -> float:
        session = duckdb.connect()
        session.execute(f"SET threads = {machine.cores()}")
        for name, file in (("a", left), ("b", right)):
            session.execute(
                f"CREATE TABLE {name} AS SELECT id, v::FLOAT[{DIMS}] AS v FROM read_parquet({quoted(file)})"
            )
        sql = (
            "CREATE OR REPLACE TABLE pairs AS SELECT a.id, max_by(b.id, array_cosine_similarity(a.v, b.v), "
            f"{K}) AS nearest FROM a, b GROUP BY a.id"
        )
        return median(lambda: session.execute(sql), self.repeats)


def titles(shell: Shell, set_up: list[str], sql: str) -> list[str]:
    return [row["title"] for row in json.loads(shell.rows_as_json(set_up, sql))]


def read(file: pathlib.Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="|", quoting=csv.QUOTE_NONE))


def matches(file: pathlib.Path) -> dict[str, str]:
    pairs = {}
    with samples.existing(file).open(encoding="utf-8", newline="") as lines:
        for row in csv.reader(lines, delimiter="|", quoting=csv.QUOTE_NONE):
            pairs[row[0]] = row[1]
    return pairs


def vectors_of(file: pathlib.Path) -> tuple[list, np.ndarray]:
    table = pq.read_table(file)
    values = np.concatenate([chunk.flatten().to_numpy() for chunk in table["v"].chunks]).reshape(-1, DIMS)
    return table["id"].to_pylist(), values


def reading(values: np.ndarray) -> Callable[[], None]:
    """A function that reads an array with all cores."""
    parts = np.array_split(values.reshape(-1), machine.cores())

    def once() -> None:
        threads = [threading.Thread(target=part.max) for part in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return once


def median(work: Callable[[], object], repeats: int) -> float:
    return statistics.median(times(work, repeats))


def times(work: Callable[[], object], repeats: int) -> list[float]:
    """Seconds of each run, after a warm-up."""
    work()
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return seconds
