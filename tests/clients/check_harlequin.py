"""harlequin: the catalogue tree and queries of its adapter for PostgreSQL."""

import importlib.metadata

from harlequin_postgres import HarlequinPostgresAdapter

from checks import Address, Servers, equal, run


def connect(address: Address):
    return HarlequinPostgresAdapter(conn_str=(address.url,)).connect()


def catalogue(servers: Servers) -> None:
    """catalogue: databases, schemas, tables, column types"""
    connection = connect(servers.read)
    databases = {item.label: item for item in connection.get_catalog().items}
    equal(servers.read.database in databases, True)
    schemas = {item.label: item for item in databases[servers.read.database].fetch_children()}
    tables = {item.label: item for item in schemas["public"].fetch_children()}
    equal(tables["products"].type_label, "t")
    types = {item.label: item.type_label for item in tables["products"].fetch_children()}
    equal(types, {"id": "##", "title": "s", "description": "s", "price": "#.#", "weight": "#.#", "in_stock": "t/f",
                  "added": "d", "updated": "ts", "tags": "?"})


def completions(servers: Servers) -> None:
    """completions"""
    found = {completion.label for completion in connect(servers.read).get_completions()}
    equal({"select", "categorize"} - {label.lower() for label in found}, set())


def queries(servers: Servers) -> None:
    """queries with a limit, transaction modes"""
    connection = connect(servers.read)
    cursor = connection.execute("SELECT id, title FROM products ORDER BY id")
    cursor.set_limit(5)
    rows = cursor.fetchall()
    equal((len(rows), [name for name, _ in cursor.columns()]), (5, ["id", "title"]))
    equal(connection.execute("SELECT categorize('red shoes', '')").fetchall() is not None, True)
    mode = connection.toggle_transaction_mode()
    connection.execute("SELECT 1").fetchall()
    if mode.rollback:
        mode.rollback()
    connection.toggle_transaction_mode()


run(importlib.metadata.version("harlequin-postgres"), [catalogue, completions, queries])
