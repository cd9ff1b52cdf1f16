"""The platform's own events: the columns of the contract taken as they are, checked one by one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from auditlib.ingest.instants import clock
from auditlib.ingest.mapping import Row, UnfitError
from auditlib.ingest.paths import as_text
from auditlib.ingest.reader import Record
from auditlib.ingest.scan import member
from auditlib.schema import ACTION_KEY, COLUMNS, EVENT_ID, TYPE_KEY
from auditlib.vocabulary import OUTCOMES, ROLES

SOURCE: Final = "platform"

_JSON: Final = ("metadata", "changes", "related")
_TIMES: Final = ("occurred_at", "recorded_at")
_TEXTS: Final = tuple(name for name in COLUMNS if name not in (*_JSON, *_TIMES, "source_row"))
_KEYS: Final[Mapping[str, re.Pattern[str]]] = {
    name: re.compile(pattern) for name, pattern in (("event_id", EVENT_ID), ("action", ACTION_KEY), ("resource_type", TYPE_KEY))
}
_CHOICES: Final[Mapping[str, Mapping[str, str]]] = {"actor_role": ROLES, "outcome": OUTCOMES}
_read_time: Final = clock("auto", ZoneInfo("UTC"))


class PlatformRules:
    """The rules of the platform's own format, in JSON lines or CSV.

    Text stays as it is, times are read in any of the usual spellings. `metadata`, `changes` and `related`
    are text; where JSON has an object there, its text is kept as written. An event without `metadata`
    has its whole record there. An event whose id, action, type, role or outcome the contract does not
    allow is rejected with the name of the column.
    """

    source = SOURCE

    def rows(self, record: Record) -> list[Row]:
        """The one event of a record; raises UnfitError where it breaks the contract."""
        values = record.value
        if type(values) is not dict:
            raise UnfitError("no object; expected the columns of an event")
        row: Row = dict.fromkeys(COLUMNS) | {name: _text(values, name) for name in _TEXTS}
        row["source"] = row["source"] or SOURCE
        for name, pattern in _KEYS.items():
            _check(name, row[name], row[name] is not None and pattern.fullmatch(row[name]) is not None, pattern.pattern)
        for name, choices in _CHOICES.items():
            _check(name, row[name], row[name] is None or row[name] in choices, ", ".join(choices))
        for name in _TIMES:
            row[name] = _read_time(values.get(name))
        for name in _JSON:
            row[name] = _json_text(record, values.get(name), name)
        row["metadata"] = record.raw if row["metadata"] is None else row["metadata"].encode("utf-8", "backslashreplace")
        row["source_row"] = _whole_number(values.get("source_row"))
        return [row]


def _check(name: str, value: str | None, good: bool, expected: str) -> None:
    if not good:
        raise UnfitError(f"{name} is {'missing' if value is None else repr(value[:100])}; expected {expected}")


def _text(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    if type(value) is dict or type(value) is list:
        raise UnfitError(f"{name} is {'an object' if type(value) is dict else 'an array'}; expected text")
    return value if type(value) is str else as_text(value)


def _json_text(record: Record, value: Any, name: str) -> str | None:
    if type(value) is dict or type(value) is list:
        return member(record.raw.decode("utf-8", "surrogateescape"), name)
    return value if type(value) is str else as_text(value)


def _whole_number(value: Any) -> int | None:
    if type(value) is int:
        return value if abs(value) < 2**63 else None
    return int(value) if type(value) is str and value.isascii() and value.isdigit() and len(value) < 19 else None
