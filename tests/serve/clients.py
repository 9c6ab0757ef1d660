"""Tests of `semql serve` with psycopg, asyncpg, pg8000 and SQLAlchemy: clients.py PART PORT."""

import asyncio
import collections
import datetime
import decimal
import os
import socket
import sys
import threading
import time

import asyncpg
import pg8000.native
import psycopg
import sqlalchemy

# Queries of a client under load between two disturbances.
DISTURBANCE_INTERVAL = 8
# Milliseconds.
LOAD_STATEMENT_TIMEOUT = 200
# Clients that may disconnect at the same time, so that connection slots suffice.
MAX_DISCONNECTING = 10
# Seconds.
CANCEL_INTERVAL = 0.2

ENDLESS = "SELECT value FROM generate_series(1, 1000000000000) WHERE value % 7 = 8"
ENDLESS_INFERENCE = "SELECT count(embed('text ' || value)) FROM generate_series(1, 1000000000000)"


def connect(port: int, **options) -> psycopg.Connection:
    return psycopg.connect(host="127.0.0.1", port=port, user="ada", dbname="datafusion", connect_timeout=20, **options)


def parameters(port: int) -> None:
    with connect(port, autocommit=True) as connection:
        def one(sql, values, **options):
            return connection.execute(sql, values, **options).fetchone()

        for binary in (False, True):
            assert one("SELECT title FROM shop WHERE id = %s", [2], binary=binary) == ("tea pot",)
            assert one("SELECT id FROM shop WHERE title = %s", ["red shoes"], binary=binary) == (1,)
            assert one("SELECT count(*) FROM shop WHERE price > %s AND title <> %s", [2.5, "x"], binary=binary) == (2,)
            assert one("SELECT %s::text IS NULL", [None], binary=binary) == (True,)
            assert one("SELECT ai_count_tokens(%s)", ["two words"], binary=binary)[0] > 0
            assert one("SELECT ai_classify(%s, ['shoes', 'pens']) IN ('shoes', 'pens')", ["red shoes"]) == (True,)
            found = one("SELECT title FROM shop ORDER BY cosine_distance(embed(title), embed(%s)) LIMIT 1", ["tea pot"])
            assert found == ("tea pot",), found
            day = datetime.date(2026, 1, 2)
            assert one("SELECT %s::date + INTERVAL '1 day' > %s::date", [day, day], binary=binary) == (True,)
        # A statement is prepared once and run with several values.
        titles = [one("SELECT title FROM shop WHERE id = %s", [n], prepare=True)[0] for n in (1, 2, 3)]
        assert titles == ["red shoes", "tea pot", "pen; blue"], titles
        for sql, values in [("SELECT %s + 1", ["x"]), ("SELECT * FROM nowhere WHERE a = %s", [1])]:
            try:
                one(sql, values)
                raise AssertionError(sql)
            except psycopg.Error as error:
                assert error.sqlstate, error
        assert one("SELECT 1 + %s", [1]) == (2,)


def values(port: int) -> None:
    sql = (
        "SELECT true AS b, 1::int AS i, 2::bigint AS l, 1.5::double AS d, 'text' AS t, NULL AS n, "
        "DATE '2026-01-02' AS day, TIMESTAMP '2026-01-02 03:04:05' AS at, 12.50::decimal(10, 2) AS money, "
        "['a', 'b'] AS list, embed('red shoes') AS v, named_struct('x', 1, 'y', 'z') AS s"
    )
    with connect(port, autocommit=True) as connection:
        for binary in (False, True):
            cursor = connection.execute(sql, binary=binary)
            row = cursor.fetchone()
            names = [column.name for column in cursor.description]
            got = dict(zip(names, row))
            assert (got["b"], got["i"], got["l"], got["d"], got["t"], got["n"]) == (True, 1, 2, 1.5, "text", None), got
            assert got["day"] == datetime.date(2026, 1, 2), got
            assert got["at"] == datetime.datetime(2026, 1, 2, 3, 4, 5), got
            assert float(got["money"]) == 12.5 and got["list"] == ["a", "b"], got
            vector = got["v"]
            assert len(vector) == 16 and all(isinstance(value, float) for value in vector), vector
            assert abs(sum(value * value for value in vector) - 1) < 1e-4
            float4_array = 1021
            assert cursor.description[names.index("v")].type_code == float4_array
        # Vectors can be parameters.
        row = connection.execute("SELECT array_length(%s::float4[])", [[0.5, 1.5]]).fetchone()
        assert row == (2,), row
        assert connection.execute("SELECT 1 WHERE false").fetchall() == []
        assert connection.execute("SUMMARIZE shop").rowcount == 3
        assert [row[0] for row in connection.execute("DESCRIBE shop", prepare=True)] == ["id", "title", "price"]


