"""Metadata as recorded: what can be said of a text that should be JSON, and how it is shown without changing it.

A JSON round trip would change `1e2`, long decimals, repeated keys and the order of bytes. Here the text is
cut into its tokens instead (RFC 8259, section 2), and only white space, or the value under a secret-looking
key, is ever replaced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final, Literal

Flaw = Literal["invalid", "deep", "repeated_keys", "not_finite"]

DEEPEST: Final = 200
MASK: Final = "••••••"

_BEARABLE: Final[tuple[Flaw, ...]] = ("not_finite", "repeated_keys")
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[{}\[\]:,]|[^\s{}\[\]:,"]+|\s+', re.DOTALL)
_SECRET: Final = re.compile(
    r"passw(or)?d|passphrase|passwort|pwd$|secret|token|passcode|authorization|cookie|credential|api_?key|private_?key|access_?key|signature$|hashed_|otp$"
)
_ESCAPED: Final = re.compile(r"\\u[0-9A-Fa-f]{4}|\\.|.", re.DOTALL)
_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def flaw(text: str) -> Flaw | None:
    """What is wrong with a metadata text, the worst first, or None for plain JSON.

    It is not JSON, nested too deep to look into, holds NaN or Infinity (which RFC 8259 does not know), or gives a key twice.
    """
    found: set[Flaw] = set()

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        parsed = dict(items)
        if len(parsed) != len(items):
            found.add("repeated_keys")
        return parsed

    def constant(word: str) -> None:
        found.add("not_finite")

    try:
        json.loads(text, object_pairs_hook=pairs, parse_constant=constant, parse_int=str, parse_float=str)
    except ValueError:
        return "invalid"
    except RecursionError:
        return "deep"
    return next((each for each in _BEARABLE if each in found), None)


def indented(text: str) -> str:
    """The text with line breaks and two spaces per level, every token as recorded.

    A text that is no JSON, or is nested deeper than 200 levels, comes back as it is.
    """
    if flaw(text) in ("invalid", "deep"):
        return text
    tokens = [token for token in _TOKEN.findall(text) if not token.isspace()]
    pieces: list[str] = []
    depth = 0
    for place, token in enumerate(tokens):
        if token in "{[":
            depth += 1
            if depth > DEEPEST:
                return text
            empty = place + 1 < len(tokens) and tokens[place + 1] in "}]"
            pieces.append(token if empty else f"{token}\n{'  ' * depth}")
        elif token in "}]":
            depth -= 1
            empty = place > 0 and tokens[place - 1] in "{["
            pieces.append(token if empty else f"\n{'  ' * depth}{token}")
        elif token == ",":
            pieces.append(f",\n{'  ' * depth}")
        else:
            pieces.append(": " if token == ":" else token)
    return "".join(pieces)


def is_secret(key: str) -> bool:
    """Whether a key looks like the name of a secret: password, token, authorization, cookie and the like."""
    return _SECRET.search(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).replace("-", "_").lower()) is not None


def masked(text: str) -> tuple[str, int]:
    """The text with each value under a secret-looking key replaced by dots, and how many were.

    Every other character stays. It also works on texts that are not whole JSON, and on JSON that stands
    inside a string, however often.
    """
    pieces: list[str] = []
    done = 0
    found = list(_secrets(text))
    for start, stop, dots in found:
        pieces += text[done:start], dots
        done = stop
    return "".join((*pieces, text[done:])), len(found)


def _secrets(text: str) -> Iterator[tuple[int, int, str]]:
    """Where each secret starts and stops, and what to write in its place."""
    place = 0
    for token, secret in _marked(text):
        if secret:
            yield place, place + len(token), f'"{MASK}"'
        elif token.startswith('"') and "\\" in token:
            inner, places = _unescaped(token)
            for start, stop, dots in _secrets(inner):
                yield place + places[start], place + places[stop], dots.replace("\\", "\\\\").replace('"', '\\"')
        place += len(token)


def _unescaped(token: str) -> tuple[str, list[int]]:
    """What a string token says, and where in it each character, and the end, is written."""
    content = token[1:-1] if len(token) > 1 and token.endswith('"') else token[1:]
    characters: list[str] = []
    places: list[int] = []
    for match in _ESCAPED.finditer(content):
        spelled = match.group()
        places.append(match.start() + 1)
        characters.append(_character(spelled) if len(spelled) > 1 else spelled)
    return "".join(characters), [*places, len(content) + 1]


def _character(escape: str) -> str:
    return chr(int(escape[2:], 16)) if len(escape) == 6 else _ESCAPES.get(escape[1], escape[1])


def _marked(text: str) -> Iterator[tuple[str, bool]]:
    """Each token, and whether it is a scalar under a secret-looking key, at any depth below it."""
    tokens = _TOKEN.findall(text)
    below = [False]
    here = False
    for place, token in enumerate(tokens):
        secret = False
        if token in "{[":
            below.append(here or below[-1])
            here = False
        elif token in "}]":
            if len(below) > 1:
                below.pop()
            here = False
        elif token == ",":
            here = False
        elif token.startswith('"') and _precedes_colon(tokens, place):
            here = is_secret(_unescaped(token)[0])
        elif token != ":" and not token.isspace():
            secret = (here or below[-1]) and token not in ("null", "true", "false", '""')
        yield token, secret


def _precedes_colon(tokens: list[str], place: int) -> bool:
    following = tokens[place + 1 : place + 3]
    return ":" in following[:1] or (len(following) == 2 and following[0].isspace() and following[1] == ":")
