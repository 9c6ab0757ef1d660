"""Exchange of data with pandas, polars and pyarrow."""

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import semql
from datafusion import SessionContext

from conftest import PRODUCTS

QUERY = "SELECT id, title, categorize(title, title) AS category, embed(title) AS v FROM mine ORDER BY id"


def test_pandas_round_trip(session: semql.Session) -> None:
    session.register("mine", PRODUCTS.to_pandas())
    frame = session.sql(QUERY).to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == ["id", "title", "category", "v"]
    assert frame["category"].notna().tolist() == [True, True, True, False, False]
    assert len(frame["v"][0]) == 16


def test_polars_round_trip(session: semql.Session) -> None:
    session.register("mine", pl.DataFrame(PRODUCTS))
    frame = session.sql(QUERY).to_polars()
    assert frame.schema["v"] == pl.Array(pl.Float32, 16)
    assert frame["category"].null_count() == 2
    assert frame["title"].to_list() == PRODUCTS["title"].to_pylist()


def test_a_result_can_be_read_more_than_once(session: semql.Session) -> None:
    session.register("mine", PRODUCTS)
    result = session.sql(QUERY)
    assert pa.table(result) == pa.table(result)
    assert pa.schema(result).names == result.columns
    assert pa.RecordBatchReader.from_stream(result).read_all().num_rows == len(result)


def test_rows_are_not_copied(session: semql.Session) -> None:
    session.register("numbers", pa.table({"a": pa.array(range(1000), pa.int64())}))
    result = session.sql("SELECT a FROM numbers")
    addresses = [pa.table(result)["a"].chunk(0).buffers()[1].address for _ in range(2)]
    assert addresses[0] == addresses[1]


def test_registering_replaces_a_table(session: semql.Session) -> None:
    for rows in (1, 3):
        session.register("t", pl.DataFrame({"a": list(range(rows))}))
        assert len(session.sql("SELECT * FROM t")) == rows


def test_a_result_can_be_registered(session: semql.Session) -> None:
    session.register("t", session.sql("SELECT 1 AS a, 'x' AS b"))
    assert session.sql("SELECT a, b FROM t").to_arrow().to_pylist() == [{"a": 1, "b": "x"}]


def test_data_without_an_arrow_stream_is_refused(session: semql.Session) -> None:
    with pytest.raises(TypeError, match="has no Arrow stream; pass a table of pyarrow"):
        session.register("t", [1, 2])  # type: ignore[arg-type]


def test_an_empty_result_keeps_its_columns(session: semql.Session) -> None:
    result = session.sql("SELECT id, title FROM products WHERE id > 9")
    assert len(result) == 0
    assert list(result.to_pandas().columns) == ["id", "title"]
    assert result.to_polars().columns == ["id", "title"]


def test_registered_functions_work_on_pandas_and_polars(ctx: SessionContext) -> None:
    ctx.from_pandas(PRODUCTS.to_pandas(), name="mine")
    assert ctx.sql(QUERY).to_pandas()["category"].notna().sum() == 3
    ctx.deregister_table("mine")
    ctx.from_polars(pl.DataFrame(PRODUCTS), name="mine")
    assert ctx.sql(QUERY).to_polars()["category"].null_count() == 2
