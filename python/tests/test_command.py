"""The command `semql` that the wheel brings."""

import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import semql

COMMAND = str(Path(sysconfig.get_path("scripts"), "semql"))


def run(*arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    """Run the command to its end."""
    return subprocess.run([COMMAND, *arguments], input=stdin, capture_output=True, text=True, timeout=120)


def test_rows_go_to_standard_output() -> None:
    done = run("-c", "SELECT 1 AS a", "--format", "csv")
    assert (done.returncode, done.stdout, done.stderr) == (0, "a\n1\n", "")
    piped = run("--format", "csv", stdin="SELECT 2 AS a")
    assert piped.stdout == "a\n2\n"


def test_errors_go_to_standard_error_with_their_exit_codes() -> None:
    failed = run("-c", "SELECT * FROM nothing")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("error: ")
    usage = run("--frobnicate")
    assert usage.returncode == 2
    assert "--frobnicate" in usage.stderr
    missing = run("--set", "ai.onnxruntime=/nowhere", "-c", "SELECT embed('a')")
    assert missing.returncode == 3
    assert "/nowhere" in missing.stderr


def test_help_and_version() -> None:
    assert run("--version").stdout.strip() == f"semql {semql.__version__}"
    assert "Exit codes:" in run("--help").stdout
    module = subprocess.run([sys.executable, "-m", "semql", "--version"], capture_output=True, text=True)
    assert module.stdout == run("--version").stdout


def test_the_library_is_that_of_the_package(model: str) -> None:
    done = run("--format", "csv", "-c", f"SET ai.model = '{model}'", "-c", "SELECT embed('a pen') IS NULL AS n")
    assert (done.returncode, done.stdout) == (0, "n\nfalse\n"), done.stderr
    # Named in the environment for the process that runs it.
    script = "import os; from semql.library import library; print(library())"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.strip()
    assert Path(found).parent.parts[-2:] == ("onnxruntime", "capi")
    elsewhere = dict(os.environ, ORT_DYLIB_PATH="/elsewhere")
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=elsewhere).stdout
    assert found == "None\n"


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent another way there")
def test_an_interrupt_ends_it_with_130() -> None:
    arguments = ["-c", "\\! echo ready", "-c", "SELECT count(*) FROM generate_series(1, 1000000000000) WHERE value % 7 = 8"]
    with subprocess.Popen([COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=30)
    assert (child.returncode, said) == (130, "Interrupted.\n")
