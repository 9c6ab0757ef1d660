"""How fast is plain SQL in semql's shell, beside DataFusion from Python and DuckDB?"""

import dataclasses
import datetime
import json
import pathlib
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import datafusion
import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import report
import samples
from shell import Shell, quoted

SELLERS = 500
# Rows in one group of the Parquet file: enough of them for every thread.
ROW_GROUP = 1 << 17

QUERIES = (
    "SELECT count(*), avg(price), sum(length(title)) FROM offers",
    "SELECT seller, count(*), avg(price), max(sold) FROM offers GROUP BY seller ORDER BY seller",
    "SELECT count(DISTINCT title) FROM products",
    "SELECT title, count(*) AS n, min(price) FROM offers GROUP BY title ORDER BY n DESC, title LIMIT 10",
    "SELECT count(*) FROM offers WHERE title LIKE '%book%' AND price < 250",
    "SELECT id, title, price FROM offers WHERE price BETWEEN 10 AND 11 AND seller < 50 ORDER BY price, id LIMIT 100",
    "SELECT id, title FROM offers ORDER BY length(title) DESC, id LIMIT 20",
    "SELECT s.region, count(*), sum(o.price) FROM offers o JOIN sellers s ON o.seller = s.seller "
    "WHERE s.region <> 3 GROUP BY s.region ORDER BY s.region",
    "SELECT count(*), avg(o.price) FROM offers o JOIN products p ON o.docid = p.docid WHERE length(p.title) < 40",
    "SELECT count(*) FROM products p WHERE p.text <> '' "
    "AND NOT EXISTS (SELECT 1 FROM offers o WHERE o.title = p.title AND o.price > 900)",
)

SEMQL = "semql"
DATAFUSION = "DataFusion"
DUCKDB = "DuckDB"


class DifferentAnswers(Exception):
    """The results of the engines differ, so their times cannot be compared."""


