"""Events and batches of them, for tests that write tiny stores."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from auditlib.schema import COLUMNS, SCHEMA
from auditlib.times import from_micros

FIRST_SECOND = 1_793_523_600
"""2026-11-01T09:00:00Z: the time of the first event, the next ones a minute apart each."""


def event(number: int = 0, **columns: Any) -> dict[str, Any]:
    """One event as a dictionary of every column of the schema; `number` sets its id and its minute, `columns` the rest."""
    unknown = set(columns) - set(COLUMNS)
    if unknown:
        raise TypeError(f"no such columns: {sorted(unknown)}")
    plain = {
        "event_id": f"ev-{number:06d}",
        "occurred_at": from_micros((FIRST_SECOND + 60 * number) * 1_000_000),
        "source": "platform",
        "actor_id": "p-1",
        "actor_name": "Ada Admin",
        "actor_role": "admin",
        "action": "updated",
        "outcome": "success",
        "resource_type": "interview_booking",
        "resource_id": f"BK{number:06d}",
        "metadata": f'{{"number":{number}}}',
    }
    return dict.fromkeys(COLUMNS) | plain | columns


def events(count: int, first: int = 0, **columns: Any) -> list[dict[str, Any]]:
    """So many events with consecutive numbers."""
    return [event(first + offset, **columns) for offset in range(count)]


def batch(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    """The events as one Arrow record batch of the schema, ready for `publish`."""
    return pa.RecordBatch.from_pylist(rows, schema=SCHEMA)
