"""pandas: read_sql, whole and in chunks, read_sql_table, to_sql."""

import pandas
import sqlalchemy

from checks import Servers, equal, run


def reads(servers: Servers) -> None:
    """read_sql with parameters and dtypes"""
    engine = sqlalchemy.create_engine(servers.read.with_driver("psycopg2"))
    frame = pandas.read_sql("SELECT * FROM products WHERE id <= %(top)s ORDER BY id", engine, params={"top": 10}, index_col="id")
    equal(frame.shape, (10, 8))
    equal(str(frame["updated"].dtype).startswith("datetime64"), True)
    equal(str(frame["weight"].dtype), "float64")
    equal(frame["title"].iloc[1], 'pen; "blue" 2')
    engine.dispose()


def tables(servers: Servers) -> None:
    """read_sql_table"""
    engine = sqlalchemy.create_engine(servers.read.with_driver("psycopg"))
    frame = pandas.read_sql_table("products", engine, columns=["id", "price", "updated"], parse_dates=["updated"])
    equal((len(frame), float(frame["price"].sum())), (500, 156562.5))
    engine.dispose()


def chunks(servers: Servers) -> None:
    """read_sql in chunks from a server-side cursor"""
    engine = sqlalchemy.create_engine(servers.read.with_driver("psycopg2"))
    with engine.connect().execution_options(stream_results=True) as connection:
        sizes = [len(frame) for frame in pandas.read_sql(sqlalchemy.text("SELECT * FROM orders"), connection, chunksize=600)]
    equal(sizes, [600, 600, 600, 200])
    engine.dispose()


def writes(servers: Servers) -> None:
    """to_sql: replace, append, multi"""
    engine = sqlalchemy.create_engine(servers.write.with_driver("psycopg2"))
    frame = pandas.DataFrame({
        "id": [1, 2, 3], "name": ["a", "b;c", None], "price": [1.5, None, 2.5], "flag": [True, False, True],
        "day": pandas.to_datetime(["2026-01-01 00:00:00", "2026-01-02 03:04:05", None])})
    frame.to_sql("pandas_items", engine, index=False, if_exists="replace")
    frame.to_sql("pandas_items", engine, index=False, if_exists="append", method="multi", chunksize=2)
    frame.to_sql("pandas_items", engine, index=False, if_exists="replace", method="multi")
    frame.to_sql("pandas_items", engine, index=False, if_exists="append")
    back = pandas.read_sql("SELECT * FROM pandas_items ORDER BY id", engine)
    equal((len(back), back["name"].isna().sum(), float(back["price"].sum())), (6, 2, 8.0))
    equal(str(back["flag"].dtype), "bool")
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("DROP TABLE pandas_items"))
    engine.dispose()


run(pandas.__version__, [reads, tables, chunks, writes])
