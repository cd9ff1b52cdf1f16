"""The command that writes out who read what: `ledger`; and what `verify` says of a ledger."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditlib.commands.shared import StoreOption, counted, progress, say

if TYPE_CHECKING:
    from auditlib.access.proof import LedgerReport


def ledger(
    store: StoreOption,
    output: Annotated[Path | None, typer.Option("--output", help="A new file in place of standard output.")] = None,
) -> None:
    """Write every entry of the ledger of a store, oldest first, as JSON lines; where it is goes to standard error."""
    from auditlib.access.ledger import ledger_folder
    from auditlib.access.proof import is_ledger, lines

    folder = ledger_folder(store)
    if not is_ledger(folder):
        say(f"Nothing was recorded yet: there is no ledger in {folder}")
        return
    say(f"Ledger: {folder}")
    written = 0
    with output.open("xb") if output else sys.stdout.buffer as file:
        for line in lines(folder):
            file.write(line)
            written += 1
    say(f"{written:,} {'entry' if written == 1 else 'entries'}.")


def verify_folder(folder: Path, as_json: bool) -> int:
    """Checks a ledger and tells of it; gives the exit code."""
    from auditlib.access.ledger import STORE
    from auditlib.access.proof import verify_ledger
    from auditlib.store import FolderSource, read_chain

    held = folder / STORE
    total = sum(entry.bytes for entry in read_chain(FolderSource(held)).kept) if (held / "manifests").is_dir() else 0
    with progress("Verifying", total, unit="bytes") as advance:
        report = verify_ledger(folder, advance)
    for line in [json.dumps(report.to_dict(), indent=2)] if as_json else _lines(report):
        typer.echo(line)
    return report.exit_code


def _lines(report: LedgerReport) -> Iterator[str]:
    for file in report.store.files if report.store else ():
        yield f"{file.state:<12} {file.path}  {counted(file.rows, 'event')}" + (f"  {file.sentence}" if file.sentence else "")
    if report.store and report.store.problem:
        yield f"{'refused':<12} {report.store.problem}"
    for name, number in report.journals.items():
        yield f"{'journal':<12} {name}  {counted(number, 'event')}"
    for note in report.notes:
        yield f"{'note':<12} {note}"
    for problem in report.problems:
        yield f"{'damaged':<12} {problem}"
    yield f"{'head':<12} {report.end.digest}  entry {report.end.seq}"
    whole = "form one chain" if report.ok else "do not form one whole chain"
    yield f"{report.end.seq:,} entries {whole}."
