"""polars: read_database with SQLAlchemy, read_database_uri with connectorx and ADBC."""

import importlib.metadata

import polars
import sqlalchemy

from checks import Servers, equal, run

QUERY = "SELECT id, title, price, weight, in_stock, added, updated FROM products"


def expect_products(frame: polars.DataFrame) -> None:
    equal((frame.height, frame["id"].sum(), frame["weight"].sum()), (500, 125250, 15656.25))
    equal(frame["in_stock"].sum(), 166)
    equal(frame["added"].dtype, polars.Date)
    equal(str(frame["updated"].min()), "2026-01-01 06:31:00")


def read_database(servers: Servers) -> None:
    """read_database, whole and in batches"""
    engine = sqlalchemy.create_engine(servers.read.with_driver("psycopg"))
    expect_products(polars.read_database(QUERY, engine))
    batches = list(polars.read_database("SELECT id FROM orders", engine, iter_batches=True, batch_size=900))
    equal(sum(batch.height for batch in batches), 2000)
    frame = polars.read_database("SELECT id FROM products WHERE id < :top", engine, execute_options={"parameters": {"top": 5}})
    equal(frame.height, 4)
    engine.dispose()


def connectorx(servers: Servers) -> None:
    """read_database_uri with connectorx"""
    expect_products(polars.read_database_uri(QUERY, servers.read.url, engine="connectorx"))
    frame = polars.read_database_uri("SELECT price, tags FROM products ORDER BY id", servers.read.url)
    equal((float(frame["price"].sum()), frame["tags"].to_list()[0]), (156562.5, ["all", "odd"]))


def partitions(servers: Servers) -> None:
    """connectorx in partitions"""
    frame = polars.read_database_uri("SELECT id, quantity FROM orders", servers.read.url, partition_on="id", partition_num=3)
    equal((frame.height, frame["quantity"].sum()), (2000, 8000))


def adbc(servers: Servers) -> None:
    """read_database_uri with ADBC"""
    expect_products(polars.read_database_uri(QUERY, servers.read.url, engine="adbc"))


def writes(servers: Servers) -> None:
    """write_database with SQLAlchemy and ADBC"""
    frame = polars.DataFrame({"id": [1, 2], "name": ["a", None], "price": [1.5, 2.5]})
    for engine in ("sqlalchemy", "adbc"):
        address = servers.write.with_driver("psycopg2") if engine == "sqlalchemy" else servers.write.url
        frame.write_database("polars_items", address, engine=engine, if_table_exists="replace")
        frame.write_database("polars_items", address, engine=engine, if_table_exists="append")
        back = polars.read_database_uri("SELECT * FROM polars_items", servers.write.url, engine="adbc")
        equal((back.height, back["name"].null_count(), back["price"].sum()), (4, 2, 8.0))
    connection = sqlalchemy.create_engine(servers.write.with_driver("psycopg2"))
    with connection.begin() as session:
        session.execute(sqlalchemy.text("DROP TABLE polars_items"))
    connection.dispose()


run(f"{polars.__version__}, connectorx {importlib.metadata.version('connectorx')}",
    [read_database, connectorx, partitions, adbc, writes])
