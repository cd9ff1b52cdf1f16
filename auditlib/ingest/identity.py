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

_MISSING: Final = b"\xff" * 8
_DIGITS: Final = 32


def event_id(source: str, tenant: str | None, native_id: str | None, index: int, raw: bytes, earlier: int = 0) -> str:
    """The id of an event; `earlier` counts only where there is no native id."""
    parts = [_origin(source, tenant), _part(native_id), _part(str(index)), len(raw).to_bytes(8, "big"), raw]
    if native_id is None:
        parts.append(_part(str(earlier)))
    return sha256(b"".join(parts)).hexdigest()[:_DIGITS]


@lru_cache(maxsize=1_024)
def _origin(source: str, tenant: str | None) -> bytes:
    return _part(source) + _part(tenant)


def _part(value: str | None) -> bytes:
    if value is None:
        return _MISSING
    encoded = value.encode("utf-8", "surrogatepass")
    return len(encoded).to_bytes(8, "big") + encoded
