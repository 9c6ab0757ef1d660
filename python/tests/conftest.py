"""Fixtures of the tests: products, sessions, and the default model."""

import os
from collections.abc import Generator
from pathlib import Path

import pyarrow as pa
import pytest
import semql
from datafusion import SessionContext

PRODUCTS = pa.table(
    {
        "id": [1, 2, 3, 4, 5],
        "title": [
            "Red cotton T-shirt, size M",
            "Laptop computer 15 inch, 16 GB",
            "The old fisherman, a novel",
            None,
            "   ",
        ],
        "price": [12.5, 899.0, 7.9, 1.0, None],
    }
)


# Reasons for which a test may be skipped under SEMQL_REQUIRE_ALL=1, as in `make test`.
OPTIONAL_REASONS = ("signals are sent another way there",)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn skips into failures under SEMQL_REQUIRE_ALL=1."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("SEMQL_REQUIRE_ALL") == "1":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not reason.endswith(OPTIONAL_REASONS):
            report.outcome = "failed"
            report.longrepr = f"SEMQL_REQUIRE_ALL=1 forbids to skip this test: {reason}"
    return report


def home() -> Path:
    """Folder of models."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
    return Path(os.environ.get("SEMQL_HOME") or Path(data, "semql"))


@pytest.fixture
def model() -> str:
    """The default model, which inference needs."""
    if not (home() / "models/all-minilm-l6-v2/model.safetensors").is_file():
        pytest.skip("the default model is not installed; `semql setup` installs it")
    return "all-minilm-l6-v2"


@pytest.fixture
def ctx() -> SessionContext:
    """A session of datafusion with products and the functions."""
    ctx = SessionContext()
    ctx.from_arrow(PRODUCTS, name="products")
    return semql.register(ctx, model="deterministic")


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> semql.Session:
    """A session of semql with products, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    session = semql.connect(model="deterministic")
    session.register("products", PRODUCTS)
    return session
