"""The values of a JSON document, one after another, each with its text as written.

A document is arrays, objects that hold an array under a wrapper key, or plain values, in any number and
over any number of lines. It is read through a window that grows only for a value longer than itself.
A broken value is skipped by its brackets, so that the values around it stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from json.decoder import JSONDecodeError
from typing import Any, Final, NamedTuple

from auditlib.ingest.parse import DECODER

TEXT_LIMIT: Final = 2_000
"""Characters of a broken value that are kept."""

_SPACE: Final = re.compile(r"[ \t\r\n]*+")
_OUTSIDE: Final = re.compile(r'["\[\]{},]')
_INSIDE: Final = re.compile(r'["\\\n]')
_LONGEST_LITERAL: Final = 10
_OPENER: Final = {"}": "{", "]": "["}


class Found(NamedTuple):
    """One value: the line it starts on, its text, what it parses to."""

    line: int
    text: str
    value: Any


class Garbage(NamedTuple):
    """Text that is no value: the line it starts on, why, its first TEXT_LIMIT characters."""

    line: int
    reason: str
    text: str


def why(error: Exception) -> str:
    """What is wrong with text that is no JSON value, as one plain phrase."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, JSONDecodeError):
        return f"not JSON: {error.msg[:1].lower()}{error.msg[1:]}"
    return "a number that is too long"


