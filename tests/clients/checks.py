"""Runs the parts of a client's check and prints their results.

A check is a script with the arguments READ_URL WRITE_URL: the addresses of a
server that refuses writes and of one that allows them. It prints

    version: VERSION of the tool
    ok: PART                 for each part that passed
    FAILED: PART => ERROR      for each part that failed

and exits with 1 if a part failed.
"""

import asyncio
import inspect
import sys
import traceback
import typing
import urllib.parse

MAX_ERROR_LENGTH = 600


class Address(typing.NamedTuple):
    """Address of a server, as the clients need it."""

    url: str
    host: str
    port: int
    user: str
    database: str

    def with_driver(self, driver: str) -> str:
        """SQLAlchemy's address for this driver."""
        return self.url.replace("postgresql://", f"postgresql+{driver}://", 1)

    @property
    def keywords(self) -> "dict[str, typing.Any]":
        """Arguments of a DB-API driver."""
        return {"host": self.host, "port": self.port, "user": self.user, "database": self.database}

    @property
    def libpq(self) -> str:
        return f"host={self.host} port={self.port} user={self.user} dbname={self.database}"


class Servers(typing.NamedTuple):
    read: Address
    write: Address


Part = typing.Callable[[Servers], typing.Any]


def address(url: str) -> Address:
    parsed = urllib.parse.urlsplit(url)
    return Address(url, parsed.hostname or "", parsed.port or 0, parsed.username or "", parsed.path.strip("/"))


def run(version: str, parts: "list[Part]") -> typing.NoReturn:
    """Run every part, and exit. The first line of a part's documentation is its name."""
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} READ_URL WRITE_URL")
    servers = Servers(address(sys.argv[1]), address(sys.argv[2]))
    print(f"version: {version}", flush=True)
    failed = False
    for part in parts:
        name = (part.__doc__ or part.__name__).strip().splitlines()[0]
        try:
            result = part(servers)
            if inspect.isawaitable(result):
                asyncio.run(awaited(result))
        except Exception as error:  # A part fails by any error of any tool.
            failed = True
            print(f"FAILED: {name} => {described(error)}", flush=True)
        else:
            print(f"ok: {name}", flush=True)
    sys.exit(1 if failed else 0)


async def awaited(result: typing.Awaitable) -> None:
    await result


def described(error: Exception) -> str:
    """Error on one line, with the line of the check that caused it."""
    script = sys.argv[0]
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == script]
    text = " ".join(f"{type(error).__name__}: {error}".split())
    if len(text) > MAX_ERROR_LENGTH:
        text = text[:MAX_ERROR_LENGTH] + "..."
    return f"{text} (line {lines[-1]})" if lines else text


def equal(found: object, expected: object) -> None:
    """Fail with both values if they differ."""
    if found != expected:
        raise AssertionError(f"found {found!r}, expected {expected!r}")


def refused(error: "type[Exception]", call: typing.Callable[[], object]) -> None:
    """Fail unless the call raises this error."""
    try:
        result = call()
    except error:
        return
    raise AssertionError(f"no {error.__name__} but {result!r}")
