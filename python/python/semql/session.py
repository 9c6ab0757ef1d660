"""Session with all functions and statements of the shell."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Protocol

from . import _semql
from .settings import Settings, Unpack, as_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas
    import polars
    import pyarrow

__all__ = ["ArrowStream", "Result", "Session", "connect"]

logger = logging.getLogger("semql")

#: Maximum number of rows in the representation of a result.
MAX_SHOWN_ROWS = 20


class ArrowStream(Protocol):
    """Object with rows, such as a table of pyarrow, or a DataFrame of polars or pandas."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return the rows as an Arrow stream."""


class Result:
    """Rows of a statement.

    An Arrow stream, which other libraries import without a copy:
    `pyarrow.table(result)`, `polars.DataFrame(result)`. The first rows are computed
    by `sql`, and the others when the result is read.
    """

    def __init__(self, rows: _semql.Rows, engine: _semql.Engine) -> None:
        self._rows = rows
        self._engine = engine
        self._log_notices()

    def _log_notices(self) -> None:
        for notice in self._engine.take_notices():
            logger.warning(notice)

    @property
    def columns(self) -> list[str]:
        """Names of the columns; empty for a statement without rows."""
        return self._rows.columns

    @property
    def message(self) -> str:
        """Description of what was done, such as `created table t`; empty for rows."""
        return self._rows.message

    def to_arrow(self) -> pyarrow.Table:
        """Convert the rows to a table of pyarrow."""
        import pyarrow

        return pyarrow.table(self)

    def to_reader(self) -> pyarrow.RecordBatchReader:
        """Stream the rows, once, to a reader of pyarrow.

        Rows are computed as the reader is read, and are not kept.
        """
        import pyarrow

        return pyarrow.RecordBatchReader.from_batches(pyarrow.schema(self._rows), self._batches())

    def _batches(self) -> Iterator[pyarrow.RecordBatch]:
        import pyarrow

        while (rows := self._rows.next()) is not None:
            yield from pyarrow.table(rows).to_batches()
        self._log_notices()

    def to_pandas(self) -> pandas.DataFrame:
        """Convert the rows to a DataFrame of pandas."""
        return self.to_arrow().to_pandas()

    def to_polars(self) -> polars.DataFrame:
        """Convert the rows to a DataFrame of polars."""
        import polars

        return polars.DataFrame(self)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        stream = self._rows.__arrow_c_stream__(requested_schema)
        self._log_notices()
        return stream

    def __arrow_c_schema__(self) -> object:
        return self._rows.__arrow_c_schema__()

    def __len__(self) -> int:
        return len(self._rows)

    def __bool__(self) -> bool:
        # A result without rows is true, unlike other objects of length 0.
        return True

    def __repr__(self) -> str:
        if not self.columns:
            return self.message or "done"
        more = len(self) - MAX_SHOWN_ROWS
        tail = f"\n... and {more} more" if more > 0 else ""
        return self._rows.text(MAX_SHOWN_ROWS) + tail


class Session:
    """Session with tables, models and settings; see :func:`connect`."""

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
        """Run statements, and return the rows of the last one.

        Notices that the shell prints on standard error, such as the device of
        inference, go to the logger `semql`. Ctrl-C stops the statement.

        Raises semql.Error, or KeyboardInterrupt.
        """
        return Result(self._engine.run(statements), self._engine)

    def register(self, name: str, data: ArrowStream) -> None:
        """Register the rows in `data` as a table, and replace one of that name.

        Rows are copied only if they need a conversion.
        """
        self._engine.register(name, data)


def connect(
    *,
    data_dict: str | os.PathLike[str] | None = None,
    memory_limit: int | None = None,
    **settings: Unpack[Settings],
) -> Session:
    """Open a session with all functions and statements of the shell.

    Files are tables (`SELECT * FROM 'products.parquet'`), each text is read once
    by a model, and `vector_search`, CREATE MODEL, CREATE INDEX, SUMMARIZE and
    fast mode work.

    `data_dict` is the path of the data dictionary; the default is
    `data_dict.yaml` in the working folder, if it exists. `memory_limit` is the
    memory of queries in bytes, beyond which they spill to disk. The others are
    settings of `SET ai.*`.

    Raises ValueError for an unknown setting or an invalid value, and SetupError
    for a missing dictionary.
    """
    return Session(data_dict=data_dict, memory_limit=memory_limit, **settings)
