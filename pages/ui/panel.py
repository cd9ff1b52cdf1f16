"""One event as the side panel draws it: a pure function from values to a plain dictionary."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from auditlib import times, vocabulary
from auditlib.changes import FieldChange, Part, field_changes
from auditlib.event import AuditEvent
from auditlib.lookalikes import odd_letters
from auditlib.text import short_id, shown_line, visible
from auditlib.view import FILTERS
from pages.ui import rows, session, text

Fact = dict[str, Any]


def payload(event: AuditEvent, *, tab: str, tz: ZoneInfo, metadata: dict[str, Any], position: int | None, total: int) -> dict[str, Any]:
    """What the panel shows of an event; `position` counts from 0 among `total` results of the tab, None outside them."""
    actor = rows.actor_name(event)
    changed = field_changes(event.changes, tz)
    sparse = not changed and metadata["bytes"] < 40
    return {
        "id": event.event_id,
        "position": "" if position is None else f"{position + 1:,} of {total:,}",
        "has_previous": bool(position),
        "has_next": position is not None and position + 1 < total,
        "actor": actor,
        "actor_pivot": ["actor", event.actor_id] if event.actor_id else None,
        "tag": odd_letters(actor),
        "initials": rows.initials(actor),
        "machine": event.actor_role in rows.MACHINES,
        "role": shown_line(vocabulary.role_label(event.actor_role), 60),
        "email": shown_line(event.actor_email or "", 120),
        "when": " ".join(rows.when(event, tz).values()).strip(),
        "zone": tz.key,
        "utc": f"{event.occurred_at:%Y-%m-%d %H:%M:%S}.{event.occurred_at.microsecond // 1000:03d} UTC" if event.occurred_at else "",
        "recorded": f"Recorded {event.recorded_at:%Y-%m-%d %H:%M:%S} UTC" if _is_late(event) else "",
        "known": event.occurred_at is not None,
        "action": rows.action(event.action),
        "action_raw": shown_line(event.action_raw or "", 120),
        "outcome": vocabulary.OUTCOMES.get(event.outcome or "", ""),
        "summary": shown_line(event.summary or "", 2_000),
        "facts": _facts(event),
        "changes": [_change(change) for change in changed],
        "changes_note": "" if changed else text.NO_CHANGES,
        "related": _related(event, tab),
        "related_note": "",
        "metadata": {**metadata, "tree": not metadata["preview"], "sparse": text.SPARSE if sparse else ""},
    }


def readers(event_id: str) -> Fact:
    """The way from an event to who has read it, as one of its related values."""
    return {**_fact(text.LEDGER, text.READERS, pivot=[session.READERS, event_id]), "leads": text.LEADS_TO_LEDGER}


def _facts(event: AuditEvent) -> list[Fact]:
    resource = event.resource_id or ""
    kind = shown_line(vocabulary.resource_label(event.resource_type), 80)
    facts = [
        _fact(
            "Resource",
            short_id(resource) if resource else "no id recorded",
            lead=kind,
            mono=bool(resource),
            copy=resource,
            pivot=["resource", f"{event.resource_type}:{resource}"] if resource else ["type", event.resource_type],
            note=shown_line(event.resource_name or "", 120),
        ),
        _fact("Event id", event.event_id, mono=True, copy=event.event_id),
        _fact(
            "Record",
            f"Snapshot {event.snapshot}",
            status="conflict" if event.conflicts else "verified",
            note="Another event claims the same id with other content; both are kept." if event.conflicts else "",
        ),
        _fact("Source", " · ".join(part for part in (event.source, event.tenant) if part), note=shown_line(_provenance(event), 200)),
    ]
    if event.source_event_id and event.source_event_id != event.event_id:
        facts.append(_fact("Id in the source", short_id(event.source_event_id), mono=True, copy=event.source_event_id))
    return facts


def _related(event: AuditEvent, tab: str) -> list[Fact]:
    ids = event.related_ids()
    found = []
    for kind, person, name in (
        ("interviewer", event.interviewer_id, event.interviewer_name),
        ("candidate", event.candidate_id, event.candidate_name),
    ):
        by_filter = tab in FILTERS[kind].tabs or ids.get(kind) != person
        pivot: list[str | None] = [kind, person] if by_filter else ["related", f"{kind}:{person}"]
        found.append(_fact(FILTERS[kind].label, name or person, copy=person, pivot=pivot, note=odd_letters(name or "")))
    told = {event.resource_id, event.candidate_id, event.interviewer_id}
    for kind, value in ids.items():
        if value not in told:
            found.append(
                _fact(vocabulary.related_label(kind), short_id(value), mono=True, copy=value, pivot=["related", f"{kind}:{value}"])
            )
    found.append(_fact("IP address", event.ip, mono=True, copy=event.ip, pivot=["ip", event.ip]))
    found.append(_fact("User agent", event.user_agent))
    return [fact for fact in found if fact["value"]]


def _fact(
    label: str,
    value: str | None,
    *,
    lead: str = "",
    mono: bool = False,
    copy: str | None = "",
    pivot: list[str | None] | None = None,
    note: str = "",
    status: str = "",
) -> Fact:
    return {
        "label": shown_line(label, 60),
        "lead": lead,
        "value": shown_line(value or "", 300),
        "mono": mono,
        "copy": copy or "",
        "pivot": pivot if pivot and pivot[1] else None,
        "note": note,
        "status": status,
    }


def _change(change: FieldChange) -> dict[str, Any]:
    return {
        "field": shown_line(change.label, 80),
        "raw_field": visible(change.field),
        "before": _side(change.before),
        "after": _side(change.after),
    }


def _side(parts: tuple[Part, ...] | None) -> list[dict[str, Any]] | None:
    return None if parts is None else [{"text": visible(part.text), "mark": part.marked} for part in parts]


def _provenance(event: AuditEvent) -> str:
    if not event.source_file:
        return ""
    return event.source_file if event.source_row is None else f"{event.source_file}, row {event.source_row:,}"


def _is_late(event: AuditEvent) -> bool:
    if event.recorded_at is None:
        return False
    return event.occurred_at is None or abs(times.to_micros(event.recorded_at) - times.to_micros(event.occurred_at)) > 60_000_000
