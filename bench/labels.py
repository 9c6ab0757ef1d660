"""Accuracy of labels without training: label sets, ways and models.

The descriptions in `label_descriptions.json` were written from the names of the labels alone.
"""

import dataclasses
import json
import pathlib
import sys

import report
import samples
from shell import Shell, quoted

SETS = {"AG News": "ag_news", "Banking77": "banking77", "CLINC150": "clinc150", "SIB-200, English": "sib200"}
MODELS = ("all-minilm-l6-v2", "multilingual-e5-small")
# First digits of the GPC code, by the category of the product taxonomy.
GPC = {
    "Health, Beauty": ("51", "53"),
    "Electronics, Computers": ("65", "66", "68"),
    "Home and Kitchen": ("72", "73", "75"),
    "Clothing": ("63", "64", "67"),
    "Sports": ("71", "74"),
    "Office": ("62",),
    "Books": ("60",),
}
RECORDED_MEDIA = "%Pre-Recorded or Digital Content Media%"


@dataclasses.dataclass(frozen=True)
class Bench:
    shell: Shell
    data: pathlib.Path
    folder: pathlib.Path
    # Rows of a set.
    rows: int

    def section(self) -> str:
        """The section of the report, in markdown."""
        described = pathlib.Path(__file__).with_name("label_descriptions.json")
        descriptions = json.loads(described.read_text(encoding="utf-8"))
        installed = self._rows([], "SELECT name FROM ai_models() WHERE on_this_machine")
        models = [model for model in MODELS if {"name": model} in installed]
        accuracies: list[list[str]] = []
        outside: list[list[str]] = []
        for model in models:
            for name, key in SETS.items():
                path = samples.existing(self.data / "labels" / f"{key}.jsonl")
                accuracies.append([model, name, *self._accuracies(model, path, descriptions[key])])
            texts = self._table("clinc150")
            for way, labels in self._ways(descriptions["clinc150"]).items():
                outside.append([model, f"CLINC150, {way}", *self._outside(model, texts, f"text, {labels}")])
            outside.append([model, "MWPD2020, the eight categories", *self._outside(model, self._offers(), "text")])
        ways = ["one sentence", "names", "descriptions", "names, adapted to the texts"]
        kinds = ["AUROC", "status ok, inside", "status ok, outside"]
        return (
            f"At most {self.rows:,} rows of a set. Accuracy of the nearest sentence `a text about LABEL`, of `ai_classify` "
            "with names and with descriptions, and of `ai_classify_adapted`.\n\n"
            + report.table(["model", "labels", *ways], accuracies, left=2)
            + "\n\nRows that no label fits, by the score of the best label, and how many rows `ai_classify_status` finds "
            "a label for.\n\n" + report.table(["model", "labels", *kinds], outside, left=2)
        )

    def _rows(self, set_up: list[str], sql: str) -> list[dict]:
        return json.loads(self.shell.rows_as_json(set_up, sql))

    def _table(self, key: str) -> str:
        """A query of the rows of a label set, the same ones each time."""
        path = samples.existing(self.data / "labels" / f"{key}.jsonl")
        english = " WHERE language = 'eng'" if key == "sib200" else ""
        return f"(SELECT text, label FROM {quoted(path)}{english} ORDER BY md5(text) LIMIT {self.rows})"

    def _offers(self) -> str:
        """A query of offers, with the category that people gave, if it is one of the eight."""
        path = samples.existing(self.data / "mwpd2020" / "validation.jsonl")
        cases = [f"WHEN lvl3 LIKE '{RECORDED_MEDIA}' THEN 'Movies, Music'"]
        for category, codes in GPC.items():
            digits = ", ".join(f"'{code}'" for code in codes)
            cases.append(f"WHEN left(lvl1, 2) IN ({digits}) THEN '{category}'")
        return (
            f'(SELECT "Name" || \'. \' || "Description" AS text, CASE {" ".join(cases)} END AS label FROM {quoted(path)} '
            f"ORDER BY md5(text) LIMIT {self.rows})"
        )

    def _ways(self, descriptions: dict[str, str]) -> dict[str, str]:
        names = f"[{', '.join(quoted(name) for name in descriptions)}]"
        described = ", ".join(f"{quoted(name)}: {quoted(text)}" for name, text in descriptions.items())
        return {"names": names, "descriptions": f"MAP {{{described}}}"}

    def _accuracies(self, model: str, path: pathlib.Path, descriptions: dict[str, str]) -> list[str]:
        print(f"bench: labels: {model}, {path.stem}", file=sys.stderr, flush=True)
        ways = self._ways(descriptions)
        rows = f"(SELECT * FROM {self._table(path.stem)} WHERE label IS NOT NULL)"
        sentence = (
            "SELECT label, first_value(name ORDER BY cosine_similarity(v, w) DESC) AS predicted FROM "
            f"(SELECT row_number() OVER (ORDER BY text) AS id, label, embed(text) AS v FROM {rows}) CROSS JOIN "
            f"(SELECT name, embed('a text about ' || name) AS w FROM (SELECT unnest({ways['names']}) AS name)) "
            "GROUP BY id, label"
        )
        predictions = [sentence]
        predictions += [f"SELECT label, ai_classify(text, {labels}) AS predicted FROM {rows}" for labels in ways.values()]
        predictions.append(
            f"SELECT label, ai_classify_adapted(embed(text), {ways['names']}) OVER () AS predicted FROM {rows}"
        )
        found = []
        for predicted in predictions:
            sql = f"SELECT accuracy(predicted, label) AS accuracy FROM ({predicted})"
            found.append(self._rows([f"SET ai.model = '{model}'"], sql)[0]["accuracy"])
        return [f"{accuracy:.3f}" for accuracy in found]

    def _outside(self, model: str, rows: str, arguments: str) -> list[str]:
        """The area under the ROC curve of the best score, and the shares of rows with a label."""
        sql = (
            f"SELECT label IS NOT NULL AS inside, s['score'] AS score, s['status'] = 'ok' AS ok "
            f"FROM (SELECT label, ai_classify_status({arguments}) AS s FROM {rows}) WHERE s['score'] IS NOT NULL"
        )
        found = self._rows([f"SET ai.model = '{model}'"], sql)
        by_side = {side: [row for row in found if row["inside"] is side] for side in (True, False)}
        ok = [sum(row["ok"] for row in of_side) / len(of_side) for of_side in by_side.values()]
        return [f"{_area(by_side[True], by_side[False]):.3f}", *(f"{100 * share:.0f}%" for share in ok)]


def _area(inside: list[dict], outside: list[dict]) -> float:
    """Share of pairs in which the row inside has the higher score."""
    import numpy as np

    lower = np.sort([row["score"] for row in outside])
    scores = [row["score"] for row in inside]
    below, equal = np.searchsorted(lower, scores, "left"), np.searchsorted(lower, scores, "right")
    return float((below + equal).mean() / 2 / len(lower))