# Expressions with their values, in every type that the server sends.
EXACT = [
    ("CAST('0.00001234' AS DECIMAL(20, 8))", decimal.Decimal("0.00001234")),
    ("CAST('-0.0099' AS DECIMAL(10, 4))", decimal.Decimal("-0.0099")),
    ("CAST('100000000.000' AS DECIMAL(20, 3))", decimal.Decimal("100000000.000")),
    ("CAST('10000' AS DECIMAL(10, 0))", decimal.Decimal("10000")),
    ("CAST('0.00' AS DECIMAL(10, 2))", decimal.Decimal("0.00")),
    ("CAST('1234567890123456789012345678.0001' AS DECIMAL(38, 4))", decimal.Decimal("1234567890123456789012345678.0001")),
    ("arrow_cast('12345678901234567890123456789012345678901.5', 'Decimal256(50, 1)')",
     decimal.Decimal("12345678901234567890123456789012345678901.5")),
    ("arrow_cast(18446744073709551615, 'UInt64')", decimal.Decimal("18446744073709551615")),
    ("arrow_cast(-128, 'Int8')", -128),
    ("arrow_cast(1.5, 'Float16')", 1.5),
    ("1e300::double", 1e300),
    ("NULL::bigint", None),
    ("arrow_cast(NULL, 'Interval(MonthDayNano)')", None),
    ("INTERVAL '1 day 2 hours'", datetime.timedelta(days=1, hours=2)),
    ("INTERVAL '-1 day'", datetime.timedelta(days=-1)),
    ("DATE '0001-01-01'", datetime.date(1, 1, 1)),
    ("DATE '9999-12-31'", datetime.date(9999, 12, 31)),
    ("TIMESTAMP '1960-02-29 23:59:59.123456'", datetime.datetime(1960, 2, 29, 23, 59, 59, 123456)),
    ("arrow_cast('2026-01-02T03:04:05Z', 'Timestamp(Nanosecond, Some(\"UTC\"))')",
     datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)),
    ("arrow_cast('10:00:00.00012', 'Time64(Microsecond)')", datetime.time(10, 0, 0, 120)),
    ("x'00ff'", b"\x00\xff"),
    ("[1, NULL, 3]", [1, None, 3]),
    ("['a b', NULL, 'c\"d', '', 'NULL']", ["a b", None, 'c"d', "", "NULL"]),
]  # fmt: skip


def same(found: object, wanted: object, what: str) -> None:
    assert found == wanted, f"{what}: {found!r} and not {wanted!r}"
    if isinstance(wanted, decimal.Decimal):
        assert found.as_tuple().exponent == wanted.as_tuple().exponent, f"{what}: another scale, {found!r}"


def exact(port: int) -> None:
    """Text and binary form have the same value, as result and as parameter."""
    with connect(port, autocommit=True) as connection:
        for binary in (False, True):
            for sql, wanted in EXACT:
                found = connection.execute(f"SELECT {sql}", binary=binary).fetchone()[0]
                same(found, bytes(wanted) if isinstance(found, memoryview) else wanted, f"{sql}, binary {binary}")
                if wanted is not None:
                    cast = "%b" if binary else "%t"
                    row = connection.execute(f"SELECT {cast} = {sql}", [wanted], binary=binary).fetchone()
                    assert row == (True,), f"{sql}, binary {binary}, as a parameter: {row}"
        assert connection.execute("SELECT %s::text[]", ['{"p", "r"}']).fetchone() == (["p", "r"],)
    asyncio.run(exact_in_asyncpg(port))


