"""pg8000: the DB-API, and its native interface."""

import datetime
import decimal
import importlib.metadata
import io

import pg8000.dbapi
import pg8000.native

from checks import Address, Servers, equal, refused, run


def connect(address: Address) -> pg8000.dbapi.Connection:
    return pg8000.dbapi.connect(address.user, host=address.host, port=address.port, database=address.database)


def parameters(servers: Servers) -> None:
    """DB-API: parameters and lists"""
    connection = connect(servers.read)
    cursor = connection.cursor()
    cursor.execute("SELECT id, title, price, added, tags FROM products WHERE id = %s", (2,))
    equal(list(cursor.fetchone()),
          [2, 'pen; "blue" 2', decimal.Decimal("2.50"), datetime.date(2026, 1, 3), ["all", "even"]])
    cursor.execute("SELECT count(*) FROM products WHERE id = ANY(%s)", ([1, 2, 3],))
    equal(cursor.fetchone()[0], 3)
    cursor.execute("SELECT id FROM products WHERE added < %s AND in_stock = %s ORDER BY id LIMIT %s",
                   (datetime.date(2026, 1, 9), True, 2))
    equal([row[0] for row in cursor.fetchall()], [3, 6])
    connection.rollback()
    connection.close()


def native(servers: Servers) -> None:
    """native interface: named parameters, prepared statements, columns"""
    address = servers.read
    connection = pg8000.native.Connection(address.user, host=address.host, port=address.port, database=address.database)
    equal(connection.run("SELECT title FROM products WHERE id = :id", id=1), [["tea pot 1"]])
    statement = connection.prepare("SELECT id * :factor FROM products WHERE id = :id")
    equal([statement.run(id=number, factor=2)[0][0] for number in (1, 2)], [2, 4])
    statement.close()
    connection.run("SELECT id, title FROM products LIMIT 1")
    equal([column["name"] for column in connection.columns], ["id", "title"])
    refused(pg8000.native.DatabaseError, lambda: connection.run("SELECT * FROM missing_table"))
    equal(connection.run("SELECT 1"), [[1]])
    connection.close()


def writes(servers: Servers) -> None:
    """executemany, COPY both ways"""
    connection = connect(servers.write)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("DROP TABLE IF EXISTS pg8000_items")
    cursor.execute("CREATE TABLE pg8000_items (id int, name text)")
    cursor.executemany("INSERT INTO pg8000_items VALUES (%s, %s)", [(1, "a"), (2, None)])
    cursor.execute("COPY pg8000_items FROM STDIN WITH (FORMAT CSV)", stream=io.BytesIO(b"3,c\r\n"))
    cursor.execute("INSERT INTO pg8000_items VALUES (%s, %s) RETURNING id", (4, "d"))
    equal(cursor.fetchone()[0], 4)
    out = io.BytesIO()
    cursor.execute("COPY (SELECT * FROM pg8000_items ORDER BY id) TO STDOUT", stream=out)
    equal(out.getvalue(), b"1\ta\n2\t\\N\n3\tc\n4\td\n")
    cursor.execute("DROP TABLE pg8000_items")
    connection.close()


run(importlib.metadata.version("pg8000"), [parameters, native, writes])
