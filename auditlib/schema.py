"""The columns of one event: the same names in Parquet, JSON lines and Python.

The table stands in the contract, section 3; `SCHEMA_VERSION` goes into every manifest.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

SCHEMA_VERSION: Final = 1

TIMESTAMP: Final = pa.timestamp("us", tz="UTC")
_TIMES: Final = ("occurred_at", "recorded_at")
REQUIRED: Final = ("event_id", "source", "action", "resource_type", "metadata")
"""Columns that hold a value in every event."""

COLUMNS: Final = (
    "event_id", "occurred_at", "recorded_at", "source", "source_event_id", "tenant",
    "actor_id", "actor_name", "actor_email", "actor_role",
    "action", "action_raw", "outcome",
    "resource_type", "resource_id", "resource_name",
    "interviewer_id", "interviewer_name", "candidate_id", "candidate_name",
    "related", "ip", "user_agent", "summary", "changes", "metadata",
    "source_file", "source_row",
)  # fmt: skip

OPTIONAL: Final = ("search_text",)
"""Columns a snapshot file may carry behind the others; files without them are as good."""


def _field(name: str) -> pa.Field:
    kind = TIMESTAMP if name in _TIMES else pa.int64() if name == "source_row" else pa.string()
    return pa.field(name, kind, nullable=name not in REQUIRED)


SCHEMA: Final = pa.schema([_field(name) for name in COLUMNS])

EVENT_ID: Final = r"[A-Za-z0-9._:~-]{1,128}"
TYPE_KEY: Final = r"[a-z0-9_.-]+"
ACTION_KEY: Final = r"[a-z0-9_.:-]{1,128}"
