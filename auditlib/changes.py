"""What changed: the before and after of each field, with only the differing parts marked."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Final
from zoneinfo import ZoneInfo

LONGEST_COMPARED: Final = 2_000
_WORD: Final = re.compile(r"\s+|\d{1,2}:\d{2}(?::\d{2})?|[^\W_]+|.", re.DOTALL)
_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a value; `marked` where the other side differs."""

    text: str
    marked: bool


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One changed field; a side is None where it was not recorded."""

    field: str
    before: tuple[Part, ...] | None
    after: tuple[Part, ...] | None

    @property
    def label(self) -> str:
        """The field as people read it: `start_at` is `Start at`."""
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", self.field).replace("_", " ").strip()
        return words[:1].upper() + words[1:] if words else self.field


def field_changes(changes: str | None, tz: ZoneInfo | None = None) -> tuple[FieldChange, ...]:
    """The changes of a `changes` text; empty where it is missing or no JSON list of fields.

    Numbers keep the spelling in which they were recorded. With `tz`, instants (ISO 8601 with an offset) are
    written as day and time in that zone.
    """
    try:
        entries = json.loads(changes or "[]", parse_int=_Number, parse_float=_Number)
        if not isinstance(entries, list):
            return ()
        named = (entry for entry in entries if isinstance(entry, dict) and type(entry.get("field")) is str)
        return tuple(_change({key: _in_zone(value, tz) if key != "field" else value for key, value in entry.items()}) for entry in named)
    except (ValueError, RecursionError):
        return ()


def _change(entry: dict[str, object]) -> FieldChange:
    field = str(entry["field"])
    if "before" not in entry or "after" not in entry:
        sides = [(Part(_text(entry[side]), True),) if side in entry else None for side in ("before", "after")]
        return FieldChange(field, *sides)
    before, after = entry["before"], entry["after"]
    if isinstance(before, list) and isinstance(after, list):
        return FieldChange(field, _items(before, after), _items(after, before))
    return FieldChange(field, *_compared(_text(before), _text(after)))


def _in_zone(value: object, tz: ZoneInfo | None) -> object:
    """An instant as day and time in a zone, also as an item of a list; anything else as it is."""
    if tz is None:
        return value
    if isinstance(value, list):
        return [_in_zone(item, tz) for item in value]
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        return value
    try:
        local = datetime.fromisoformat(value).astimezone(tz)
    except (ValueError, OverflowError):
        return value
    return f"{local.day} {local:%b %Y}, {local:%H:%M}" + (f":{local:%S}" if local.second else "")


def _items(own: Sequence[object], other: Sequence[object]) -> tuple[Part, ...]:
    """The items of a list, one a line, those that the other list lacks marked."""
    there = Counter(map(_text, other))
    parts = []
    for item in map(_text, own):
        parts.append(Part(item, not there[item]))
        there[item] -= bool(there[item])
    return _lines(parts) or (Part("empty list", False),)


def _lines(parts: list[Part]) -> tuple[Part, ...]:
    broken: list[Part] = []
    for part in parts:
        if broken:
            broken.append(Part("\n", False))
        broken.append(part)
    return tuple(broken)


def _compared(before: str, after: str) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Both texts cut where they differ; wholly marked where they share little, are long, or one is a number."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    same, number = before == after, isinstance(before, _Number) or isinstance(after, _Number)
    if same or number or max(len(before), len(after)) > LONGEST_COMPARED or matcher.ratio() < 0.4:
        return (Part(before, not same),), (Part(after, not same),)
    sides: tuple[list[Part], list[Part]] = ([], [])
    for kind, a, b, c, d in matcher.get_opcodes():
        for side, words in zip(sides, (old[a:b], new[c:d]), strict=True):
            if words:
                side.append(Part("".join(words), kind != "equal"))
    return tuple(sides[0]), tuple(sides[1])


def _text(value: object) -> str:
    if isinstance(value, str):
        return value if value or isinstance(value, _Number) else "empty text"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _plain_json(value)


def _plain_json(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {_nested(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_nested, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _nested(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) and not isinstance(value, _Number) else _text(value)


class _Number(str):
    """A number as it was spelled."""

    __slots__ = ()


def change_line(changes: str | None) -> str:
    """One line about a `changes` text: `Status scheduled → confirmed, +2 fields`; empty where it names none."""
    found = field_changes(changes)
    if not found:
        return ""
    first = found[0]
    before, after = ("".join(part.text for part in side) if side else "" for side in (first.before, first.after))
    change = f"{before} → {after}" if before and after else after or f"{before} removed"
    more = f", +{len(found) - 1} field{'s' if len(found) > 2 else ''}" if len(found) > 1 else ""
    return f"{first.label} {' '.join(change.split())}{more}"
