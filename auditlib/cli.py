"""The command line: `python -m auditlib …`.

Results go to standard output, progress and messages to standard error. Exit 0 for a good end, 1 where
verification found damage, 2 with one clear line for wrong use or bad input.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, Protocol

import typer
from typer.exceptions import TyperException

from auditlib import settings
from auditlib.errors import AuditError
from auditlib.text import visible
from auditlib.view import View

if TYPE_CHECKING:
    from auditlib import ingest as importing

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help="Read, verify and publish audit logs.")


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
                progress=advance,
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
    livekit_secret_file: Annotated[Path | None, typer.Option(help="API keys and secrets; only signed LiveKit deliveries count.")] = None,
) -> None:
    """Import source files as one snapshot."""
    from auditlib import ingest as importing
    from auditlib.store import FolderSource, publish
    from auditlib.store.known import count_known

    chosen = importing.load_mapping(mapping) if mapping else importing.load_format(format)
    if livekit_secret_file:
        chosen = importing.verifying(chosen, livekit_secret_file)
    with _progress(f"Importing {format}", None, unit="bytes") as advance:
        seen = 0

        def report(progress: importing.Progress) -> None:
            nonlocal seen
            advance(progress.bytes_read - seen, progress.bytes_total)
            seen = progress.bytes_read

        run = importing.Import(chosen, files, rejects=rejects, progress=report)
        name = f"{chosen.key.replace('_', '-')}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        manifest = publish(store, run.batches(), name=name)
    _report(run.summary, manifest.seq, count_known(FolderSource(store), manifest))


def _report(summary: importing.Summary, seq: int, known: int) -> None:
    if len(summary.files) > 1:
        for file in summary.files:
            _say(file.line())
    counts = {
        "snapshot": seq,
        "read": summary.read,
        "published": summary.published,
        "duplicates": summary.duplicates,
        "without time": summary.without_time,
        "rejected": summary.rejected,
    }
    for label, number in counts.items():
        typer.echo(f"{label:<13} {number}")
    for reason, number in (summary.reasons + summary.notes).most_common():
        typer.echo(f"  {number} × {reason}")
    if known:
        typer.echo(f"{'already known':<13} {known}  in the store before, shown once")


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
    typer.echo(visible(view.describe()))
    for problem in view.problems:
        typer.echo(problem)


def main() -> NoReturn:
    """Runs the command line and exits."""
    try:
        sys.exit(app(standalone_mode=False))
    except TyperException as error:
        sentence = getattr(error, "format_message", error.__str__)()
        _say(f"Error: {' '.join(sentence.split()).removesuffix('.')}; see --help")
    except AuditError as error:
        _say(f"Error: {error}")
    except OSError as error:
        _say(f"Error: {error.strerror or error}")
    except typer.Abort:
        _say("Stopped.")
    sys.exit(2)


def _tell_problems(view: View) -> None:
    for problem in view.problems:
        _say(problem)


def _say(sentence: str) -> None:
    typer.echo(sentence, err=True)


class _Advance(Protocol):
    def __call__(self, step: int, total: int | None = None, /) -> None: ...


@contextmanager
def _progress(title: str, total: int | None, unit: str = "events") -> Iterator[_Advance]:
    """A progress line with rate and time left on standard error, where that is a terminal; yields what advances it."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    counted = (DownloadColumn(), TransferSpeedColumn()) if unit == "bytes" else (MofNCompleteColumn(), TextColumn(unit))
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *counted,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task(title, total=total)

        def advance(step: int, total: int | None = None, /) -> None:
            bar.update(task, advance=step)
            if total is not None:
                bar.update(task, total=total)

        yield advance
