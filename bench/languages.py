"""Accuracy by language: the detector, and an English encoder beside a multilingual one."""

import dataclasses
import json
import pathlib
import sys

import report
import samples
from shell import Shell, quoted

ENGLISH_MODEL = "all-minilm-l6-v2"
MULTILINGUAL_MODEL = "multilingual-e5-small"
SAMPLE = pathlib.Path(__file__).parent.parent / "queries" / "sample" / "products.jsonl"
# The languages of SIB-200, with their ISO 639-1 codes.
LANGUAGES = {
    "eng": "en", "deu": "de", "fra": "fr", "spa": "es", "por": "pt",
    "rus": "ru", "arb": "ar", "hin": "hi", "jpn": "ja", "zho": "zh",
}


@dataclasses.dataclass(frozen=True)
class Bench:
    shell: Shell
    data: pathlib.Path
    # Folder with the multilingual model, if it is not among the installed ones.
    multilingual: "pathlib.Path | None" = None

    def section(self) -> str:
        """The section of the report, in markdown."""
        texts = quoted(samples.existing(self.data / "labels" / "sib200.jsonl"))
        installed = self._rows([], "SELECT name FROM ai_models() WHERE on_this_machine")
        models = {name: name for name in (ENGLISH_MODEL, MULTILINGUAL_MODEL) if {"name": name} in installed}
        if self.multilingual:
            models[MULTILINGUAL_MODEL] = str(self.multilingual)
        topics = self._rows([], f"SELECT DISTINCT label FROM {texts} ORDER BY label")
        labels = f"[{', '.join(quoted(row['label']) for row in topics)}]"
        columns = {"detected": self._detected(texts)}
        for name, model in models.items():
            print(f"bench: languages: {name}", file=sys.stderr, flush=True)
            columns[name] = self._by_language(
                [f"SET ai.model = {quoted(model)}"],
                f"SELECT language, accuracy(ai_classify(text, {labels}), label) AS share FROM {texts} GROUP BY language",
            )
        rows = [
            [code, *(f"{column[language]:.3f}" for column in columns.values())] for language, code in LANGUAGES.items()
        ]
        others = [language for language in LANGUAGES if language != "eng"]
        means = (sum(column[language] for language in others) / len(others) for column in columns.values())
        rows.append(["mean without English", *(f"{mean:.3f}" for mean in means)])
        return (
            "SIB-200, development set: 99 sentences of each language, seven topics in English. `detected`: the share of "
            "sentences for which `ai_language` gives the language (for others, NULL or another one). Then the accuracy of "
            "`ai_classify` with the names of the topics, by model.\n\n" + report.table(["language", *columns], rows, left=1)
            + "\n\nAccuracy of `categorize` on the shipped sample of offers, by the language that `ai_language` gives.\n\n"
            + self._categories(models)
        )

    def _categories(self, models: dict[str, str]) -> str:
        """Accuracy of the eight categories on the shipped sample, by language and model."""
        found: dict[str, list[str]] = {}
        for model in models.values():
            print(f"bench: languages: categories, {model}", file=sys.stderr, flush=True)
            predicted = self._rows(
                [f"SET ai.model = {quoted(model)}"],
                "SELECT coalesce(language, 'uncertain') AS language, count(*) AS offers, accuracy(predicted, gold) AS share "
                "FROM (SELECT ai_language(concat_ws('. ', title, text)) AS language, gold, categorize(title, text) AS predicted "
                f"FROM {quoted(SAMPLE)} WHERE gold IS NOT NULL) GROUP BY ROLLUP (language) "
                "ORDER BY grouping(language), offers DESC, language",
            )
            for row in predicted[:-1]:
                cells = found.setdefault(row["language"], [row["language"], str(row["offers"])])
                cells.append(f"{row['share']:.3f}")
            cells = found.setdefault("all", ["all", str(predicted[-1]["offers"])])
            cells.append(f"{predicted[-1]['share']:.3f}")
        return report.table(["language", "offers", *models], list(found.values()), left=1)

    def _detected(self, texts: str) -> dict[str, float]:
        cases = " ".join(f"WHEN '{language}' THEN '{code}'" for language, code in LANGUAGES.items())
        right = f"CASE WHEN ai_language(text) = CASE language {cases} END THEN 1.0 ELSE 0.0 END"
        return self._by_language([], f"SELECT language, avg({right}) AS share FROM {texts} GROUP BY language")

    def _by_language(self, set_up: list[str], sql: str) -> dict[str, float]:
        return {row["language"]: row["share"] for row in self._rows(set_up, sql)}

    def _rows(self, set_up: list[str], sql: str) -> list[dict]:
        return json.loads(self.shell.rows_as_json(set_up, sql))
