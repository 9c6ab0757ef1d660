"""What the tests share: products, sessions, and the model of this machine."""

import os
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


def home() -> Path:
    """Where set-up puts models."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
    return Path(os.environ.get("SEMQL_HOME") or Path(data, "semql"))


@pytest.fixture
def model() -> str:
    """The default model, which inference needs."""
    if not (home() / "models/all-minilm-l6-v2/model.safetensors").is_file():
        pytest.skip("the default model is not there; `semql setup` brings it")
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
