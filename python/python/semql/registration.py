"""The functions on a session of the package `datafusion`."""

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
    `device="cpu"`. To change some, call it again. `SET ai.*` in SQL works on
    sessions that were made with :func:`config`, and goes before what is given
    here; aggregates and window functions keep the settings they have now.

    A call is computed wherever it stands in a query, and as often; vectors are
    therefore kept in memory unless `cache` says otherwise. Table functions such
    as `vector_search`, statements such as CREATE MODEL, and fast mode need a
    session of semql's own: :func:`semql.connect`.

    Returns `ctx`. Raises ValueError for a setting that does not exist or cannot
    have that value, and SetupError where the version of `datafusion` does not fit.
    """
    check_version()
    from datafusion import SessionContext, udaf, udf, udwf

    if not isinstance(ctx, SessionContext):
        raise TypeError(
            f"semql.register takes a datafusion.SessionContext, and this is {type(ctx).__name__}"
        )
    if settings.get("mode") == "fast":
        raise ValueError(
            "mode='fast' needs a plan of semql's own, which a session of datafusion has not: use semql.connect"
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
    """Refuse a `datafusion` whose functions would look another way in memory.

    Raises SetupError: to go on would end the process, not the query.
    """
    wanted = _semql.DATAFUSION.split(".")[0]
    try:
        installed = metadata.version("datafusion")
    except metadata.PackageNotFoundError:
        installed = "none"
    if installed.split(".")[0] != wanted:
        raise _semql.SetupError(
            f"semql {_semql.__version__} fits the package datafusion {wanted}, and {installed} is installed: "
            f"pip install 'datafusion>={wanted},<{int(wanted) + 1}'"
        )
