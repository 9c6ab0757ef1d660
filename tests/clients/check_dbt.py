"""dbt-postgres: a project with seeds, models of all materializations, tests and documentation."""

import importlib.metadata
import json
import os
import pathlib
import subprocess

import psycopg2

from checks import Address, Servers, equal, run

MAX_OUTPUT = 700
PROJECT = {
    "dbt_project.yml": """
name: shop
version: "1.0"
profile: shop
flags: {send_anonymous_usage_stats: false}
seeds:
  shop: {+column_types: {id: bigint, title: text, note: text, price: "numeric(10,2)"}}
""",
    "seeds/offers.csv": "id,title,note,price\n1,red shoes,a,9.50\n2,tea pot,,12.00\n3,garden chair,\"c, d\",30\n",
    "models/labelled.sql": """
{{ config(materialized='table') }}
SELECT id, title, price, categorize(title, note) AS label, ai_classify(title, ARRAY['shoes', 'kitchen']) AS kind
FROM {{ ref('offers') }}
""",
    "models/cheap.sql": """
{{ config(materialized='view') }}
SELECT id, title, label FROM {{ ref('labelled') }} WHERE price < 20
""",
    "models/history.sql": """
{{ config(materialized='incremental', unique_key='id') }}
SELECT id, label, price FROM {{ ref('labelled') }}
{% if is_incremental() %} WHERE id >= (SELECT max(id) FROM {{ this }}) {% endif %}
""",
    "models/from_source.sql": """
{{ config(materialized='table') }}
SELECT in_stock, count(*) AS products, avg(price) AS mean FROM {{ source('shop', 'products') }} GROUP BY in_stock
""",
    "models/schema.yml": """
sources:
  - name: shop
    schema: public
    tables: [{name: products}]
models:
  - name: labelled
    description: Offers with their category
    columns:
      - {name: id, data_tests: [unique, not_null]}
      - {name: label, description: What categorize says, data_tests: [not_null]}
      - {name: kind, data_tests: [{accepted_values: {arguments: {values: [shoes, kitchen]}}}]}
  - name: history
    columns:
      - name: id
        data_tests: [{relationships: {arguments: {to: ref('labelled'), field: id}}}]
""",
    "tests/prices.sql": "SELECT * FROM {{ ref('labelled') }} WHERE price < 0\n",
}


def profile(address: Address) -> str:
    return f"""
shop:
  target: dev
  outputs:
    dev: {{type: postgres, host: {address.host}, port: {address.port}, user: {address.user}, password: "none",
          dbname: {address.database}, schema: public, threads: 2}}
"""


def dbt(*arguments: str) -> str:
    program = os.path.join(os.environ["CLIENT_SCRIPTS"], "dbt")
    result = subprocess.run([program, "--no-use-colors", *arguments, "--profiles-dir", "."], cwd="shop",
                            capture_output=True, text=True)
    if result.returncode != 0:
        raise AssertionError(f"dbt {' '.join(arguments)}: {result.stdout[-MAX_OUTPUT:]}")
    return result.stdout


def rows(address: Address, sql: str) -> "list[tuple]":
    connection = psycopg2.connect(address.url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()
    finally:
        connection.close()


def debug(servers: Servers) -> None:
    """debug"""
    for name, text in {**PROJECT, "profiles.yml": profile(servers.write)}.items():
        file = pathlib.Path("shop", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.lstrip())
    equal("All checks passed" in dbt("debug"), True)


def seeds(servers: Servers) -> None:
    """seed, twice, and with --full-refresh"""
    dbt("seed")
    dbt("seed")
    dbt("seed", "--full-refresh")
    equal(rows(servers.write, "SELECT id, title, note FROM offers ORDER BY id"),
          [(1, "red shoes", "a"), (2, "tea pot", None), (3, "garden chair", "c, d")])


def runs(servers: Servers) -> None:
    """run of view, table and incremental models with categorize and ai_classify, twice, and with --full-refresh"""
    dbt("run")
    equal(rows(servers.write, "SELECT count(*), count(label) FROM labelled"), [(3, 3)])
    dbt("run")
    equal(rows(servers.write, "SELECT count(*) FROM history"), [(3,)])
    equal(rows(servers.write, "SELECT count(*) FROM cheap"), [(2,)])
    dbt("run", "--full-refresh")
    equal(rows(servers.write, "SELECT sum(products) FROM from_source"), [(500,)])


def tests(_: Servers) -> None:
    """test"""
    equal("ERROR=0" in dbt("test"), True)


def documents(_: Servers) -> None:
    """docs generate, build, show"""
    dbt("docs", "generate")
    catalogue = json.loads(pathlib.Path("shop/target/catalog.json").read_text())
    labelled = catalogue["nodes"]["model.shop.labelled"]
    equal(list(labelled["columns"]), ["id", "title", "price", "label", "kind"])
    equal(labelled["columns"]["title"]["type"], "text")
    equal("source.shop.shop.products" in catalogue["sources"], True)
    equal("tea pot" in dbt("show", "--inline", "SELECT title FROM {{ ref('cheap') }}"), True)
    dbt("build")


def cleans(servers: Servers) -> None:
    """no relations left behind by swaps, DROP"""
    found = rows(servers.write, "SELECT table_name FROM information_schema.tables WHERE table_name LIKE '%\\_\\_dbt\\_%'")
    equal(found, [])
    connection = psycopg2.connect(servers.write.url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for relation in ("VIEW cheap", "TABLE history", "TABLE labelled", "TABLE from_source", "TABLE offers"):
            cursor.execute(f"DROP {relation}")
    connection.close()


run(f"{importlib.metadata.version('dbt-postgres')}, dbt-core {importlib.metadata.version('dbt-core')}",
    [debug, seeds, runs, tests, documents, cleans])
