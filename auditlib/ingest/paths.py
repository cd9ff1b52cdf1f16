"""Paths into a record: `userIdentity.arn`, `target[0].id`, `parameters[name=doc_id].value`.

A key is found exactly; else whatever its case; else also without regard to `_` and `-`, because one
format comes as camelCase, snake_case and all lower case. A key that holds a dot stands in quotes:
`fields.'http.method'`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from auditlib.errors import FormatError

_STEP: Final = re.compile(
    r"(?:(?P<dot>\.)|^)(?:'(?P<quoted>[^']+)'|(?P<key>[^.\[\]'{}]+))"
    r"|\[(?P<index>\d{1,6})\]"
    r"|\[(?P<field>[^=\[\]]+)=(?P<wanted>[^\[\]]*)\]"
)
_SHAPES: Final = 4_096
_SHAPE_LIMIT: Final = 256


class Path:
    """One compiled path; `find` follows it."""

    __slots__ = ("_steps", "text")

    def __init__(self, text: str) -> None:
        """Compiles a path; raises FormatError where it is none."""
        self.text = text
        steps: list[tuple[str | int, str, str | None]] = []
        at = 0
        while match := _STEP.match(text, at):
            if bool(match["dot"]) != (at > 0) and (match["key"] or match["quoted"]):
                break
            if match["index"]:
                steps.append((int(match["index"]), "", None))
            elif match["field"]:
                steps.append((match["field"], _folded(match["field"]), match["wanted"]))
            else:
                key = match["quoted"] or match["key"]
                steps.append((key, _folded(key), None))
            at = match.end()
        if at != len(text) or not steps:
            raise FormatError(f"'{text}' is no path; expected keys such as a.b, a[0].b or a[name=x].b.", path=text)
        self._steps = tuple(steps)

    def find(self, value: Any) -> Any:
        """What stands at the path, None where there is nothing or a JSON null."""
        for key, folded, wanted in self._steps:
            if type(value) is dict and wanted is None:
                if key in value:
                    value = value[key]
                elif spelling := _spelling(value, key, folded):
                    value = value[spelling]
                else:
                    return None
            elif type(value) is list:
                if wanted is not None:
                    value = next((item for item in value if type(item) is dict and _member(item, key, folded) == wanted), None)
                else:
                    value = value[key] if type(key) is int and key < len(value) else None
            else:
                return None
            if value is None:
                return None
        return value


class Siblings:
    """Several paths that differ in their last key only; `find` looks at the object that holds them once."""

    __slots__ = ("_keys", "_parent")

    def __init__(self, parent: Path, keys: tuple[str, ...]) -> None:
        self._parent = parent
        self._keys = tuple((key, key.lower(), _folded(key)) for key in keys)

    def find(self, value: Any) -> str | None:
        """The text of the first of them that has any."""
        value = self._parent.find(value)
        if type(value) is not dict:
            return None
        spellings = _spellings_of(value)
        for key, lower, folded in self._keys:
            name = key if key in value else spellings.get(lower) or spellings.get(folded)
            if name is not None and (text := as_text(value[name])) is not None:
                return text
        return None


def as_text(value: Any) -> str | None:
    """A scalar as text: numbers and truth values as JSON spells them; None for "", null, objects and arrays."""
    if type(value) is str:
        return value or None
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int or type(value) is float:
        return repr(value)
    return None


def _member(item: dict[Any, Any], key: str | int, folded: str) -> str | None:
    return as_text(item.get(key if key in item else _spelling(item, key, folded)))


def _spelling(value: dict[Any, Any], key: str | int, folded: str) -> str | None:
    """The key of an object that differs from the wanted one in its spelling only."""
    if not folded:
        return None
    spellings = _spellings_of(value)
    return spellings.get(str(key).lower()) or spellings.get(folded)


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


_spellings: Final = lru_cache(_SHAPES)(_spelled)


def _folded(key: str) -> str:
    return key.lower().replace("_", "").replace("-", "")
