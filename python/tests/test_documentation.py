"""The Python examples of docs/link.md run."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs/link.md"


@pytest.mark.usefixtures("model")
def test_the_examples_of_the_documentation_run() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    assert {"ctx", "session"} <= names.keys()
