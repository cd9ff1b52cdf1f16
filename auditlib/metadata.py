"""Metadata as recorded: what can be said of a text that should be JSON, and how it is shown without changing it.

A JSON round trip would change `1e2`, long decimals, repeated keys and the order of bytes. Here the text is
cut into its tokens instead (RFC 8259, section 2), and only white space, or the value under a secret-looking
key, is ever replaced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final, Literal, NoReturn

Flaw = Literal["invalid", "deep", "repeated_keys", "not_finite"]

DEEPEST: Final = 200
MASK: Final = "••••••"

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[{}\[\]:,]|[^\s{}\[\]:,"]+|\s+', re.DOTALL)
_SECRET: Final = re.compile(
    r"passw(or)?d|passphrase|passwort|pwd$|secret|token|authorization|cookie|credential|api_?key|private_?key|access_?key|signature$|hashed_|otp$"
)
_NESTED: Final = re.compile(r'(\\+")([^"\\]{1,80})\1(\s*:\s*)\1((?:[^"\\]|\\+(?!\\*")[^"])*?)\1')


def flaw(text: str) -> Flaw | None:
    """What is wrong with a metadata text: not JSON, nested too deep to look into, keys given twice, NaN or
    Infinity; None for plain JSON."""
    found: list[Flaw] = []

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        parsed = dict(items)
        if len(parsed) != len(items):
            found.append("repeated_keys")
        return parsed

    def constant(word: str) -> NoReturn:
        raise _NotFinite

    try:
        json.loads(text, object_pairs_hook=pairs, parse_constant=constant, parse_int=str, parse_float=str)
    except _NotFinite:
        return "not_finite"
    except ValueError:
        return "invalid"
    except RecursionError:
        return "deep"
    return found[0] if found else None


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

    Every other character stays. It also works on texts that are not whole JSON, and one level into JSON
    that stands inside a string.
    """
    pieces: list[str] = []
    count = 0
    for token, secret in _marked(text):
        if secret:
            pieces.append(f'"{MASK}"')
            count += 1
        elif token.startswith('"') and "\\" in token:
            cleaned, inside = _masked_inside(token)
            pieces.append(cleaned)
            count += inside
        else:
            pieces.append(token)
    return "".join(pieces), count


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
            here = is_secret(token[1:-1])
        elif token != ":" and not token.isspace():
            secret = (here or below[-1]) and token not in ("null", "true", "false", '""')
        yield token, secret


def _precedes_colon(tokens: list[str], place: int) -> bool:
    following = tokens[place + 1 : place + 3]
    return ":" in following[:1] or (len(following) == 2 and following[0].isspace() and following[1] == ":")


def _masked_inside(token: str) -> tuple[str, int]:
    count = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal count
        quote, key, colon, value = match.groups()
        if not value or not is_secret(key):
            return match.group()
        count += 1
        return f"{quote}{key}{quote}{colon}{quote}{MASK}{quote}"

    return _NESTED.sub(replace, token), count


class _NotFinite(ValueError):
    """NaN or Infinity stands in the text."""