class Document:
    """A JSON document given in pieces of text; `records` walks through it once."""

    def __init__(self, pieces: Iterable[str], wrapper: frozenset[str], limit: int) -> None:
        self._pieces = iter(pieces)
        self._wrapper = wrapper
        self._limit = limit
        self._text = ""
        self._at = 0
        self._line = 1
        self._complete = False
        self._cut_off = False

    def records(self) -> Iterator[Found | Garbage]:
        """The elements of top-level arrays and of wrapped ones; other top-level values themselves."""
        while next_character := self._peek():
            if next_character == "[":
                yield from self._array()
            elif next_character == ",":
                self._advance(self._at + 1)
            elif next_character == "{":
                yield from self._object() if self._is_wrapper() else (self._value(),)
            else:
                yield self._rest_of_line()

    def _array(self) -> Iterator[Found | Garbage]:
        self._advance(self._at + 1)
        while next_character := self._peek():
            if next_character == "]":
                self._advance(self._at + 1)
                return
            if next_character == ",":
                self._advance(self._at + 1)
            else:
                yield self._value()
        yield from self._unclosed("an array")

    def _object(self) -> Iterator[Found | Garbage]:
        self._advance(self._at + 1)
        while next_character := self._peek():
            if next_character == "}":
                self._advance(self._at + 1)
                return
            if next_character in ",]":
                if next_character == "]":
                    yield Garbage(self._line, "not JSON: a bracket closes what none opened", "]")
                self._advance(self._at + 1)
                continue
            key = self._value()
            if isinstance(key, Garbage):
                yield key
                continue
            if self._peek() == ":":
                self._advance(self._at + 1)
            if type(key.value) is str and key.value in self._wrapper and self._peek() == "[":
                yield from self._array()
            elif self._peek():
                passed = self._value()
                if isinstance(passed, Garbage):
                    yield passed
        yield from self._unclosed("an object")

    def _unclosed(self, what: str) -> Iterator[Garbage]:
        if not self._cut_off:
            self._cut_off = True
            yield Garbage(self._line, f"not JSON: the text ends inside {what}", "")

    def _is_wrapper(self) -> bool:
        """Whether the object that begins here has a wrapper key with an array; nothing is consumed."""
        if not self._wrapper:
            return False
        offset = 1
        while True:
            step = self._member(offset)
            if isinstance(step, bool):
                return step
            if step == 0 and (len(self._text) - self._at > self._limit or not self._more()):
                return False
            offset = step or offset

    def _member(self, offset: int) -> int | bool:
        """The offset behind the member that begins at an offset; 0 if more text is needed, a verdict if it is known."""
        text = self._text
        at = _past(text, self._at + offset, ",")
        if text[at : at + 1] == "}":
            return False
        try:
            key, at = DECODER.raw_decode(text, at)
            at = _past(text, at, ":")
            if isinstance(key, str) and key in self._wrapper and text[at : at + 1] == "[":
                return True
            _, at = DECODER.raw_decode(text, at)
        except JSONDecodeError as error:
            return 0 if self._may_be_cut(error) else False
        except (ValueError, RecursionError):
            return False
        return at - self._at if at < len(text) else 0

    def _value(self) -> Found | Garbage:
        while True:
            start, line = self._at, self._line
            try:
                value, end = DECODER.raw_decode(self._text, start)
            except JSONDecodeError as error:
                if self._may_be_cut(error) and len(self._text) - start <= self._limit and self._more():
                    continue
                return self._skipped(why(error))
            except (ValueError, RecursionError) as error:
                return self._skipped(why(error))
            if end == len(self._text) and self._text[start] not in '{["' and self._more():
                continue
            text = self._text[start:end]
            self._advance(end)
            if len(text) > self._limit:
                return Garbage(line, f"longer than {self._limit} characters", text[:TEXT_LIMIT])
            return Found(line, text, value)

    def _may_be_cut(self, error: JSONDecodeError) -> bool:
        unterminated = error.msg.startswith("Unterminated string")
        return not self._complete and (unterminated or error.pos >= len(self._text) - _LONGEST_LITERAL)

    def _rest_of_line(self) -> Garbage:
        line, text = self._line, self._text[self._at : self._at + TEXT_LIMIT].split("\n", 1)[0]
        while (end := self._text.find("\n", self._at)) < 0:
            self._advance(len(self._text))
            if not self._more():
                return Garbage(line, "not JSON: expecting an object or an array", text)
        self._advance(end)
        return Garbage(line, "not JSON: expecting an object or an array", text)

    def _skipped(self, reason: str) -> Garbage:
        """Passes over a broken value: up to where its brackets close, or the array around it goes on."""
        line, first = self._line, self._text[self._at : self._at + TEXT_LIMIT]
        if len(self._text) - self._at > self._limit:
            reason = f"longer than {self._limit} characters"
        passed = 0
        open_brackets: list[str] = []
        count = {"{": 0, "[": 0}
        in_string = False
        while True:
            token = (_INSIDE if in_string else _OUTSIDE).search(self._text, self._at)
            end = token.end() if token else len(self._text)
            passed += end - self._at
            self._advance(end)
            if token is None:
                if self._more():
                    continue
                self._cut_off = True
                return Garbage(line, reason, first)
            character = token.group()
            if in_string:
                if character == "\\":
                    if self._at < len(self._text) or self._more():
                        self._advance(self._at + 1)
                        passed += 1
                else:
                    in_string = False
            elif character == '"':
                in_string = True
            elif character in count:
                open_brackets.append(character)
                count[character] += 1
            elif character == ",":
                if not open_brackets:
                    return self._back(line, reason, first[: passed - 1])
            else:
                opener = _OPENER[character]
                if count[opener]:
                    while (popped := open_brackets.pop()) != opener:
                        count[popped] -= 1
                    count[opener] -= 1
                    if not open_brackets:
                        return Garbage(line, reason, first[:passed])
                elif character == "]":
                    return self._back(line, reason, first[: passed - 1])

    def _back(self, line: int, reason: str, text: str) -> Garbage:
        self._at -= 1
        return Garbage(line, reason, text.rstrip())

    def _peek(self) -> str:
        """The next character that is no white space, consumed up to it; empty at the end."""
        while True:
            self._advance(_space_end(self._text, self._at))
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _advance(self, to: int) -> None:
        self._line += self._text.count("\n", self._at, to)
        self._at = to

    def _more(self) -> bool:
        """Drops what is consumed and at least doubles what is left; False at the end of the text."""
        wanted = max(1, len(self._text) - self._at)
        kept = [self._text[self._at :]]
        added = 0
        while added < wanted and (piece := next(self._pieces, None)) is not None:
            kept.append(piece)
            added += len(piece)
        self._text, self._at = "".join(kept), 0
        self._complete = added < wanted
        return added > 0


def member(text: str, key: str) -> str:
    """The text of a member's value, as written, in the text of an object that is known to have it.

    Where the key stands twice it is the last one, which is the one that parsing keeps.
    """
    at, found = 1, ""
    while True:
        at = _past(text, at, ",")
        if text[at] == "}":
            return found
        name, at = DECODER.raw_decode(text, at)
        start = _past(text, at, ":")
        _, at = DECODER.raw_decode(text, start)
        if name == key:
            found = text[start:at]


def _past(text: str, at: int, sign: str) -> int:
    """The next place that is neither white space nor one such sign."""
    at = _space_end(text, at)
    return _space_end(text, at + 1) if text[at : at + 1] == sign else at


def _space_end(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
