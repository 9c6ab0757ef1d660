#!/usr/bin/env python3
"""Compare semql with other programs, and write one report in markdown.

Creates the Python environment that it needs; see README.md in this folder.
"""

import sys

# Before imports from this folder, so that the checkout does not change.
sys.dont_write_bytecode = True

import argparse
import datetime
import os
import pathlib
import shlex
import signal
import tempfile
import traceback
from collections.abc import Callable

import environment

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
SECTIONS = (
    "embed", "sql", "scale", "fast", "trained", "extractors", "search", "groups", "cluster", "clients", "labels", "resolve",
    "languages",
)  # fmt: skip
MODEL = "all-minilm-l6-v2"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    path = pathlib.Path
    add("--semql", type=path, required=True, metavar="FILE", help="the built shell")
    add("--out", type=path, default=path("bench.md"), metavar="FILE", help="the report (%(default)s)")
    add(
        "--data", type=path, default=REPOSITORY / "../shared/data", metavar="FOLDER",
        help="the data sets (../shared/data, seen from the repository)",
    )  # fmt: skip
    add("--plan-report", type=path, metavar="FILE", help="output of the Rust benchmark to include")
    add("--quick", action="store_true", help="few rows and repetitions, as a check")
    add(
        "--only", choices=SECTIONS, action="append", metavar="SECTION",
        help=f"only this section, of {', '.join(SECTIONS)}; may be given more than once",
    )  # fmt: skip
    add("--repeats", type=int, metavar="N", help="repetitions in place of the usual (embed 3, SQL 7)")
    options = parser.parse_args()
    if not (options.semql.is_file() and os.access(options.semql, os.X_OK)):
        parser.error(f"{options.semql} is not a program; `make build` builds the shell, and --semql names it")
    if options.plan_report and not options.plan_report.is_file():
        parser.error(
            f"no file {options.plan_report}; `cargo bench --workspace --bench plan` prints its content"
        )
    if options.repeats is not None and options.repeats < 1:
        parser.error("--repeats takes a number from 1")
    return options


def main() -> int:
    options = arguments()
    # `kill` also ends the measured program, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        environment.enter()
    except environment.EnvironmentFailure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory(prefix="semql-bench-") as folder:
        text, failed = measure(options, pathlib.Path(folder))
    import report

    report.write(options.out, text)
    print(f"bench: the report is in {options.out}", file=sys.stderr)
    if failed:
        print(f"bench: failed: {', '.join(failed)}; the report says why", file=sys.stderr)
    return 1 if failed else 0