async def exact_in_asyncpg(port: int) -> None:
    connection = await asyncpg.connect(**asyncpg_options(port))
    for sql, wanted in EXACT:
        same(await connection.fetchval(f"SELECT {sql}"), wanted, f"asyncpg, {sql}")
    for number in ("0.00001234", "-10000", "99999999999999.9999"):
        scale = len(number.partition(".")[2])
        back = await connection.fetchval(f"SELECT CAST($1::DECIMAL(38, {scale}) AS VARCHAR)", decimal.Decimal(number))
        assert decimal.Decimal(back) == decimal.Decimal(number), back
    for sql, value, wanted in [
        ("SELECT id FROM shop WHERE id = ANY($1) ORDER BY id", [1, 3, None], [1, 3]),
        ("SELECT id FROM shop WHERE title = ANY($1)", ["tea pot"], [2]),
        ("SELECT id FROM shop ORDER BY id LIMIT $1", 2, [1, 2]),
        ("SELECT id FROM shop ORDER BY id OFFSET $1", 2, [3]),
        ("SELECT value FROM generate_series(1, $1)", 3, [1, 2, 3]),
        ("SELECT count(*) FROM shop WHERE ai_classify(title, $1) IS NOT NULL", ["shoes", "pens"], [3]),
    ]:
        rows = await connection.fetch(sql, value)
        assert [row[0] for row in rows] == wanted, f"{sql}: {rows}"
    await connection.close()


def asyncpg_options(port: int) -> dict:
    return {"host": "127.0.0.1", "port": port, "user": "ada", "database": "datafusion", "ssl": False, "timeout": 20}


def pool(port: int) -> None:
    """Connections of a pool are clean when they come out again."""

    async def main() -> None:
        async with asyncpg.create_pool(min_size=1, max_size=1, **asyncpg_options(port)) as connections:
            for _ in range(3):
                async with connections.acquire() as connection:
                    assert await connection.fetchval("SELECT title FROM shop WHERE id = $1", 2) == "tea pot"
                    await connection.execute("SET ai.min_score = '0.9'")
                    await connection.execute("SET application_name = 'mine'")
            assert await connections.fetchval("SHOW ai.min_score") != "0.9"
            assert await connections.fetchval("SHOW application_name") == ""

    asyncio.run(main())
    plain = pg8000.native.Connection("ada", host="127.0.0.1", port=port, database="datafusion", timeout=20)
    found = plain.run("SELECT title FROM shop WHERE id > :low ORDER BY id LIMIT :n", low=1, n=1)
    assert found == [["tea pot"]], found
    plain.close()


def copies(port: int) -> None:
    """Rows go in and come out in every format, all of them or none."""
    rows = [(1, "a\tb\\c\n", decimal.Decimal("2.25")), (2, None, None), (3, "", decimal.Decimal("-0.01")), (4, 'q,"x', None)]
    with connect(port, autocommit=True) as connection:
        cursor = connection.cursor()
        for form in ("text", "csv", "binary"):
            cursor.execute("CREATE TABLE copied (id BIGINT, note VARCHAR, price DECIMAL(10, 2))")
            with cursor.copy(f"COPY copied FROM STDIN (FORMAT {form})") as copy:
                copy.set_types(["int8", "text", "numeric"])
                if form == "csv":
                    copy.write('1,"a\tb\\c\n",2.25\n2,,\n3,"",-0.01\n4,"q,""x",\n')
                else:
                    for row in rows:
                        copy.write_row(row)
            assert cursor.statusmessage == "COPY 4", cursor.statusmessage
            assert cursor.execute("SELECT * FROM copied ORDER BY id").fetchall() == rows, form
            with cursor.copy(f"COPY (SELECT * FROM copied ORDER BY id) TO STDOUT (FORMAT {form})") as copy:
                copy.set_types(["int8", "text", "numeric"])
                if form == "csv":
                    out = b"".join(bytes(data) for data in copy)
                    assert out == b'1,"a\tb\\c\n",2.25\n2,,\n3,"",-0.01\n4,"q,""x",\n', out
                else:
                    assert list(copy.rows()) == rows, form
            for wrong in ("5\tx\n", "5\tx\ty\tz\n", "x\tx\t1\n", "5\tx\t123456789.00\n"):
                try:
                    with cursor.copy("COPY copied FROM STDIN") as copy:
                        copy.write("6\tgood\t1\n" + wrong)
                    raise AssertionError(wrong)
                except psycopg.DataError as error:
                    assert "line 2" in str(error), error
            try:
                with cursor.copy("COPY copied FROM STDIN") as copy:
                    copy.write("6\tgood\t1\n")
                    raise KeyError("the client gives up")
            except KeyError:
                pass
            assert cursor.execute("SELECT count(*) FROM copied").fetchone() == (4,), form
            cursor.execute("DROP TABLE copied")


