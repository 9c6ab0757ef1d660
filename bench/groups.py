"""Quality and speed of kmeans, pca and tsne compared with scikit-learn, and of word2vec with gensim.

The vectors are in memory on both sides, and both use all cores.
"""

import dataclasses
import pathlib
import re
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import report
import samples
from shell import Shell, quoted

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
CLUSTERS = 50
COMPONENTS = 10
PERPLEXITY = 30
SEEDS = (0, 1, 2)
# Rows for trustworthiness, which takes quadratic time.
MAX_COMPARED = 5_000
NEIGHBOURS = 12
FREQUENT_WORDS = 500
NEAREST_WORDS = 10


@dataclasses.dataclass(frozen=True)
class Bench:
    shell: Shell
    data: pathlib.Path
    folder: pathlib.Path
    # Numbers of vectors.
    sizes: tuple[int, ...]
    # Maximum number of titles for word2vec.
    titles: int
    threads: int

    def section(self) -> str:
        """The section of the report, in markdown."""
        products = samples.existing(self.data / "products.parquet")
        parts = [self._vectors(products), self._words(products)]
        return "\n\n".join(parts)

    def _say(self, what: str) -> None:
        print(f"bench: groups and maps: {what}", file=sys.stderr, flush=True)

    # Vectors.

    def _vectors(self, products: pathlib.Path) -> str:
        self._say("vectors")
        most = max(self.sizes)
        titles = f"SELECT DISTINCT trim(title) AS title FROM {quoted(products)} WHERE trim(title) <> ''"
        self.shell.time(
            warm_up=[
                "SET ai.cache = 'off'",
                f"COPY (SELECT row_number() OVER (ORDER BY md5(title)) AS row, embed(title) AS v "
                f"FROM ({titles} ORDER BY md5(title) LIMIT {most}) ORDER BY row) TO 'vectors.parquet'",
            ],
            timed=[],
        )
        table = pq.read_table(self.folder / "vectors.parquet").sort_by("row")
        vectors = table["v"].combine_chunks().flatten().to_numpy().reshape(len(table), -1)
        lines: list[list[str]] = []
        for size in self.sizes:
            lines += self._kmeans(vectors[:size])
            lines += self._pca(vectors[:size])
            lines += self._tsne(vectors[:size])
        header = ["", "vectors", "what", "semql", "scikit-learn", "semql, s", "scikit-learn, s", "times scikit-learn"]
        return (
            f"MiniLM vectors of different titles, {vectors.shape[1]} values each. `kmeans` into {CLUSTERS} groups beside "
            f"`KMeans(n_init=1)`, means of {len(SEEDS)} seeds; the first {COMPONENTS} components of `pca` beside `PCA`; "
            f"`tsne` beside `TSNE`, both with perplexity {PERPLEXITY}; trustworthiness with {NEIGHBOURS} neighbours, "
            f"of the first {MAX_COMPARED:,} rows of a map.\n\n" + report.table(header, lines, left=3)
        )

    def _semql(self, call: str, size: int) -> tuple[np.ndarray, float]:
        """Results of a window function for the first `size` vectors, and its seconds from memory to memory."""
        rows = f"SELECT row, v FROM 'vectors.parquet' WHERE row <= {size}"
        timed = self.shell.time(
            warm_up=[f"CREATE TABLE vectors AS {rows}"],
            timed=[
                f"CREATE TABLE answers AS SELECT row, {call} OVER () AS answer FROM vectors",
                "COPY (SELECT * FROM answers) TO 'answers.parquet'",
            ],
        )
        answers = pq.read_table(self.folder / "answers.parquet").sort_by("row")["answer"].combine_chunks()
        if call.startswith("tsne"):
            columns = [answers.field(axis).to_numpy(zero_copy_only=False) for axis in ("x", "y")]
            return np.stack(columns, axis=1), timed.seconds[0]
        if call.startswith("pca"):
            return answers.flatten().to_numpy().reshape(size, -1), timed.seconds[0]
        return answers.to_numpy(), timed.seconds[0]

    def _kmeans(self, vectors: np.ndarray) -> list[list[str]]:
        from sklearn.cluster import KMeans

        self._say(f"kmeans, {len(vectors):,}")
        ours, theirs = [], []
        for seed in SEEDS:
            groups, seconds = self._semql(f"kmeans(v, {CLUSTERS}, {seed})", len(vectors))
            ours.append((_inertia(vectors, groups), seconds))
            model, seconds = _timed(lambda: KMeans(CLUSTERS, n_init=1, random_state=seed).fit(vectors))
            theirs.append((float(model.inertia_), seconds))
        (own, own_seconds), (other, other_seconds) = np.mean(ours, axis=0), np.mean(theirs, axis=0)
        return [_line("kmeans", len(vectors), "inertia", f"{own:,.0f}", f"{other:,.0f}", own_seconds, other_seconds)]

    def _pca(self, vectors: np.ndarray) -> list[list[str]]:
        from sklearn.decomposition import PCA

        self._say(f"pca, {len(vectors):,}")
        ours, own_seconds = self._semql(f"pca(v, {COMPONENTS})", len(vectors))
        # The exact solver, which is the default from ten rows per dimension on.
        model = PCA(COMPONENTS, svd_solver="covariance_eigh")
        theirs, other_seconds = _timed(lambda: model.fit_transform(vectors))
        farthest = np.abs(np.abs(ours) - np.abs(theirs)).max()
        return [
            _line("pca", len(vectors), "largest difference", f"{farthest:.1e}", "", own_seconds, other_seconds),
        ]

    def _tsne(self, vectors: np.ndarray) -> list[list[str]]:
        from sklearn.manifold import TSNE, trustworthiness

        self._say(f"tsne, {len(vectors):,}")
        ours, own_seconds = self._semql(f"tsne(v, {PERPLEXITY})", len(vectors))
        model = TSNE(perplexity=PERPLEXITY, random_state=0, n_jobs=self.threads)
        theirs, other_seconds = _timed(lambda: model.fit_transform(vectors))

        def trusted(places: np.ndarray) -> str:
            few = slice(0, MAX_COMPARED)
            return f"{trustworthiness(vectors[few], places[few], n_neighbors=NEIGHBOURS):.4f}"

        return [
            _line("tsne", len(vectors), "trustworthiness", trusted(ours), trusted(theirs), own_seconds, other_seconds),
        ]

    # Words.

    def _words(self, products: pathlib.Path) -> str:
        self._say("word2vec")
        titles = f"SELECT title FROM {quoted(products)} WHERE title IS NOT NULL ORDER BY md5(title) LIMIT {self.titles}"
        ours, own_seconds = [], []
        for seed in (1, 2):
            timed = self.shell.time(
                warm_up=[f"COPY ({titles}) TO 'titles.parquet'"],
                timed=[
                    "COPY (SELECT w['word'] AS word, w['vector'] AS vector FROM (SELECT unnest(word2vec(title, 100, 5, 5, "
                    f"{seed})) AS w FROM 'titles.parquet')) TO 'words.parquet'"
                ],
            )
            own_seconds.append(timed.seconds[0])
            table = pq.read_table(self.folder / "words.parquet")
            vectors = table["vector"].combine_chunks()
            ours.append((table["word"].to_pylist(), vectors.flatten().to_numpy().reshape(len(table), -1)))
        texts = _tokens(pq.read_table(self.folder / "titles.parquet")["title"].to_pylist())
        theirs, other_seconds = [], []
        for seed in (1, 2):
            words, seconds = _timed(lambda: _gensim(texts, seed, self.threads))
            other_seconds.append(seconds)
            theirs.append(words)
        frequent = [word for word in theirs[0][0] if word in set(ours[0][0])][:FREQUENT_WORDS]
        [a, b, c, d] = [_nearest(words, frequent) for words in (*ours, *theirs)]
        beside = np.mean([_overlap(x, y) for x in (a, b) for y in (c, d)])
        lines = [
            ["gensim beside gensim with another seed", f"{_overlap(c, d):.3f}", f"{np.mean(other_seconds):.1f}", "1"],
            [
                "semql beside gensim", f"{beside:.3f}", f"{np.mean(own_seconds):.1f}",
                f"{np.mean(other_seconds) / np.mean(own_seconds):.2f}",
            ],
            ["semql beside semql with another seed", f"{_overlap(a, b):.3f}", "", ""],
        ]  # fmt: skip
        return (
            f"`word2vec(title)` of {len(texts):,} titles beside gensim's `Word2Vec(sg=1)` on the same words with the same "
            f"choices: of the {NEAREST_WORDS} words nearest to each of the {FREQUENT_WORDS} most frequent ones, the share "
            "that both name. gensim's time begins with lists of words; semql's with Parquet.\n\n"
            + report.table(["", "neighbours in common", "seconds", "times gensim"], lines)
        )


