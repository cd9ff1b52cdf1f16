"""Commands for a table that a cluster or server answers from: `lake publish`, `lake verify`, `lake load`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from auditlib import settings
from auditlib.commands.shared import StoreOption, counted, progress, say, say_incomplete
from auditlib.errors import LakeError

if TYPE_CHECKING:
    from auditlib.engine.serving import Progress

lake = typer.Typer(add_completion=False, help="A table for a cluster or server, published from verified snapshots.")
PlaceArgument = Annotated[str, typer.Argument(help="The folder or s3:// URI that `lake publish` wrote.", metavar="PLACE")]


@lake.command()
def publish(
    store: StoreOption,
    output: Annotated[str, typer.Option(help="Folder or s3:// URI of the table.")],
) -> None:
    """Write a store's verified events as a partitioned table, or bring one up to date."""
    from auditlib.engine.lake.publish import publish_lake

    with _reported() as report:
        done = publish_lake(store, output, report)
    say_incomplete(done.head)
    head = f"head {done.head.seq}, {done.head.digest[:12]}"
    say(f"Published {counted(done.head.events, 'event')} of {head} in {counted(done.files, 'file')}.")
    say(f"{counted(done.written, 'snapshot file')} written, {done.kept:,} kept; {counted(done.removed, 'file')} of the table removed.")


@lake.command()
def verify(place: PlaceArgument) -> None:
    """Hash every file of a published table anew; exit 1 where one is not as it was written."""
    from auditlib.engine.lake.output import Output

    output = Output(place)
    parts = output.manifest()[1].values()
    if not parts:
        raise LakeError("Nothing is published there: publish it with `lake publish`", reason="output")
    files = [file for part in parts for file in part.files]
    with progress("Verifying", sum(file.bytes for file in files), unit="bytes") as advance:
        damage = [sentence for part in parts for sentence in output.damage(part, advance)]
    strays = output.stray(parts)
    for sentence in [*damage, *(f"{path} is named by nobody" for path in strays)]:
        typer.echo(sentence)
    typer.echo(f"{counted(len(files), 'file')}, {counted(len(damage), 'damaged file')}, {counted(len(strays), 'stray file')}")
    if damage or strays:
        raise typer.Exit(1)


@lake.command()
def load(place: PlaceArgument) -> None:
    """Load a published table into the PostgreSQL of AUDIT_ENGINE, as AUDIT_TABLE."""
    if not (settings.table() and settings.engine().startswith(("postgres://", "postgresql://"))):
        raise LakeError("Nowhere to load to: expected AUDIT_ENGINE=postgres://… and AUDIT_TABLE", reason="url")
    from auditlib.engine.lake.load import load_lake

    with _reported() as report:
        events, replaced = load_lake(place, settings.engine(), settings.table(), report)
    say(f"Loaded {counted(events, 'event')} into {settings.table()}.")
    if replaced:
        say(f"{counted(replaced, 'text')} with NUL, which PostgreSQL cannot hold, written with ␀ in its place.")


@contextmanager
def _reported() -> Iterator[Progress]:
    """A line of progress that is moved on by stage, done and total."""
    with progress("Publishing", None) as advance:
        seen = 0

        def report(stage: str, done: int, total: int) -> None:
            nonlocal seen
            advance(done - seen, total)
            seen = done

        yield report