def streams(port: int) -> None:
    with connect(port) as connection:
        with connection.cursor("part") as cursor:
            cursor.itersize = 1000
            cursor.execute("SELECT value FROM generate_series(1, 25000)")
            assert sum(row[0] for row in cursor) == 25000 * 25001 // 2
        with connection.cursor().copy("COPY (SELECT value, 'v' || value FROM generate_series(1, 5000)) TO STDOUT") as copy:
            rows = list(copy.rows())
        assert rows[0] == ("1", "v1") and len(rows) == 5000
        connection.rollback()
        # A cursor that is closed before its end does not block the connection.
        with connection.cursor("unfinished") as cursor:
            cursor.execute("SELECT value FROM generate_series(1, 1000000000000)")
            assert cursor.fetchone() == (1,)
        assert connection.execute("SELECT 1").fetchone() == (1,)


def sqlalchemy_(port: int) -> None:
    engine = sqlalchemy.create_engine(f"postgresql+psycopg://ada@127.0.0.1:{port}/datafusion")
    inspector = sqlalchemy.inspect(engine)
    assert "public" in inspector.get_schema_names()
    assert "shop" in inspector.get_table_names(), inspector.get_table_names()
    columns = {column["name"]: column for column in inspector.get_columns("shop")}
    assert list(columns) == ["id", "title", "price"]
    assert isinstance(columns["id"]["type"], sqlalchemy.BIGINT) and isinstance(columns["title"]["type"], sqlalchemy.TEXT)
    assert columns["title"]["comment"] == "What it says on the label", columns
    assert inspector.get_table_comment("shop")["text"] == "What the shop sells"
    with engine.connect() as connection:
        shop = sqlalchemy.Table("shop", sqlalchemy.MetaData(), autoload_with=connection)
        query = sqlalchemy.select(shop.c.title).where(shop.c.price < 20).order_by(shop.c.title)
        assert connection.execute(query).scalars().all() == ["pen; blue", "tea pot"]
        label = sqlalchemy.func.ai_classify(shop.c.title, sqlalchemy.text("['shoes', 'pens']"))
        counts = sqlalchemy.select(label, sqlalchemy.func.count()).group_by(label)
        assert sum(count for _, count in connection.execute(counts)) == 3


def cancel(port: int) -> None:
    with connect(port, autocommit=True) as connection:
        with CanceledByTimer(connection):
            expect_canceled(connection, ENDLESS_INFERENCE)
        # Later statements are not cancelled.
        assert connection.execute("SELECT 1").fetchone() == (1,)


class CanceledByTimer:
    """Cancels the statements of a connection repeatedly until the block ends,
    because a statement may begin after the first request."""

    def __init__(self, connection: psycopg.Connection):
        self.connection = connection
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        while not self.ended.wait(CANCEL_INTERVAL):
            self.connection.cancel()

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()


def expect_canceled(connection: psycopg.Connection, sql: str) -> None:
    try:
        connection.execute(sql)
    except psycopg.errors.QueryCanceled:
        return
    raise AssertionError(f"not cancelled: {sql}")


