"""Number arrays in files, mapped rather than read."""

from __future__ import annotations

import errno
import math
import os
import re
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[Any]
"""An array of integers, whatever their width."""

UNKNOWN: Final = -(2**63)
"""The time of an event without one."""

_HEADER: Final = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '(?P<dtype>[<|][a-z][0-9]+)', 'fortran_order': False, 'shape': \((?P<shape>[0-9, ]*)\), \} *\n",
    re.DOTALL,
)
"""How numpy's format begins (NEP 1, version 1.0), of the arrays that are made here."""

READ_BYTES: Final = 16 << 10
"""What is not larger is read as a whole."""


def save(path: Path, values: Ints) -> None:
    """Writes an array to a file; see `load`. Raises OSError where the disk refuses."""
    try:
        np.save(path, values, allow_pickle=False)
    except OSError as error:  # numpy gives a short write no number, and would pass for a fault of the input
        raise OSError(error.errno or errno.ENOSPC, error.strerror or os.strerror(errno.ENOSPC)) from None


def load(path: Path) -> Ints:
    """The array of a file, read-only. A large one is mapped: its pages come in when they are touched.

    Small ones are read, since each mapped file counts as an open one. Raises ValueError for a file that `save` and
    `create` have not written. The header is read here, since numpy does it with `ast`, in which threads of Python
    3.11 can disturb each other (python/cpython issue 106905).
    """
    with path.open("rb") as file:
        raw = file.read(READ_BYTES + 1)
    match = _HEADER.match(raw)
    if match is None:
        raise ValueError(f"{path.name} does not begin as an array does")
    dtype = np.dtype(match["dtype"].decode("ascii"))
    shape = tuple(int(size) for size in match["shape"].split(b",") if size.strip())
    if 0 in shape:
        return np.empty(shape, dtype)  # nothing cannot be mapped
    if len(raw) <= READ_BYTES:
        return np.frombuffer(raw, dtype, math.prod(shape), len(match.group())).reshape(shape)
    return np.memmap(path, dtype, "r", len(match.group()), shape)


def create(path: Path, dtype: Any, shape: tuple[int, ...]) -> Ints:
    """A new array file of that shape, mapped for writing. Raises OSError where the disk has no room for it."""
    if 0 in shape:
        save(path, np.empty(shape, dtype))
        return np.empty(shape, dtype)
    mapped = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    if hasattr(os, "posix_fallocate"):  # touching a hole of the file that the disk has no room for ends the process
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return mapped


def places(ordered: Ints, positions: Any) -> Ints:
    """How many of the ordered positions lie before each of some others.

    These are brought to the type of the ordered ones first; numpy would otherwise copy the whole of those.
    """
    wanted = np.clip(np.asarray(positions, np.int64), 0, np.iinfo(ordered.dtype).max).astype(ordered.dtype)
    return np.searchsorted(ordered, wanted)


def narrowest(largest: int) -> type[np.unsignedinteger[Any]]:
    """The narrowest unsigned type that holds numbers up to `largest`."""
    return np.uint8 if largest < 1 << 8 else np.uint16 if largest < 1 << 16 else np.uint32


def grouped(codes: Ints, positions: Ints, groups: int) -> tuple[Ints, Ints]:
    """Positions ordered by (code, position), and where each code's slice of them begins.

    `codes[i]` belongs to `positions[i]`, which ascend. The second array has `groups + 1` entries: code `c` has
    `ordered[starts[c]:starts[c + 1]]`.
    """
    starts = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=groups))])
    return positions[stable_order(codes)], starts


def stable_order(codes: Ints) -> Ints:
    """The order that sorts unsigned numbers below 2³² and leaves equal ones as they are.

    It sorts by 16 bits at a time, which numpy does in linear time.
    """
    low = np.argsort(codes.astype(np.uint16), kind="stable")
    if codes.dtype.itemsize <= 2 or not len(codes) or int(codes.max()) < 1 << 16:
        return low
    return low[np.argsort((codes >> 16).astype(np.uint16)[low], kind="stable")]


def gathered(ordered: Ints, starts: Ints, codes: Ints) -> Ints:
    """The slices of several codes, one after the other."""
    lengths = starts[codes + 1] - starts[codes]
    total = int(lengths.sum())
    if len(codes) == 1:
        return ordered[int(starts[codes[0]]) : int(starts[codes[0]]) + total]
    begins = np.repeat(starts[codes] - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths)
    return ordered[begins + np.arange(total)]
