"""Canonical JSON, and fields of it that hold what a manifest may say.

Canonical means: keys sorted by code point, `,` and `:` without spaces, ASCII, one final newline (contract,
section 4). The bytes are what is hashed, chained and signed, so any other spelling is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NoReturn

from auditlib.errors import ChainError

DIGEST: Final = re.compile(r"[0-9a-f]{64}")
SECOND: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
MICROSECOND: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")

_INT64: Final = (1 << 63) - 1
_SPELLINGS: Final = {SECOND: "%Y-%m-%dT%H:%M:%SZ", MICROSECOND: "%Y-%m-%dT%H:%M:%S.%fZ"}


def canonical(record: Mapping[str, Any]) -> bytes:
    """The one spelling of a record; raises ValueError for numbers that JSON does not have."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii") + b"\n"


def is_canonical(record: Mapping[str, Any], raw: bytes) -> bool:
    """Whether bytes are the one spelling of the record they were read as."""
    try:
        return canonical(record) == raw
    except (ValueError, RecursionError):  # a number such as 1e999 reads as infinity, which cannot be written
        return False


def parse_object(raw: bytes) -> dict[str, Any]:
    """The JSON object of ASCII bytes; raises ChainError (`reason="json"`), for a key given twice too."""
    try:
        record = json.loads(raw.decode("ascii"), object_pairs_hook=_object, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise ChainError(f"a manifest must be canonical JSON; this one does not parse: {error}", reason="json") from None
    if not isinstance(record, dict):
        refuse("a manifest must be one JSON object", "json")
    return record


def require_keys(record: Mapping[str, Any], keys: tuple[str, ...], what: str) -> None:
    """Raises ChainError where a record lacks one of the keys."""
    missing = [key for key in keys if key not in record]
    if missing:
        refuse(f"{what} lacks {', '.join(missing)}")


def integer(record: Mapping[str, Any], key: str, least: int) -> int:
    """A whole number of 64 bits; raises ChainError for anything else."""
    value = record[key]
    if type(value) is not int or not least <= value <= _INT64:
        refuse(f"{key} must be a whole number of at least {least}, not {_shown(value)}")
    return value


def text(record: Mapping[str, Any], key: str, pattern: re.Pattern[str]) -> str:
    """A text that matches a pattern throughout; raises ChainError for anything else."""
    value = record[key]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        refuse(f"{key} must match {pattern.pattern}, which {_shown(value)} does not")
    return value


def instant(record: Mapping[str, Any], key: str, pattern: re.Pattern[str]) -> str:
    """A date and time as `SECOND` or `MICROSECOND` spells it; raises ChainError for one the calendar does not have."""
    value = text(record, key, pattern)
    try:
        datetime.strptime(value, _SPELLINGS[pattern])
    except ValueError:
        refuse(f"{key}={value!r} is no date and time of the calendar")
    return value


def refuse(sentence: str, reason: str = "value") -> NoReturn:
    """Raises ChainError with a reason."""
    raise ChainError(sentence, reason=reason)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for key, value in pairs:
        if key in record:
            raise ValueError(f"the key {key!r} stands twice")
        record[key] = value
    return record


def _constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


def _shown(value: object) -> str:
    shown = ascii(value)
    return shown if len(shown) <= 80 else shown[:79] + "…"
