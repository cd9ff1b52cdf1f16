"""The source of a store in an object store: what its manifests list is fetched into copies on this machine, and read there.

The data folder is never searched for what to read; objects can be overwritten, so that every byte counts for no more than its digest.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import accumulate
from threading import Event, Lock
from typing import Final

from auditlib.errors import ChainError, DamagedFileError, UnreachableError
from auditlib.location import ObjectLocation
from auditlib.store.bucket import Bucket, Stamp
from auditlib.store.copies import Copies
from auditlib.store.fetch import PAUSES, Count, current, take, unreadable
from auditlib.store.manifest import DATA_NAME, FileEntry, manifest_name, signature_name
from auditlib.store.sources import DATA, MANIFESTS, MAX_MANIFEST_BYTES, SIGNATURE_BYTES, Progress, manifest_numbers

AT_ONCE: Final = 8
"""How many objects are asked for at a time."""

_FETCHING: Final = "Fetching files"
_MANIFEST_OR_SIGNATURE: Final = re.compile(r"[0-9]{8}\.json(\.sig)?")
_MOST_TEXT: Final = 256 << 20
"""Bytes of manifests and signatures that are looked at; whatever comes after them is as if it could not be read."""


class _Stopped(Exception):
    """Whoever waits for the files has given up."""


class ObjectSource:
    """A store in an object store. Nothing is asked of the server before the first method is called.

    With `fresh` every byte comes from the server. Otherwise copies are used that the server's stamps say are current; with `fallback`
    also where it cannot be reached, and `away` then says why.
    """

    def __init__(self, location: ObjectLocation, *, fresh: bool = False, fallback: bool = False) -> None:
        self.location = location.resolved
        self.bucket = Bucket(location)
        self.away = ""
        self._fresh, self._fallback = fresh, fallback
        self._copies = Copies(self.location)
        self._texts: dict[str, bytes | None] | None = None
        self._near: set[str] = set()
        self._damaged: dict[str, DamagedFileError] = {}
        self._lock = Lock()

    def manifest_numbers(self) -> tuple[int, ...]:
        """The sequence numbers that are there, ascending; their manifests are fetched as well.

        Raises UnreachableError where the server does not give them, and no copies may take their place.
        """
        try:
            listed = self.bucket.names(MANIFESTS)
            self._texts = self._fetched(listed)
        except UnreachableError as error:
            kept = self._copies.manifests() if self._fallback else {}
            if not kept:
                raise
            self.away = str(error)
            self._texts = {name: self._copies.manifest(name) for name in kept}
        return manifest_numbers(self._texts)

    def read_manifest(self, seq: int) -> bytes:
        """The bytes of one manifest, at most 16 MiB; raises ChainError (`reason=` `missing`, `not_regular`, `size`)."""
        name = manifest_name(seq)
        raw = self._text(name, seq, MAX_MANIFEST_BYTES)
        if raw is None:
            raise ChainError(f"manifest {name} cannot be read: it is missing", seq=seq, reason="missing")
        return raw

    def read_signature(self, seq: int) -> bytes | None:
        """The bytes beside a manifest that should be its signature, or None; raises ChainError as `read_manifest` does."""
        return self._text(signature_name(seq), seq, SIGNATURE_BYTES)

    def prepare(self, entries: Iterable[FileEntry], report: Progress) -> None:
        """Fetches the files that are not here yet, a few at a time, and removes the copies of all others."""
        entries = list(entries)
        total, done = sum(entry.bytes for entry in entries), 0
        stopped = Event()

        def count(size: int) -> None:
            nonlocal done
            if stopped.is_set():
                raise _Stopped
            with self._lock:
                done += size

        with ThreadPoolExecutor(AT_ONCE, "fetch") as pool:
            pending: set[Future[None]] = {pool.submit(self._bring, entry, count) for entry in entries if entry.path not in self._near}
            try:
                while pending:
                    finished, pending = wait(pending, timeout=0.2)
                    for each in finished:
                        each.result()
                    report(_FETCHING, min(done, total), total)
            finally:
                stopped.set()
                pool.shutdown(cancel_futures=True)
        if not self.away:
            self.keep_only(entries)

    def keep_only(self, entries: Iterable[FileEntry]) -> None:
        """Removes the copies of all data files but these."""
        self._copies.sweep(entries)

    def open_data(self, entry: FileEntry) -> int:
        """A read-only descriptor of a file with the size and digest of an entry, which the caller closes.

        Raises DamagedFileError (`reason=` `missing`, `size`, `digest`, `unreadable`), UnreachableError where the server does not answer.
        """
        if not DATA_NAME.fullmatch(entry.path):
            raise DamagedFileError(f"{entry.path!r} cannot be the name of a data file", path=entry.path, reason="not_regular")
        if self._fresh:
            current(self.bucket, entry)
            return take(self.bucket, self._copies, entry, _nothing)
        if entry.path not in self._near:
            self._bring(entry, _nothing)
        fd = None if entry.path in self._damaged else self._copies.open(entry)
        if fd is None and entry.path not in self._damaged:
            self._bring(entry, _nothing)
            fd = self._copies.open(entry)
        if fd is None:
            damage = self._damaged.get(entry.path) or unreadable(entry, "its copy is gone")
            raise DamagedFileError(damage.message, **damage.values)
        return fd

    def has_data(self, name: str) -> bool:
        """Whether there is an object of that name in the data folder."""
        return self.bucket.stamp(f"{DATA}/{name}") is not None

    def unlisted(self, listed: Collection[str]) -> tuple[str, ...]:
        """The names in the data folder that are not listed, sorted."""
        return tuple(sorted(set(self.bucket.names(DATA)) - set(listed)))

    def _fetched(self, listed: dict[str, Stamp]) -> dict[str, bytes | None]:
        """The manifests and signatures that are listed, from copies where these are current; None for what is no object or too large."""
        wanted = {name: listed[name] for name in sorted(listed) if _MANIFEST_OR_SIGNATURE.fullmatch(name)}
        ends = dict(zip(wanted, accumulate(max(0, stamp.bytes) for stamp in wanted.values()), strict=True))
        kept = {} if self._fresh else self._copies.manifests()

        def fetch(name: str) -> bytes | None:
            stamp = wanted[name]
            if not 0 <= stamp.bytes <= MAX_MANIFEST_BYTES or ends[name] > _MOST_TEXT:
                return None
            if kept.get(name) == stamp:
                return self._copies.manifest(name)
            raw = self._whole(name, stamp)
            if raw is not None and not self._fresh:
                self._copies.keep_manifest(name, stamp, raw)
            return raw

        with ThreadPoolExecutor(AT_ONCE, "fetch") as pool:
            found = dict(zip(wanted, pool.map(fetch, wanted), strict=True))
        if not self._fresh:
            self._copies.forget_manifests(wanted)
        return found

    def _whole(self, name: str, stamp: Stamp) -> bytes | None:
        """A small object; asked for again while it is not as long as the server says."""
        raw = None
        for pause in PAUSES:
            time.sleep(pause)
            raw = self.bucket.read(f"{MANIFESTS}/{name}", MAX_MANIFEST_BYTES)
            if raw is not None and len(raw) == stamp.bytes:
                break
        return raw

    def _text(self, name: str, seq: int, most: int) -> bytes | None:
        if self._texts is None:
            self.manifest_numbers()
        texts = self._texts or {}
        raw = texts.get(name)
        if raw is None and name in texts:
            why = f"{name} cannot be read: it is no object of at most {MAX_MANIFEST_BYTES} bytes, or gone"
            raise ChainError(why, seq=seq, reason="not_regular")
        if raw is not None and len(raw) > most:
            raise ChainError(f"{name} is larger than {most} bytes", seq=seq, reason="size")
        return raw

    def _bring(self, entry: FileEntry, count: Count) -> None:
        """Makes sure that the copy of a file is current, or notes its damage."""
        copied = self._copies.stamp(entry)
        try:
            if self.away and copied is None:
                raise unreadable(entry, f"it was not fetched before, and {self.away}")
            stamp = None if self.away else current(self.bucket, entry)
            if stamp is None or stamp == copied:
                count(entry.bytes)
            else:
                os.close(take(self.bucket, self._copies, entry, count, stamp))
        except DamagedFileError as damage:
            self._damaged[entry.path] = damage
            count(entry.bytes)
        except UnreachableError as error:
            if not self._fallback:
                raise
            self.away = str(error)
            if copied is None:
                self._damaged[entry.path] = unreadable(entry, str(error))
        else:
            self._damaged.pop(entry.path, None)
        self._near.add(entry.path)


def _nothing(size: int) -> None:
    pass
