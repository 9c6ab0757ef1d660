"""Semantic SQL: SQL functions that understand text, run in this process.

Two ways, and the command `semql`:

>>> import semql
>>> from datafusion import SessionContext
>>> ctx = SessionContext()
>>> semql.register(ctx, model="deterministic")  # functions for your session
>>> session = semql.connect(model="deterministic")  # a session with everything
"""

import os

# Before the library is loaded, and whoever loads it: nothing leaves the machine.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from ._semql import Error, SetupError, __version__, interrupt
from .command import main
from .registration import config, register
from .session import Result, Session, connect
from .settings import Settings

__all__ = [
    "Error",
    "Result",
    "Session",
    "Settings",
    "SetupError",
    "__version__",
    "config",
    "connect",
    "interrupt",
    "main",
    "register",
]
