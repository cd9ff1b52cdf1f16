"""Before and after: the shapes in which sources say what changed, read into `changes`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from auditlib.ingest.paths import Path, as_text

ABSENT: Final = object()
Change = tuple[str, Any, Any]
Rule = Callable[[Any], Iterator[Change]]


def listed(path: Path, field: Path, before: Path, after: Path, decode: bool) -> Rule:
    """`ModifiedProperties: [{Name, OldValue, NewValue}]`: one change per item."""

    def rule(event: Any) -> Iterator[Change]:
        items = path.find(event)
        for item in items if type(items) is list else [items] if type(items) is dict else []:
            name = as_text(field.find(item))
            if name:
                yield name, _side(before.find(item), decode), _side(after.find(item), decode)

    return rule


def paired(field: Callable[[Any], str | None], before: Path, after: Path, decode: bool) -> Rule:
    """`OLD_VALUE` and `NEW_VALUE` beside each other: one change, named by a column rule."""

    def rule(event: Any) -> Iterator[Change]:
        old, new = _side(before.find(event), decode), _side(after.find(event), decode)
        if old is not ABSENT or new is not ABSENT:
            yield field(event) or "value", old, new

    return rule


def keyed(path: Path, before: str, after: str, beside: tuple[Path, ...]) -> Rule:
    """`changes: {title: {from, to}}` or `{title: [old, new]}`, also as JSON in a string: one change per key.

    Where the new value is not said, it is taken from the object at `beside` that has the key.
    """

    def rule(event: Any) -> Iterator[Change]:
        fields = _side(path.find(event), True)
        for name, value in fields.items() if type(fields) is dict else ():
            if type(value) is list and len(value) == 2:
                yield name, value[0], value[1]
            elif type(value) is dict and (before in value or after in value):
                new = value[after] if after in value else _beside(event, name)
                yield name, value.get(before, ABSENT), new

    def _beside(event: Any, name: str) -> Any:
        for place in beside:
            found = place.find(event)
            if type(found) is dict and name in found:
                return found[name]
        return ABSENT

    return rule


def deltas(path: Path, field: Path, value: Path, action: Path, removed: frozenset[str]) -> Rule:
    """`[{action: REMOVE, role, member}]`: what a removal names stood before, what another action names stands after."""

    def rule(event: Any) -> Iterator[Change]:
        items = path.find(event)
        for item in items if type(items) is list else []:
            name, what = as_text(field.find(item)), value.find(item)
            if name and what is not None:
                gone = as_text(action.find(item)) in removed
                yield name, what if gone else ABSENT, ABSENT if gone else what

    return rule


def prefixed(prefix: str) -> Rule:
    """`old_name` beside `name`: one change per key with the prefix."""

    def rule(event: Any) -> Iterator[Change]:
        for key, value in event.items() if type(event) is dict else ():
            if key.startswith(prefix) and len(key) > len(prefix):
                yield key[len(prefix) :], value, event.get(key[len(prefix) :], ABSENT)

    return rule


def whole(before: Path | None, after: Path | None) -> Rule:
    """Whole objects: one change per key whose value differs; with `after` alone, one per key."""

    def rule(event: Any) -> Iterator[Change]:
        old = before.find(event) if before else None
        new = after.find(event) if after else None
        old, new = (side if type(side) is dict else {} for side in (old, new))
        for name in dict.fromkeys((*old, *new)):
            if name not in old or name not in new or old[name] != new[name]:
                yield name, old.get(name, ABSENT), new.get(name, ABSENT)

    return rule


def prose(path: Path, pattern: re.Pattern[str]) -> Rule:
    """`Passcode: from On to Off` in a sentence: one change per match of a pattern with the groups field, before, after."""

    def rule(event: Any) -> Iterator[Change]:
        for match in pattern.finditer(as_text(path.find(event)) or ""):
            groups = match.groupdict()
            yield (groups.get("field") or "").strip() or "value", _group(groups, "before"), _group(groups, "after")

    return rule


def write(changes: Iterator[Change]) -> str | None:
    """Changes as the text of the `changes` column; a missing side is absent, not null. None where there are none."""
    entries = []
    for field, before, after in changes:
        entry: dict[str, Any] = {"field": field}
        if before is not ABSENT:
            entry["before"] = before
        if after is not ABSENT:
            entry["after"] = after
        entries.append(entry)
    return json.dumps(entries, ensure_ascii=False, separators=(",", ":")) if entries else None


def _group(groups: dict[str, str | None], name: str) -> Any:
    value = groups.get(name)
    return ABSENT if value is None else value.strip()


def _side(value: Any, decode: bool) -> Any:
    if value is None:
        return ABSENT
    if decode and type(value) is str and value[:1] in '{["':
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value
