"""Registration of the functions on a session of the package `datafusion`."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

from . import _semql
from .settings import Settings, Unpack, as_text

if TYPE_CHECKING:
    from datafusion import SessionConfig, SessionContext

__all__ = ["config", "register"]


def register(
    ctx: SessionContext, **settings: Unpack[Settings]
) -> SessionContext:
    """Add the scalar, aggregate and window functions to a session.

    Settings are those of `SET ai.*`, such as `model="e5-small-v2"` or
    `device="cpu"`. To change them, register again. `SET ai.*` in SQL works on
    sessions made with :func:`config`, and overrides the settings given here for
    scalar functions; aggregates and window functions keep theirs.

    Each call in a query is computed separately, so vectors are cached in memory
    unless `cache` is given. Table functions such as `vector_search`, statements
    such as CREATE MODEL, and fast mode need a session of semql:
    :func:`semql.connect`.

    Returns `ctx`. Raises ValueError for an unknown setting or an invalid value,
    and SetupError for an unsupported version of `datafusion`.
    """
    check_version()
    from datafusion import SessionContext, udaf, udf, udwf

    if not isinstance(ctx, SessionContext):
        raise TypeError(
            f"semql.register takes a datafusion.SessionContext, and got {type(ctx).__name__}"
        )
    if settings.get("mode") == "fast":
        raise ValueError(
            "mode='fast' is not supported in a session of datafusion; use semql.connect"
        )
    if settings.get("cache") is None:
        settings["cache"] = "memory"
    provider = ctx.__datafusion_task_context_provider__()
    scalar, aggregate, window = _semql.functions(as_text(settings), provider)
    for function in scalar:
        ctx.register_udf(udf(function))
    for aggregation in aggregate:
        ctx.register_udaf(udaf(aggregation))
    for over in window:
        ctx.register_udwf(udwf(over))
    return ctx


def config(**settings: Unpack[Settings]) -> SessionConfig:
    """Make the configuration of a session on which `SET ai.*` works.

    >>> ctx = SessionContext(semql.config(device="cpu"))
    >>> semql.register(ctx)
    >>> ctx.sql("SET ai.model = 'deterministic'")
    """
    check_version()
    from datafusion import SessionConfig

    return SessionConfig().with_extension(_semql.Extension(as_text(settings)))


def check_version() -> None:
    """Refuse a version of `datafusion` with another binary interface.

    Raises SetupError, since a call would crash the process.
    """
    required = _semql.DATAFUSION.split(".")[0]
    try:
        installed = metadata.version("datafusion")
    except metadata.PackageNotFoundError:
        installed = "none"
    if installed.split(".")[0] != required:
        raise _semql.SetupError(
            f"semql {_semql.__version__} needs the package datafusion {required}, and {installed} is installed; run "
            f"pip install 'datafusion>={required},<{int(required) + 1}'"
        )
