"""Types agree with the package."""

import sys
from pathlib import Path

import semql
from semql import _semql

from processes import run

FOLDER = Path(__file__).parents[1]


def test_every_setting_is_a_keyword() -> None:
    names = {name for name, _ in _semql.settings()}
    assert names == set(semql.Settings.__annotations__)


def test_the_type_checker_finds_no_errors() -> None:
    checked = run([sys.executable, "-m", "mypy"], folder=FOLDER)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_stub_matches_the_compiled_module() -> None:
    command = [sys.executable, "-m", "mypy.stubtest", "semql._semql", "--mypy-config-file", str(FOLDER / "pyproject.toml")]
    # In a folder without another package of this name.
    checked = run(command, folder=FOLDER / "tests")
    assert checked.returncode == 0, checked.stdout + checked.stderr
