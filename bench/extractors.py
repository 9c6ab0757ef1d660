"""Extractors of CREATE MODEL compared with a linear-chain CRF of crfsuite on the same folds."""

import dataclasses
import hashlib
import json
import pathlib
import re
import sys
import tempfile
import time
from collections import Counter, defaultdict

import report
import samples
from shell import Shell, quoted

SETS = ("wdc_pave", "oa_mine", "ae_110k")
FOLDS = 5
TOKEN = re.compile(r"\w+|[^\w\s]")
MAX_TOKENS = 400
MAX_VALUE_TOKENS = 6
Span = tuple[int, int]


@dataclasses.dataclass
class Score:
    """Values of held-out rows. Absent values that stay absent count nowhere."""

    right: int = 0
    wrong: int = 0
    invented: int = 0
    missed: int = 0
    training: float = 0.0
    extracting: float = 0.0
    rows: int = 0

    def add(self, found: "str | None", labels: list[str]) -> None:
        known = [folded(label) for label in labels]
        if found is None:
            self.missed += bool(known)
        elif not known:
            self.invented += 1
        elif folded(found) in known:
            self.right += 1
        else:
            self.wrong += 1

    def line(self, name: str) -> list[str]:
        precision = self.right / max(1, self.right + self.wrong + self.invented)
        recall = self.right / max(1, self.right + self.wrong + self.missed)
        f1 = 2 * precision * recall / max(1e-9, precision + recall)
        figures = (f"{figure:.4f}" for figure in (precision, recall, f1))
        return [name, *figures, f"{self.training / FOLDS:.1f}", f"{self.rows / self.extracting:,.0f}"]


@dataclasses.dataclass(frozen=True)
class Bench:
    shell: Shell
    data: pathlib.Path
    folder: pathlib.Path

    def section(self) -> str:
        """The section of the report, in markdown."""
        lines = []
        for name in SETS:
            rows = read(samples.existing(self.data / "attributes" / f"{name}.jsonl"))
            print(f"bench: extractors: {name}", file=sys.stderr, flush=True)
            lines.append(self._score(self._semql, rows).line(f"{name}, semql"))
            lines.append(self._score(crfsuite, rows).line(f"{name}, crfsuite"))
        header = ["", "precision", "recall", "F1", "training of a fold, s", "rows/s"]
        return (
            "Five folds by product. The first value of an attribute is right if it is one of the labels. semql trains by "
            "`CREATE MODEL ... EXTRACT`, hold-out included. crfsuite gets words, shapes, affixes, neighbours, the category "
            "and the values of other rows, on one thread.\n\n" + report.table(header, lines)
        )

    def _score(self, extract, rows: list[dict]) -> Score:
        score = Score()
        for fold in range(FOLDS):
            learnt = [row for row in rows if fold_of(row) != fold]
            out = [row for row in rows if fold_of(row) == fold]
            for row, found in zip(out, extract(learnt, out, score), strict=True):
                for attribute, labels in row["attributes"].items():
                    score.add(found.get(attribute), labels)
            score.rows += len(out)
        return score

    def _semql(self, learnt: list[dict], out: list[dict], score: Score) -> list[dict]:
        names = sorted({name for row in learnt for name in row["attributes"]})
        columns = ("title", "text", "category")
        for path, rows in (("learnt.jsonl", learnt), ("out.jsonl", out)):
            with (self.folder / path).open("w", encoding="utf-8") as lines:
                for number, row in enumerate(rows):
                    fields = {column: row[column] or None for column in columns}
                    given = {f"label {at}": row["attributes"].get(name) for at, name in enumerate(names)}
                    group = str(row.get("product") or row["title"].lower())
                    lines.write(json.dumps({"row": number, "product": group, **fields, **given}) + "\n")
        labels = ", ".join(f'"label {at}"' for at in range(len(names)))
        timed = self.shell.time(
            warm_up=[],
            timed=[
                f"CREATE OR REPLACE MODEL \"semql-bench\" FROM (SELECT {', '.join(columns)}, product, {labels} FROM "
                f"'learnt.jsonl') EXTRACT {labels} OPTIONS (context 'category', group 'product')",
                'COPY (SELECT "row", ai_extract(title, text, category, model => \'semql-bench\') AS found FROM '
                f"{quoted('out.jsonl')}) TO 'found.jsonl'",
            ],
        )
        self.shell.rows_as_json(['DROP MODEL "semql-bench"'], "SELECT 1")
        score.training += timed.seconds[0]
        score.extracting += timed.seconds[1]
        found = {row["row"]: row.get("found") or {} for row in read(self.folder / "found.jsonl")}
        of_label = {f"label {at}": name for at, name in enumerate(names)}
        return [
            {of_label[label]: value for label, value in found[number].items() if value is not None}
            for number in range(len(out))
        ]