def measure(options: argparse.Namespace, folder: pathlib.Path) -> tuple[str, list[str]]:
    """The report, and which sections failed."""
    import clients
    import cluster
    import embed
    import extractors
    import fast
    import groups
    import labels
    import languages
    import machine
    import report
    import resolve
    import scale
    import search
    import shell
    import sql
    import trained

    semql = shell.Shell(options.semql.resolve(), folder)
    data = options.data.resolve()
    home = semql_home()
    quick = options.quick
    # Before the measurements, which are load too.
    facts = machine.describe(semql.version(), REPOSITORY, home)
    embed_bench = embed.Bench(
        semql, home / "models" / MODEL, data, folder,
        count=128 if quick else 1024,
        repeats=options.repeats or (1 if quick else 3),
    )  # fmt: skip
    sql_bench = sql.Bench(
        semql, data, folder,
        copies=2 if quick else 8,
        repeats=options.repeats or (5 if quick else 7),
        threads=machine.cores(),
    )  # fmt: skip
    scale_bench = scale.Bench(
        semql, data, folder,
        sizes=(1_000, 2_000) if quick else (10_000, 100_000, 1_000_000),
    )  # fmt: skip
    fast_bench = fast.Bench(
        semql, data, folder,
        slice=500 if quick else 3_000,
        synthetic=20_000 if quick else 1_000_000,
    )  # fmt: skip
    trained_bench = trained.Bench(semql, data, folder)
    extractors_bench = extractors.Bench(semql, data, folder)
    search_bench = search.Bench(
        semql, data, folder,
        indexed=3_000 if quick else 100_000,
        repeats=3 if quick else 9,
    )  # fmt: skip
    groups_bench = groups.Bench(
        semql, data, folder,
        sizes=(1_000,) if quick else (5_000, 20_000),
        titles=20_000 if quick else 1_000_000,
        threads=machine.cores(),
    )  # fmt: skip
    cluster_bench = cluster.Bench(semql, data, folder, rows=300 if quick else 6_000)

    clients_bench = clients.Bench(semql, data, folder, rows=200 if quick else 4_000, seconds=2 if quick else 10)

    labels_bench = labels.Bench(semql, data, folder, rows=200 if quick else 4_000)

    resolve_bench = resolve.Bench(semql, data, folder, rows=2_000 if quick else 100_000)

    # Where the set-up of the tests has put it.
    multilingual = options.semql.resolve().parent.parent / languages.MULTILINGUAL_MODEL
    languages_bench = languages.Bench(semql, data, multilingual if multilingual.is_dir() else None)

    failed: list[str] = []
    parts = [
        "# semql compared with other programs",
        f"{datetime.datetime.now().astimezone():%Y-%m-%d %H:%M %Z}, by `{command()}`"
        + ("\n\n**A quick run, which checks that all sections work; its times mean little.**" if quick else ""),
        report.table(["", ""], facts, left=2),
    ]
    wanted = options.only or SECTIONS

    def add(heading: str, name: str, section: Callable[[], str]) -> None:
        parts.append(f"## {heading}")
        if name not in wanted:
            parts.append("Left out by `--only`.")
            return
        text, sound = attempt(section)
        parts.append(text)
        if not sound:
            failed.append(name)

    add("(a) Embedding", "embed", embed_bench.section)
    add("(b) Plain SQL", "sql", sql_bench.section)
    parts.append("## (c) Gain by planning")
    if options.plan_report:
        parts.append(report.demoted(options.plan_report.read_text(encoding="utf-8")))
    else:
        parts.append(
            "Left out: no `--plan-report` was given. `cargo bench --workspace --bench plan > FILE` writes one."
        )
    add("(d) Scaling", "scale", scale_bench.section)
    add("(e) Fast mode", "fast", fast_bench.section)
    add("(f) Trained classifiers", "trained", trained_bench.section)
    add("(g) Extractors", "extractors", extractors_bench.section)
    add("(h) Search", "search", search_bench.section)
    add("(i) Groups and maps", "groups", groups_bench.section)
    add("(j) Cluster", "cluster", cluster_bench.section)
    add("(k) Clients of a server", "clients", clients_bench.section)
    add("(l) Labels", "labels", labels_bench.section)
    add("(m) One row per product", "resolve", resolve_bench.section)
    add("(n) Languages", "languages", languages_bench.section)
    return "\n\n".join(parts) + "\n", failed


def command() -> str:
    """Command line of the report, without the name of the home folder."""
    return f"python3 {shlex.join(sys.argv)}".replace(str(pathlib.Path.home()), "~")


def attempt(section: Callable[[], str]) -> tuple[str, bool]:
    """A section's text, and whether it succeeded.

    A failure is part of the report, which keeps the other sections.
    """
    import plain_graph
    import process
    import samples
    import sql

    try:
        return section(), True
    except samples.MissingData as missing:
        return f"Skipped: {missing}.", True
    except (process.ProcessFailure, sql.DifferentAnswers, plain_graph.UnsupportedModel) as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return f"**Failed:**\n\n```text\n{failure}\n```", False
    except Exception as failure:
        # Unexpected: the traceback shows the place.
        traceback.print_exc()
        return f"**Failed:**\n\n```text\n{type(failure).__name__}: {failure}\n```", False


def semql_home() -> pathlib.Path:
    """semql's folder of models, found by semql's rules."""
    if os.environ.get("SEMQL_HOME"):
        return pathlib.Path(os.environ["SEMQL_HOME"])
    data = os.environ.get("XDG_DATA_HOME")
    return (pathlib.Path(data) if data else pathlib.Path.home() / ".local/share") / "semql"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("bench: interrupted; no report was written", file=sys.stderr)
        sys.exit(130)
