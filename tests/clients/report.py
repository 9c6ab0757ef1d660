"""Results of clients, and the table of them in docs/clients.md."""

import pathlib
import typing

BEGIN = "<!-- begin: written by `make test-clients ARGS=--write-table` -->"
END = "<!-- end -->"
# Last lines of a client that ended without a result.
MAX_LAST_LINES = 5


class Result(typing.NamedTuple):
    tool: str
    version: str = ""
    passed: "tuple[str, ...]" = ()
    failures: "tuple[str, ...]" = ()
    # Why the client did not run; empty if it ran.
    skipped: str = ""
    output: str = ""

    @classmethod
    def parsed(cls, tool: str, output: str, code: int) -> "Result":
        """Result of a client that printed this and ended with this code."""
        lines = output.splitlines()

        def behind(prefix: str) -> "tuple[str, ...]":
            return tuple(line[len(prefix):].strip() for line in lines if line.startswith(prefix))

        failures = behind("FAILED: ")
        passed = behind("ok: ")
        if not failures and (code != 0 or not passed):
            last = " / ".join(line.strip() for line in lines[-MAX_LAST_LINES:] if line.strip())
            failures = (f"it ended with {code}: {last}",)
        return cls(tool, "".join(behind("version: ")[:1]), passed, failures, output=output)

    @property
    def outcome(self) -> str:
        return "skipped" if self.skipped else "FAILED" if self.failures else "passed"


def table(results: "list[Result]") -> str:
    """Markdown table of the results."""
    lines = ["| tool | version | what was done | result |", "|---|---|---|---|"]
    for result in results:
        done = "; ".join(result.passed)
        outcome = result.outcome
        if result.skipped:
            outcome += f": {result.skipped}"
        elif result.failures:
            outcome += ": " + "; ".join(failure.split(" => ")[0] for failure in result.failures)
        cells = [result.tool, result.version, done, outcome]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def write_table(file: pathlib.Path, results: "list[Result]") -> None:
    """Replace the table between the marks of a page. Rows of clients that did not run stay."""
    text = file.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    old, mark, after = rest.partition(END)
    if not mark:
        raise SystemExit(f"clients: {file} has no lines {BEGIN!r} and {END!r}")
    rows = {cells(line)[0]: line for line in old.splitlines() if line.startswith("| ")}
    new = table(results).splitlines()
    rows.update({cells(line)[0]: line for line in new if line.startswith("| ")})
    header = rows.pop("tool")
    lines = [header, new[1], *rows.values()]
    file.write_text(f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{after}", encoding="utf-8")


def cells(line: str) -> "list[str]":
    return [cell.strip() for cell in line.strip("|").split("|")]


def summary(results: "list[Result]") -> str:
    count = {outcome: sum(result.outcome == outcome for result in results) for outcome in ("passed", "FAILED", "skipped")}
    return f"{count['passed']} passed, {count['FAILED']} failed, {count['skipped']} skipped"
