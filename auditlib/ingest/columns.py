"""Column rules: where the text of a column comes from, first present of several places.

One rule is a path (`actor.id`), a template whose paths must all be present (`{Hostname}:{RecordNumber}`),
a table with one of `path`, `text` or `value` and what is done to it, or a list of these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from auditlib.errors import FormatError
from auditlib.ingest.paths import Path, as_text
from auditlib.ingest.places import Found, Places
from auditlib.ingest.recall import recalled

Column = Callable[[Found], str | None]
"""What gives the text of a column from what stands at the places of a record."""
Step = Callable[[str], str | None]


class FirstAt:
    """The column that is the first text at some places; its numbers can be read so that many are read in one loop."""

    __slots__ = ("numbers",)

    def __init__(self, numbers: tuple[int, ...]) -> None:
        self.numbers = numbers

    def __call__(self, found: Found) -> str | None:
        for number in self.numbers:
            if (text := as_text(found[number])) is not None:
                return text
        return None


_BEGINNINGS: Final = ("path", "text", "value")
_PLACE: Final = re.compile(r"\{([^{}]+)\}")


def column(rule: Any, where: str, places: Places) -> Column:
    """Compiles a column rule that reads from places; raises FormatError, saying `where`, if it is none.

    Keys of a table: `path`, `text` (a template) or `value` (a constant) say what it begins with;
    `except = [...]` drops such values; `pattern` keeps the first group of a regular expression;
    `before = "."` and `after = ":"` keep what stands before the first, after the last such sign;
    `part = 2` keeps that part between slashes, from 1; `first_line = true` keeps the first line;
    `table` replaces whole values, ignoring case; `as` gives a constant where anything is left.
    """
    if isinstance(rule, list):
        if not rule:
            raise FormatError(f"{where} is an empty list; expected at least one path.", where=where)
        if all(isinstance(each, str) and "{" not in each for each in rule):
            return FirstAt(tuple(places.number(path(each, where)) for each in rule))
        return _first([column(each, where, places) for each in rule])
    if isinstance(rule, str):
        return template(rule, where, places) if "{" in rule else FirstAt((places.number(path(rule, where)),))
    if isinstance(rule, dict):
        return _from_table(rule, where, places)
    raise FormatError(f"{where} is {rule!r}; expected a path, a template, a table or a list of these.", where=where)


def path(text: Any, where: str) -> Path:
    """Compiles a path; raises FormatError that says `where`."""
    if not isinstance(text, str):
        raise FormatError(f"{where} is {text!r}; expected a path such as 'actor.id'.", where=where)
    try:
        return Path(text)
    except FormatError as error:
        raise FormatError(f"{where}: {error.message}", where=where, path=text) from None


def template(text: str, where: str, places: Places) -> Column:
    """A column of text with paths in braces; nothing unless every one of them is present."""
    pieces = _PLACE.split(text)
    if any("{" in piece or "}" in piece for piece in pieces):
        raise FormatError(f"{where} is '{text}'; expected each brace to hold a path.", where=where)
    written = "%s".join(piece.replace("%", "%%") for piece in pieces[::2])
    if len(pieces) == 1:
        return lambda found: text or None
    numbers = [places.number(path(piece, where)) for piece in pieces[1::2]]
    last = numbers[-1]  # it is the one most often missing

    def read(found: Found) -> str | None:
        if found[last] is None:
            return None
        values = []
        for number in numbers:
            if (value := as_text(found[number])) is None:
                return None
            values.append(value)
        return written % tuple(values)

    return read


def _first(columns: list[Column]) -> Column:
    def read(found: Found) -> str | None:
        for each in columns:
            value = each(found)
            if value is not None:
                return value
        return None

    return read


def _from_table(rule: Mapping[str, Any], where: str, places: Places) -> Column:
    known = (*_BEGINNINGS, *STEPS)
    unknown = [key for key in rule if key not in known]
    if unknown:
        raise FormatError(f"{where} has '{unknown[0]}'; expected {', '.join(known)}.", where=where, key=unknown[0])
    begins = [key for key in _BEGINNINGS if key in rule]
    if len(begins) != 1:
        raise FormatError(f"{where} has {' and '.join(begins) or 'no beginning'}; expected one of path, text, value.", where=where)
    if begins == ["value"]:
        constant = as_text(rule["value"])
        return lambda found: constant
    begin: Column = (
        FirstAt((places.number(path(rule["path"], where)),)) if begins == ["path"] else template(str(rule["text"]), where, places)
    )
    steps = tuple(STEPS[key](rule[key], f"{where}.{key}") for key in STEPS if key in rule)

    @recalled
    def done(text: str) -> str | None:
        value: str | None = text
        for step in steps:
            if not value:
                return None
            value = step(value)
        return value or None

    return lambda found: None if (text := begin(found)) is None else done(text)


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