def _line(
    name: str, count: int, what: str, own: str, other: str, own_seconds: float, other_seconds: float
) -> list[str]:
    ratio = f"{other_seconds / own_seconds:.1f}"
    return [name, f"{count:,}", what, own, other, f"{own_seconds:.2f}", f"{other_seconds:.2f}", ratio]


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    answer = work()
    return answer, time.perf_counter() - began


def _inertia(vectors: np.ndarray, groups: np.ndarray) -> float:
    """The sum of squared distances to the groups' means."""
    return float(
        sum(((vectors[groups == group] - vectors[groups == group].mean(axis=0)) ** 2).sum() for group in set(groups))
    )


def _tokens(titles: Sequence[str]) -> list[list[str]]:
    """Words as semql has them, without its stop words."""
    source = (REPOSITORY / "udfs/src/words/stop_words.rs").read_text(encoding="utf-8")
    stop_words = set(re.findall(r'"([a-z]+)"', source.partition("];")[0]))
    words = re.compile(r"[^\W_]+")
    return [[word for word in words.findall(title.lower()) if word not in stop_words] for title in titles]


def _gensim(texts: list[list[str]], seed: int, threads: int) -> tuple[list[str], np.ndarray]:
    from gensim.models import Word2Vec

    model = Word2Vec(
        texts, vector_size=100, window=5, min_count=5, sg=1, negative=5, sample=1e-3, epochs=5, seed=seed,
        workers=threads,
    )  # fmt: skip
    return model.wv.index_to_key, model.wv.vectors


def _nearest(words: tuple[list[str], np.ndarray], wanted: list[str]) -> list[set[str]]:
    names, vectors = words
    places = {word: place for place, word in enumerate(names)}
    units = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    nearest = []
    for word in wanted:
        cosines = units @ units[places[word]]
        cosines[places[word]] = -2
        nearest.append({names[place] for place in np.argsort(-cosines)[:NEAREST_WORDS]})
    return nearest


def _overlap(some: list[set[str]], others: list[set[str]]) -> float:
    return float(np.mean([len(a & b) / NEAREST_WORDS for a, b in zip(some, others, strict=True)]))
