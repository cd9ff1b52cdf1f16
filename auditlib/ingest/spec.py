"""The TOML of a mapping, checked and compiled; every mistake is a FormatError that says where it stands."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from auditlib import times
from auditlib.errors import FormatError
from auditlib.ingest import diff, livekit
from auditlib.ingest.columns import FirstAt, column, path, regex, words
from auditlib.ingest.instants import UNITS, clock
from auditlib.ingest.mapping import ROW, Compiled, Events, Outcome, Refine, action_rule
from auditlib.ingest.paths import Path
from auditlib.ingest.places import Places
from auditlib.schema import ACTION_KEY, COLUMNS
from auditlib.vocabulary import OUTCOMES

SECTIONS: Final = (
    "title", "description", "order", "source", "code",
    "events", "time", "columns", "related", "action", "outcome", "changes",
)  # fmt: skip
_ELSEWHERE: Final = (
    "event_id", "occurred_at", "recorded_at", "source", "action", "outcome",
    "related", "changes", "metadata", "source_file", "source_row",
)  # fmt: skip
MAPPED: Final = tuple(name for name in COLUMNS if name not in _ELSEWHERE)
"""Columns that a rule of `[columns]` can fill."""

REFINEMENTS: Final[Mapping[str, Refine]] = {livekit.CODE: livekit.refine}

_KINDS: Final = ("json", "csv", "json or csv")
_VERBS: Final = ("first", "last", "either", "none")
CHANGE_SHAPES: Final = {
    "list": ("path", "field", "before", "after", "decode"),
    "pair": ("field", "before", "after", "decode"),
    "keys": ("path", "before", "after", "beside"),
    "deltas": ("path", "field", "value", "action", "removed"),
    "prefix": ("prefix",),
    "objects": ("before", "after"),
    "prose": ("path", "pattern"),
}


def parse(text: str, where: str) -> dict[str, Any]:
    """The tables of a TOML text; raises FormatError that names the file."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FormatError(f"{where} is no TOML: {error}.", where=where) from None


def compiled(table: Mapping[str, Any], key: str, where: str) -> Compiled:
    """The compiled rules of a mapping's tables.

    Args:
        table: what the TOML holds.
        key: the format's key, which is the source of its events unless the TOML says another.
        where: the file, for messages.
    """
    known(table, SECTIONS, where)
    time = _section(table, "time", where, ("occurred_at", "recorded_at", "unit", "zone", "patterns"))
    columns = _section(table, "columns", where, MAPPED)
    action = _section(table, "action", where, ("table", "verb", "word"))
    verb = _choice(action.get("verb", "first"), _VERBS, f"{where} [action] verb")
    actions = words(action.get("table", {}), f"{where} [action.table]")
    for word, target in actions.items():
        matching(target, ACTION_KEY, f"{where} [action.table] {word}")
    summary = columns.pop("summary", None)
    places = Places()
    readers = tuple((name, column(rule, f"{where} [columns] {name}", places)) for name, rule in columns.items())
    code = table.get("code")
    if code is not None:
        _choice(code, tuple(REFINEMENTS), f"{where} code")
    related = _section(table, "related", where, None).items()
    rules = Compiled(
        source=_text(table.get("source", key), f"{where} source"),
        events=_events(table, where),
        places=places,
        own=(),
        firsts=tuple((name, read.numbers) for name, read in readers if isinstance(read, FirstAt)),
        columns=tuple((name, read) for name, read in readers if not isinstance(read, FirstAt)),
        telling=("occurred_at", *(name for name, read in readers if read(places.found({})) is None)),
        times=tuple(
            (name, tuple(places.number(path(each, f"{where} [time] {name}")) for each in _strings(time[name], f"{where} [time] {name}")))
            for name in ("occurred_at", "recorded_at")
            if name in time
        ),
        clock=_clock(time, f"{where} [time]"),
        word=column(action["word"], f"{where} [action] word", places) if "word" in action else None,
        action=action_rule(actions, verb),
        outcome=_outcome(table, where, places),
        related=tuple((kind, column(rule, f"{where} [related] {kind}", places)) for kind, rule in related),
        changes=_changes(table, where),
        summary=column(summary, f"{where} [columns] summary", places) if summary is not None else None,
        refine=REFINEMENTS[code] if code is not None else None,
    )
    own = ((number, each.text) for number, each in enumerate(places.paths) if each.text.startswith(ROW))
    return replace(rules, own=tuple((number, Path(text.removeprefix(ROW))) for number, text in own))


def known(table: Mapping[str, Any], names: Iterable[str], where: str) -> None:
    """Raises FormatError for a key that is none of the names, with the nearest one."""
    names = tuple(names)
    for key in table:
        if key not in names:
            near = difflib.get_close_matches(key, names, 1)
            hint = f" Did you mean '{near[0]}'?" if near else f" Expected {', '.join(names)}."
            raise FormatError(f"{where} has '{key}', which is not known here.{hint}", where=where, key=key)


def matching(value: Any, pattern: str, where: str) -> str:
    """The value if it is text that matches a pattern whole; raises FormatError otherwise."""
    if not isinstance(value, str) or not regex(pattern, where).fullmatch(value):
        raise FormatError(f"{where} is {value!r}; expected text that matches {pattern}.", where=where)
    return value


