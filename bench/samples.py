"""Texts of the measurements.

Always distinct ones, so that semql's leaving out of repeated texts gives it
nothing here, and always the same for the same data: a sample by a fixed seed.
"""

import json
import pathlib
import random
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SEED = 20
WARM_UP_TEXTS = 32


class MissingData(Exception):
    """A data set is not there; its section is left out."""


def mwpd2020(data: pathlib.Path, count: int) -> tuple[list[str], list[str]]:
    """Texts to measure with and texts to warm up with, from people's shop pages."""
    with existing(data / "mwpd2020" / "train.jsonl").open(encoding="utf-8") as lines:
        offers = [json.loads(line) for line in lines]
    return _sample((_join(offer["Name"], offer["Description"]) for offer in offers), count)


def products_with_text(data: pathlib.Path, count: int) -> tuple[list[str], list[str]]:
    """As above, from the rows of products.parquet whose text is not empty."""
    table = pq.read_table(existing(data / "products.parquet"), columns=["title", "text"])
    table = table.filter(pc.greater(pc.utf8_length(table["text"]), 0))
    pairs = zip(table["title"].to_pylist(), table["text"].to_pylist(), strict=True)
    return _sample((_join(title, text) for title, text in pairs), count)


def titles(data: pathlib.Path, count: int) -> tuple[list[str], list[str]]:
    """As above, the titles of products.parquet alone."""
    table = pq.read_table(existing(data / "products.parquet"), columns=["title"])
    return _sample(table["title"].to_pylist(), count)


def existing(path: pathlib.Path) -> pathlib.Path:
    """The path; fails where nothing is."""
    if not path.is_file():
        raise MissingData(f"{path.name} is not there; `--data FOLDER` says where the data sets are")
    return path


def write(texts: list[str], path: pathlib.Path) -> None:
    """A table of row numbers and texts for semql, and beside it the texts as JSON for its peers."""
    table = pa.table({"row": pa.array(range(len(texts)), pa.int64()), "text": pa.array(texts, pa.string())})
    pq.write_table(table, path)
    path.with_suffix(".json").write_text(json.dumps(texts))


def _join(title: "str | None", text: "str | None") -> str:
    return ". ".join(part.strip() for part in (title, text) if part and part.strip())


def _sample(texts: Iterable["str | None"], count: int) -> tuple[list[str], list[str]]:
    distinct = list(dict.fromkeys(text.strip() for text in texts if text and text.strip()))
    if len(distinct) < count + WARM_UP_TEXTS:
        raise MissingData(f"there are {len(distinct)} distinct texts, fewer than {count + WARM_UP_TEXTS}")
    chosen = random.Random(SEED).sample(distinct, count + WARM_UP_TEXTS)
    return chosen[:count], chosen[count:]
