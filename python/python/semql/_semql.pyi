"""What the compiled part of semql offers to the Python files beside it."""

import os
from typing import final

__all__ = [
    "AggregateFunction",
    "DATAFUSION",
    "Engine",
    "Error",
    "Extension",
    "Rows",
    "ScalarFunction",
    "SetupError",
    "WindowFunction",
    "__version__",
    "check",
    "functions",
    "interrupt",
    "main",
    "settings",
]

DATAFUSION: str
"""The version of DataFusion that semql was compiled with."""

__version__: str

class Error(Exception):
    """A statement failed; the message says what happened, where, and what to do."""

class SetupError(Error):
    """Something is missing on this machine: a model, a library, a dictionary."""

@final
class ScalarFunction:
    def __datafusion_scalar_udf__(self) -> object: ...

@final
class AggregateFunction:
    def __datafusion_aggregate_udf__(self) -> object: ...

@final
class WindowFunction:
    def __datafusion_window_udf__(self) -> object: ...

@final
class Extension:
    def __new__(cls, given: list[tuple[str, str]]) -> Extension: ...
    def __datafusion_extension_options__(self) -> object: ...

@final
class Rows:
    @property
    def message(self) -> str: ...
    @property
    def notes(self) -> list[str]: ...
    @property
    def columns(self) -> list[str]: ...
    def __len__(self) -> int: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def __arrow_c_schema__(self) -> object: ...
    def text(self, most: int) -> str: ...

@final
class Engine:
    def __new__(
        cls,
        settings: list[tuple[str, str]],
        data_dict: str | os.PathLike[str] | None,
        memory_limit: int | None,
    ) -> Engine: ...
    def run(self, text: str) -> Rows: ...
    def register(self, name: str, data: object) -> None: ...

def functions(
    given: list[tuple[str, str]], session: object
) -> tuple[list[ScalarFunction], list[AggregateFunction], list[WindowFunction]]:
    """The functions, with the settings given and then those of the session whose
    task context `session` provides."""

def interrupt() -> None:
    """End the inference that is under way on sessions with registered functions,
    after its current batch: datafusion lets go of a query on Ctrl-C, and does not
    tell its functions."""

def settings() -> list[tuple[str, str]]:
    """Every setting without its prefix, and what it is for."""

def check(given: list[tuple[str, str]]) -> None:
    """Refuse a setting that does not exist, or cannot have that value."""

def main(line: list[str]) -> int:
    """Run the shell with a command line, and give its exit code."""
