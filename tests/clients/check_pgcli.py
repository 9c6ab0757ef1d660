"""pgcli: the queries of its completion, and statements without a prompt."""

import os
import subprocess

import pgcli
from pgcli.pgexecute import PGExecute

from checks import Address, Servers, equal, run


def program(address: Address, *arguments: str, text: str = "") -> str:
    command = [os.path.join(os.environ["CLIENT_SCRIPTS"], "pgcli"), address.url, *arguments]
    result = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60,
                            env=dict(os.environ, PAGER="cat", EDITOR="cat"))
    if result.returncode != 0 or "rror" in result.stderr:
        raise AssertionError(f"{arguments} {text}: {result.stderr or result.stdout}")
    return result.stdout


def completion(servers: Servers) -> None:
    """completion: schemas, tables, views, columns, functions, types, databases, keys"""
    address = servers.read
    executor = PGExecute(address.database, address.user, "", address.host, address.port)
    equal("public" in executor.search_path(), True)
    equal("public" in list(executor.schemata()), True)
    equal({("public", "orders"), ("public", "products")} <= set(executor.tables()), True)
    list(executor.views())
    columns = [(column[1], column[2], column[3]) for column in executor.table_columns() if column[0] == "public"]
    equal({("products", "id", "bigint"), ("products", "title", "text")} <= set(columns), True)
    list(executor.view_columns())
    list(executor.foreignkeys())
    functions = [function.func_name for function in executor.functions()]
    equal("categorize" in functions, True)
    list(executor.datatypes())
    equal(address.database in executor.databases(), True)
    list(executor.casing())
    list(executor.full_databases())


def queries(servers: Servers) -> None:
    """a query by -c, a script by standard input, \\d, \\dt, \\df, \\l"""
    equal("tea pot 1" in program(servers.read, "-c", "SELECT title FROM products WHERE id = 1"), True)
    equal("products" in program(servers.read, "-c", "\\dt"), True)
    equal("title" in program(servers.read, "-c", "\\d products"), True)
    program(servers.read, "-c", "\\df categorize")
    program(servers.read, "-c", "\\dn")
    equal("datafusion" in program(servers.read, "--list"), True)


run(pgcli.__version__, [completion, queries])
