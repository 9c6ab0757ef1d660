"""The client programs and the environments in which their checks run."""

import typing

# Seconds that a check may take.
DEFAULT_TIMEOUT = 240


class Client(typing.NamedTuple):
    tool: str
    # File in this folder.
    script: str
    # Python environment of a Python script: `requirements/GROUP.txt`. Without one,
    # the Python of the runner.
    group: typing.Optional[str] = None
    # Programs and files without which the check is skipped.
    needs: typing.Tuple[str, ...] = ()
    timeout: int = DEFAULT_TIMEOUT


JDBC_DRIVER = "/usr/share/java/postgresql.jar"
# Folder of Debian's PostgreSQL server.
POSTGRES = "/usr/lib/postgresql/15/bin"

CLIENTS = [
    Client("psql", "check_psql.py", needs=("psql",)),
    Client("psycopg 3", "check_psycopg.py", "drivers"),
    Client("psycopg2", "check_psycopg2.py", "drivers"),
    Client("asyncpg", "check_asyncpg.py", "drivers"),
    Client("pg8000", "check_pg8000.py", "drivers"),
    Client("node-postgres", "check_node_postgres.js", needs=("node", "npm")),
    Client("postgres.js", "check_postgres_js.js", needs=("node", "npm")),
    Client("pgjdbc", "CheckJdbc.java", needs=("java", JDBC_DRIVER)),
    Client("SQLAlchemy 1.4", "check_sqlalchemy.py", "sqlalchemy-1.4"),
    Client("SQLAlchemy 2.0", "check_sqlalchemy.py", "frames"),
    Client("SQLAlchemy 2.1", "check_sqlalchemy.py", "sqlalchemy-2.1"),
    Client("pandas", "check_pandas.py", "frames"),
    Client("polars", "check_polars.py", "frames"),
    Client("ADBC", "check_adbc.py", "frames"),
    Client("ibis", "check_ibis.py", "frames"),
    Client("Django", "check_django.py", "frames"),
    Client("Streamlit", "check_streamlit.py", "notebooks"),
    Client("JupySQL", "check_jupysql.py", "notebooks"),
    Client("marimo", "check_marimo.py", "notebooks"),
    Client("pgcli", "check_pgcli.py", "terminals"),
    Client("harlequin", "check_harlequin.py", "terminals"),
    Client("dbt-postgres", "check_dbt.py", "dbt", timeout=600),
    Client("Great Expectations", "check_great_expectations.py", "quality"),
    Client("Soda", "check_soda.py", "soda"),
    Client("Apache Superset", "check_superset.py", "superset", timeout=600),
    Client("postgres_fdw", "check_postgres_fdw.py", needs=(f"{POSTGRES}/initdb",)),
]

GROUPS = sorted({client.group for client in CLIENTS if client.group})
