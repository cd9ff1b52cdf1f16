"""The command line: `python -m auditlib …`.

Results go to standard output, progress and messages to standard error. Exit 0 for a good end, 1 where
verification found damage, 2 with one clear line for wrong use or bad input.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from auditlib import settings
from auditlib.errors import AuditError
from auditlib.view import View

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help="Read, verify and publish audit logs.")


class OutputFormat(StrEnum):
    """How `query` writes its result."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"


StoreOption = Annotated[Path, typer.Option("--store", help="Folder of the snapshot store.", default_factory=settings.store)]
LinkArgument = Annotated[str, typer.Argument(help="A link of the Audit Logs page, or its query string.", metavar="LINK")]


@app.command()
def demo(
    store: StoreOption,
    events: Annotated[int, typer.Option(min=1, max=1_000_000_000, help="How many events.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Another seed, another history.")] = 7,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How many days the history spans.")] = 180,
) -> None:
    """Publish a deterministic demo history: the same arguments give the same bytes."""
    from auditlib import demo as history
    from auditlib.store import publish

    log_id = history.log_id(events, seed, days)
    done = 0
    with _progress("Writing events", events) as advance:
        for snapshot in history.snapshots(events, seed, days):
            manifest = publish(
                store,
                snapshot.batches,
                name=snapshot.name,
                created=snapshot.created,
                log_id=log_id,
                progress=lambda rows: advance(rows),
            )
            done += manifest.rows
    _say(f"Published {done:,} events in {manifest.seq} snapshots to {store}.")


@app.command()
def ingest(
    format: Annotated[str, typer.Argument(help="One of `formats`.", metavar="FORMAT")],
    files: Annotated[list[str], typer.Argument(help="Source files; - is standard input.", metavar="FILE…")],
    store: StoreOption,
    mapping: Annotated[Path | None, typer.Option(help="A mapping file of your own, in place of the format's.")] = None,
    rejects: Annotated[Path | None, typer.Option(help="Where rejected records go, as JSON lines.")] = None,
) -> None:
    """Import source files as one snapshot."""
    from auditlib import ingest as importing
    from auditlib.store import publish

    chosen = importing.load_mapping(mapping) if mapping else importing.load_format(format)
    with _progress(f"Importing {format}", None) as advance:
        run = importing.Import(chosen, files, rejects=rejects, progress=advance)
        name = f"{format.replace('_', '-')}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        manifest = publish(store, run.batches(), name=name)
    summary = run.summary
    typer.echo(f"snapshot      {manifest.seq}")
    for label, number in (
        ("read", summary.read),
        ("published", summary.published),
        ("duplicates", summary.duplicates),
        ("without time", summary.without_time),
        ("rejected", summary.rejected),
    ):
        typer.echo(f"{label:<13} {number}")
    for reason, number in summary.reasons.most_common():
        typer.echo(f"  {number} × {reason}")


@app.command()
def formats() -> None:
    """List the formats that can be imported."""
    from auditlib import ingest as importing

    for each in importing.formats():
        typer.echo(f"{each.key:<18} {each.title}")


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(help="A snapshot store.", metavar="PATH")],
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
) -> None:
    """Check every byte of a store; exit 1 where anything is damaged or missing, 2 where it is no store."""
    from auditlib.store import FolderSource, read_chain, verify_store

    total = sum(entry.bytes for entry in read_chain(FolderSource(path)).files)
    with _progress("Verifying", total, unit="bytes") as advance:
        report = verify_store(path, progress=advance)
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=2))
    else:
        for file in report.files:
            typer.echo(f"{file.state:<12} {file.path}  {file.rows:,} events" + (f"  {file.sentence}" if file.sentence else ""))
        for name in report.unlisted:
            typer.echo(f"{'unlisted':<12} {name}  never read")
        if report.problem:
            typer.echo(f"refused      {report.problem}")
        good = sum(file.state == "verified" for file in report.files)
        typer.echo(f"{good} of {len(report.files)} files verified, {len(report.snapshots)} snapshots in the chain.")
    raise typer.Exit(report.exit_code)


@app.command()
def query(
    link: LinkArgument,
    store: StoreOption,
    all_matches: Annotated[bool, typer.Option("--all", help="Every match, not only the page.")] = False,
    count: Annotated[bool, typer.Option("--count", help="Only the total.")] = False,
    format: Annotated[OutputFormat, typer.Option(help="How to write the events.")] = OutputFormat.table,
    output: Annotated[Path | None, typer.Option(help="A file in place of standard output.")] = None,
) -> None:
    """Answer a link: the events of exactly that page, every match, or the total."""
    from auditlib.evidence.exports import export
    from auditlib.log import open_log

    log = open_log(store)
    view = log.view(link)
    _tell_problems(view)
    for seq, why in log.head.quarantined.items():
        _say(f"Incomplete: snapshot {seq} is quarantined: {why}")
    if log.head.problem:
        _say(f"Incomplete: {log.head.problem}")
    if count:
        typer.echo(str(log.total(view)))
        return
    about = {"link": str(view), "view": view.describe(log.name_of), "head": log.head.digest, "complete": str(log.head.complete).lower()}
    batches = log.batches(view, whole=all_matches)
    if output:
        export(batches, output, format.value, about)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result"
        export(batches, path, format.value, about)
        with path.open("rb") as result:
            while piece := result.read(1 << 20):
                sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


@app.command()
def describe(link: LinkArgument) -> None:
    """Say what a link asks, as one sentence, and what of it would be ignored."""
    view = View.from_link(link)
    typer.echo(view.describe())
    for problem in view.problems:
        typer.echo(problem)


def main() -> NoReturn:
    """Runs the command line and exits."""
    try:
        app(standalone_mode=True)
    except AuditError as error:
        _say(f"Error: {error}")
        sys.exit(2)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        _say(f"Error: {error.strerror or error}")
        sys.exit(2)
    sys.exit(0)


def _tell_problems(view: View) -> None:
    for problem in view.problems:
        _say(problem)


def _say(sentence: str) -> None:
    typer.echo(sentence, err=True)


@contextmanager
def _progress(title: str, total: int | None, unit: str = "events") -> Iterator[Callable[[int], None]]:
    """A progress line on standard error, where that is a terminal; yields what advances it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=total)
        yield lambda step: bar.advance(task, step)
