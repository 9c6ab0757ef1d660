"""Are offers of one product found, compared with a plain cosine threshold, and how fast?"""

import csv
import dataclasses
import json
import pathlib
import sys

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import report
import samples
from shell import Shell, quoted

# F1 of Ditto (Li et al., 2020) on the test split of DeepMatcher's Abt-Buy, whose pairs are preselected candidates.
DITTO_F1 = 0.8933
COSINES = [step / 100 for step in range(50, 100, 2)]
THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9)
# Folds of cross-validation, and near offers of another catalogue that are labelled.
FOLDS = 5
LABELLED = 8


@dataclasses.dataclass(frozen=True)
class Bench:
    shell: Shell
    data: pathlib.Path
    folder: pathlib.Path
    # Rows of products.parquet.
    rows: int

    def section(self) -> str:
        """The section of the report, in markdown."""
        return f"{self._abt_buy()}\n\n{self._products()}"

    def _say(self, what: str) -> None:
        print(f"bench: resolve: {what}", file=sys.stderr, flush=True)

    def _abt_buy(self) -> str:
        self._say("Abt-Buy")
        folder = self.data / "abt-buy"
        offers = self.folder / "abt_buy.parquet"
        names = ("abt", "buy")
        pq.write_table(pa.concat_tables(catalogue(folder / f"{name}.csv", name) for name in names), offers)
        truth = {(f"abt-{left}", f"buy-{right}") for left, right in pairs(folder / "gt.csv")}
        rows = []
        for source, where in (("source => shop", "known"), (None, "unknown")):
            for threshold in THRESHOLDS:
                arguments = ", ".join(filter(None, [quoted(offers), f"threshold => {threshold}", source]))
                query = f"(SELECT row, entity FROM resolve({arguments}))"
                found = self._pairs(
                    f"SELECT a.row AS a, b.row AS b FROM {query} AS a JOIN {query} AS b "
                    "ON a.entity = b.entity AND a.row < b.row"
                )
                rows.append([f"`resolve`, catalogues {where}, threshold {threshold}", *quality(found, truth)])
        rows.append(["`resolve`, catalogues known, trained on other products", *self._trained(offers, truth)])
        split = [f"(SELECT id, title FROM {quoted(offers)} WHERE shop = '{name}')" for name in names]
        near = self._rows(
            "SELECT id AS a, right_id AS b, score FROM "
            f"knn_join({split[0]}, {split[1]}, k => 1, left_column => title, right_column => title)"
        )
        by_cosine = (
            (cosine, {(row["a"], row["b"]) for row in near if row["score"] >= cosine}) for cosine in COSINES
        )
        cosine, found = max(by_cosine, key=lambda one: f1(one[1], truth))
        rows.append([f"nearest title, cosine from {cosine} (the best threshold)", *quality(found, truth)])
        return (
            "Pairs of Abt-Buy (1,076 and 1,076 offers) that are one product, without labels; pairs within a catalogue "
            "count as wrong. The weights of `resolve` were chosen with a view to this set. Training is on near pairs of "
            f"offers and all matches, in {FOLDS} folds by product. "
            f"Ditto, trained on labelled pairs, is published with an F1 of {DITTO_F1} on the test split of "
            "preselected pairs, so the figures are not of the same rows.\n\n"
            + report.table(["way", "precision", "recall", "F1"], rows)
        )

    def _trained(self, offers: pathlib.Path, truth: set[tuple[str, str]]) -> list[str]:
        """Quality with models of `CREATE MODEL ... MATCH`, each asked for the products that it did not learn from."""

        def fold(offer: str) -> int:
            return int(offer.partition("-")[2]) % FOLDS

        split = [f"(SELECT id, title FROM {quoted(offers)} WHERE shop = '{shop}')" for shop in ("abt", "buy")]
        near = self._rows(
            f"SELECT id AS a, right_id AS b FROM knn_join({split[0]}, {split[1]}, k => {LABELLED}, "
            "left_column => title, right_column => title)"
        )
        labelled = {(row["a"], row["b"]) for row in near} | truth
        pair_file = self.folder / "abt_buy_pairs.parquet"
        found: set[tuple[str, str]] = set()
        for held_out in range(FOLDS):
            others = {right for left, right in truth if fold(left) == held_out}
            taught = [pair for pair in labelled if fold(pair[0]) != held_out and pair[1] not in others]
            columns = {"a": [a for a, _ in taught], "b": [b for _, b in taught], "match": [pair in truth for pair in taught]}
            pq.write_table(pa.table(columns), pair_file)
            training = (
                "CREATE OR REPLACE MODEL bench_match FROM ("
                "SELECT l.title AS left_title, l.text AS left_text, l.price AS left_price, r.title AS right_title, "
                f"r.text AS right_text, r.price AS right_price, match FROM {quoted(pair_file)} AS p "
                f"JOIN {quoted(offers)} AS l ON l.id = p.a JOIN {quoted(offers)} AS r ON r.id = p.b) MATCH"
            )
            query = f"(SELECT row, entity FROM resolve({quoted(offers)}, source => shop, model => 'bench_match'))"
            self.shell.time(warm_up=[training], timed=[])
            resolved = self._pairs(
                f"SELECT a.row AS a, b.row AS b FROM {query} AS a JOIN {query} AS b "
                "ON a.entity = b.entity AND a.row < b.row"
            )
            found |= {pair for pair in resolved if fold(pair[0]) == held_out}
        self.shell.time(warm_up=["DROP MODEL bench_match"], timed=[])
        return quality(found, truth)

    def _products(self) -> str:
        self._say(f"{self.rows:,} offers")
        offers = self.folder / "offers_with_vectors.parquet"
        products = quoted(samples.existing(self.data / "products.parquet"))
        embedded = self.shell.time(
            warm_up=["SELECT embed('warm')"],
            timed=[
                f"COPY (SELECT docid, title, text, embed(title) AS v FROM {products} LIMIT {self.rows}) "
                f"TO {quoted(offers)}"
            ],
        )
        resolved = self.folder / "resolved.parquet"
        timed = self.shell.time(
            warm_up=[],
            timed=[f"COPY (SELECT row, entity FROM resolve({quoted(offers)}, vector => v)) TO {quoted(resolved)}"],
        )
        counts = pc.value_counts(pq.read_table(resolved)["entity"]).field("counts")
        rows = [
            [
                f"{self.rows:,}",
                f"{embedded.seconds[0]:.1f} s",
                f"{timed.seconds[0]:.1f} s",
                report.mebibytes(timed.peak_bytes),
                f"{len(counts):,}",
                f"{pc.max(counts).as_py():,}",
            ]
        ]
        header = ["offers", "embedding", "`resolve`, vectors stored", "peak memory", "products", "largest"]
        return "Offers of products.parquet.\n\n" + report.table(header, rows)

    def _rows(self, sql: str) -> list[dict]:
        return json.loads(self.shell.rows_as_json([], sql))

    def _pairs(self, sql: str) -> set[tuple[str, str]]:
        return {(row["a"], row["b"]) for row in self._rows(sql)}


def catalogue(path: pathlib.Path, shop: str) -> pa.Table:
    """One catalogue, with keys that are unique among both."""
    with samples.existing(path).open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="|", quoting=csv.QUOTE_NONE))
    return pa.table(
        {
            "id": [f"{shop}-{row['id']}" for row in rows],
            "title": [row["name"] for row in rows],
            "text": [row["description"] for row in rows],
            "price": pa.array([float(row["price"]) if row["price"] else None for row in rows], pa.float64()),
            "shop": [shop] * len(rows),
        }
    )


def pairs(path: pathlib.Path) -> list[list[str]]:
    lines = samples.existing(path).read_text(encoding="utf-8").splitlines()
    return [line.split("|") for line in lines[1:] if line]


def f1(found: set[tuple[str, str]], truth: set[tuple[str, str]]) -> float:
    return 2 * len(found & truth) / max(len(found) + len(truth), 1)


def quality(found: set[tuple[str, str]], truth: set[tuple[str, str]]) -> list[str]:
    right = len(found & truth)
    figures = (right / max(len(found), 1), right / len(truth), f1(found, truth))
    return [f"{figure:.3f}" for figure in figures]
