"""The value of JSON text: exactly what the standard parser gives, in less than half the time.

`msgspec` is asked first. It keeps long integers whole, takes the last of repeated keys and counts depth as the
standard parser does; what it refuses (NaN, control characters, half a surrogate pair, numbers beyond a float) the
standard parser decides.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import msgspec

DECODER: Final = json.JSONDecoder(strict=False)
"""The standard parser; control characters in strings are taken as they are."""

_quick: Final[Callable[[bytes], Any]] = msgspec.json.Decoder().decode
_pieces: Final[Callable[[bytes], list[msgspec.Raw]]] = msgspec.json.Decoder(list[msgspec.Raw]).decode


def value_of(raw: bytes) -> Any:
    """The value of a text without white space around it; bytes that are not UTF-8 are read as surrogate escapes.

    Raises ValueError where it is no JSON, or an integer too long for Python; RecursionError where it is nested too deeply.
    """
    try:
        return _quick(raw)
    except (ValueError, RecursionError):
        text = raw.decode("utf-8", "surrogateescape")
        value, end = DECODER.raw_decode(text)
        if end != len(text):
            raise json.JSONDecodeError("More text after the value", text, end) from None
        return value


def elements(listed: bytes) -> list[bytes] | None:
    """The text of each value of a list without its brackets, as written; None where it is no such list."""
    try:
        return [bytes(piece).strip() for piece in _pieces(b"".join((b"[", listed, b"]")))]
    except (ValueError, RecursionError):
        return None