class LoadClient:
    """A client that queries, and in between cancels, times out and disconnects."""

    disconnecting = threading.Semaphore(MAX_DISCONNECTING)

    def __init__(self, port: int, number: int):
        self.port = port
        self.turn = number
        self.connection = connect(port, autocommit=True)

    def disturb(self, done: collections.Counter) -> None:
        kinds = [self.cancel, self.time_out, self.disconnect]
        kind = kinds[self.turn // DISTURBANCE_INTERVAL % len(kinds)]
        kind()
        done[kind.__name__] += 1

    def cancel(self) -> None:
        with CanceledByTimer(self.connection):
            expect_canceled(self.connection, (ENDLESS_INFERENCE, ENDLESS)[self.turn % 2])

    def time_out(self) -> None:
        self.connection.execute(f"SET statement_timeout = {LOAD_STATEMENT_TIMEOUT}")
        expect_canceled(self.connection, (ENDLESS, ENDLESS_INFERENCE)[self.turn % 2])
        self.connection.execute("SET statement_timeout = 0")

    def disconnect(self) -> None:
        """Disconnects while a statement runs, and connects again."""
        with self.disconnecting:
            old = self.connection.pgconn
            old.send_query((ENDLESS_INFERENCE, ENDLESS)[self.turn % 2].encode())
            # Closes the socket without the Terminate message.
            with socket.socket(fileno=os.dup(old.socket)) as old_socket:
                old_socket.shutdown(socket.SHUT_RDWR)
            self.connection.close()
            self.connection = connect(self.port, autocommit=True)


def load(port: int) -> None:
    clients, seconds = 50, float(os.environ.get("SEMQL_LOAD_SECONDS") or 5)
    until = time.monotonic() + seconds
    done, disturbances, errors = collections.Counter(), collections.Counter(), []
    lock = threading.Lock()
    queries = [
        ("SELECT count(*) FROM shop WHERE price > %s", [3], lambda rows: rows == [(2,)]),
        ("SELECT title FROM shop WHERE id = %s", [3], lambda rows: rows == [("pen; blue",)]),
        ("SELECT count(embed(title || %s)) FROM shop", ["x"], lambda rows: rows == [(3,)]),
        ("SELECT ai_classify(title, ['shoes', 'pens']), count(*) FROM shop GROUP BY 1", None,
         lambda rows: sum(count for _, count in rows) == 3),
        ("SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relname = 'shop'", None, lambda rows: rows == [("shop",)]),
    ]  # fmt: skip

    def work(number: int) -> None:
        try:
            client = LoadClient(port, number)
            counts = collections.Counter()
            while time.monotonic() < until:
                sql, values, fits = queries[client.turn % len(queries)]
                rows = client.connection.execute(sql, values).fetchall()
                if not fits(rows):
                    errors.append(f"{sql}: {rows}")
                done[number] += 1
                client.turn += 1
                if client.turn % DISTURBANCE_INTERVAL == 0:
                    client.disturb(counts)
            client.connection.close()
            with lock:
                disturbances.update(counts)
        except Exception as error:
            errors.append(f"client {number}: {error!r}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = [done[number] for number in range(clients)]
    print(
        f"{clients} clients, {seconds:.0f} s: {sum(counts)} queries, {len(errors)} errors; "
        f"the client with the fewest had {min(counts)}, the one with the most {max(counts)}; "
        f"{dict(disturbances)}"
    )
    assert not errors, errors[:5]
    assert min(counts) > 0, counts
    assert len(disturbances) == 3, disturbances
    # The server still answers.
    with connect(port, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM shop").fetchone() == (3,)


PARTS = {
    "parameters": parameters,
    "values": values,
    "exact": exact,
    "pool": pool,
    "copies": copies,
    "streams": streams,
    "sqlalchemy": sqlalchemy_,
    "cancel": cancel,
    "load": load,
}

if __name__ == "__main__":
    PARTS[sys.argv[1]](int(sys.argv[2]))
