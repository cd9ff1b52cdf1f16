"""Paths into a record: `userIdentity.arn`, `target[0].id`, `parameters[name=doc_id].value`.

A key is found exactly; else whatever its case; else also without regard to `_` and `-`, because one
format comes as camelCase, snake_case and all lower case. A key that holds a dot stands in quotes:
`fields.'http.method'`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from auditlib.errors import FormatError

_STEP: Final = re.compile(
    r"(?:(?P<dot>\.)|^)(?:'(?P<quoted>[^']+)'|(?P<key>[^.\[\]'{}]+))"
    r"|\[(?P<index>\d{1,6})\]"
    r"|\[(?P<field>[^=\[\]]+)=(?P<wanted>[^\[\]]*)\]"
)
SHAPES: Final = 4_096
"""How many sets of keys are remembered at one place."""
SHAPE_LIMIT: Final = 256
"""The most keys of an object whose set of keys is remembered."""

Find = Callable[[Any], Any]
Step = str | tuple[str, Find]
"""A key, or the text of another step and how it is taken."""


class Path:
    """One compiled path; `find` gives what stands there in a value, None where there is nothing or a JSON null."""

    __slots__ = ("find", "steps", "text")

    def __init__(self, text: str) -> None:
        """Compiles a path; raises FormatError where it is none."""
        self.text = text
        steps: list[Step] = []
        at = 0
        while match := _STEP.match(text, at):
            if bool(match["dot"]) != (at > 0) and (match["key"] or match["quoted"]):
                break
            if match["index"]:
                steps.append((match[0], _at_index(int(match["index"]))))
            elif match["field"]:
                steps.append((match[0], _at_item(match["field"], match["wanted"])))
            else:
                steps.append(match["quoted"] or match["key"])
            at = match.end()
        if at != len(text) or not steps:
            raise FormatError(f"'{text}' is no path; expected keys such as a.b, a[0].b or a[name=x].b.", path=text)
        self.steps: Final = tuple(steps)
        finds = tuple(_at_key(step) if isinstance(step, str) else step[1] for step in steps)
        self.find: Final = finds[0] if len(finds) == 1 else _in_turn(finds)


def _in_turn(steps: tuple[Find, ...]) -> Find:
    def find(value: Any) -> Any:
        for step in steps:
            value = step(value)
            if value is None:
                return None
        return value

    return find


def _at_key(key: str) -> Find:
    def find(value: Any) -> Any:
        if type(value) is not dict:
            return None
        if key in value:
            return value[key]
        (name,) = names_in(value, (key,))
        return None if name is None else value[name]

    return find


def _at_index(index: int) -> Find:
    return lambda value: value[index] if type(value) is list and index < len(value) else None


def _at_item(field: str, wanted: str) -> Find:
    find = _at_key(field)

    def item(value: Any) -> Any:
        if type(value) is not list:
            return None
        return next((each for each in value if type(each) is dict and as_text(find(each)) == wanted), None)

    return item


def as_text(value: Any) -> str | None:
    """A scalar as text: numbers and truth values as JSON spells them; None for "", null, objects and arrays."""
    if type(value) is str:
        return value or None
    if value is None:
        return None
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int or type(value) is float:
        return repr(value)
    return None


def names_in(value: dict[str, Any], wanted: Iterable[str]) -> list[str | None]:
    """What keys are called in an object: themselves, else in another case, else also without `_` and `-`."""
    keys = tuple(value)
    spellings = _spellings(keys) if len(keys) <= SHAPE_LIMIT else _spelled(keys)
    return [key if key in value else _another(spellings, key) for key in wanted]


def _another(spellings: Mapping[str, str], key: str) -> str | None:
    folded = _folded(key)
    return (spellings.get(key.lower()) or spellings.get(folded) or None) if folded else None


def _spelled(keys: tuple[str, ...]) -> Mapping[str, str]:
    spellings: dict[str, str] = {}
    for key in keys:
        spellings.setdefault(key.lower(), key)
    for key in keys:
        spellings.setdefault(_folded(key), key)
    return spellings


_spellings: Final = lru_cache(SHAPES)(_spelled)


@lru_cache(SHAPES)
def _folded(key: str) -> str:
    return key.lower().replace("_", "").replace("-", "")
