"""SHA-256 digests, of bytes and of open files.

A digest is written as 64 lower-case hexadecimal digits everywhere, as `sha256sum` prints it (FIPS 180-4).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import Final

NO_DIGEST: Final = "0" * 64
"""What stands for the digest before the first of a chain."""

_CHUNK: Final = 1 << 20


def sha256_bytes(raw: bytes) -> str:
    """The digest of bytes in memory."""
    return hashlib.sha256(raw).hexdigest()


def sha256_descriptor(fd: int, progress: Callable[[int], None] | None = None) -> str:
    """The digest of everything an open file holds, read from its start to its end.

    The position of the descriptor stays where it was. `progress` is called after each piece with the
    number of bytes that piece had. Raises OSError where the file cannot be read.
    """
    digest = hashlib.sha256()
    offset = 0
    while piece := os.pread(fd, _CHUNK, offset):
        digest.update(piece)
        offset += len(piece)
        if progress is not None:
            progress(len(piece))
    return digest.hexdigest()
