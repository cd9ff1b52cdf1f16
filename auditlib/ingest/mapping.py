"""A mapping: the rules of one TOML file, compiled, that turn a record into events.

The language is described in `docs/formats.md`. A built-in format and a user's own file are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from json import encoder
from typing import Any, Final, NamedTuple

from auditlib.ingest.columns import Column
from auditlib.ingest.diff import Change, Rule, write
from auditlib.ingest.instants import Clock
from auditlib.ingest.parse import DECODER
from auditlib.ingest.paths import Path, as_text
from auditlib.ingest.places import Found, Places
from auditlib.ingest.reader import Record
from auditlib.ingest.recall import recalled
from auditlib.ingest.scan import member
from auditlib.ingest.words import UNNAMED, action_key, type_key
from auditlib.schema import COLUMNS
from auditlib.text import one_line

Row = dict[str, Any]
"""One event: every column of the schema, in its order; `metadata` holds bytes, times are microseconds."""
Refine = Callable[[Any, Row], None]

ITEM: Final = "@item"
"""The key under which a path finds the item of an exploded list."""
OUTER: Final = "@outer"
"""The key under which a path finds the record around an inner event."""
ROW: Final = "$."
"""What a path begins with by which a summary finds the columns read before it."""

_EMPTY: Final[Row] = dict.fromkeys(COLUMNS)
_quoted: Final = encoder.encode_basestring
_type_key: Final = recalled(type_key)
_FAILED: Final = ("failure", "denied")
_SUMMARY_LIMIT: Final = 300


class UnfitError(Exception):
    """A record that is no event of its format; the message is the reason in one phrase."""


class Events(NamedTuple):
    """Where the events of a source are."""

    kind: str = "json"
    wrapper: frozenset[str] = frozenset()
    inner: tuple[str, ...] = ()
    explode: Path | None = None
    delimiter: str = ","
    header: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome rule: conditions first, then a word and its table, then the rest."""

    conditions: tuple[tuple[str, int, str | None], ...] = ()
    word: Column | None = None
    table: Mapping[str, str] = field(default_factory=dict)
    otherwise: str | None = None

    def of(self, found: Found) -> str | None:
        """`success`, `failure`, `denied`, or None where the event does not say."""
        for outcome, number, wanted in self.conditions:
            value = found[number]
            if value is not None and (wanted is None or as_text(value) == wanted):
                return outcome
        word = self.word(found) if self.word else None
        return self.table.get(word.lower(), self.otherwise) if word else self.otherwise


@dataclass(frozen=True, slots=True)
class Compiled:
    """The compiled rules of a format, which read from `places`.

    `firsts` are the columns that are the first text at some places, `columns` those that take more. `own` are the
    places that a summary reads from the columns before it, with the path into those. `telling` are the columns and
    times that say nothing about an empty event: a record where all of them are missing is of another format.
    """

    source: str
    events: Events
    places: Places
    own: tuple[tuple[int, Path], ...]
    firsts: tuple[tuple[str, tuple[int, ...]], ...]
    columns: tuple[tuple[str, Column], ...]
    telling: tuple[str, ...]
    times: tuple[tuple[str, tuple[int, ...]], ...]
    clock: Clock
    word: Column | None
    action: Callable[[str], str]
    outcome: Outcome
    related: tuple[tuple[str, Column], ...]
    changes: tuple[Rule, ...]
    summary: Column | None
    refine: Refine | None

    def rows(self, record: Record) -> list[Row]:
        """The events of a record.

        Raises UnfitError where it is no event of this format, RecursionError where it is nested too deeply.
        """
        event, raw = self._event(record)
        items = self.events.explode.find(event) if self.events.explode else None
        if type(items) is not list or not items:
            return [self._row(event, raw)]
        return [self._row({**event, ITEM: item}, raw) for item in items]

    def _event(self, record: Record) -> tuple[dict[str, Any], bytes]:
        event = record.value
        if type(event) is not dict:
            raise UnfitError(f"{_named(event)}; expected an object")
        for key in self.events.inner:
            inner = event.get(key)
            if type(inner) is dict:
                text = member(record.raw.decode("utf-8", "surrogateescape"), key)
                return {**inner, OUTER: event}, text.encode("utf-8", "surrogateescape")
            if type(inner) is str:
                return {**event, **_parsed(inner)}, record.raw
        return event, record.raw

    def _row(self, event: dict[str, Any], raw: bytes) -> Row:
        found = self.places.found(event)
        row = _EMPTY.copy()
        row["source"] = self.source
        row["metadata"] = raw
        for name, numbers in self.firsts:
            for number in numbers:
                value = found[number]
                if value is not None and (text := value if type(value) is str else as_text(value)):
                    row[name] = text
                    break
        for name, read in self.columns:
            row[name] = read(found)
        clock = self.clock
        for name, numbers in self.times:
            for number in numbers:
                row[name] = instant = clock(found[number])
                if instant is not None:
                    break
        word = row["action_raw"]
        if word is None and row["occurred_at"] is None and all(row[name] is None for name in self.telling):
            raise UnfitError(f"nothing in it that events of {self.source} have")
        row["outcome"] = self.outcome.of(found)
        word = (self.word(found) if self.word else None) or word
        action = self.action(word) if word else UNNAMED
        row["action"] = "sign_in_failed" if action == "signed_in" and row["outcome"] in _FAILED else action
        row["resource_type"] = _type_key(row["resource_type"] or "")
        if self.related:
            ids = [f"{_quoted(kind)}:{_quoted(value)}" for kind, read in self.related if (value := read(found)) is not None]
            row["related"] = f"{{{','.join(ids)}}}" if ids else None
        if self.changes:
            row["changes"] = write(self._changes(event))
        if self.refine:
            self.refine(event, row)
        if self.summary:
            for number, path in self.own:
                found[number] = path.find(row)
            text = self.summary(found)
            row["summary"] = _line(text) if text else None
        return row

    def _changes(self, event: Any) -> Iterator[Change]:
        for rule in self.changes:
            yield from rule(event)


def action_rule(table: Mapping[str, str], verb: str) -> Callable[[str], str]:
    """The action of a source's word: by the table, else by its verb, else the word as a key."""
    return recalled(lambda word: table.get(word.lower()) or action_key(word, verb))


def _line(text: str) -> str:
    plain = text.isascii() and text.isprintable() and len(text) <= _SUMMARY_LIMIT
    return text if plain else one_line(text, _SUMMARY_LIMIT)


def _parsed(text: str) -> dict[str, Any]:
    try:
        value = DECODER.decode(text)
    except (ValueError, RecursionError):
        return {}
    return value if type(value) is dict else {}


def _named(value: Any) -> str:
    if value is None:
        return "null"
    return {list: "an array", str: "a string", bool: "a truth value"}.get(type(value), "a number")
