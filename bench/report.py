"""Parts of the report in markdown.

Markdown in memory, and at the end a file that appears whole or not at all.
"""

import os
import pathlib
import statistics
from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """A table whose first columns, `left` of them, are text and the rest numbers."""
    rule = ["---" if column < left else "---:" for column in range(len(header))]
    # A bar would end the cell.
    lines = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in [list(header), rule, *lines])


def median_and_range(seconds: Sequence[float]) -> str:
    if len(seconds) == 1:
        return f"{seconds[0]:.2f}"
    return f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"


def mebibytes(count: float) -> str:
    return f"{count / 2**20:,.0f}"


def demoted(markdown: str) -> str:
    """The same text with its headings one level lower, to stand under a heading of ours."""
    lines, in_code = [], False
    for line in markdown.strip().splitlines():
        in_code ^= line.startswith("```")
        lines.append("#" + line if line.startswith("#") and not in_code else line)
    return "\n".join(lines)


def write(path: pathlib.Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)
