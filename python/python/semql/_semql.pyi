"""Types of the compiled module of semql."""

import os
from typing import NoReturn, final

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
"""Version of DataFusion that semql was compiled with."""

__version__: str

class Error(Exception):
    """A statement failed; the message has the cause, the line and the next step."""

class SetupError(Error):
    """This machine lacks a model, a library or a dictionary."""

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
    def columns(self) -> list[str]: ...
    def __len__(self) -> int: ...
    def next(self) -> Rows | None: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def __arrow_c_schema__(self) -> object: ...
    def text(self, max_rows: int) -> str: ...

@final
class Engine:
    def __new__(
        cls,
        settings: list[tuple[str, str]],
        data_dict: str | os.PathLike[str] | None,
        memory_limit: int | None,
    ) -> Engine: ...
    def run(self, text: str) -> Rows: ...
    def take_notices(self) -> list[str]: ...
    def register(self, name: str, data: object) -> None: ...

def functions(
    given: list[tuple[str, str]], session: object
) -> tuple[list[ScalarFunction], list[AggregateFunction], list[WindowFunction]]:
    """Functions with the given settings, changed by those of the session whose task
    context `session` provides."""

def interrupt() -> None:
    """Stop running inference in sessions with registered functions after its current
    batch: on Ctrl-C, datafusion drops a query without stopping its functions."""

def settings() -> list[tuple[str, str]]:
    """Name of every setting, without its prefix, and its description."""

def check(given: list[tuple[str, str]]) -> None:
    """Refuse unknown settings and invalid values."""

def main(line: list[str]) -> NoReturn:
    """Run the shell with a command line, and exit with its code."""