def crfsuite(learnt: list[dict], out: list[dict], score: Score) -> list[dict]:
    """The first value of each attribute, by a CRF of crfsuite."""
    import pycrfsuite

    began = time.perf_counter()
    values = values_of(learnt)
    trainer = pycrfsuite.Trainer(verbose=False)
    for row in learnt:
        for part, text in enumerate(texts_of(row)):
            spans = tokens(text)
            if spans:
                # A value of the row itself is not evidence.
                trainer.append(features(row, part, text, spans, values, 2), labels_of(text, spans, row["attributes"]))
    trainer.set_params({"c1": 0.1, "c2": 0.05, "max_iterations": 60})
    tagger = pycrfsuite.Tagger()
    with tempfile.NamedTemporaryFile(suffix=".crfsuite") as model:
        trainer.train(model.name)
        tagger.open(model.name)
    trained = time.perf_counter()
    all_found = []
    for row in out:
        found: dict[str, str] = {}
        for part, text in enumerate(texts_of(row)):
            spans = tokens(text)
            tags = tagger.tag(features(row, part, text, spans, values, 1)) if spans else []
            for first, tag in enumerate(tags):
                if tag.startswith("B "):
                    last = first
                    while last + 1 < len(tags) and tags[last + 1] == "I " + tag[2:]:
                        last += 1
                    found.setdefault(tag[2:], text[spans[first][0] : spans[last][1]])
        all_found.append(found)
    score.training += trained - began
    score.extracting += time.perf_counter() - trained
    return all_found


def features(
    row: dict, part: int, text: str, spans: list[Span], values: dict[str, Counter], least: int
) -> list[list[str]]:
    """By token: the names of its features. A value counts with `least` rows."""
    words = [text[start:end] for start, end in spans]
    lower = [word.lower() for word in words]
    of_values: list[set[str]] = [set() for _ in spans]
    for first in range(len(spans)):
        for last in range(first, min(first + MAX_VALUE_TOKENS, len(spans))):
            counts: dict[str, int] = values.get(text[spans[first][0] : spans[last][1]].lower(), {})
            for attribute in (attribute for attribute, rows in counts.items() if rows >= least):
                for at in range(first, last + 1):
                    of_values[at].add(f"value {at == first} {attribute}")
    lists = []
    for at, word in enumerate(words):
        names = [f"part {part}", f"category {row['category']}", f"word {lower[at]}", f"shape {shape(word)}"]
        names += [f"category {row['category']} {lower[at]}", f"start {lower[at][:3]}", f"end {lower[at][-3:]}"]
        for offset in (-2, -1, 1, 2):
            neighbour = lower[at + offset] if 0 <= at + offset < len(lower) else ""
            names.append(f"{offset} {neighbour}")
            if abs(offset) == 1:
                names.append(f"{offset} {neighbour} {lower[at]}")
        lists.append([*names, f"place {min(at, 5)} {at + 1 == len(words)}", *sorted(of_values[at])])
    return lists


def labels_of(text: str, spans: list[Span], attributes: dict[str, list[str]]) -> list[str]:
    """By token: whether a value begins or continues there. Long values come first."""
    places = [
        (match.start(), match.end(), attribute)
        for attribute, labels in attributes.items()
        for label in labels
        if label
        for match in re.finditer(re.escape(label.lower()), text.lower())
    ]
    tags = ["O"] * len(spans)
    for start, end, attribute in sorted(places, key=lambda place: place[0] - place[1]):
        inside = [at for at, span in enumerate(spans) if start <= span[0] and span[1] <= end]
        if inside and all(tags[at] == "O" for at in inside):
            tags[inside[0]] = f"B {attribute}"
            for at in inside[1:]:
                tags[at] = f"I {attribute}"
    return tags


def values_of(rows: list[dict]) -> dict[str, Counter]:
    """By value: its attributes, with the number of rows."""
    values: dict[str, Counter] = defaultdict(Counter)
    for row in rows:
        for attribute, labels in row["attributes"].items():
            values_of_row = {label.lower() for label in labels}
            for value in values_of_row:
                values[value][attribute] += 1
    return values


def shape(word: str) -> str:
    return re.sub(r"\d", "0", re.sub(r"[a-z]", "a", re.sub(r"[A-Z]", "A", word)))[:8]


def tokens(text: str) -> list[Span]:
    return [match.span() for match in TOKEN.finditer(text)][:MAX_TOKENS]


def texts_of(row: dict) -> list[str]:
    return [text for text in (row["title"], row["text"]) if text]


def folded(value: str) -> str:
    return value.lower().strip()


def fold_of(row: dict) -> int:
    key = str(row.get("product") or row["title"].lower())
    return int(hashlib.sha256(key.encode()).hexdigest(), 16) % FOLDS


def read(path: pathlib.Path) -> list[dict]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
