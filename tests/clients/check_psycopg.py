"""psycopg 3: what its users do, in text and binary format."""

import datetime
import decimal

import psycopg
import psycopg_pool
from psycopg.rows import dict_row

from checks import Servers, equal, refused, run

LABELS = ["shoes", "pens"]


def parameters(servers: Servers) -> None:
    """parameters in text and binary"""
    with psycopg.connect(servers.read.url, autocommit=True) as connection:
        for binary in (False, True):
            def one(sql: str, values: tuple):
                return connection.execute(sql, values, binary=binary).fetchone()

            equal(one("SELECT title FROM products WHERE id = %s", (2,)), ('pen; "blue" 2',))
            equal(one("SELECT %s::numeric, %s::date, %s::bool, %s::text",
                      (decimal.Decimal("1.50"), datetime.date(2026, 1, 2), True, "a;b")),
                  (decimal.Decimal("1.50"), datetime.date(2026, 1, 2), True, "a;b"))
            equal(one("SELECT count(*) FROM products WHERE updated < %s", (datetime.datetime(2026, 1, 1, 7),)), (29,))
            equal(one("SELECT count(*) FROM products WHERE title LIKE %s AND description IS NOT NULL", ("red%",)), (50,))
            equal(one("SELECT count(*) FROM products WHERE price BETWEEN %s AND %s", (5, decimal.Decimal("7.5"))), (3,))


def lists(servers: Servers) -> None:
    """list parameters (= ANY, arrays)"""
    with psycopg.connect(servers.read.url, autocommit=True) as connection:
        for binary in (False, True):
            def one(sql: str, values: tuple):
                return connection.execute(sql, values, binary=binary).fetchone()[0]

            equal(one("SELECT count(*) FROM products WHERE id = ANY(%s)", ([1, 2, 3, 9999],)), 3)
            equal(one("SELECT count(*) FROM products WHERE title = ANY(%s)", (["tea pot 1", 'pen; "blue" 2', "x,y"],)), 2)
            equal(one("SELECT count(*) FROM products WHERE NOT id = ANY(%s)", ([],)), 500)
            equal(one("SELECT %s::text[]", (["a b", 'q"', "c,d", None],)), ["a b", 'q"', "c,d", None])
            equal(one("SELECT tags FROM products WHERE id = %s", (2,)), ["all", "even"])
            equal(one("SELECT ai_classify(%s, %s)", ("red shoes", LABELS)) in LABELS, True)


def rows_and_limits(servers: Servers) -> None:
    """LIMIT and OFFSET parameters, dict rows"""
    with psycopg.connect(servers.read.url, autocommit=True, row_factory=dict_row) as connection:
        rows = connection.execute("SELECT id, price FROM products ORDER BY id LIMIT %s OFFSET %s", (2, 10)).fetchall()
        equal(rows, [{"id": 11, "price": decimal.Decimal("13.75")}, {"id": 12, "price": decimal.Decimal("15.00")}])


def prepared(servers: Servers) -> None:
    """prepared statements"""
    with psycopg.connect(servers.read.url, autocommit=True) as connection:
        found = [connection.execute("SELECT title FROM products WHERE id = %s", (number,), prepare=True).fetchone()[0]
                 for number in (1, 4, 6)]
        equal(found, ["tea pot 1", "garden chair 4", "tea pot 6"])


def server_cursors(servers: Servers) -> None:
    """named cursors"""
    with psycopg.connect(servers.read.url) as connection:
        with connection.cursor("rows", binary=True) as cursor:
            cursor.itersize = 64
            cursor.execute("SELECT id FROM products WHERE id > %s ORDER BY id", (100,))
            equal([row[0] for row in cursor], list(range(101, 501)))
        with connection.cursor("part") as cursor:
            cursor.execute("SELECT id FROM products ORDER BY id")
            equal(cursor.fetchmany(2), [(1,), (2,)])
            equal(cursor.fetchone(), (3,))


def pipelines(servers: Servers) -> None:
    """pipeline, with an error in it"""
    with psycopg.connect(servers.read.url, autocommit=True) as connection:
        with connection.pipeline():
            cursors = [connection.execute("SELECT %s::int * 2", (number,)) for number in range(5)]
            equal([cursor.fetchone()[0] for cursor in cursors], [0, 2, 4, 6, 8])

        def failing() -> None:
            with connection.pipeline():
                connection.execute("SELECT 1")
                connection.execute("SELECT missing_column FROM products")
                connection.execute("SELECT 2")

        refused(psycopg.errors.UndefinedColumn, failing)
        equal(connection.execute("SELECT 3").fetchone(), (3,))


