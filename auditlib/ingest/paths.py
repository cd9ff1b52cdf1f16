"""Paths into a record: `userIdentity.arn`, `target[0].id`, `parameters[name=doc_id].value`.

A key is found exactly; else whatever its case; else also without regard to `_` and `-`, because one
format comes as camelCase, snake_case and all lower case. A key that holds a dot stands in quotes:
`fields.'http.method'`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from auditlib.errors import FormatError

_STEP: Final = re.compile(
    r"(?:(?P<dot>\.)|^)(?:'(?P<quoted>[^']+)'|(?P<key>[^.\[\]'{}]+))"
    r"|\[(?P<index>\d{1,6})\]"
    r"|\[(?P<field>[^=\[\]]+)=(?P<wanted>[^\[\]]*)\]"
)
_NAME: Final = re.compile(r"[^.\[\]'{}]+")
_SHAPES: Final = 4_096
_SHAPE_LIMIT: Final = 256

Find = Callable[[Any], Any]


class Path:
    """One compiled path; `find` gives what stands there in a value, None where there is nothing or a JSON null.

    `key` is the key where the path is one plain key, the commonest by far, so that a reader may look there itself first.
    """

    __slots__ = ("find", "key", "text")

    def __init__(self, text: str) -> None:
        """Compiles a path; raises FormatError where it is none."""
        self.text = text
        self.key = text if _NAME.fullmatch(text) else None
        steps: list[Find] = []
        at = 0
        while match := _STEP.match(text, at):
            if bool(match["dot"]) != (at > 0) and (match["key"] or match["quoted"]):
                break
            if match["index"]:
                steps.append(_at_index(int(match["index"])))
            elif match["field"]:
                steps.append(_at_item(match["field"], match["wanted"]))
            else:
                steps.append(_at_key(match["quoted"] or match["key"], _spellings_again if at == 0 else _spellings_of))
            at = match.end()
        if at != len(text) or not steps:
            raise FormatError(f"'{text}' is no path; expected keys such as a.b, a[0].b or a[name=x].b.", path=text)
        self.find: Final = steps[0] if len(steps) == 1 else _in_turn(tuple(steps))


def _in_turn(steps: tuple[Find, ...]) -> Find:
    def find(value: Any) -> Any:
        for step in steps:
            value = step(value)
            if value is None:
                return None
        return value

    return find


def _at_key(key: str, spellings_of: Callable[[dict[str, Any]], Mapping[str, str]]) -> Find:
    lower, folded = key.lower(), _folded(key)

    def find(value: Any) -> Any:
        if type(value) is not dict:
            return None
        if key in value:
            return value[key]
        spellings = spellings_of(value)
        spelling = spellings.get(lower) or spellings.get(folded)
        return value[spelling] if spelling else None

    return find if folded else lambda value: value.get(key) if type(value) is dict else None


def _at_index(index: int) -> Find:
    return lambda value: value[index] if type(value) is list and index < len(value) else None


def _at_item(field: str, wanted: str) -> Find:
    find = _at_key(field, _spellings_of)

    def item(value: Any) -> Any:
        if type(value) is not list:
            return None
        return next((each for each in value if type(each) is dict and as_text(find(each)) == wanted), None)

    return item


class Siblings:
    """Several paths that differ in their last key only; `find` looks at the object that holds them once."""

    __slots__ = ("_first", "_keys", "_names", "_parent")

    def __init__(self, parent: Path, keys: tuple[str, ...]) -> None:
        self._parent = parent
        self._first = keys[0]
        self._keys = tuple((key, key.lower(), _folded(key)) for key in keys)
        self._names = lru_cache(_SHAPES)(self._named)

    def find(self, value: Any) -> str | None:
        """The text of the first of them that has any."""
        value = self._parent.find(value)
        if type(value) is not dict:
            return None
        if type(first := value.get(self._first)) is str and first:
            return first
        keys = tuple(value)
        for name in self._names(keys) if len(keys) <= _SHAPE_LIMIT else self._named(keys):
            if (text := as_text(value[name])) is not None:
                return text
        return None

    def _named(self, keys: tuple[str, ...]) -> tuple[str, ...]:
        """What those of the paths that an object with such keys has are called in it."""
        spellings = _spelled(keys)
        names = (key if key in keys else spellings.get(lower) or spellings.get(folded) for key, lower, folded in self._keys)
        return tuple(name for name in names if name is not None)


def as_text(value: Any) -> str | None:
    """A scalar as text: numbers and truth values as JSON spells them; None for "", null, objects and arrays."""
    if type(value) is str:
        return value or None
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int or type(value) is float:
        return repr(value)
    return None


def _spellings_again(value: dict[str, Any]) -> Mapping[str, str]:
    """The spellings of an object that is asked for several of its keys in a row: an event."""
    global _asked
    asked = _asked
    if asked[0] is not value:
        _asked = asked = (value, _spellings_of(value))
    return asked[1]


def _spellings_of(value: dict[Any, Any]) -> Mapping[str, str]:
    keys = tuple(value)
    return _spellings(keys) if len(keys) <= _SHAPE_LIMIT else _spelled(keys)


def _spelled(keys: tuple[str, ...]) -> Mapping[str, str]:
    spellings: dict[str, str] = {}
    for key in keys:
        spellings.setdefault(key.lower(), key)
    for key in keys:
        spellings.setdefault(_folded(key), key)
    return spellings


_asked: tuple[dict[str, Any] | None, Mapping[str, str]] = (None, {})
_spellings: Final = lru_cache(_SHAPES)(_spelled)


def _folded(key: str) -> str:
    return key.lower().replace("_", "").replace("-", "")
