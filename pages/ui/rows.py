"""Events as the table component draws them: pure functions from values to plain dictionaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from auditlib import metadata, times, vocabulary
from auditlib.changes import change_line
from auditlib.event import AuditEvent
from auditlib.lookalikes import tags
from auditlib.text import short_id, shown_line, visible
from pages.ui import text

PREVIEW_BYTES: Final = 256 << 10
MACHINES: Final = ("system", "service")


def page(events: Sequence[AuditEvent], tz: ZoneInfo) -> list[dict[str, Any]]:
    """The events of a page as rows of the table; actors who could be taken for one another are told apart."""
    found = tags((event.actor_id or "", actor_name(event)) for event in events)
    return [row(event, tz, found.get((event.actor_id or "", actor_name(event)), "")) for event in events]


def row(event: AuditEvent, tz: ZoneInfo, tag: str = "") -> dict[str, Any]:
    """One event as a row of the table, its time in the viewer's zone; `tag` stands beside the actor."""
    actor = actor_name(event)
    return {
        "id": event.event_id,
        **when(event, tz),
        "utc": times.write_utc(event.occurred_at) or "",
        "known": event.occurred_at is not None,
        "actor": actor,
        "tag": shown_line(tag, 60),
        "initials": initials(actor),
        "machine": event.actor_role in MACHINES,
        "action": action(event.action),
        "type": shown_line(vocabulary.resource_label(event.resource_type), 80),
        "resource_id": visible(event.resource_id or ""),
        "short": shown_line(short_id(event.resource_id or ""), 80),
        "details": shown_line(event.summary or change_line(event.changes) or ""),
        "conflict": event.conflicts,
    }


def when(event: AuditEvent, tz: ZoneInfo) -> dict[str, str]:
    """Day and time of an event in a zone, as texts."""
    if event.occurred_at is None:
        return {"day": "", "time": "unknown time"}
    local = times.in_zone(event.occurred_at, tz)
    return {"day": f"{local:%Y-%m-%d}", "time": f"{local:%H:%M:%S}"}


def zone_name(events: tuple[AuditEvent, ...], tz: ZoneInfo) -> str:
    """The zone as the table's header names it: one offset for all rows, or the zone where clocks change between them."""
    offsets = {times.offset_label(event.occurred_at, tz) for event in events if event.occurred_at}
    return offsets.pop() if len(offsets) == 1 else tz.key


def actor_name(event: AuditEvent) -> str:
    """Who acted, as well as it was recorded."""
    return shown_line(event.actor_name or event.actor_email or event.actor_id or "Not recorded", 120) or "Only blanks"


def initials(name: str) -> str:
    """Up to two letters for the avatar."""
    words = [word for word in name.split() if word[0].isalnum()]
    picked = [words[0], words[-1]] if len(words) > 1 else words
    return "".join(word[0] for word in picked).upper()[:2]


def action(key: str) -> dict[str, Any]:
    """An action as its badge is drawn."""
    named = vocabulary.action(key)
    return {
        "key": named.key,
        "label": shown_line(named.label, 80),
        "tone": named.tone,
        "glyph": named.glyph,
        "help": named.help,
        "named": named.named,
    }


def details(event: AuditEvent, recorded: str, url: str, *, revealed: bool = False, refused: str = "") -> dict[str, Any]:
    """The metadata of an opened row: secrets masked in place unless they are revealed, large texts cut to a preview.

    `url` is where the recorded bytes can be downloaded; `refused` says why secrets that were asked for stay hidden.
    """
    size = len(recorded.encode("utf-8", "surrogatepass"))
    preview = size > PREVIEW_BYTES
    part = recorded[:20_000] if preview else recorded
    masked, secrets = metadata.masked(part)
    shown = part if revealed else masked
    found = None if preview else metadata.flaw(recorded)
    notes = [text.FLAWS[found]] if found else []
    if secrets:
        notes.append(f"{text.count(secrets, 'secret value')} {'shown, as the ledger records' if revealed else 'hidden'}.")
    if preview:
        notes.append(f"The first 20,000 characters of {size / 1024:,.0f} KiB; download it for the whole.")
    pretty = shown if preview else metadata.indented(shown)
    return {
        "text": shown,
        "pretty": pretty,
        "lines": pretty.count("\n") + 1,
        "bytes": size,
        "note": " ".join([*notes, *filter(None, [refused])]),
        "secrets": secrets,
        "revealed": revealed,
        "preview": preview,
        "url": url,
        "file_name": file_name(event),
        "source": f"recorded in snapshot {event.snapshot}",
    }


def unreadable(event: AuditEvent, reason: str) -> dict[str, Any]:
    """What stands in place of a metadata that cannot be shown, and why."""
    empty = {"text": "", "pretty": "", "lines": 0, "bytes": 0, "secrets": 0, "revealed": False, "preview": True, "url": ""}
    return {**empty, "note": reason, "file_name": file_name(event), "source": f"recorded in snapshot {event.snapshot}"}


def file_name(event: AuditEvent) -> str:
    """A safe name for an event's metadata; event ids have no other characters."""
    return f"event-{event.event_id.replace(':', '-').replace('~', '-')}.json"
