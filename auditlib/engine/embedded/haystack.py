"""A haystack: mapped bytes in which a needle is looked for with the C library's `memmem`.

`mmap.find` compares at every place, one after the other; `memmem` skips, and is several times as fast. It also
lets other threads run meanwhile.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from typing import Any, Final

import numpy as np

_memmem: Final[Any] = getattr(ctypes.CDLL(None), "memmem", None) if os.name == "posix" else None
if _memmem is not None:
    _memmem.restype = ctypes.c_void_p
    _memmem.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]


class Haystack:
    """Bytes to be searched; keeps what it was given open."""

    def __init__(self, data: mmap.mmap | bytes) -> None:
        self._data = data
        self._view = np.frombuffer(data, np.uint8)
        self._start, self._size = self._view.ctypes.data, len(self._view)

    def find(self, needle: bytes, start: int = 0) -> int:
        """Where a needle begins, at a place or after it; -1 where it does not occur."""
        if _memmem is None:
            return self._data.find(needle, start)
        if start >= self._size:
            return -1 if needle or start > self._size else start
        hit = _memmem(self._start + start, self._size - start, needle, len(needle))
        return -1 if hit is None else int(hit) - self._start