def _section(table: Mapping[str, Any], name: str, where: str, names: Iterable[str] | None) -> dict[str, Any]:
    section = table.get(name, {})
    if not isinstance(section, dict):
        raise FormatError(f"{where} {name} is {section!r}; expected a table [{name}].", where=where)
    if names is not None:
        known(section, names, f"{where} [{name}]")
    return dict(section)


def _events(table: Mapping[str, Any], where: str) -> Events:
    section = _section(table, "events", where, ("kind", "wrapper", "inner", "explode", "delimiter", "header"))
    where = f"{where} [events]"
    delimiter = section.get("delimiter", ",")
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        raise FormatError(f"{where} delimiter is {delimiter!r}; expected one character.", where=where)
    return Events(
        kind=_choice(section.get("kind", "json"), _KINDS, f"{where} kind"),
        wrapper=frozenset(_strings(section.get("wrapper", []), f"{where} wrapper")),
        inner=_strings(section.get("inner", []), f"{where} inner"),
        explode=path(section["explode"], f"{where} explode") if "explode" in section else None,
        delimiter=delimiter,
        header=_strings(section.get("header", []), f"{where} header"),
    )


def _clock(section: Mapping[str, Any], where: str) -> Any:
    unit = _choice(section.get("unit", "auto"), ("auto", *UNITS), f"{where} unit")
    name = section.get("zone", "UTC")
    zone = None if name == "none" else times.zone(_text(name, f"{where} zone"))
    if zone is None and name != "none":
        raise FormatError(f"{where} zone is '{name}'; expected an IANA zone such as Europe/Berlin, or none.", where=where, zone=name)
    return clock(unit, zone, _strings(section.get("patterns", []), f"{where} patterns"))


def _outcome(table: Mapping[str, Any], where: str, places: Places) -> Outcome:
    section = _section(table, "outcome", where, (*OUTCOMES, "word", "table", "otherwise"))
    where = f"{where} [outcome]"
    conditions = []
    for outcome in ("denied", "failure", "success"):
        for condition in _strings(section.get(outcome, []), f"{where} {outcome}"):
            place, equals, wanted = condition.partition("=")
            conditions.append((outcome, places.number(path(place, f"{where} {outcome}")), wanted if equals else None))
    meanings = words(section.get("table", {}), f"{where} table")
    for meaning in meanings.values():
        _choice(meaning, tuple(OUTCOMES), f"{where} table")
    otherwise = section.get("otherwise")
    return Outcome(
        conditions=tuple(conditions),
        word=column(section["word"], f"{where} word", places) if "word" in section else None,
        table=meanings,
        otherwise=None if otherwise is None else _choice(otherwise, tuple(OUTCOMES), f"{where} otherwise"),
    )


def _changes(table: Mapping[str, Any], where: str) -> tuple[diff.Rule, ...]:
    rules = table.get("changes", [])
    where = f"{where} [[changes]]"
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise FormatError(f"{where} is {rules!r}; expected one table for each rule.", where=where)
    return tuple(_change(rule, where) for rule in rules)


def _change(rule: Mapping[str, Any], where: str) -> diff.Rule:
    shape = _choice(rule.get("shape"), tuple(CHANGE_SHAPES), f"{where} shape")
    known(rule, ("shape", *CHANGE_SHAPES[shape]), f"{where} of shape {shape}")

    def place(name: str, otherwise: str | None = None) -> Path:
        if name not in rule and otherwise is None:
            raise FormatError(f"{where} of shape {shape} has no {name}.", where=where, key=name)
        return path(rule.get(name, otherwise), f"{where} {name}")

    decode = rule.get("decode", False) is True
    if shape == "list":
        return diff.listed(place("path"), place("field"), place("before"), place("after"), decode)
    if shape == "pair":
        places = Places()
        name = column(rule.get("field", {"value": "value"}), f"{where} field", places)
        return diff.paired(lambda event: name(places.found(event)), place("before"), place("after"), decode)
    if shape == "keys":
        beside = tuple(path(each, f"{where} beside") for each in _strings(rule.get("beside", []), f"{where} beside"))
        return diff.keyed(place("path"), str(rule.get("before", "from")), str(rule.get("after", "to")), beside)
    if shape == "deltas":
        removed = frozenset(_strings(rule.get("removed", []), f"{where} removed"))
        return diff.deltas(place("path"), place("field"), place("value"), place("action"), removed)
    if shape == "prefix":
        return diff.prefixed(_text(rule.get("prefix"), f"{where} prefix"))
    if shape == "objects":
        if "before" not in rule and "after" not in rule:
            raise FormatError(f"{where} of shape objects has neither before nor after.", where=where)
        return diff.whole(place("before") if "before" in rule else None, place("after") if "after" in rule else None)
    return diff.prose(place("path"), regex(rule.get("pattern"), f"{where} pattern"))


def _choice(value: Any, choices: tuple[str, ...], where: str) -> str:
    if not isinstance(value, str) or value not in choices:
        raise FormatError(f"{where} is {value!r}; expected {', '.join(choices)}.", where=where, value=value)
    return value


def _strings(value: Any, where: str) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise FormatError(f"{where} is {value!r}; expected text or a list of text.", where=where)
    return tuple(values)


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise FormatError(f"{where} is {value!r}; expected text.", where=where)
    return value
