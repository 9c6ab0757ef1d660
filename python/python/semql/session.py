"""A session of semql's own: all that the shell can do."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Protocol

from . import _semql
from .settings import Settings, Unpack, as_text

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

__all__ = ["ArrowStream", "Result", "Session", "connect"]

logger = logging.getLogger("semql")

#: Rows that a result shows of itself.
SHOWN = 20


class ArrowStream(Protocol):
    """Anything with rows: tables of pyarrow, DataFrames of polars or pandas."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Give the rows as an Arrow stream."""


class Result:
    """The rows that a statement gave.

    It is an Arrow stream, which other libraries take over without copying:
    `pyarrow.table(result)`, `polars.DataFrame(result)`.
    """

    def __init__(self, rows: _semql.Rows) -> None:
        self._rows = rows

    @property
    def columns(self) -> list[str]:
        """The names of the columns; none where the statement gives no rows."""
        return self._rows.columns

    @property
    def message(self) -> str:
        """What was done, such as `created table t`; empty for rows."""
        return self._rows.message

    def to_arrow(self) -> pyarrow.Table:
        """All rows as a table of pyarrow."""
        import pyarrow

        return pyarrow.table(self)

    def to_pandas(self) -> pandas.DataFrame:
        """All rows as a DataFrame of pandas."""
        return self.to_arrow().to_pandas()

    def to_polars(self) -> polars.DataFrame:
        """All rows as a DataFrame of polars."""
        import polars

        return polars.DataFrame(self)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._rows.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        return self._rows.__arrow_c_schema__()

    def __len__(self) -> int:
        return len(self._rows)

    def __bool__(self) -> bool:
        # A result without rows is a result too.
        return True

    def __repr__(self) -> str:
        if not self.columns:
            return self.message or "done"
        more = len(self) - SHOWN
        tail = f"\n... and {more} more" if more > 0 else ""
        return self._rows.text(SHOWN) + tail


class Session:
    """Tables, models and settings to run SQL with; see :func:`connect`."""

    def __init__(
        self,
        *,
        data_dict: str | os.PathLike[str] | None = None,
        memory_limit: int | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        given = [(f"ai.{key}", value) for key, value in as_text(settings)]
        self._engine = _semql.Engine(given, data_dict, memory_limit)

    def sql(self, statements: str) -> Result:
        """Run statements to their end, and give the rows of the last one.

        What the shell would say on standard error, such as the device that was
        used, goes to the logger `semql`. Ctrl-C stops the statement.

        Raises semql.Error, or KeyboardInterrupt.
        """
        rows = self._engine.run(statements)
        for note in rows.notes:
            logger.warning(note)
        return Result(rows)

    def register(self, name: str, data: ArrowStream) -> None:
        """Make a table of the rows in `data`, in place of one that has its name.

        The rows are not copied where they need no conversion.
        """
        self._engine.register(name, data)


def connect(
    *,
    data_dict: str | os.PathLike[str] | None = None,
    memory_limit: int | None = None,
    **settings: Unpack[Settings],
) -> Session:
    """Open a session with everything that the shell has.

    Files are tables (`SELECT * FROM 'products.parquet'`), model calls are
    planned so that each text is read once, and `vector_search`, CREATE MODEL,
    CREATE INDEX, SUMMARIZE and fast mode work.

    `data_dict` is the data dictionary (`data_dict.yaml` in the working folder,
    if there is one), `memory_limit` the bytes that queries may take before they
    spill to disk, and the others are settings of `SET ai.*`.

    Raises ValueError for a setting that does not exist or cannot have that
    value, and SetupError for a dictionary that is not there.
    """
    return Session(data_dict=data_dict, memory_limit=memory_limit, **settings)
