"""Commands that publish snapshots: `demo`, `ingest`, and the `formats` that can be imported."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditlib.commands.keys import KeyOption, signing_key
from auditlib.commands.shared import StoreOption, progress, say
from auditlib.errors import UnreachableError

if TYPE_CHECKING:
    from auditlib import ingest as importing


def demo(
    store: StoreOption,
    events: Annotated[int, typer.Option(min=1, max=1_000_000_000, help="How many events.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Another seed, another history.")] = 7,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How many days the history spans.")] = 180,
    key: KeyOption = None,
) -> None:
    """Publish a deterministic demo history: the same arguments give the same bytes."""
    from auditlib import demo as history
    from auditlib.store import configured, publish

    chosen, policy = signing_key(key), configured()
    log_id = history.log_id(events, seed, days)
    done = 0
    with progress("Writing events", events) as advance:
        for snapshot in history.snapshots(events, seed, days):
            manifest = publish(
                store,
                snapshot.batches,
                name=snapshot.name,
                created=snapshot.created,
                log_id=log_id,
                progress=advance,
                key=chosen,
                policy=policy,
            )
            done += manifest.rows
    say(f"Published {done:,} events in {manifest.seq} snapshots to {store}.")


def ingest(
    format: Annotated[str, typer.Argument(help="One of `formats`.", metavar="FORMAT")],
    files: Annotated[list[str], typer.Argument(help="Source files; - is standard input.", metavar="FILE…")],
    store: StoreOption,
    mapping: Annotated[Path | None, typer.Option(help="A mapping file of your own, in place of the format's.")] = None,
    rejects: Annotated[Path | None, typer.Option(help="Where rejected records go, as JSON lines.")] = None,
    livekit_secret_file: Annotated[Path | None, typer.Option(help="API keys and secrets; only signed LiveKit deliveries count.")] = None,
    key: KeyOption = None,
) -> None:
    """Import source files as one snapshot."""
    from auditlib import ingest as importing
    from auditlib.store import configured, publish, source_of
    from auditlib.store.known import count_known

    signed_by = signing_key(key)
    chosen = importing.load_mapping(mapping) if mapping else importing.load_format(format)
    if livekit_secret_file:
        chosen = importing.verifying(chosen, livekit_secret_file)
    with progress(f"Importing {format}", None, unit="bytes") as advance:
        seen = 0

        def report(so_far: importing.Progress) -> None:
            nonlocal seen
            advance(so_far.bytes_read - seen, so_far.bytes_total)
            seen = so_far.bytes_read

        run = importing.Import(chosen, files, rejects=rejects, progress=report)
        name = f"{chosen.key.replace('_', '-')}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        manifest = publish(store, run.batches(), name=name, key=signed_by, policy=configured())
    try:
        known = count_known(source_of(store), manifest)
    except UnreachableError as error:
        known = 0
        say(f"How many of them were in the store before cannot be told: {error}")
    _report(run.summary, manifest.seq, known)


def formats() -> None:
    """List the formats that can be imported."""
    from auditlib import ingest as importing

    for each in importing.formats():
        typer.echo(f"{each.key:<18} {each.title}")


def _report(summary: importing.Summary, seq: int, known: int) -> None:
    if len(summary.files) > 1:
        for file in summary.files:
            say(file.line())
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
