"""Column rules: where the text of a column comes from, first present of several places.

One rule is a path (`actor.id`), a template whose paths must all be present (`{Hostname}:{RecordNumber}`),
a table with one of `path`, `text` or `value` and what is done to it, or a list of these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from auditlib.errors import FormatError
from auditlib.ingest.paths import Path, Siblings, as_text

Column = Callable[[Any], str | None]
Step = Callable[[str], str | None]

_BEGINNINGS: Final = ("path", "text", "value")
_MEMBER: Final = re.compile(r"(.+)\.[^.\[\]'{}]+")
_PLACE: Final = re.compile(r"\{([^{}]+)\}")


def column(rule: Any, where: str) -> Column:
    """Compiles a column rule; raises FormatError, saying `where`, if it is none.

    Keys of a table: `path`, `text` (a template) or `value` (a constant) say what it begins with;
    `except = [...]` drops such values; `pattern` keeps the first group of a regular expression;
    `before = "."` and `after = ":"` keep what stands before the first, after the last such sign;
    `part = 2` keeps that part between slashes, from 1; `first_line = true` keeps the first line;
    `table` replaces whole values, ignoring case; `as` gives a constant where anything is left.
    """
    if isinstance(rule, list):
        if not rule:
            raise FormatError(f"{where} is an empty list; expected at least one path.", where=where)
        places = tuple(_group(group, where) for group in _grouped(rule))
        return places[0] if len(places) == 1 else _first(places)
    if isinstance(rule, str):
        return template(rule, where) if "{" in rule else _at(path(rule, where))
    if isinstance(rule, dict):
        return _from_table(rule, where)
    raise FormatError(f"{where} is {rule!r}; expected a path, a template, a table or a list of these.", where=where)


def path(text: Any, where: str) -> Path:
    """Compiles a path; raises FormatError that says `where`."""
    if not isinstance(text, str):
        raise FormatError(f"{where} is {text!r}; expected a path such as 'actor.id'.", where=where)
    try:
        return Path(text)
    except FormatError as error:
        raise FormatError(f"{where}: {error.message}", where=where, path=text) from None


def template(text: str, where: str) -> Column:
    """A column of text with paths in braces; nothing unless every one of them is present."""
    pieces = _PLACE.split(text)
    if any("{" in piece or "}" in piece for piece in pieces):
        raise FormatError(f"{where} is '{text}'; expected each brace to hold a path.", where=where)
    written = "{}".join(pieces[::2])
    if len(pieces) == 1:
        return lambda event: written or None
    *others, last = (_at(path(piece, where)) for piece in pieces[1::2])

    def read(event: Any) -> str | None:
        final = last(event)  # it is the one most often missing
        if final is None:
            return None
        values = [value for place in others if (value := place(event)) is not None]
        return written.format(*values, final) if len(values) == len(others) else None

    return read


def _at(place: Path) -> Column:
    find, key = place.find, place.key

    def read(event: Any) -> str | None:
        value = find(event)
        return (value or None) if type(value) is str else as_text(value)

    def read_key(event: Any) -> str | None:
        if type(event) is dict and type(value := event.get(key)) is str:
            return value or None
        return read(event)

    return read if key is None else read_key


def _grouped(rules: list[Any]) -> list[list[Any]]:
    """The rules in their order, plain paths into one object together."""
    groups: list[list[Any]] = []
    for rule in rules:
        parent = _parent(rule)
        if groups and parent and _parent(groups[-1][0]) == parent:
            groups[-1].append(rule)
        else:
            groups.append([rule])
    return groups


def _parent(rule: Any) -> str | None:
    match = _MEMBER.fullmatch(rule) if isinstance(rule, str) else None
    return match.group(1) if match else None


def _group(group: list[Any], where: str) -> Column:
    if len(group) == 1:
        return column(group[0], where)
    parent = _parent(group[0]) or ""
    return Siblings(path(parent, where), tuple(rule[len(parent) + 1 :] for rule in group)).find


def _first(places: tuple[Column, ...]) -> Column:
    def read(event: Any) -> str | None:
        for place in places:
            value = place(event)
            if value is not None:
                return value
        return None

    return read


def _from_table(rule: Mapping[str, Any], where: str) -> Column:
    known = (*_BEGINNINGS, *STEPS)
    unknown = [key for key in rule if key not in known]
    if unknown:
        raise FormatError(f"{where} has '{unknown[0]}'; expected {', '.join(known)}.", where=where, key=unknown[0])
    begins = [key for key in _BEGINNINGS if key in rule]
    if len(begins) != 1:
        raise FormatError(f"{where} has {' and '.join(begins) or 'no beginning'}; expected one of path, text, value.", where=where)
    if begins == ["value"]:
        constant = as_text(rule["value"])
        return lambda event: constant
    begin = _at(path(rule["path"], where)) if begins == ["path"] else template(str(rule["text"]), where)
    steps = tuple(STEPS[key](rule[key], f"{where}.{key}") for key in STEPS if key in rule)

    def read(event: Any) -> str | None:
        value = begin(event)
        for step in steps:
            if not value:
                return None
            value = step(value)
        return value or None

    return read


def _except(wanted: Any, where: str) -> Step:
    if not isinstance(wanted, list):
        raise FormatError(f"{where} is {wanted!r}; expected a list of values.", where=where)
    dropped = frozenset(map(str, wanted))
    return lambda value: None if value in dropped else value


def _pattern(wanted: Any, where: str) -> Step:
    expression = regex(wanted, where)
    if expression.groups < 1:
        raise FormatError(f"{where} is '{wanted}'; expected a group in parentheses.", where=where)

    def step(value: str) -> str | None:
        match = expression.search(value)
        return match.group(1) if match else None

    return step


def regex(wanted: Any, where: str) -> re.Pattern[str]:
    """Compiles a regular expression; raises FormatError that says `where`."""
    try:
        return re.compile(wanted)
    except (re.error, TypeError) as error:
        raise FormatError(f"{where} is {wanted!r}; expected a regular expression ({error}).", where=where) from None


def _before(wanted: Any, where: str) -> Step:
    sign = _sign(wanted, where)
    return lambda value: value.split(sign, 1)[0]


def _after(wanted: Any, where: str) -> Step:
    sign = _sign(wanted, where)
    return lambda value: value.rsplit(sign, 1)[-1]


def _sign(wanted: Any, where: str) -> str:
    if not isinstance(wanted, str) or not wanted:
        raise FormatError(f"{where} is {wanted!r}; expected one or more characters.", where=where)
    return wanted


def _part(wanted: Any, where: str) -> Step:
    if type(wanted) is not int or wanted < 1:
        raise FormatError(f"{where} is {wanted!r}; expected a number from 1.", where=where)

    def step(value: str) -> str | None:
        parts = [part for part in value.split("/") if part]
        return parts[wanted - 1] if wanted <= len(parts) else None

    return step


def _first_line(wanted: Any, where: str) -> Step:
    if wanted is not True:
        raise FormatError(f"{where} is {wanted!r}; expected true.", where=where)
    return lambda value: value.strip().split("\n", 1)[0].strip()


def words(wanted: Any, where: str) -> dict[str, str]:
    """A table of words, lower-cased; raises FormatError that says `where`."""
    if not isinstance(wanted, dict) or not all(isinstance(value, str) for value in wanted.values()):
        raise FormatError(f"{where} is {wanted!r}; expected a table of words.", where=where)
    return {key.lower(): value for key, value in wanted.items()}


def _table(wanted: Any, where: str) -> Step:
    table = words(wanted, where)
    return lambda value: table.get(value.lower(), value)


def _as(wanted: Any, where: str) -> Step:
    constant = _sign(wanted, where)
    return lambda value: constant


STEPS: Final[Mapping[str, Callable[[Any, str], Step]]] = {
    "except": _except,
    "first_line": _first_line,
    "pattern": _pattern,
    "before": _before,
    "after": _after,
    "part": _part,
    "table": _table,
    "as": _as,
}
