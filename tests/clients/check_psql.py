"""psql: every backslash command that describes something, variables, copies."""

import os
import pathlib
import re
import subprocess

from checks import Address, Servers, equal, run

# Commands that must answer without an error, whatever they list.
DESCRIBING = [
    "\\d", "\\d+", "\\d products", "\\d+ products", "\\d pro*", "\\da", "\\dA", "\\dAc", "\\db", "\\db+", "\\dc", "\\dC",
    "\\dconfig", "\\dd", "\\dD", "\\ddp", "\\des", "\\det", "\\deu", "\\dew", "\\dF", "\\dFd", "\\dFp", "\\dFt", "\\df",
    "\\df+", "\\dg", "\\di", "\\di+", "\\dl", "\\dL", "\\dm", "\\dn", "\\dn+", "\\do", "\\dO", "\\dp", "\\dP", "\\drds",
    "\\dRp", "\\dRs", "\\ds", "\\dt", "\\dt+", "\\dT", "\\dT+", "\\du", "\\du+", "\\dv", "\\dv+", "\\dx", "\\dX", "\\dy",
    "\\l", "\\l+", "\\z", "\\z products", "\\conninfo", "\\encoding", "\\sf categorize", "\\dt public.*", "\\dtvs",
    "\\dfa", "\\dfn", "\\dfw", "\\dS", "\\dtS+",
]


def psql(address: Address, *commands: str, options: "tuple[str, ...]" = ()) -> str:
    """Standard output of commands that must succeed."""
    arguments = ["psql", "--no-psqlrc", "--no-password", "-v", "ON_ERROR_STOP=1", *options, address.url]
    for command in commands:
        arguments += ["-c", command]
    result = subprocess.run(arguments, capture_output=True, text=True, env=dict(os.environ, PAGER=""))
    if result.returncode != 0 or "ERROR" in result.stderr:
        raise AssertionError(f"{commands[-1]}: {result.stderr}")
    return result.stdout


def rows(address: Address, *commands: str) -> "list[str]":
    return psql(address, *commands, options=("-At",)).splitlines()


def version() -> str:
    return re.search(r"\d+(\.\d+)+", subprocess.run(["psql", "--version"], capture_output=True, text=True).stdout)[0]


def describes(servers: Servers) -> None:
    """every \\d command"""
    failures = []
    for command in DESCRIBING:
        try:
            psql(servers.read, command)
        except AssertionError as error:
            failures.append(" ".join(str(error).split()))
    if failures:
        raise AssertionError(f"{len(failures)} of {len(DESCRIBING)} failed: " + "; ".join(failures))


def contents(servers: Servers) -> None:
    """tables, columns and functions with their descriptions"""
    equal([line.split("|")[1] for line in rows(servers.read, "\\dt public.*")], ["orders", "products"])
    equal("What the shop sells" in psql(servers.read, "\\dt+"), True)
    table = rows(servers.read, "\\d+ products")
    equal(table[0].split("|")[:2], ["id", "bigint"])
    equal(table[1].split("|")[:2], ["title", "text"])
    equal("What it says on the label" in table[1], True)
    equal([line.split("|")[1] for line in rows(servers.read, "\\df categorize")][:1], ["categorize"])
    equal("categor" in psql(servers.read, "\\df+ categorize").lower(), True)
    equal("categorize" in psql(servers.read, "\\sf categorize"), True)


def queries(servers: Servers) -> None:
    """variables, \\gset, \\gexec, \\gdesc, \\crosstabview, FETCH_COUNT"""
    script = "\\set FETCH_COUNT 50\nSELECT count(*) AS n FROM orders \\gset\nSELECT :n + 1;\n" \
             "SELECT 'SELECT ' || id FROM products WHERE id < 3 ORDER BY id \\gexec\n" \
             "\\set label 'tea pot 1'\nSELECT id FROM products WHERE title = :'label';\n" \
             "SELECT id FROM products ORDER BY id;\n"
    file = pathlib.Path("script.sql")
    file.write_text(script)
    found = psql(servers.read, options=("-At", "-f", str(file))).split()
    equal(found[:5], ["2001", "1", "2", "1", "1"])
    equal(len(found), 504)
    crosstab = "SELECT in_stock, id % 2 AS odd, count(*) FROM products GROUP BY 1, 2 \\crosstabview"
    pathlib.Path("crosstab.sql").write_text(crosstab + "\n")
    equal("(2 rows)" in psql(servers.read, options=("-f", "crosstab.sql")), True)
    pathlib.Path("gdesc.sql").write_text("SELECT id, title, price FROM products \\gdesc\n")
    equal(psql(servers.read, options=("-At", "-f", "gdesc.sql")).splitlines(), ["id|bigint", "title|text", "price|numeric(10,2)"])


def copies(servers: Servers) -> None:
    """\\copy both ways"""
    psql(servers.read, "\\copy (SELECT id, title FROM products WHERE id < 4 ORDER BY id) TO 'out.csv' CSV HEADER")
    equal(pathlib.Path("out.csv").read_text().splitlines()[2], '2,"pen; ""blue"" 2"')
    psql(servers.write, "DROP TABLE IF EXISTS psql_items", "CREATE TABLE psql_items (id int, title text)",
         "\\copy psql_items FROM 'out.csv' CSV HEADER")
    equal(rows(servers.write, "SELECT title FROM psql_items WHERE id = 2"), ['pen; "blue" 2'])
    psql(servers.write, "DROP TABLE psql_items")


def batches(servers: Servers) -> None:
    """--single-transaction, errors with SQLSTATE"""
    pathlib.Path("one.sql").write_text("SELECT 1;\nSELECT 2;\n")
    equal(psql(servers.read, options=("-At", "--single-transaction", "-f", "one.sql")).split(), ["1", "2"])
    result = subprocess.run(["psql", "--no-psqlrc", servers.read.url, "-v", "VERBOSITY=verbose", "-c",
                             "SELECT missing_column FROM products"], capture_output=True, text=True)
    equal("42703" in result.stderr, True)


run(version(), [describes, contents, queries, copies, batches])
