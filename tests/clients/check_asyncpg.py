"""asyncpg, whose parameters and results are binary."""

import datetime
import decimal

import asyncpg

from checks import Servers, equal, run


async def pools(servers: Servers) -> None:
    """pool, acquired and released many times"""
    async with asyncpg.create_pool(servers.read.url, min_size=1, max_size=3) as pool:
        for number in range(1, 8):
            async with pool.acquire() as connection:
                equal(await connection.fetchval("SELECT id FROM products WHERE id = $1", number), number)
        equal(await pool.fetchval("SELECT count(*) FROM orders"), 2000)


async def values(servers: Servers) -> None:
    """types in binary, arrays, LIMIT parameter"""
    connection = await asyncpg.connect(servers.read.url)
    row = await connection.fetchrow("SELECT * FROM products WHERE id = $1", 2)
    equal(dict(row), {
        "id": 2, "title": 'pen; "blue" 2', "description": "Offer number 2", "price": decimal.Decimal("2.50"),
        "weight": 0.25, "in_stock": False, "added": datetime.date(2026, 1, 3),
        "updated": datetime.datetime(2026, 1, 1, 6, 32), "tags": ["all", "even"]})
    equal(await connection.fetchval("SELECT count(*) FROM products WHERE id = ANY($1::bigint[])", [1, 2]), 2)
    equal(await connection.fetchval("SELECT count(*) FROM products WHERE title = ANY($1)", ["tea pot 1"]), 1)
    rows = await connection.fetch("SELECT id FROM products ORDER BY id LIMIT $1 OFFSET $2", 2, 5)
    equal([row["id"] for row in rows], [6, 7])
    equal(await connection.fetchval("SELECT $1::timestamptz", datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)),
          datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc))
    equal(await connection.fetchval("SELECT $1::float4[]", [0.5, 1.5]), [0.5, 1.5])
    equal(len(await connection.fetchval("SELECT embed($1)", "red shoes")), 16)
    await connection.close()


async def statements(servers: Servers) -> None:
    """prepared statement, its types, cursor"""
    connection = await asyncpg.connect(servers.read.url)
    statement = await connection.prepare("SELECT id, title FROM products WHERE id > $1 ORDER BY id")
    equal([parameter.name for parameter in statement.get_parameters()], ["int8"])
    equal([(attribute.name, attribute.type.name) for attribute in statement.get_attributes()],
          [("id", "int8"), ("title", "text")])
    async with connection.transaction():
        found = [row["id"] async for row in statement.cursor(400, prefetch=30)]
        equal(found, list(range(401, 501)))
        cursor = await connection.cursor("SELECT id FROM products ORDER BY id")
        equal([row["id"] for row in await cursor.fetch(2)], [1, 2])
        await cursor.forward(3)
        equal((await cursor.fetchrow())["id"], 6)
    await connection.close()


async def writes(servers: Servers) -> None:
    """executemany, copy_records_to_table, copy_from_query"""
    connection = await asyncpg.connect(servers.write.url)
    await connection.execute("DROP TABLE IF EXISTS asyncpg_items")
    await connection.execute("CREATE TABLE asyncpg_items (id bigint, name text, added timestamp, tags text[])")
    await connection.executemany("INSERT INTO asyncpg_items (id, name) VALUES ($1, $2)", [(1, "a"), (2, None)])
    added = datetime.datetime(2026, 1, 2, 3, 4, 5, 6)
    status = await connection.copy_records_to_table(
        "asyncpg_items", records=[(3, "c", added, ["x", None]), (4, None, None, None)])
    equal(status, "COPY 2")
    rows = await connection.fetch("SELECT id, name, added, tags FROM asyncpg_items ORDER BY id")
    equal([tuple(row) for row in rows], [(1, "a", None, None), (2, None, None, None), (3, "c", added, ["x", None]),
                                         (4, None, None, None)])
    pieces = []

    async def keep(piece: bytes) -> None:
        pieces.append(piece)

    await connection.copy_from_query("SELECT id FROM asyncpg_items WHERE id > $1 ORDER BY id", 2, output=keep, format="csv")
    equal(b"".join(pieces).decode().split(), ["3", "4"])
    await connection.execute("DROP TABLE asyncpg_items")
    await connection.close()


async def errors(servers: Servers) -> None:
    """errors by class, savepoints of nested transactions"""
    connection = await asyncpg.connect(servers.read.url)
    for sql, kind in [("SELECT * FROM missing_table", asyncpg.UndefinedTableError),
                      ("SELECT missing_column FROM products", asyncpg.UndefinedColumnError),
                      ("SELEC 1", asyncpg.PostgresSyntaxError)]:
        try:
            await connection.fetch(sql)
        except kind:
            continue
        raise AssertionError(f"no error: {sql}")
    async with connection.transaction(readonly=True):
        equal(await connection.fetchval("SELECT 1"), 1)
        async with connection.transaction():
            equal(await connection.fetchval("SELECT 2"), 2)
    await connection.close()


run(asyncpg.__version__, [pools, values, statements, writes, errors])
