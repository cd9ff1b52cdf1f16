"""The command that asks in SQL: `sql`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from auditlib.commands.results import OutputFormat
from auditlib.commands.shared import StoreOption, progress, say, say_incomplete


def sql(
    query: Annotated[str, typer.Argument(help="One SELECT over the table events; - reads it from standard input.", metavar="QUERY")],
    store: StoreOption,
    format: Annotated[OutputFormat, typer.Option(help="How to write the rows.")] = OutputFormat.table,
    output: Annotated[Path | None, typer.Option(help="A file in place of standard output.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds the query may take.")] = 10.0,
    rows: Annotated[int, typer.Option(help="The most rows to give.")] = 100_000,
    param: Annotated[list[str] | None, typer.Option(help="A text for $name in the query, as name=value; may be repeated.")] = None,
) -> None:
    """Answer a query in SQL, read-only, in a locked process."""
    from auditlib.evidence.tables import written
    from auditlib.log import open_log

    parameters = dict(_parameter(each) for each in param or ())
    text = sys.stdin.read() if query == "-" else query
    log = open_log(store)
    say_incomplete(log.head)
    with progress("Preparing events for SQL", log.head.events) as advance:
        done = 0

        def report(stage: str, now: int, total: int) -> None:
            nonlocal done
            advance(now - done, total)
            done = now

        log.prepare_sql(report)
    result = log.sql(text, parameters=parameters, timeout=timeout, max_rows=rows)
    about = {"query": text, "head": log.head.digest, "complete": str(log.head.complete).lower(), "truncated": result.truncated}
    answer = written(result.table, format.value, about)
    if result.truncated:
        say(result.truncated)
    if output:
        output.write_bytes(answer)
    else:
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (equals and name.isidentifier()):
        raise typer.BadParameter(f"{text!r} is no parameter: expected name=value")
    return name, value
