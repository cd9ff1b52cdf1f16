"""What commands share: their options, what they say, and a line of progress."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from auditlib import settings
from auditlib.location import Location, ObjectLocation, locate

if TYPE_CHECKING:
    from auditlib.engine.base import Head
    from auditlib.log import AuditLog
    from auditlib.view import View

if TYPE_CHECKING:
    Place = Location
else:
    Place = ObjectLocation  # typer takes a single type; what a command gets is what `locate` makes of the text

StoreOption = Annotated[
    Place,
    typer.Option(
        "--store",
        help="The snapshot store: a folder, or a URI such as s3://bucket/prefix.",
        parser=locate,
        default_factory=settings.store,
        metavar="STORE",
    ),
]
LinkArgument = Annotated[str, typer.Argument(help="A link of the Audit Logs page, or its query string.", metavar="LINK")]


def say(sentence: str) -> None:
    """Writes a sentence to standard error."""
    typer.echo(sentence, err=True)


def counted(number: int, noun: str) -> str:
    """`1 file`, `12,482 files`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def asked(link: str, store: Location) -> tuple[AuditLog, View]:
    """The log of a store and the view of a link; says what of the link is ignored and what of the log is missing.

    Raises LinkError for a link of another page, StoreError for a store that cannot be used.
    """
    from auditlib.log import open_log

    log = open_log(store)
    view = log.view(link)
    for problem in view.problems:
        say(problem)
    say_incomplete(log.head)
    for notice in log.head.notices:
        say(f"Note: {notice}")
    return log, view


def say_incomplete(head: Head) -> None:
    """Says which snapshots are quarantined and where the chain breaks."""
    for seq, why in head.quarantined.items():
        say(f"The record is incomplete: snapshot {seq} is quarantined: {why}")
    if head.problem:
        say(f"The record is incomplete: {head.problem}")


class Advance(Protocol):
    """Moves a line of progress on by a step, and says how far there is to go where that became known."""

    def __call__(self, step: int, total: int | None = None, /) -> None: ...


@contextmanager
def progress(title: str, total: int | None, unit: str = "events") -> Iterator[Advance]:
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
