"""Commands that take a link: `query` and `describe`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from auditlib.commands.results import OutputFormat, deliver
from auditlib.commands.shared import LinkArgument, StoreOption, asked
from auditlib.text import visible
from auditlib.view import View


def query(
    link: LinkArgument,
    store: StoreOption,
    all_matches: Annotated[bool, typer.Option("--all", help="Every match, not only the page.")] = False,
    count: Annotated[bool, typer.Option("--count", help="Only the total.")] = False,
    format: Annotated[OutputFormat, typer.Option(help="How to write the events.")] = OutputFormat.table,
    output: Annotated[Path | None, typer.Option(help="A file in place of standard output.")] = None,
) -> None:
    """Answer a link: the events of exactly that page, every match, or the total."""
    log, view = asked(link, store)
    if count:
        typer.echo(str(log.total(view)))
        return
    about = {"link": str(view), "view": view.describe(log.name_of), "head": log.head.digest, "complete": str(log.head.complete).lower()}
    deliver(log.batches(view, whole=all_matches), format, about, output)


def describe(link: LinkArgument) -> None:
    """Say what a link asks, as one sentence, and what of it would be ignored."""
    view = View.from_link(link)
    typer.echo(visible(view.describe()))
    for problem in view.problems:
        typer.echo(problem)
