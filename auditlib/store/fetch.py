"""Fetching: one data file streamed from a bucket onto this machine, hashed on the way, and again where it came in part or altered."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from typing import Final

from auditlib.errors import DamagedFileError, UnreachableError
from auditlib.store.bucket import Bucket, Stamp
from auditlib.store.copies import Copies, disk_errors
from auditlib.store.manifest import FileEntry
from auditlib.store.sources import DATA

PAUSES: Final = (0.0, 0.2, 0.8)
"""Seconds before each attempt at what came in part or altered, or for which the server was too busy."""

_OF_ONE_OBJECT: Final = frozenset({"credentials", "other"})
"""Reasons for which a server may refuse one object and give the others."""

Count = Callable[[int], None]
"""Called with the bytes of each piece, and with fewer than none where they count for nothing; what it raises ends the fetching."""


def current(bucket: Bucket, entry: FileEntry) -> Stamp:
    """What the server says of a file; raises DamagedFileError where that shows already that it is not the file."""
    try:
        stamp = bucket.stamp(f"{DATA}/{entry.path}")
    except UnreachableError as error:
        raise _refused(entry, error) from None
    if stamp is None:
        raise unreadable(entry, "it is missing", "missing")
    if stamp.bytes != entry.bytes:
        raise _of_size(entry, f"has {stamp.bytes} bytes")
    return stamp


def take(bucket: Bucket, copies: Copies, entry: FileEntry, count: Count, stamp: Stamp | None = None) -> int:
    """A descriptor of a file that has the size and digest of an entry; with a stamp it is kept as the copy of that, else it has no name.

    Raises DamagedFileError (`reason=` `missing`, `size`, `digest`, `unreadable`), UnreachableError, CacheError.
    """
    error: DamagedFileError | UnreachableError
    for attempt, pause in enumerate(PAUSES):
        time.sleep(pause)
        with copies.taking() as (file, path):
            digest, size = hashlib.sha256(), 0
            try:
                for piece in bucket.pieces(f"{DATA}/{entry.path}"):
                    with disk_errors():
                        file.write(piece)
                    digest.update(piece)
                    size += len(piece)
                    count(len(piece))
                    if size > entry.bytes:
                        break
                if size == entry.bytes and digest.hexdigest() == entry.sha256:
                    with disk_errors():
                        file.flush()
                    if stamp is not None:
                        copies.keep(entry, stamp, path)
                    return os.dup(file.fileno())
                error = _altered(entry, size, digest.hexdigest())
            except FileNotFoundError:
                error = unreadable(entry, "it is missing", "missing")
            except UnreachableError as refused:
                error = refused
        count(-size)
        if attempt and isinstance(error, DamagedFileError) and error.reason == "digest":
            break
    if isinstance(error, UnreachableError):
        raise _refused(entry, error)
    copies.distrust(entry)
    raise error


def unreadable(entry: FileEntry, why: str, reason: str = "unreadable") -> DamagedFileError:
    """The damage of a file that cannot be had."""
    return DamagedFileError(f"{entry.path} cannot be read: {why}", path=entry.path, reason=reason)


def _refused(entry: FileEntry, error: UnreachableError) -> DamagedFileError | UnreachableError:
    return unreadable(entry, str(error)) if error.reason in _OF_ONE_OBJECT else error


def _altered(entry: FileEntry, size: int, digest: str) -> DamagedFileError:
    if size != entry.bytes:
        return _of_size(entry, f"came with {size} bytes")
    why = f"{entry.path} has the SHA-256 {digest[:12]}…, its manifest says {entry.sha256[:12]}…"
    return DamagedFileError(why, path=entry.path, reason="digest")


def _of_size(entry: FileEntry, what: str) -> DamagedFileError:
    return DamagedFileError(f"{entry.path} {what}, its manifest says {entry.bytes}", path=entry.path, reason="size")
