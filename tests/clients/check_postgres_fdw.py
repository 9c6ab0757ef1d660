"""postgres_fdw: tables of semql in a PostgreSQL server."""

import contextlib
import os
import pathlib
import pwd
import socket
import subprocess

import client_list
from checks import Address, Servers, equal, run

USER = "postgres"


def postgres(program: str, *arguments: str) -> str:
    """Run a program of PostgreSQL, which refuses to run as root."""
    command = [os.path.join(client_list.POSTGRES, program), *arguments]
    user = pwd.getpwnam(USER).pw_uid if os.geteuid() == 0 else None
    result = subprocess.run(command, capture_output=True, text=True, user=user)
    if result.returncode != 0:
        raise AssertionError(f"{program}: {result.stderr or result.stdout}")
    return result.stdout


@contextlib.contextmanager
def cluster(name: str):
    """PostgreSQL server in the folder `name`. Gives its address."""
    folder = pathlib.Path(name).absolute()
    folder.mkdir()
    if os.geteuid() == 0:
        account = pwd.getpwnam(USER)
        for path in (folder, folder.parent):
            os.chown(path, account.pw_uid, account.pw_gid)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = str(folder / "data")
    postgres("initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    postgres("pg_ctl", "-D", data, "-l", str(folder / "log"), "-o", options, "-w", "start")
    try:
        yield f"host=127.0.0.1 port={port} user={USER} dbname=postgres"
    finally:
        postgres("pg_ctl", "-D", data, "-m", "immediate", "stop")


def psql(address: str, *commands: str) -> "list[str]":
    arguments = ["psql", "--no-psqlrc", "-At", "-v", "ON_ERROR_STOP=1", address]
    for command in commands:
        arguments += ["-c", command]
    result = subprocess.run(arguments, capture_output=True, text=True)
    if result.returncode != 0:
        raise AssertionError(f"{commands[-1]}: {result.stderr}")
    return result.stdout.splitlines()


def link(name: str, address: Address) -> "tuple[str, ...]":
    return (
        "CREATE EXTENSION IF NOT EXISTS postgres_fdw",
        f"CREATE SERVER {name} FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '{address.host}', port '{address.port}', "
        f"dbname '{address.database}', fetch_size '100')",
        f"CREATE USER MAPPING FOR {USER} SERVER {name} OPTIONS (user '{address.user}', password_required 'false')",
    )


def reads(servers: Servers) -> None:
    """IMPORT FOREIGN SCHEMA, pushed filters and joins, EXPLAIN VERBOSE"""
    with cluster("read") as address:
        psql(address, *link("shop", servers.read), "CREATE SCHEMA shop", "IMPORT FOREIGN SCHEMA public FROM SERVER shop INTO shop")
        equal(psql(address, "SELECT count(*), sum(price) FROM shop.products"), ["500|156562.50"])
        equal(psql(address, "SELECT title, added, tags FROM shop.products WHERE id = 2"), ['pen; "blue" 2|2026-01-03|{all,even}'])
        equal(psql(address, "SELECT sum(quantity) FROM shop.orders o JOIN shop.products p ON p.id = o.product_id WHERE p.in_stock"),
              psql(address, "SELECT sum(quantity) FROM shop.orders WHERE (SELECT in_stock FROM shop.products p WHERE p.id = product_id)"))
        equal(psql(address, "SELECT id FROM shop.products WHERE updated < '2026-01-01 06:33' AND title LIKE 'tea%' ORDER BY id LIMIT 3"), ["1"])
        plan = "\n".join(psql(address, "EXPLAIN VERBOSE SELECT count(*) FROM shop.products WHERE price > 5"))
        equal("Remote SQL" in plan, True)


def writes(servers: Servers) -> None:
    """INSERT into a foreign table"""
    with contextlib.suppress(AssertionError):
        psql(servers.write.libpq, "DROP TABLE fdw_items")
    psql(servers.write.libpq, "CREATE TABLE fdw_items (id int, name text)")
    with cluster("write") as address:
        psql(address, *link("shop", servers.write), "IMPORT FOREIGN SCHEMA public LIMIT TO (fdw_items) FROM SERVER shop INTO public",
             "INSERT INTO fdw_items VALUES (1, 'a'), (2, NULL)")
        equal(psql(address, "SELECT * FROM fdw_items ORDER BY id"), ["1|a", "2|"])
    psql(servers.write.libpq, "DROP TABLE fdw_items")


run(postgres("postgres", "--version").split()[2], [reads, writes])