@dataclasses.dataclass(frozen=True)
class Bench:
    shell: Shell
    data: pathlib.Path
    folder: pathlib.Path
    copies: int
    repeats: int
    threads: int

    def section(self) -> str:
        """The section of the report, in markdown."""
        products = samples.existing(self.data / "products.parquet")
        print("bench: SQL: writing offers.parquet", file=sys.stderr, flush=True)
        rows = self._write_offers(products)
        self._write_sellers()
        tables = {name: self.folder / f"{name}.parquet" for name in ("offers", "sellers")} | {"products": products}
        engines = {SEMQL: self._semql(tables), DATAFUSION: self._datafusion(tables), DUCKDB: self._duckdb(tables)}
        self._compare_answers(tables)
        seconds: dict[str, list[list[float]]] = {name: [] for name in engines}
        for repeat in range(self.repeats):
            start = repeat % len(engines)
            for name in [*engines][start:] + [*engines][:start]:
                print(f"bench: SQL: {name}, {repeat + 1} of {self.repeats}", file=sys.stderr, flush=True)
                seconds[name].append(engines[name]())
        return "\n\n".join([self._method(rows, tables), self._table(seconds)])

    def _write_offers(self, products: pathlib.Path) -> int:
        """A larger table: every product offered several times, with price, seller and date."""
        source = pq.read_table(products, columns=["docid", "title", "text"])
        row = np.arange(len(source), dtype=np.int64)
        first_day = np.datetime64("2020-01-01")
        schema = pa.schema(
            [("id", pa.int64()), *source.schema, ("price", pa.float64()), ("seller", pa.int64()), ("sold", pa.date32())]
        )
        # Written by a fourth program, so that no engine reads its own layout.
        with pq.ParquetWriter(self.folder / "offers.parquet", schema) as writer:
            for copy in range(self.copies):
                # Multiples of primes are spread and the same in each run.
                columns = [
                    pa.array(row * self.copies + copy),
                    *source.columns,
                    pa.array((row * 7919 + copy * 104729) % 100_000 / 100),
                    pa.array((row * 31 + copy * 17) % SELLERS),
                    pa.array(first_day + (row * 13 + copy * 37) % 1500),
                ]
                writer.write_table(pa.table(columns, schema=schema), row_group_size=ROW_GROUP)
        return len(source) * self.copies

    def _write_sellers(self) -> None:
        seller = np.arange(SELLERS, dtype=np.int64)
        pq.write_table(pa.table({"seller": seller, "region": seller % 12}), self.folder / "sellers.parquet")

    def _semql_set_up(self, tables: dict[str, pathlib.Path]) -> list[str]:
        return [
            f"SET datafusion.execution.target_partitions = {self.threads}",
            *(
                f"CREATE EXTERNAL TABLE {name} STORED AS PARQUET LOCATION {quoted(path)}"
                for name, path in tables.items()
            ),
        ]

    def _semql(self, tables: dict[str, pathlib.Path]) -> Callable[[], list[float]]:
        warm_up = self._semql_set_up(tables) + list(QUERIES)
        return lambda: self.shell.time(warm_up, list(QUERIES)).seconds

    def _datafusion_context(self, tables: dict[str, pathlib.Path]) -> datafusion.SessionContext:
        context = datafusion.SessionContext(datafusion.SessionConfig().with_target_partitions(self.threads))
        for name, path in tables.items():
            context.register_parquet(name, str(path))
        return context

    def _datafusion(self, tables: dict[str, pathlib.Path]) -> Callable[[], list[float]]:
        context = self._datafusion_context(tables)
        return lambda: _timed(lambda sql: context.sql(sql).collect())

    def _duckdb_connection(self, tables: dict[str, pathlib.Path]) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(config={"threads": self.threads})
        for name, path in tables.items():
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet({quoted(path)})")
        return connection

    def _duckdb(self, tables: dict[str, pathlib.Path]) -> Callable[[], list[float]]:
        connection = self._duckdb_connection(tables)
        return lambda: _timed(lambda sql: connection.execute(sql).fetchall())

    def _compare_answers(self, tables: dict[str, pathlib.Path]) -> None:
        """Fail unless all engines return the same rows."""
        context, connection = self._datafusion_context(tables), self._duckdb_connection(tables)
        set_up = self._semql_set_up(tables)
        for sql in QUERIES:
            answers = {
                SEMQL: [list(row.values()) for row in json.loads(self.shell.rows_as_json(set_up, sql))],
                DATAFUSION: [list(row.values()) for row in context.sql(sql).to_pylist()],
                DUCKDB: [list(row) for row in connection.execute(sql).fetchall()],
            }
            comparable = {
                name: [[_comparable(cell) for cell in row] for row in rows] for name, rows in answers.items()
            }
            if not answers[DUCKDB]:
                raise DifferentAnswers(f"no rows from\n{sql}\nso its time means nothing (bench/sql.py)")
            for name in (SEMQL, DATAFUSION):
                if comparable[name] != comparable[DUCKDB]:
                    raise DifferentAnswers(
                        f"{name} and {DUCKDB} answer differently to\n{sql}\n"
                        f"{name}: {str(comparable[name])[:300]}\n{DUCKDB}: {str(comparable[DUCKDB])[:300]}\n"
                        "One of them is wrong, or the query (bench/sql.py) has no unique result."
                    )

    def _method(self, rows: int, tables: dict[str, pathlib.Path]) -> str:
        size = tables["offers"].stat().st_size
        return (
            f"`products` is products.parquet; `offers` is generated from it, {rows:,} rows in "
            f"{report.mebibytes(size)} MiB of Parquet; `sellers` has {SELLERS} rows. {self.threads} threads for each "
            f"engine. Rounds in which the engines take turns: {self.repeats}; figures are medians, in milliseconds. "
            "Every query ran before, untimed, in the same process, and gave the same answer in all three. semql's "
            "time is what `\\timing` prints (to the millisecond; it includes writing the answer), the others' is "
            "from Python's call to the collected answer. A ratio above 1 means that semql takes longer."
        )

    def _table(self, seconds: dict[str, list[list[float]]]) -> str:
        medians = {
            name: [statistics.median(times) for times in zip(*rounds, strict=True)] for name, rounds in seconds.items()
        }
        rows = []
        for at, sql in enumerate(QUERIES):
            own, fusion, duck = (medians[name][at] for name in (SEMQL, DATAFUSION, DUCKDB))
            rows.append(
                [str(at + 1), f"`{sql}`", *(f"{value * 1e3:.0f}" for value in (own, fusion, duck)),
                 f"{own / fusion:.2f}", f"{own / duck:.2f}"]
            )  # fmt: skip
        means = []
        for peer in (DATAFUSION, DUCKDB):
            ratios = [own / other for own, other in zip(medians[SEMQL], medians[peer], strict=True)]
            means.append(statistics.geometric_mean(ratios))
        header = ["", "query", SEMQL, DATAFUSION, DUCKDB, f"{SEMQL} / {DATAFUSION}", f"{SEMQL} / {DUCKDB}"]
        summary = f"Geometric means of the ratios: {means[0]:.2f} to {DATAFUSION}, {means[1]:.2f} to {DUCKDB}."
        return report.table(header, rows, left=2) + "\n\n" + summary


def _timed(run: Callable[[str], Any]) -> list[float]:
    """Seconds of each query, after a run of all queries."""
    for sql in QUERIES:
        run(sql)
    seconds = []
    for sql in QUERIES:
        began = time.perf_counter()
        run(sql)
        seconds.append(time.perf_counter() - began)
    return seconds


def _comparable(cell: Any) -> str:
    """The same text for the same value of each engine and format."""
    if isinstance(cell, (int, float)):
        # Sums of floating-point numbers depend on the order of adding.
        return f"{float(cell):.9g}"
    if isinstance(cell, (datetime.date, datetime.datetime)):
        return cell.isoformat()
    return str(cell)
