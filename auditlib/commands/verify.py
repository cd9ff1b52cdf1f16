"""The command that checks a store or an evidence bundle: `verify`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from auditlib.commands.bundle import verify_archive
from auditlib.commands.ledger import verify_folder
from auditlib.commands.shared import Place, counted, progress
from auditlib.location import locate
from auditlib.text import visible

if TYPE_CHECKING:
    from auditlib.store import Report

SIGNATURES: Final = {"good": "signed", "unchecked": "signed, but no key is configured to check it", "absent": "not signed"}
"""What is said of the signature of a manifest."""


def verify(
    path: Annotated[Place, typer.Argument(help="A snapshot store, an evidence bundle, or a ledger.", metavar="PATH", parser=locate)],
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
) -> None:
    """Check every byte of a store; exit 1 where anything is damaged or missing, 2 where it is no store."""
    from auditlib.access.proof import is_ledger
    from auditlib.evidence.bundle_check import is_archive
    from auditlib.store import configured, read_chain, source_of, verify_store

    if isinstance(path, Path) and is_archive(path):
        raise typer.Exit(verify_archive(path, as_json))
    if isinstance(path, Path) and is_ledger(path):
        raise typer.Exit(verify_folder(path, as_json))
    total = sum(entry.bytes for entry in read_chain(source_of(path)).kept)
    with progress("Verifying", total, unit="bytes") as advance:
        report = verify_store(path, advance, configured(path))
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=2))
    else:
        for line in _lines(report):
            typer.echo(line)
    raise typer.Exit(report.exit_code)


def _lines(report: Report) -> Iterator[str]:
    for file in report.files:
        yield f"{file.state:<12} {file.path}  {counted(file.rows, 'event')}" + (f"  {file.sentence}" if file.sentence else "")
    for name in report.unlisted:
        yield f"{'unlisted':<12} {visible(name)}  never read"
    if report.problem:
        yield f"{'refused':<12} {report.problem}"
    for notice in report.chain.notices:
        yield f"{'note':<12} {notice}"
    if report.chain.manifests:
        signatures = Counter(snapshot.signature for snapshot in report.snapshots)
        said = ", ".join(f"{number} {SIGNATURES[state]}" for state, number in signatures.items())
        pinned = "pinned" if report.chain.pinned else "not pinned"
        yield f"{'head':<12} {report.chain.head_digest}  snapshot {report.chain.head.seq}, {pinned}; {said}"
    states = Counter(file.state for file in report.files)
    kept = sum(states.values()) - states["retired"] - states["replaced"]
    yield f"{states['verified']} of {counted(kept, 'file')} verified, {counted(len(report.snapshots), 'snapshot')} in the chain."
