"""Places: every path that a format reads, found together in one walk through a record.

Records of one log have few shapes. What the keys of an object mean for the paths into it is worked out once for each
set of keys, other spellings included, so that a key that is not there costs nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from auditlib.ingest.paths import SHAPE_LIMIT, SHAPES, Find, Path, Step, names_in

Found = list[Any]
"""What stands at each place, None where there is nothing."""


class Places:
    """The places that the paths of one format lead to, numbered in the order they were asked for."""

    def __init__(self) -> None:
        self.paths: list[Path] = []
        self._root = _Node()
        self._numbers: dict[str, int] = {}

    def number(self, path: Path) -> int:
        """The number of a path's place."""
        if path.text not in self._numbers:
            node = self._root
            for step in path.steps:
                node = node.child(step)
            node.number = self._numbers[path.text] = len(self.paths)
            self.paths.append(path)
        return self._numbers[path.text]

    def found(self, record: Any) -> Found:
        """What stands at each place of a record, by number: the same as `find` of each path gives."""
        found: Found = [None] * len(self.paths)
        self._root.walk(record, found)
        return found


class _Plan(NamedTuple):
    """What is looked at in objects of one shape: keys that are places, and keys that lead on to some."""

    places: tuple[tuple[str, int], ...]
    onward: tuple[tuple[str, _Node], ...]


class _Node:
    """What lies below one step: the number of the place, if it is one, and the steps from there."""

    __slots__ = ("_keys", "_plans", "_steps", "number")

    def __init__(self) -> None:
        self.number: int | None = None
        self._keys: dict[str, _Node] = {}
        self._steps: dict[str, tuple[Find, _Node]] = {}
        self._plans: dict[tuple[str, ...], _Plan] = {}

    def child(self, step: Step) -> _Node:
        """The node behind a step: a key, or another step under its text."""
        self._plans.clear()
        if isinstance(step, str):
            return self._keys.setdefault(step, _Node())
        text, find = step
        return self._steps.setdefault(text, (find, _Node()))[1]

    def walk(self, value: Any, found: Found) -> None:
        """Notes what stands at and below this node."""
        if type(value) is dict:
            keys = tuple(value)
            places, onward = self._plans.get(keys) or self._planned(value, keys)
            for key, number in places:
                found[number] = value[key]
            for key, node in onward:
                if (inner := value[key]) is not None:
                    node.walk(inner, found)
        elif type(value) is list:
            for find, node in self._steps.values():
                item = find(value)
                if node.number is not None:
                    found[node.number] = item
                node.walk(item, found)

    def _planned(self, value: dict[str, Any], keys: tuple[str, ...]) -> _Plan:
        present = [(name, node) for name, node in zip(names_in(value, self._keys), self._keys.values(), strict=True) if name is not None]
        plan = _Plan(
            tuple((name, node.number) for name, node in present if node.number is not None),
            tuple((name, node) for name, node in present if node._keys or node._steps),
        )
        if len(keys) <= SHAPE_LIMIT:
            if len(self._plans) >= SHAPES:
                self._plans.clear()
            self._plans[keys] = plan
        return plan
