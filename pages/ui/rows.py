"""Events as the table component draws them: pure functions from values to plain dictionaries."""

from __future__ import annotations

from typing import Any, Final
from zoneinfo import ZoneInfo

from auditlib import metadata, times, vocabulary
from auditlib.changes import change_line
from auditlib.event import AuditEvent
from auditlib.text import one_line, short_id, visible
from pages.ui import text

PREVIEW_BYTES: Final = 256 << 10
MACHINES: Final = ("system", "service")


def row(event: AuditEvent, tz: ZoneInfo) -> dict[str, Any]:
    """One event as a row of the table, its time in the viewer's zone."""
    actor = actor_name(event)
    return {
        "id": event.event_id,
        **when(event, tz),
        "utc": times.write_utc(event.occurred_at) or "",
        "known": event.occurred_at is not None,
        "actor": actor,
        "initials": initials(actor),
        "machine": event.actor_role in MACHINES,
        "action": action(event.action),
        "type": visible(vocabulary.resource_label(event.resource_type)),
        "resource_id": visible(event.resource_id or ""),
        "short": visible(short_id(event.resource_id or "")),
        "details": one_line(event.summary or change_line(event.changes) or ""),
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
    return one_line(event.actor_name or event.actor_email or event.actor_id or "Not recorded", 120)


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
        "label": visible(named.label),
        "tone": named.tone,
        "glyph": named.glyph,
        "help": named.help,
        "named": named.named,
    }


def details(event: AuditEvent, recorded: str, url: str) -> dict[str, Any]:
    """The metadata of an opened row: secrets masked in place, large texts cut to a preview.

    `url` is where the recorded bytes can be downloaded when they are not all on screen, else empty.
    """
    size = len(recorded.encode("utf-8", "surrogatepass"))
    preview = size > PREVIEW_BYTES
    shown, hidden = metadata.masked(recorded[:20_000] if preview else recorded)
    found = None if preview else metadata.flaw(recorded)
    notes = [text.FLAWS[found]] if found else []
    if hidden:
        notes.append(f"{text.count(hidden, 'secret value')} hidden.")
    if preview:
        notes.append(f"The first 20,000 characters of {size / 1024:,.0f} KiB; download it for the whole.")
    pretty = shown if preview else metadata.indented(shown)
    return {
        "text": shown,
        "pretty": pretty,
        "lines": pretty.count("\n") + 1,
        "bytes": size,
        "note": " ".join(notes),
        "preview": preview,
        "url": url,
        "file_name": file_name(event),
        "source": f"recorded in snapshot {event.snapshot}",
    }


def unreadable(event: AuditEvent, reason: str) -> dict[str, Any]:
    """What stands in place of a metadata that cannot be shown, and why."""
    empty = {"text": "", "pretty": "", "lines": 0, "bytes": 0, "preview": True, "url": ""}
    return {**empty, "note": reason, "file_name": file_name(event), "source": f"recorded in snapshot {event.snapshot}"}


def needs_download(recorded: str) -> bool:
    """Whether what is on screen is not the recorded text whole: too large, or with secrets masked."""
    return len(recorded.encode("utf-8", "surrogatepass")) > PREVIEW_BYTES or metadata.masked(recorded)[1] > 0


def file_name(event: AuditEvent) -> str:
    """A safe name for an event's metadata; event ids have no other characters."""
    return f"event-{event.event_id.replace(':', '-').replace('~', '-')}.json"
