"""Settings `ai.*` as keyword arguments."""

import sys
from typing import TypedDict

from . import _semql
from .library import find_library

if sys.version_info >= (3, 11):
    from typing import Unpack
else:
    from typing_extensions import Unpack

__all__ = ["Settings", "Unpack", "as_text"]

Size = int | str


class Settings(TypedDict, total=False):
    """Settings of `SET ai.*` as keyword arguments; None is the default."""

    model: str | None
    device: str | None
    precision: str | None
    device_memory: Size | None
    taxonomy: str | None
    min_score: float | None
    mode: str | None
    fast_agreement: float | None
    fast_escalation: float | None
    extractor: str | None
    attributes: str | None
    max_calls: int | None
    seed: int | None
    index_recall: float | None
    on_error: str | None
    threads: int | None
    batch_tokens: int | None
    cache: str | None
    cache_size: Size | None
    onnxruntime: str | None
    ep_library: str | None
    model_dir: str | None
    tracking_uri: str | None
    tracking_experiment: str | None


def as_text(settings: Settings) -> list[tuple[str, str]]:
    """Convert settings to text, and add the library of this Python environment.

    Raises ValueError for an unknown setting or an invalid value.
    """
    given = [(key, str(value)) for key, value in settings.items() if value is not None]
    _semql.check(given)
    found = find_library()
    if found is not None and settings.get("onnxruntime") is None:
        given.append(("onnxruntime", found))
    return given
