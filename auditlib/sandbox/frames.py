"""Frames between the desk and a child: a kind of one byte, a length of eight (little endian), and a payload.

What a child sends is only ever JSON or an Arrow stream, never anything that runs when it is read.
"""

from __future__ import annotations

import os
import selectors
from collections.abc import Callable
from time import monotonic
from typing import Final

READY: Final = b"R"
QUESTION: Final = b"Q"
ROWS: Final = b"B"
FAILED: Final = b"E"
DONE: Final = b"D"

_HEAD: Final = 9
_PIECE: Final = 1 << 18
_PULSE_SECONDS: Final = 0.05

Frame = tuple[bytes, bytes]


def send(fd: int, kind: bytes, payload: bytes = b"") -> None:
    """Writes one frame to a descriptor; raises OSError where nobody reads any more."""
    left = memoryview(kind + len(payload).to_bytes(8, "little") + payload)
    while left:
        left = left[os.write(fd, left) :]


def receive(fd: int) -> Frame | None:
    """The next frame of a descriptor, however long it takes; None where the other side has ended."""
    head = _exactly(fd, _HEAD)
    payload = _exactly(fd, int.from_bytes(head[1:], "little")) if len(head) == _HEAD else b""
    return (head[:1], payload) if len(head) == _HEAD else None


class Receiver:
    """Reads frames of a descriptor within a deadline and a limit of bytes."""

    def __init__(self, fd: int, most_bytes: int) -> None:
        self._fd, self._left = fd, most_bytes
        self._kept = bytearray()

    def next(self, deadline: float, stopped: Callable[[], bool]) -> Frame | None:
        """The next frame; None where the other side has ended or sent more bytes than allowed.

        `stopped` is asked twenty times a second. Raises TimeoutError at the deadline (of `time.monotonic`),
        InterruptedError once `stopped` says so.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(self._fd, selectors.EVENT_READ)
            while True:
                length = int.from_bytes(self._kept[1:_HEAD], "little")
                if len(self._kept) >= _HEAD and len(self._kept) >= _HEAD + length:
                    kind, payload = bytes(self._kept[:1]), bytes(self._kept[_HEAD : _HEAD + length])
                    del self._kept[: _HEAD + length]
                    return kind, payload
                if stopped():
                    raise InterruptedError
                if monotonic() >= deadline:
                    raise TimeoutError
                if not selector.select(min(_PULSE_SECONDS, max(0.0, deadline - monotonic()))):
                    continue
                piece = os.read(self._fd, _PIECE)
                self._left -= len(piece)
                if not piece or self._left < 0:
                    return None
                self._kept += piece


def _exactly(fd: int, size: int) -> bytes:
    pieces = bytearray()
    while len(pieces) < size:
        piece = os.read(fd, min(_PIECE, size - len(pieces)))
        if not piece:
            break
        pieces += piece
    return bytes(pieces)