def copies(servers: Servers) -> None:
    """COPY TO, text, CSV and binary"""
    with psycopg.connect(servers.read.url, autocommit=True) as connection:
        query = "SELECT id, title, price FROM products WHERE id < 4 ORDER BY id"
        with connection.cursor().copy(f"COPY ({query}) TO STDOUT") as copy:
            equal(list(copy.rows())[1], ("2", 'pen; "blue" 2', "2.50"))
        with connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)") as copy:
            text = b"".join(copy).decode().splitlines()
        equal(text[:3], ["id,title,price", "1,tea pot 1,1.25", '2,"pen; ""blue"" 2",2.50'])
        with connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT binary)") as copy:
            copy.set_types(["int8", "text", "numeric"])
            equal(list(copy.rows())[1], (2, 'pen; "blue" 2', decimal.Decimal("2.50")))


def writes(servers: Servers) -> None:
    """executemany, RETURNING, COPY FROM STDIN (text and binary), UPDATE, TRUNCATE"""
    with psycopg.connect(servers.write.url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS psycopg_items")
        connection.execute("CREATE TABLE psycopg_items (id int, name text, price numeric(8,2))")
        cursor = connection.cursor()
        cursor.executemany("INSERT INTO psycopg_items VALUES (%s, %s, %s)", [(1, "a", 1.5), (2, "b;c", None)])
        equal(cursor.rowcount, 2)
        cursor.execute("INSERT INTO psycopg_items VALUES (%s, %s, %s) RETURNING id, name", (3, "d", 2))
        equal(cursor.fetchall(), [(3, "d")])
        with cursor.copy("COPY psycopg_items (id, name, price) FROM STDIN") as copy:
            copy.write_row((4, "tab\tline\n", decimal.Decimal("4.25")))
            copy.write_row((5, None, None))
        equal(cursor.rowcount, 2)
        with cursor.copy("COPY psycopg_items FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["int4", "text", "numeric"])
            copy.write_row((6, "", decimal.Decimal("6.00")))
        rows = connection.execute("SELECT * FROM psycopg_items ORDER BY id").fetchall()
        equal(rows[1], (2, "b;c", None))
        equal(rows[3:], [(4, "tab\tline\n", decimal.Decimal("4.25")), (5, None, None), (6, "", decimal.Decimal("6.00"))])
        connection.execute("TRUNCATE psycopg_items")
        equal(connection.execute("SELECT count(*) FROM psycopg_items").fetchone(), (0,))
        connection.execute("DROP TABLE psycopg_items")


def refusals(servers: Servers) -> None:
    """refused writes, errors with SQLSTATE, the connection stays usable"""
    with psycopg.connect(servers.read.url, autocommit=True) as connection:
        refused(psycopg.errors.ReadOnlySqlTransaction, lambda: connection.execute("CREATE TABLE products (id int)"))
        refused(psycopg.errors.UndefinedTable, lambda: connection.execute("SELECT * FROM missing_table"))
        refused(psycopg.errors.SyntaxError, lambda: connection.execute("SELEC 1"))
        refused(psycopg.errors.DivisionByZero, lambda: connection.execute("SELECT 1 / 0"))
        equal(connection.execute("SELECT 1").fetchone(), (1,))


def transactions(servers: Servers) -> None:
    """transaction blocks, failed transaction, pool"""
    with psycopg_pool.ConnectionPool(servers.read.url, min_size=1, max_size=2, open=True) as pool:
        with pool.connection() as connection, connection.transaction():
            equal(connection.execute("SELECT count(*) FROM orders").fetchone(), (2000,))
        with pool.connection() as connection:
            refused(psycopg.Error, lambda: connection.execute("SELECT * FROM missing_table"))
            refused(psycopg.errors.InFailedSqlTransaction, lambda: connection.execute("SELECT 1"))
            connection.rollback()
            equal(connection.execute("SELECT 1").fetchone(), (1,))


async def asynchronous(servers: Servers) -> None:
    """asynchronous connection"""
    async with await psycopg.AsyncConnection.connect(servers.read.url) as connection:
        async with connection.cursor() as cursor:
            await cursor.execute("SELECT in_stock, count(*) FROM products GROUP BY 1 ORDER BY 1")
            equal(await cursor.fetchall(), [(False, 334), (True, 166)])


run(psycopg.__version__, [parameters, lists, rows_and_limits, prepared, server_cursors, pipelines, copies, writes,
                          refusals, transactions, asynchronous])
