"""Functions registered on a session of the package `datafusion`."""

from importlib import metadata

import pyarrow as pa
import pytest
import semql
from datafusion import SessionContext

from conftest import PRODUCTS


def rows(ctx: SessionContext, sql: str) -> "list[dict[str, object]]":
    """Rows of a query."""
    table: pa.Table = ctx.sql(sql).to_arrow_table()
    return list(table.to_pylist())


def test_scalar_aggregate_and_window_functions(ctx: SessionContext) -> None:
    scalar = rows(ctx, "SELECT ai_classify(title, ['shirt', 'laptop']) AS label FROM products ORDER BY id")
    assert {row["label"] for row in scalar[:3]} <= {"shirt", "laptop"}
    [aggregate] = rows(ctx, "SELECT top_terms(title, 2) AS terms FROM products WHERE id = 1")
    assert isinstance(aggregate["terms"], list)
    assert len(aggregate["terms"]) == 2
    window = rows(ctx, "SELECT kmeans(embed(title), 2) OVER () AS cluster FROM products WHERE id < 4")
    assert {row["cluster"] for row in window} == {0, 1}


def test_null_and_blank_texts_give_null(ctx: SessionContext) -> None:
    query = "SELECT id, embed(title) IS NULL AS missing, categorize(title, title) AS c FROM products ORDER BY id"
    answers = rows(ctx, query)
    assert [row["missing"] for row in answers] == [False, False, False, True, True]
    assert [row["c"] is None for row in answers] == [False, False, False, True, True]


def test_an_empty_input_keeps_its_columns(ctx: SessionContext) -> None:
    query = "SELECT ai_classify(title, ['a', 'b']) AS c, embed(title, 'deterministic') AS v FROM products WHERE id > 9"
    table = ctx.sql(query).to_arrow_table()
    assert table.num_rows == 0
    assert table.schema.names == ["c", "v"]


def test_literal_arguments_stay_literal(ctx: SessionContext) -> None:
    # DataFusion's FFI turns them into arrays.
    many = rows(
        ctx,
        "SELECT count(*) AS n, count(DISTINCT c) AS labels FROM (SELECT ai_classify(concat('text ', value), "
        "['a', 'b', 'c']) AS c FROM generate_series(1, 20000))",
    )
    assert many[0]["n"] == 20000
    assert isinstance(many[0]["labels"], int)
    assert 1 <= many[0]["labels"] <= 3
    one = rows(ctx, "SELECT embed(title, 'deterministic') AS v FROM products WHERE id = 1")
    other = rows(ctx, "SELECT embed('Red cotton T-shirt, size M') AS v")
    assert one == other


def test_all_string_types_are_accepted(ctx: SessionContext) -> None:
    expected = rows(ctx, "SELECT embed('a pen') AS v")
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        texts = pa.table({"text": pa.array(["a pen", "a bag"], kind)})
        ctx.from_arrow(texts, name=f"texts_{kind}")
        assert rows(ctx, f"SELECT embed(text) AS v FROM texts_{kind} LIMIT 1") == expected


def test_vectors_are_fixed_size_lists_with_their_model_as_metadata(ctx: SessionContext) -> None:
    field = ctx.sql("SELECT embed(title) AS v FROM products").to_arrow_table().schema.field("v")
    assert field.type == pa.list_(pa.field("item", pa.float32()), 16)
    assert (field.metadata or {})[b"semql.model"] == b"deterministic"


def test_equal_texts_have_equal_vectors(ctx: SessionContext) -> None:
    query = (
        "SELECT count(*) AS n FROM products a JOIN products b ON cosine_similarity(embed(a.title), embed(b.title)) > 0.9999"
        " WHERE a.id = b.id"
    )
    assert rows(ctx, query) == [{"n": 3}]


def test_registering_again_changes_settings(ctx: SessionContext) -> None:
    every = "SELECT count(categorize(title, title)) AS n FROM products"
    assert rows(ctx, every) == [{"n": 3}]
    semql.register(ctx, model="deterministic", min_score=1.0)
    assert rows(ctx, every) == [{"n": 0}]


def test_set_changes_settings_on_a_session_with_their_configuration() -> None:
    ctx = SessionContext(semql.config(model="deterministic"))
    ctx.from_arrow(PRODUCTS, name="products")
    semql.register(ctx)
    every = "SELECT count(categorize(title, title)) AS n FROM products"
    assert rows(ctx, every) == [{"n": 3}]
    ctx.sql("SET ai.min_score = '1.0'")
    assert rows(ctx, every) == [{"n": 0}]
    ctx.sql("SET ai.min_score = 'high'")
    with pytest.raises(Exception, match="ai.min_score: 'high' is not a number"):
        rows(ctx, every)
    ctx.sql("SET ai.min_score = ''")
    assert rows(ctx, every) == [{"n": 3}]


def test_invalid_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="ai.on_error: 'explode' is neither 'null' nor 'fail'"):
        semql.register(SessionContext(), on_error="explode")
    with pytest.raises(ValueError, match="there is no setting ai.speed; there are ai.model"):
        semql.register(SessionContext(), speed=11)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="use semql.connect"):
        semql.register(SessionContext(), mode="fast")
    with pytest.raises(TypeError, match="takes a datafusion.SessionContext, and got int"):
        semql.register(1)  # type: ignore[arg-type]


def test_invalid_calls_have_clear_errors(ctx: SessionContext) -> None:
    for query, message in [
        ("SELECT embed(1)", "must be text"),
        ("SELECT embed('a', 'b', 'c')", "takes 1 to 2 arguments"),
        ("SELECT ai_classify(title, ['one']) FROM products", "two or more distinct labels"),
        ("SELECT kmeans(embed(title), 0) OVER () FROM products", "must be a whole number from 1"),
        ("SELECT embed(title, title) FROM products", "must be a literal"),
    ]:
        with pytest.raises(Exception, match=message):
            rows(ctx, query)


def test_an_error_names_the_missing_model(ctx: SessionContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(Exception, match="nobody/nothing"):
        rows(ctx, "SELECT embed(title, 'nobody/nothing') FROM products")


def test_another_version_of_datafusion_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: "54.1.0")
    with pytest.raises(semql.SetupError, match="and 54.1.0 is installed; run pip install 'datafusion>=55,<56'"):
        semql.register(SessionContext())


def test_functions_with_the_default_model(model: str) -> None:
    ctx = SessionContext()
    ctx.from_arrow(PRODUCTS, name="products")
    semql.register(ctx, model=model, device="cpu")
    query = "SELECT id, categorize(title, title) AS category FROM products WHERE id < 4 ORDER BY id"
    assert [row["category"] for row in rows(ctx, query)] == ["Clothing", "Electronics, Computers", "Books"]
    [alike] = rows(ctx, "SELECT ai_similarity('a red shirt', 'a crimson blouse') > ai_similarity('a red shirt', 'tax law') AS ok")
    assert alike["ok"] is True
    semql.interrupt()
    assert len(rows(ctx, "SELECT embed('a text') AS v")) == 1
