"""Commands that take events out of the record, and have the chain say so: `retire` and `erase`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from auditlib.commands.keys import KeyOption, signing_key
from auditlib.commands.shared import Place, StoreOption, counted, progress, say

ReasonOption = Annotated[str, typer.Option("--reason", help="Why, in one line; the chain keeps it for good.")]


def retire(
    before: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Files whose last event is before this day, UTC.")],
    reason: ReasonOption,
    store: StoreOption,
    key: KeyOption = None,
) -> None:
    """Remove files all of whose events are before a day; the chain says which, and why."""
    from auditlib.engine.serving import forget_derived
    from auditlib.store import configured
    from auditlib.store.acceptance import is_own
    from auditlib.store.retention import retire as retire_files

    chosen = None if is_own(store) else signing_key(key)
    done = retire_files(store, before.replace(tzinfo=UTC), reason, key=chosen, policy=configured(store))
    forget_derived(store)
    for label, files in (("retired", done.retired), ("straddling", done.straddling), ("without time", done.timeless)):
        for entry in files:
            typer.echo(f"{label:<13} {entry.path}  {counted(entry.rows, 'event')}")
    if done.straddling:
        say("Files that straddle the day stay: a file is retired as a whole.")
    if done.timeless:
        say("Files whose events have no time stay: nobody can say how old they are.")
    events = sum(entry.rows for entry in done.retired)
    gone = counted(done.unlinked, "file")
    _say_versions(store, done.unlinked)
    typer.echo(f"Retired {counted(len(done.retired), 'file')} with {counted(events, 'event')}; removed {gone} from the data folder.")


def erase(
    person: Annotated[str, typer.Option(help="Id of the person, as actor, interviewer, candidate or resource.")],
    reason: ReasonOption,
    store: StoreOption,
    key: KeyOption = None,
) -> None:
    """Replace a person by a pseudonym wherever the record names the person; the chain says which files were replaced."""
    from auditlib.engine.serving import forget_derived
    from auditlib.store import configured, read_chain, source_of
    from auditlib.store.acceptance import is_own
    from auditlib.store.erasure import erase as erase_person

    chosen = None if is_own(store) else signing_key(key)
    total = 2 * sum(entry.bytes for entry in read_chain(source_of(store)).kept)
    with progress("Erasing", total, unit="bytes") as advance:
        done = erase_person(store, person, reason, key=chosen, policy=configured(store), progress=lambda stage, size: advance(size))
    forget_derived(store)
    _say_versions(store, done.unlinked)
    for entry in done.replaced:
        typer.echo(f"{'replaced':<13} {entry.path}  {counted(entry.rows, 'event')}")
    if done.manifest is None:
        typer.echo(f"No event names this person; removed {counted(done.unlinked, 'file')} from the data folder.")
    else:
        typer.echo(f"{counted(done.events, 'event')} named the person, by id or by {counted(done.names, 'name')}: {done.alias} now.")


def _say_versions(store: Place, removed: int) -> None:
    if removed and not isinstance(store, Path):
        say("If the bucket keeps versions, what was removed can still be read there until those versions are deleted as well.")
