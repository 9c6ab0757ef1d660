"""psycopg2: client-side parameters, named cursors, COPY, bulk inserts."""

import datetime
import decimal
import io

import psycopg2
import psycopg2.extensions
import psycopg2.extras

from checks import Servers, equal, refused, run


def parameters(servers: Servers) -> None:
    """parameters, adapted lists, dates and numbers"""
    with psycopg2.connect(servers.read.url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT title, price, added, updated, tags, in_stock FROM products WHERE id = %s", (2,))
        equal(cursor.fetchone(), ('pen; "blue" 2', decimal.Decimal("2.50"), datetime.date(2026, 1, 3),
                                  datetime.datetime(2026, 1, 1, 6, 32), ["all", "even"], False))
        cursor.execute("SELECT count(*) FROM products WHERE id = ANY(%s) AND title <> %s", ([1, 2, 3], "it's"))
        equal(cursor.fetchone(), (3,))
        cursor.execute("SELECT count(*) FROM products WHERE id IN %s AND added >= %s", ((1, 2), datetime.date(2026, 1, 3)))
        equal(cursor.fetchone(), (1,))
        cursor.execute("SELECT %s, %s, %s", (datetime.timedelta(days=1, seconds=5), None, True))
        equal(cursor.fetchone(), (datetime.timedelta(days=1, seconds=5), None, True))
        cursor.execute("SELECT id FROM products WHERE title = %(title)s LIMIT %(limit)s", {"title": "tea pot 1", "limit": 5})
        equal(cursor.fetchall(), [(1,)])


def named_cursors(servers: Servers) -> None:
    """named cursors, scrolled forward"""
    with psycopg2.connect(servers.read.url) as connection:
        with connection.cursor("rows") as cursor:
            cursor.itersize = 100
            cursor.execute("SELECT id FROM products ORDER BY id")
            equal(sum(row[0] for row in cursor), 125250)
        with connection.cursor("part", cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            cursor.execute("SELECT id, title FROM products ORDER BY id")
            equal(dict(cursor.fetchmany(1)[0]), {"id": 1, "title": "tea pot 1"})
            cursor.scroll(2)
            equal(cursor.fetchone()["id"], 4)


def copies(servers: Servers) -> None:
    """copy_expert TO STDOUT"""
    with psycopg2.connect(servers.read.url) as connection, connection.cursor() as cursor:
        out = io.StringIO()
        cursor.copy_expert("COPY (SELECT id, title FROM products ORDER BY id LIMIT 2) TO STDOUT WITH CSV HEADER", out)
        equal(out.getvalue().splitlines(), ["id,title", "1,tea pot 1", '2,"pen; ""blue"" 2"'])
        out = io.StringIO()
        cursor.copy_expert("COPY products (id, description) TO STDOUT", out)
        equal(out.getvalue().splitlines()[9], "10\t\\N")


def writes(servers: Servers) -> None:
    """execute_values, execute_batch, COPY FROM STDIN"""
    connection = psycopg2.connect(servers.write.url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS psycopg2_items")
        cursor.execute("CREATE TABLE psycopg2_items (id int, name text)")
        psycopg2.extras.execute_values(cursor, "INSERT INTO psycopg2_items (id, name) VALUES %s", [(1, "a"), (2, "b'c")])
        psycopg2.extras.execute_batch(cursor, "INSERT INTO psycopg2_items VALUES (%s, %s)", [(3, "d"), (4, None)])
        cursor.copy_from(io.StringIO("5\te\n6\t\\N\n"), "psycopg2_items", columns=("id", "name"))
        equal(cursor.rowcount, 2)
        cursor.copy_expert("COPY psycopg2_items FROM STDIN WITH (FORMAT csv)", io.StringIO('7,"x,y"\n'))
        cursor.execute("SELECT id, name FROM psycopg2_items ORDER BY id")
        equal(cursor.fetchall(), [(1, "a"), (2, "b'c"), (3, "d"), (4, None), (5, "e"), (6, None), (7, "x,y")])
        cursor.execute("DROP TABLE psycopg2_items")
    connection.close()


def sessions(servers: Servers) -> None:
    """isolation levels, client encoding, errors in transactions"""
    connection = psycopg2.connect(servers.read.url, application_name="check", options="-c statement_timeout=60000")
    equal(connection.server_version >= 150000, True)
    connection.set_client_encoding("UTF8")
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM orders")
        equal(cursor.fetchone(), (2000,))
        refused(psycopg2.errors.UndefinedTable, lambda: cursor.execute("SELECT * FROM missing_table"))
        refused(psycopg2.errors.InFailedSqlTransaction, lambda: cursor.execute("SELECT 1"))
        connection.rollback()
        cursor.execute("SELECT current_setting('application_name')")
        equal(cursor.fetchone(), ("check",))
    equal(connection.get_transaction_status(), psycopg2.extensions.TRANSACTION_STATUS_INTRANS)
    connection.close()


run(psycopg2.__version__.split()[0], [parameters, named_cursors, copies, writes, sessions])
