"""The id of an imported event: the same event gives the same id, import after import.

The id is the first 32 hex digits of SHA-256 over these parts, one after another: source, tenant, native
id, index of the event within its record, the record's raw bytes, and, only where there is no native id,
the count of identical bodies before it in the same file. Each part is written as its length (8 bytes, big
endian) and its bytes; text is UTF-8, a number is its decimal digits, and a part that is missing is eight
bytes of 0xff without anything behind them. So no two lists of parts give the same bytes.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Final

KEY: Final = 16
"""Bytes of the digest by which a repeated event is known."""

_MISSING: Final = b"\xff" * 8


def event_id(source: str, tenant: str | None, native_id: str | None, index: int, raw: bytes, earlier: int = 0) -> str:
    """The id of an event; `earlier` counts only where there is no native id."""
    return digest(source, tenant, native_id, index, raw, earlier).hex()


def digest(source: str, tenant: str | None, native_id: str | None, index: int, raw: bytes, earlier: int = 0) -> bytes:
    """The 16 bytes whose hex is the id of an event."""
    last = _number(earlier) if native_id is None else b""
    whole = b"".join((_origin(source, tenant), _part(native_id), _number(index), len(raw).to_bytes(8, "big"), raw, last))
    return sha256(whole).digest()[:KEY]


@lru_cache(maxsize=1_024)
def _number(value: int) -> bytes:
    return _part(str(value))


@lru_cache(maxsize=1_024)
def _origin(source: str, tenant: str | None) -> bytes:
    return _part(source) + _part(tenant)


def _part(value: str | None) -> bytes:
    if value is None:
        return _MISSING
    encoded = value.encode("utf-8", "surrogatepass")
    return len(encoded).to_bytes(8, "big") + encoded
