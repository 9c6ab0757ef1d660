"""marimo: SQL cells of a notebook that runs as a program."""

import json
import os
import pathlib
import subprocess
import sys

import marimo

from checks import Address, Servers, equal, run

NOTEBOOK = '''
import marimo

app = marimo.App()


@app.cell
def _():
    import json
    import marimo as mo
    import sqlalchemy

    engine = sqlalchemy.create_engine(URL)
    return engine, json, mo


@app.cell
def _(engine, mo):
    products = mo.sql(f"""SELECT id, title, price FROM products WHERE id <= {10} ORDER BY id""", engine=engine)
    return (products,)


@app.cell
def _(engine, mo):
    labels = mo.sql("""SELECT categorize(title, description) AS label, count(*) AS n FROM products GROUP BY 1""", engine=engine)
    return (labels,)


@app.cell
def _(json, labels, products):
    print("result:", json.dumps([len(products), products["title"][1], int(labels["n"].sum())]))
    return


if __name__ == "__main__":
    app.run()
'''

CATALOGUE = """
import json, sys
import sqlalchemy
from marimo._sql.engines.sqlalchemy import SQLAlchemyEngine

engine = SQLAlchemyEngine(sqlalchemy.create_engine(sys.argv[1]))
databases = engine.get_databases(include_schemas=True, include_tables=True, include_table_details=True)
tables = {table.name: [column.name for column in table.columns]
          for database in databases for schema in database.schemas for table in schema.tables}
print("result:", json.dumps(tables))
"""


def printed(arguments: "list[str]") -> object:
    """Value that a program printed behind `result:`."""
    result = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120)
    lines = [line for line in result.stdout.splitlines() if line.startswith("result:")]
    if not lines:
        raise AssertionError(result.stderr[-600:] or result.stdout[-600:])
    return json.loads(lines[0].split(":", 1)[1])


def cells(servers: Servers) -> None:
    """SQL cells, run as a program"""
    pathlib.Path("notebook.py").write_text(NOTEBOOK.replace("URL", repr(servers.read.with_driver("psycopg2"))))
    equal(printed(["notebook.py"]), [10, 'pen; "blue" 2', 500])


def exports(servers: Servers) -> None:
    """export of the notebook with its results to HTML"""
    marimo_program = os.path.join(os.path.dirname(sys.executable), "marimo")
    result = subprocess.run([marimo_program, "-y", "export", "html", "notebook.py", "-o", "out.html"],
                            capture_output=True, text=True, timeout=180)
    equal((result.returncode, result.stderr[-300:] if result.returncode else ""), (0, ""))
    equal("garden chair 4" in pathlib.Path("out.html").read_text(), True)


def catalogue(servers: Servers) -> None:
    """data sources panel: databases, schemas, tables, columns"""
    tables = printed(["-c", CATALOGUE, servers.read.with_driver("psycopg2")])
    equal(tables["orders"], ["id", "product_id", "quantity"])


run(marimo.__version__, [cells, exports, catalogue])
