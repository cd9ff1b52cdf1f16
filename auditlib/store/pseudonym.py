"""Pseudonyms: one person's ids, names and e-mail addresses in events, replaced wherever they stand.

A person is whoever has the id: as actor, interviewer, candidate or resource. Names and addresses are those
recorded beside it. In text they are found whole (not inside a longer word), in any case, and however JSON
escapes their characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from auditlib.schema import SCHEMA

SLOTS: Final = {
    "actor_id": ("actor_name", "actor_email"),
    "interviewer_id": ("interviewer_name",),
    "candidate_id": ("candidate_name",),
    "resource_id": ("resource_name",),
}
"""The columns that hold a person's id, each with those that name the person."""

SHORTEST: Final = 4
"""What is shorter is too common to be replaced inside other text: only where it is all of a value."""

SHORTEST_NUMBER: Final = 6
"""The same for ids that are numbers."""

_JSON: Final = ("changes", "metadata", "related")
_IDS: Final = ("resource_id", "source_event_id", "source_file")
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPED: Final = r"|(?<=\\[nrtbf])|(?<=\\u[0-9a-fA-F]{4})"
_UNSPACED: Final = ("THAI", "LAO", "KHMER", "MYANMAR")


def names_of(batch: pa.RecordBatch, person: str) -> set[str]:
    """The names and e-mail addresses that are recorded beside a person's id."""
    found: set[str] = set()
    for slot, columns in SLOTS.items():
        own = batch.filter(pc.equal(batch[slot], person))
        for column in columns:
            found.update(name for name in own[column].unique().to_pylist() if name and name.strip())
    return found


class Eraser:
    """Replaces a person by an alias in batches of events."""

    def __init__(self, person: str, names: Iterable[str], alias: str) -> None:
        self._person, self._alias = person, alias
        ids = {person}
        names = {form for name in names for form in (name, *(unicodedata.normalize(kind, name) for kind in ("NFC", "NFD")))} - ids
        self._names = names
        self._whole = {text for text in ids | names if _is_short(text)}
        self._id = _pattern(_bounded(text) for text in ids - self._whole)
        self._any = _pattern(_bounded(text) for text in (ids | names) - self._whole)
        self._hint = "|".join(_spelled(text) for text in sorted(ids | names))

    def mentions(self, text: str) -> bool:
        """Whether a text names the person."""
        return self._free(text) != text or text in self._whole

    def rewrite(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, int]:
        """The events with the person replaced, and how many of them named the person; columns are those of the schema."""
        before = pa.RecordBatch.from_arrays([batch[field.name].cast(field.type) for field in SCHEMA], schema=SCHEMA)
        columns = {name: before[name] for name in SCHEMA.names}
        for slot, named in SLOTS.items():
            own = pc.fill_null(pc.equal(before[slot], self._person), False)
            columns[slot] = pc.if_else(own, self._alias, columns[slot])
            nobody = pc.is_null(before[slot])
            for name in named:
                theirs = pc.or_(own, pc.and_(nobody, pc.is_in(before[name], value_set=pa.array(sorted(self._names), pa.string()))))
                columns[name] = pc.if_else(pc.and_(theirs, pc.is_valid(before[name])), self._alias, columns[name])
        namesake = pc.is_in(columns["resource_name"], value_set=pa.array(sorted(self._names), pa.string()))
        columns["resource_name"] = pc.if_else(namesake, columns["resource_name"], self._mapped(columns["resource_name"], self._free))
        columns["summary"] = self._mapped(columns["summary"], self._free)
        for name in _JSON:
            columns[name] = self._mapped(columns[name], self._in_json)
        for name in _IDS:
            columns[name] = self._mapped(columns[name], lambda text: self._id.sub(self._alias, text))
        after = pa.RecordBatch.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA)
        changed = pa.array([False] * len(before))
        for name in SCHEMA.names:
            changed = pc.or_(changed, pc.fill_null(pc.not_equal(before[name], after[name]), False))
        return after, pc.sum(changed).as_py() or 0

    def _mapped(self, values: pa.Array, change: Callable[[str], str]) -> pa.Array:
        hits = pc.match_substring_regex(values, self._hint, ignore_case=True)
        places = pc.indices_nonzero(pc.fill_null(hits, False)).to_pylist()
        if not places:
            return values
        texts = values.to_pylist()
        for place in places:
            texts[place] = change(texts[place])
        return pa.array(texts, values.type)

    def _free(self, text: str) -> str:
        return self._any.sub(self._alias, text)

    def _in_json(self, text: str) -> str:
        return "".join(self._pieces(text)) if self._whole or self._person.isdigit() else self._free(text)

    def _pieces(self, text: str) -> Iterator[str]:
        """The text with its strings replaced, and numbers that are the person's id turned into strings."""
        end = 0
        for string in _STRING.finditer(text):
            yield self._outside(text[end : string.start()])
            whole = string.group()[1:-1] in self._whole
            yield f'"{self._alias}"' if whole else self._free(string.group())
            end = string.end()
        yield self._outside(text[end:])

    def _outside(self, text: str) -> str:
        if not self._person.isdigit():
            return self._free(text)
        return re.sub(rf"(?<![\w.+-]){self._person}(?![\w.])", f'"{self._alias}"', text)


def _is_short(text: str) -> bool:
    return len(text) < (SHORTEST_NUMBER if text.isdigit() else SHORTEST) and not any(_is_unspaced(character) for character in text)


def _is_unspaced(character: str) -> bool:
    """Whether a character belongs to a script that puts no space between words."""
    return unicodedata.east_asian_width(character) in "WF" or unicodedata.name(character, "").startswith(_UNSPACED)


def _pattern(parts: Iterable[str]) -> re.Pattern[str]:
    """Any of some expressions, the longest first; nothing where there is none."""
    return re.compile("|".join(sorted(parts, key=len, reverse=True)) or r"(?!)", re.IGNORECASE)


def _bounded(text: str) -> str:
    """An expression for a text that is not part of a longer word, address or id."""
    inner = r"\w.+-" if "@" in text else r"\w-" if not any(character.isspace() for character in text) else r"\w"
    after = rf"(?![{inner}])" if inner != r"\w.+-" else r"(?![\w-]|\.\w)"
    first, last = (re.match(r"\w", character) and not _is_unspaced(character) for character in (text[0], text[-1]))
    return (rf"(?:(?<![{inner}]){_ESCAPED})" if first else "") + _spelled(text) + (after if last else "")


def _spelled(text: str) -> str:
    """An expression for a text whose characters may be escaped as JSON does, in RE2 and in Python alike."""
    return "".join(f"(?:{'|'.join(_spellings(character))})" for character in text)


def _spellings(character: str) -> Iterator[str]:
    yield re.escape(character)
    if character in '"\\/':
        yield rf"\\+{re.escape(character)}"
    for form in dict.fromkeys((character.lower(), character.upper())):
        units = form.encode("utf-16-be", "surrogatepass").hex()
        yield "".join(rf"\\+u{units[place : place + 4]}" for place in range(0, len(units), 4))  # JSON within JSON escapes twice
