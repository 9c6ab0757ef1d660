"""Classifiers of CREATE MODEL compared with a linear SVM of scikit-learn on the same rows."""

import dataclasses
import json
import pathlib
import sys
import time

import report
import samples
from shell import Shell, quoted

LEVELS = ("lvl1", "lvl2", "lvl3")
OFFER = ('"Name"', '"Description"')
ALL = (*OFFER, '"CategoryText"', '"URL"')
# Columns and options of each model.
MODELS = {
    "Name and Description, words": (OFFER, "features ngrams"),
    "Name and Description (token vectors)": (OFFER, "features token_vectors"),
    "Name and Description, embeddings": (OFFER, "features embeddings"),
    "Name and Description, embeddings and adapter": (OFFER, "features embeddings, method 'adapter'"),
    "with CategoryText and URL (token vectors)": (ALL, "features token_vectors"),
    "with CategoryText and URL, embeddings": (ALL, "features embeddings"),
}


@dataclasses.dataclass(frozen=True)
class Bench:
    shell: Shell
    data: pathlib.Path
    folder: pathlib.Path

    def section(self) -> str:
        """The section of the report, in markdown."""
        train, test = (samples.existing(self.data / "mwpd2020" / f"{name}.jsonl") for name in ("train", "validation"))
        lines = [self._scikit_learn(train, test)]
        lines += [self._semql(name, *how, train, test) for name, how in MODELS.items()]
        header = ["", *(f"weighted F1, {level}" for level in LEVELS), "mean", "training, s", "predicting, rows/s"]
        return (
            "MWPD2020 task 2: trained on train, measured on validation, the labels' eight digits. scikit-learn's way is "
            "`TfidfVectorizer(ngram_range=(1, 2))` on name and description together and a `LinearSVC` for each level; its "
            "training time holds the features. semql's is one `CREATE MODEL` for all levels, cross-validation and "
            "hold-out included; it predicts from Parquet to Parquet.\n\n" + report.table(header, lines)
        )

    def _semql(
        self, name: str, columns: tuple[str, ...], options: str, train: pathlib.Path, test: pathlib.Path
    ) -> list[str]:
        print(f"bench: trained classifiers: semql, {name}", file=sys.stderr, flush=True)
        labels = ", ".join(f"left({level}, 8) AS {level}" for level in LEVELS)
        rows = f"SELECT {', '.join(columns)}, {labels} FROM {{}}"
        predicted = f"SELECT ai_predict('semql-bench', {', '.join(columns)}) AS p, {', '.join(LEVELS)} FROM 'test.parquet'"
        timed = self.shell.time(
            warm_up=[f"COPY ({rows.format(quoted(test))}) TO 'test.parquet'"],
            timed=[
                f"CREATE OR REPLACE MODEL \"semql-bench\" FROM ({rows.format(quoted(train))}) PREDICT {', '.join(LEVELS)} "
                f"OPTIONS ({options})",
                f"SELECT count(p) FROM ({predicted})",
                f"COPY ({predicted}) TO 'predicted.parquet'",
            ],
        )
        figures = ", ".join(f"weighted_f1(p['{level}'], {level}) AS {level}" for level in LEVELS)
        sql = f"SELECT count(*) AS rows, {figures} FROM 'predicted.parquet'"
        [facts] = json.loads(self.shell.rows_as_json([], sql))
        self.shell.rows_as_json(['DROP MODEL "semql-bench"'], "SELECT 1")
        return self._line(
            f"semql, {name}", [facts[level] for level in LEVELS], timed.seconds[0], facts["rows"] / timed.seconds[2]
        )

    def _scikit_learn(self, train: pathlib.Path, test: pathlib.Path) -> list[str]:
        print("bench: trained classifiers: scikit-learn", file=sys.stderr, flush=True)
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.metrics import f1_score
        from sklearn.svm import LinearSVC

        def read(path: pathlib.Path) -> list[dict]:
            with path.open(encoding="utf-8") as lines:
                return [json.loads(line) for line in lines]

        def texts(offers: list[dict]) -> list[str]:
            return [f"{offer['Name'] or ''} {offer['Description'] or ''}" for offer in offers]

        seen, unseen = read(train), read(test)
        began = time.perf_counter()
        vectorizer = TfidfVectorizer(ngram_range=(1, 2))
        features = vectorizer.fit_transform(texts(seen))
        models = [LinearSVC().fit(features, [offer[level][:8] for offer in seen]) for level in LEVELS]
        trained = time.perf_counter() - began
        began = time.perf_counter()
        features = vectorizer.transform(texts(unseen))
        predicted = [model.predict(features) for model in models]
        seconds = time.perf_counter() - began
        figures = [
            f1_score([offer[level][:8] for offer in unseen], labels, average="weighted")
            for level, labels in zip(LEVELS, predicted, strict=True)
        ]
        return self._line("scikit-learn, linear SVM on TF-IDF 1-2-grams", figures, trained, len(unseen) / seconds)

    def _line(self, name: str, figures: list[float], trained: float, rate: float) -> list[str]:
        mean = sum(figures) / len(figures)
        return [name, *(f"{figure:.4f}" for figure in figures), f"{mean:.4f}", f"{trained:.1f}", f"{rate:,.0f}"]
