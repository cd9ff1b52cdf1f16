"""The ledger as a history of its own: its entries as events of the schema, which every page and command can read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

from auditlib import vocabulary
from auditlib.access import subjects
from auditlib.access.entries import read
from auditlib.schema import SCHEMA
from auditlib.text import one_line

SOURCE: Final = "ledger"

_ABOUT_EVENTS: Final = "audit_event"
_FILES: Final = ("exported", "downloaded")
_NOBODY: Final = {"denied": "Not signed in", "recovered": "The ledger itself"}


def batch(lines: Iterable[bytes]) -> pa.RecordBatch:
    """The events of entries' lines, which are kept byte for byte as metadata; raises LedgerError for a line of no entry."""
    return pa.RecordBatch.from_pylist([_event(line) for line in lines], schema=SCHEMA)


def _event(line: bytes) -> dict[str, Any]:
    said = read(line)
    at = datetime.fromisoformat(said["at"])
    who: Mapping[str, Any] = said["who"] or {}
    kind, name = _resource(said)
    row = {
        "event_id": f"ledger-{said['seq']:012d}",
        "occurred_at": at,
        "recorded_at": at,
        "source": SOURCE,
        "source_event_id": str(said["seq"]),
        "actor_id": who.get("id"),
        "actor_name": who.get("name", _NOBODY.get(said["action"])),
        "actor_email": who["id"] if "@" in who.get("id", "") else None,
        "actor_role": "system" if said["action"] == "recovered" else _role(who),
        "action": said["action"],
        "outcome": "denied" if said["action"] == "denied" else "success",
        "resource_type": kind,
        "resource_id": name or None,
        "related": _related(said),
        "ip": said.get("ip"),
        "user_agent": said.get("agent"),
        "summary": _summary(said),
        "metadata": line.decode("ascii").removesuffix("\n"),
    }
    return {column: _clean(value) if isinstance(value, str) else value for column, value in row.items()}


def _resource(said: Mapping[str, Any]) -> tuple[str, str]:
    """What was read: an event, a file, a query, or a page."""
    detail = said.get("detail", {})
    if said.get("event"):
        return _ABOUT_EVENTS, said["event"]
    if said["action"] in _FILES:
        return "export", str(detail.get("name", ""))
    if said["action"] == "queried":
        return "query", str(detail.get("sql_sha256", ""))
    return "audit_log", str(said.get("link", "")).partition("?")[0]


def _related(said: Mapping[str, Any]) -> str | None:
    found = {kind: str(value) for kind, value in said.get("related", {}).items()}
    if said.get("event"):
        found[subjects.EVENT] = said["event"]
    if said.get("session"):
        found["reading_session"] = said["session"]
    return json.dumps(found, separators=(",", ":")) if found else None


def _summary(said: Mapping[str, Any]) -> str:
    """What the action is about, in a line: the query, the reason, or the link."""
    detail = said.get("detail", {})
    about = detail.get("sql") or detail.get("why") or detail.get("name") or said.get("link", "")
    number = f"{said['count']:,} {_noun(said)}: " if isinstance(said.get("count"), int) else ""
    return one_line(f"{number}{about}", 300)


def _noun(said: Mapping[str, Any]) -> str:
    """What was counted."""
    noun = "time" if said["action"] == "denied" else "row" if "sql" in said.get("detail", {}) else "event"
    return noun if said["count"] == 1 else f"{noun}s"


def _role(who: Mapping[str, Any]) -> str:
    held = [role for role in vocabulary.ROLES if role in who.get("roles", ())]
    return held[0] if held else "unknown"


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
