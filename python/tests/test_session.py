"""Session of semql."""

import logging
import signal
import sys
import textwrap
from pathlib import Path

import pytest
import semql

from processes import TIMEOUT, started, wait_for_file


def test_statements_return_rows_or_a_message(session: semql.Session) -> None:
    result = session.sql("CREATE TABLE cheap AS SELECT * FROM products WHERE price < 10; SELECT count(*) AS n FROM cheap")
    assert result.columns == ["n"]
    assert result.to_arrow().to_pylist() == [{"n": 2}]
    created = session.sql("CREATE VIEW v AS SELECT 1 AS a")
    assert (created.message, created.columns, len(created)) == ("created view v", [], 0)
    assert repr(created) == "created view v"
    assert bool(created)


def test_a_result_shows_its_first_rows(session: semql.Session) -> None:
    shown = repr(session.sql("SELECT value FROM generate_series(1, 30)"))
    assert "| 20 " in shown
    assert "| 21 " not in shown
    assert shown.endswith("... and 10 more")


def test_a_reader_streams_the_rows(session: semql.Session) -> None:
    result = session.sql("SELECT value FROM generate_series(1, 1000000000000)")
    reader = result.to_reader()
    assert reader.schema.names == ["value"]
    assert reader.read_next_batch()["value"][0].as_py() == 1
    with pytest.raises(ValueError, match="run the statement again"):
        result.to_arrow()
    rows = session.sql("SELECT value FROM generate_series(1, 20000)")
    assert rows.to_reader().read_all().num_rows == 20000


def test_table_functions_and_deduplicated_calls(session: semql.Session) -> None:
    found = session.sql(
        "CREATE TABLE vectors AS SELECT id, title, embed(title) AS v FROM products WHERE title IS NOT NULL;"
        "SELECT * FROM vector_search(vectors, 'Laptop computer 15 inch, 16 GB', k => 1)"
    )
    [best] = found.to_arrow().to_pylist()
    assert best["id"] == 2
    plan = session.sql("EXPLAIN SELECT embed(title) FROM products WHERE embed(title) IS NOT NULL")
    assert repr(plan).count("InferExec") == 1
    assert plan.to_arrow().to_pylist()[0]["plan_type"] == "estimate"
    assert "deterministic" in repr(session.sql("SHOW ai.model"))
    assert len(session.sql("SHOW MODELS")) > 0


def test_a_file_is_a_table(session: semql.Session) -> None:
    Path("shop.csv").write_text("id,title\n1,red shoes\n")
    assert session.sql("SELECT title FROM 'shop.csv'").to_arrow().to_pylist() == [{"title": "red shoes"}]


def test_settings_are_keyword_arguments(session: semql.Session) -> None:
    assert "cpu" in repr(semql.connect(device="cpu").sql("SHOW ai.device"))
    with pytest.raises(ValueError, match="ai.device: "):
        semql.connect(device="abacus")
    with pytest.raises(semql.SetupError, match="nowhere.yaml"):
        semql.connect(data_dict="nowhere.yaml")
    with pytest.raises(semql.Error, match="memory"):
        semql.connect(memory_limit=100_000).sql("SELECT array_agg(value) FROM generate_series(1, 1000000)")


def test_errors_name_the_line_and_the_cause(session: semql.Session) -> None:
    with pytest.raises(semql.Error, match="did you mean 'products'"):
        session.sql("SELECT * FROM prodcuts")
    with pytest.raises(semql.Error, match="^line 2: "):
        session.sql("SELECT 1;\nSELECT nothing")
    with pytest.raises(semql.Error, match="command of the prompt"):
        session.sql("\\d")
    # The session still works.
    assert len(session.sql("SELECT 1")) == 1


def test_notices_are_logged(session: semql.Session, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="semql"):
        session.sql("SELECT embed('a pen')")
        session.sql("SELECT embed('a bag')")
    notices = [record.message for record in caplog.records if record.message.startswith("Inference ran on")]
    assert len(notices) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent another way there")
def test_a_session_works_after_an_interrupted_statement(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import semql
        session = semql.connect(model="deterministic")
        started = "COPY (SELECT 1 AS a) TO 'started.csv';"
        try:
            session.sql(started + "SELECT count(*) FROM generate_series(1, 1000000000000) WHERE value % 7 = 8")
        except KeyboardInterrupt:
            print(len(session.sql("SELECT 1")))
        """
    )
    with started([sys.executable, "-c", program], tmp_path) as child:
        wait_for_file(tmp_path / "started.csv")
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate(timeout=TIMEOUT)
    assert (child.returncode, output) == (0, "1\n"), errors


def test_vector_search_with_the_default_model(session: semql.Session, model: str) -> None:
    session.sql(f"SET ai.model = '{model}'; SET ai.device = 'cpu'")
    found = session.sql(
        "CREATE TABLE vectors AS SELECT id, title, embed(title) AS v FROM products;"
        "SELECT title FROM vector_search(vectors, 'something to wear', k => 1)"
    )
    assert found.to_arrow().to_pylist() == [{"title": "Red cotton T-shirt, size M"}]
