"""ADBC's driver for PostgreSQL, which reads and writes by binary COPY."""

import adbc_driver_postgresql.dbapi
import pyarrow

from checks import Servers, equal, run


def reads(servers: Servers) -> None:
    """Arrow tables and record batches"""
    with adbc_driver_postgresql.dbapi.connect(servers.read.url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id, title, weight, in_stock, added, updated, tags FROM products ORDER BY id")
        table = cursor.fetch_arrow_table()
        equal(table.num_rows, 500)
        equal([str(field.type) for field in table.schema],
              ["int64", "string", "double", "bool", "date32[day]", "timestamp[us]", "list<item: string>"])
        equal(table.column("title")[1].as_py(), 'pen; "blue" 2')
        cursor.execute("SELECT id, quantity FROM orders")
        equal(sum(batch.num_rows for batch in cursor.fetch_record_batch()), 2000)
        cursor.execute("SELECT title FROM products WHERE id = $1", (4,))
        equal(cursor.fetchone(), ("garden chair 4",))


def metadata(servers: Servers) -> None:
    """get_objects, get_table_schema, table types"""
    with adbc_driver_postgresql.dbapi.connect(servers.read.url) as connection:
        schema = connection.adbc_get_table_schema("products")
        equal([field.name for field in schema][:3], ["id", "title", "description"])
        equal(str(schema.field("id").type), "int64")
        objects = connection.adbc_get_objects(depth="columns", db_schema_filter="public").read_all().to_pylist()
        tables = [table["table_name"] for catalog in objects for schema in catalog["catalog_db_schemas"] or []
                  for table in schema["db_schema_tables"] or []]
        equal(sorted(set(tables) & {"orders", "products"}), ["orders", "products"])
        equal("table" in connection.adbc_get_table_types(), True)


def writes(servers: Servers) -> None:
    """adbc_ingest: create, append"""
    data = pyarrow.table({"id": pyarrow.array([1, 2], pyarrow.int64()), "name": ["a", None], "weight": [0.5, 1.5],
                          "added": pyarrow.array([0, 1], pyarrow.date32())})
    with adbc_driver_postgresql.dbapi.connect(servers.write.url) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS adbc_items")
        equal(cursor.adbc_ingest("adbc_items", data, mode="create"), 2)
        equal(cursor.adbc_ingest("adbc_items", data, mode="append"), 2)
        connection.commit()
        cursor.execute("SELECT id, name, weight, added FROM adbc_items ORDER BY id")
        equal(cursor.fetch_arrow_table().column("name").to_pylist(), ["a", "a", None, None])
        cursor.execute("DROP TABLE adbc_items")
        connection.commit()


run(adbc_driver_postgresql.__version__, [reads, metadata, writes])
