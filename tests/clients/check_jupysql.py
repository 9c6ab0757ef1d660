"""JupySQL in a notebook's kernel that runs without a browser."""

import importlib.metadata

import nbclient
import nbformat

from checks import Address, Servers, equal, run


def results(address: Address, *cells: str) -> "list[str]":
    """Text of each cell's last result."""
    notebook = nbformat.v4.new_notebook()
    prefix = ["%load_ext sql", "%config SqlMagic.displaycon = False", f"%sql {address.with_driver('psycopg2')}"]
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in [*prefix, *cells]]
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    texts = []
    for cell in notebook.cells[len(prefix):]:
        outputs = [output for output in cell.outputs if output.output_type in ("execute_result", "stream", "display_data")]
        last = outputs[-1] if outputs else None
        texts.append("" if last is None else last.get("text") or last["data"]["text/plain"])
    return texts


def queries(servers: Servers) -> None:
    """%sql and %%sql, variables, DataFrame, snippets"""
    found = results(
        servers.read,
        "%sql SELECT count(*) AS n FROM products",
        "top = 3\nresult = %sql SELECT id, title FROM products WHERE id <= {{top}} ORDER BY id\nframe = result.DataFrame()\nprint(frame.shape, frame['title'][1])",
        "%%sql --save cheap\nSELECT * FROM products WHERE price < 10",
        "%sql SELECT count(*) AS n FROM cheap",
        "%sql SELECT categorize(title, description) AS label, count(*) AS n FROM products GROUP BY 1")
    equal("500" in found[0], True)
    equal(found[1].strip(), '(3, 2) pen; "blue" 2')
    equal("7" in found[3], True)
    equal("label" in found[4], True)


def commands(servers: Servers) -> None:
    """%sqlcmd tables, columns, explore, profile"""
    tables, columns, profile = results(
        servers.read, "%sqlcmd tables", "%sqlcmd columns --table products", "%sqlcmd profile --table orders")
    equal("products" in tables and "orders" in tables, True)
    equal("title" in columns and "NUMERIC" in columns, True)
    equal("quantity" in profile and "25%" in profile, True)


def plots(servers: Servers) -> None:
    """%sqlplot histogram and boxplot"""
    results(servers.read, "%sqlplot histogram --table products --column weight --bins 5",
            "%sqlplot boxplot --table products --column weight")


def writes(servers: Servers) -> None:
    """CREATE TABLE, INSERT, --persist of a DataFrame"""
    found = results(
        servers.write,
        "%%sql\nDROP TABLE IF EXISTS jupysql_items;\nCREATE TABLE jupysql_items (id int);\nINSERT INTO jupysql_items VALUES (1), (2);\nSELECT count(*) AS n FROM jupysql_items",
        "import pandas\nmade = pandas.DataFrame({'a': [1, 2, 3]})",
        "%sql --persist-replace made",
        "%sql SELECT sum(a) AS total FROM made",
        "%sql DROP TABLE made",
        "%sql DROP TABLE jupysql_items")
    equal("2" in found[0] and "6" in found[3], True)


run(importlib.metadata.version("jupysql"), [queries, commands, plots, writes])
