"""Apache Superset: a physical dataset, charts with a time filter, SQL Lab.

The application runs in this process, with its own database in SQLite, and is asked
through its HTTP interface.
"""

import importlib.metadata
import logging
import os
import pathlib
import sys

CONFIGURATION = """
import os
SECRET_KEY = "a key of this check alone, long enough for it"
SQLALCHEMY_DATABASE_URI = "sqlite:///" + os.path.abspath("superset.db")
WTF_CSRF_ENABLED = False
TALISMAN_ENABLED = False
RATELIMIT_ENABLED = False
FAB_ADD_SECURITY_API = True
PREVENT_UNSAFE_DB_CONNECTIONS = False
CACHE_CONFIG = DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
FILTER_STATE_CACHE_CONFIG = EXPLORE_FORM_DATA_CACHE_CONFIG = {"CACHE_TYPE": "SimpleCache"}
"""
USER = {"username": "ada", "password": "ada"}

pathlib.Path("superset_config.py").write_text(CONFIGURATION)
os.environ["SUPERSET_CONFIG_PATH"] = os.path.abspath("superset_config.py")
os.environ["SUPERSET_HOME"] = os.getcwd()
logging.disable(logging.WARNING)

from checks import Servers, equal, run  # noqa: E402


class Superset:
    """The application, its HTTP client and the objects that the parts share."""

    def __init__(self) -> None:
        from superset.app import create_app

        self.app = create_app()
        with self.app.app_context():
            from flask_appbuilder import Model
            from superset import security_manager
            from superset.extensions import appbuilder, db

            Model.metadata.create_all(db.engine)
            security_manager.create_db()
            appbuilder.add_permissions(update_perms=True)
            security_manager.sync_role_definitions()
            security_manager.add_user("ada", "Ada", "L", "ada@example.org", security_manager.find_role("Admin"), password="ada")
            db.session.commit()
        self.http = self.app.test_client()
        token = self.post("security/login", {**USER, "provider": "db", "refresh": True})["access_token"]
        self.headers = {"Authorization": f"Bearer {token}"}
        self.database = self.dataset = 0

    headers: "dict[str, str]" = {}

    def post(self, path: str, body: "dict[str, object]") -> "dict[str, object]":
        return self.checked(path, self.http.post(f"/api/v1/{path}", json=body, headers=self.headers))

    def get(self, path: str) -> "dict[str, object]":
        return self.checked(path, self.http.get(f"/api/v1/{path}", headers=self.headers))

    @staticmethod
    def checked(path: str, response) -> "dict[str, object]":
        if response.status_code >= 300:
            raise AssertionError(f"{path}: {response.status_code} {response.get_data(as_text=True)}")
        return response.get_json()

    def chart(self, **query: object) -> "list[dict[str, object]]":
        """Rows of a chart on the dataset."""
        full = {"filters": [], "extras": {}, "row_limit": 100, "columns": [], "metrics": ["count"], "orderby": [],
                **query}
        answer = self.post("chart/data", {
            "datasource": {"id": self.dataset, "type": "table"}, "queries": [full], "result_format": "json",
            "result_type": "full", "force": True})
        result = answer["result"][0]
        if result.get("error"):
            raise AssertionError(f"{result['error']} {result['query']}")
        return result["data"]


superset: "Superset"


def starts(_: Servers) -> None:
    """start"""
    global superset
    superset = Superset()


def connects(servers: Servers) -> None:
    """database: test of the connection, schemas, tables, columns"""
    body = {"database_name": "shop", "sqlalchemy_uri": servers.read.with_driver("psycopg2")}
    superset.post("database/test_connection/", body)
    superset.database = superset.post("database/", {**body, "expose_in_sqllab": True})["id"]
    equal("public" in superset.get(f"database/{superset.database}/schemas/")["result"], True)
    tables = superset.get(f"database/{superset.database}/tables/?q=(schema_name:public)")["result"]
    equal([table["value"] for table in tables], ["orders", "products"])
    metadata = superset.get(f"database/{superset.database}/table_metadata/?name=products&schema=public")
    equal([column["name"] for column in metadata["columns"]][:2], ["id", "title"])


def datasets(_: Servers) -> None:
    """physical dataset with types and its time column"""
    superset.dataset = superset.post("dataset/", {"database": superset.database, "schema": "public", "table_name": "products"})["id"]
    columns = {column["column_name"]: column for column in superset.get(f"dataset/{superset.dataset}")["result"]["columns"]}
    equal((columns["updated"]["is_dttm"], columns["added"]["is_dttm"], columns["title"]["is_dttm"]), (True, True, False))
    equal((columns["id"]["type"], columns["title"]["type"], columns["in_stock"]["type"]), ("BIGINT", "TEXT", "BOOLEAN"))


def charts(_: Servers) -> None:
    """charts: groups, time grain, time range, series limit, filters, own metrics"""
    equal(superset.chart(columns=["in_stock"], orderby=[["in_stock", True]]),
          [{"in_stock": False, "count": 334}, {"in_stock": True, "count": 166}])
    month = {"timeGrain": "P1M", "columnType": "BASE_AXIS", "sqlExpression": "added", "label": "added", "expressionType": "SQL"}
    total = {"expressionType": "SIMPLE", "column": {"column_name": "price"}, "aggregate": "SUM", "label": "SUM(price)"}
    rows = superset.chart(columns=[month], metrics=[total], orderby=[])
    equal(len(rows), 12)
    ranged = superset.chart(granularity="updated", time_range="2026-01-01T07:00:00 : 2026-01-01T08:00:00")
    equal(ranged, [{"count": 60}])
    hourly = superset.chart(
        columns=[{**month, "timeGrain": "PT1H", "sqlExpression": "updated", "label": "updated"}, "in_stock"],
        filters=[{"col": "updated", "op": "TEMPORAL_RANGE", "val": "2026-01-01T06:00:00 : 2026-01-01T08:00:00"}],
        series_columns=["in_stock"], series_limit=1, series_limit_metric="count")
    equal(sum(row["count"] for row in hourly), 60)
    chosen = superset.chart(filters=[{"col": "title", "op": "LIKE", "val": "tea%"}, {"col": "id", "op": "IN", "val": [1, 2, 6]},
                                     {"col": "description", "op": "IS NOT NULL"}])
    equal(chosen, [{"count": 2}])
    label = {"expressionType": "SQL", "sqlExpression": "categorize(title, description)", "label": "label"}
    equal(sum(row["count"] for row in superset.chart(columns=[label])), 500)
    equal(len(superset.chart(result_type="samples", row_limit=500)), 500)


def laboratory(_: Servers) -> None:
    """SQL Lab: a query, an estimate of rows, a chart of labels"""
    answer = superset.post("sqllab/execute/", {
        "database_id": superset.database, "schema": "public", "runAsync": False, "select_as_cta": False, "queryLimit": 10,
        "client_id": "check", "sql": "SELECT categorize(title, description) AS label, count(*) AS n FROM products GROUP BY 1 ORDER BY 2 DESC"})
    equal([column["column_name"] for column in answer["columns"]], ["label", "n"])
    equal(sum(row["n"] for row in answer["data"]), 500)


sys.argv[0] = os.path.abspath(sys.argv[0])
run(importlib.metadata.version("apache-superset"), [starts, connects, datasets, charts, laboratory])
