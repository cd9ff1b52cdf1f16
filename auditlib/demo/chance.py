"""Chance: a seeded source of cheap draws and of ids that look like a platform's.

Only `random()` and `getrandbits()` are used: both are the plain Mersenne Twister, equal on every
machine and Python version, which `choice`, `sample` and `gauss` do not promise.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final, TypeVar

T = TypeVar("T")

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS: Final = [first + second for first in _CROCKFORD for second in _CROCKFORD]
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789ABCDEFGH"


class Chance:
    """Draws of one seeded history; `random()` is in [0, 1), `bits(n)` an int of n random bits."""

    __slots__ = ("bits", "random")

    def __init__(self, seed: str) -> None:
        source = Random(seed)
        self.random = source.random
        self.bits = source.getrandbits

    def often(self, share: float) -> bool:
        """True in that share of draws."""
        return self.random() < share

    def pick(self, items: Sequence[T]) -> T:
        """One of the items, each as likely."""
        return items[int(self.random() * len(items))]

    def between(self, low: int, high: int) -> int:
        """An int from low up to, not including, high."""
        return low + int(self.random() * (high - low))

    def short_id(self, prefix: str) -> str:
        """A resource id such as `BK7F3A2C9D`."""
        return f"{prefix}{self.bits(32):08X}"

    def uuid(self) -> str:
        """A random id in the spelling of UUID version 4 (RFC 9562, section 5.4)."""
        text = f"{self.bits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{'89ab'[int(text[16], 16) & 3]}{text[17:20]}-{text[20:]}"

    def token(self, prefix: str, length: int = 12) -> str:
        """A LiveKit-like id such as `EV_eugWmGhovZmm`."""
        bits = self.bits(6 * length)
        return prefix + "".join([_LETTERS[bits >> shift & 63] for shift in range(0, 6 * length, 6)])

    def event_id(self, micros: int, number: int) -> str:
        """A 26-character ULID: milliseconds, then the row's number, then chance, so that ids rise with the rows."""
        millis = micros // 1000
        bits = self.bits(40)
        pairs = _PAIRS
        return (
            pairs[millis >> 40]
            + pairs[millis >> 30 & 1023]
            + pairs[millis >> 20 & 1023]
            + pairs[millis >> 10 & 1023]
            + pairs[millis & 1023]
            + pairs[number >> 30 & 1023]
            + pairs[number >> 20 & 1023]
            + pairs[number >> 10 & 1023]
            + pairs[number & 1023]
            + pairs[bits >> 30]
            + pairs[bits >> 20 & 1023]
            + pairs[bits >> 10 & 1023]
            + pairs[bits & 1023]
        )
