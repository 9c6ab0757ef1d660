"""What the types promise is what is there."""

import subprocess
import sys
from pathlib import Path

import semql
from semql import _semql

FOLDER = Path(__file__).parents[1]


def test_every_setting_is_a_keyword() -> None:
    names = {name for name, _ in _semql.settings()}
    assert names == set(semql.Settings.__annotations__)


def test_the_type_checker_agrees() -> None:
    checked = subprocess.run([sys.executable, "-m", "mypy"], cwd=FOLDER, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_stub_lists_what_is_compiled() -> None:
    command = [sys.executable, "-m", "mypy.stubtest", "semql._semql", "--mypy-config-file", str(FOLDER / "pyproject.toml")]
    # Where no other package of this name is found before the installed one.
    checked = subprocess.run(command, cwd=FOLDER / "tests", capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
