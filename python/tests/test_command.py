"""Command `semql` of the wheel."""

import os
import signal
import sys
import sysconfig
from pathlib import Path

import pytest
import semql

from processes import TIMEOUT, run, started, wait_for_file

COMMAND = str(Path(sysconfig.get_path("scripts"), "semql"))


def test_rows_go_to_standard_output() -> None:
    done = run([COMMAND, "-c", "SELECT 1 AS a", "--format", "csv"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "a\n1\n", "")
    piped = run([COMMAND, "--format", "csv"], stdin="SELECT 2 AS a")
    assert piped.stdout == "a\n2\n"


def test_errors_go_to_standard_error_with_their_exit_codes() -> None:
    failed = run([COMMAND, "-c", "SELECT * FROM nothing"])
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("error: ")
    usage = run([COMMAND, "--frobnicate"])
    assert usage.returncode == 2
    assert "--frobnicate" in usage.stderr
    missing = run([COMMAND, "--set", "ai.onnxruntime=/nowhere", "-c", "SELECT embed('a')"])
    assert missing.returncode == 3
    assert "/nowhere" in missing.stderr


def test_help_and_version() -> None:
    version = run([COMMAND, "--version"]).stdout
    assert version.strip() == f"semql {semql.__version__}"
    assert "Exit codes:" in run([COMMAND, "--help"]).stdout
    assert run([sys.executable, "-m", "semql", "--version"]).stdout == version


def test_the_library_of_the_package_is_used(model: str) -> None:
    done = run([COMMAND, "--format", "csv", "-c", f"SET ai.model = '{model}'", "-c", "SELECT embed('a pen') IS NULL AS n"])
    assert (done.returncode, done.stdout) == (0, "n\nfalse\n"), done.stderr
    script = "import os; from semql.library import find_library; print(find_library())"
    found = run([sys.executable, "-c", script]).stdout.strip()
    assert Path(found).parent.parts[-2:] == ("onnxruntime", "capi")
    found = run([sys.executable, "-c", script], env=dict(os.environ, ORT_DYLIB_PATH="/elsewhere")).stdout
    assert found == "None\n"


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent another way there")
def test_an_interrupt_gives_exit_code_130(tmp_path: Path) -> None:
    query = "SELECT count(*) FROM generate_series(1, 1000000000000) WHERE value % 7 = 8"
    with started([COMMAND, "-c", "\\! echo > started", "-c", query], tmp_path) as child:
        wait_for_file(tmp_path / "started")
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=TIMEOUT)
    assert (child.returncode, errors) == (130, "Interrupted.\n")
