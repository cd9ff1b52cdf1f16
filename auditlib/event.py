"""One event of the log, as Python holds it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from auditlib.schema import COLUMNS
from auditlib.times import write_utc


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One recorded event; the fields are the columns of the schema, in its order.

    Times are aware datetimes in UTC, None where the source gave no usable time. `related`, `changes`
    and `metadata` hold JSON text as recorded. `metadata` is None only in lists that were asked for
    without it. `snapshot` is the sequence number of the manifest that brought the event, `conflicts`
    says that another event claims the same id, or the same native id, with other content.
    """

    event_id: str
    occurred_at: datetime | None = None
    recorded_at: datetime | None = None
    source: str = ""
    source_event_id: str | None = None
    tenant: str | None = None
    actor_id: str | None = None
    actor_name: str | None = None
    actor_email: str | None = None
    actor_role: str | None = None
    action: str = ""
    action_raw: str | None = None
    outcome: str | None = None
    resource_type: str = ""
    resource_id: str | None = None
    resource_name: str | None = None
    interviewer_id: str | None = None
    interviewer_name: str | None = None
    candidate_id: str | None = None
    candidate_name: str | None = None
    related: str | None = None
    ip: str | None = None
    user_agent: str | None = None
    summary: str | None = None
    changes: str | None = None
    metadata: str | None = None
    source_file: str | None = None
    source_row: int | None = None
    snapshot: int | None = None
    conflicts: bool = False

    def to_record(self) -> dict[str, Any]:
        """The event as one JSON object of the contract's columns, times spelled `…Z` with microseconds."""
        record: dict[str, Any] = {name: getattr(self, name) for name in COLUMNS}
        for name in ("occurred_at", "recorded_at"):
            record[name] = write_utc(record[name])
        return record

    def related_ids(self) -> Mapping[str, str]:
        """The ids in `related` by kind; empty where there are none or the text is no JSON object."""
        return related_ids(self.related)


EVENT_FIELDS = tuple(field.name for field in fields(AuditEvent))


def related_ids(text: str | None) -> dict[str, str]:
    """`{"booking": "BK1"}` of a `related` text; empty where it is missing or no JSON object of ids."""
    parsed = _parsed(text)
    if not isinstance(parsed, dict):
        return {}
    return {
        kind: str(value) for kind, value in parsed.items() if isinstance(value, str | int) and not isinstance(value, bool) and value != ""
    }


def changes_of(text: str | None) -> list[dict[str, Any]]:
    """The entries of a `changes` text: `field`, and `before` and `after` where they were recorded.

    Empty where the text is missing or no JSON list of such objects.
    """
    parsed = _parsed(text)
    entries = parsed if isinstance(parsed, list) else []
    return [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("field"), str)]


def _parsed(text: str | None) -> object:
    if not text:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
