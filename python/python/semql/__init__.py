"""Semantic SQL: SQL functions that understand text, run in this process.

Functions for a session of `datafusion`, a session of semql, and the command `semql`:

>>> import semql
>>> from datafusion import SessionContext
>>> ctx = SessionContext()
>>> semql.register(ctx, model="deterministic")  # functions in your session
>>> session = semql.connect(model="deterministic")  # a session of semql
"""

import os

# Has to be set before ONNX Runtime is loaded: nothing leaves the machine.
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
