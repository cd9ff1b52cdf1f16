"""The ledger: a journal of who read what, only ever added to, each line naming the digest of the one before it.

A journal is a file of JSON lines, named by the number of its first entry; the newest one is written to. A line is
on the disk before `append` returns. Several processes may write: each takes the lock of the folder first.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from time import monotonic, sleep
from typing import Final

from auditlib import settings
from auditlib.access.entries import MOST_BYTES, Entry, Tail, header, opened, read
from auditlib.access.stretches import held_by
from auditlib.errors import LedgerError
from auditlib.location import Location
from auditlib.store.canonical import canonical
from auditlib.store.digest import sha256_bytes
from auditlib.store.writing import make_folder, sync_folder

ENTRIES_A_JOURNAL: Final = 10_000
"""So many entries a journal has before the next one is begun."""

PATIENCE_SECONDS: Final = 5.0
"""So long an entry waits for other processes."""

STORE: Final = "store"
"""Where journals that are full go, as snapshots."""

_JOURNAL: Final = re.compile(r"journal-([0-9]{15})\.jsonl")
_LOCK: Final = ".lock"


@dataclass(frozen=True, slots=True)
class _Known:
    """The journal as this process left it; a file that is no longer like this is read anew."""

    file: tuple[int, int, int]
    tail: Tail


class Ledger:
    """The ledger in one folder, which is made at the first entry."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: _Known | None = None
        self._lock = Lock()

    @property
    def store(self) -> Path:
        """The snapshot store of the entries that were moved out of the journals."""
        return self.folder / STORE

    def append(self, entry: Entry) -> bool:
        """Writes an entry, and returns once it is on the disk; whether it was the last one of its journal.

        Raises LedgerError where it cannot be written; the ledger is then as it was.
        """
        with self._writing() as (path, fd, tail):
            full = self._add(fd, entry, tail).seq + 1 - first_of(path) >= ENTRIES_A_JOURNAL
        if full:
            with suppress(LedgerError):  # the entry is written; the next one tries again
                self.seal()
        return full

    def seal(self) -> None:
        """Begins the next journal where the newest one has entries, so that nothing more is written to those before it.

        Raises LedgerError as `append` does.
        """
        if journals(self.folder):
            with self._writing() as (path, _, tail):
                if tail.seq >= first_of(path):
                    self._make_journal(tail)

    @contextmanager
    def _writing(self) -> Iterator[tuple[Path, int, Tail]]:
        """The newest journal, open for adding to, and the end of its chain, while nobody else writes."""
        try:
            with self._lock, self._locked():
                path = next(reversed(journals(self.folder)), None) or self._make_journal(held_by(self.store))
                fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
                try:
                    yield path, fd, self._tail(path, fd)
                finally:
                    os.close(fd)
        except OSError as error:
            raise LedgerError(f"The ledger cannot be written: {os.strerror(error.errno or 0)}", reason="disk") from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        make_folder(self.folder, 0o700)
        fd = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            deadline = monotonic() + PATIENCE_SECONDS
            while not _is_taken(fd):
                if monotonic() > deadline:
                    raise LedgerError(f"The ledger was held by another process for {PATIENCE_SECONDS:g} seconds", reason="locked")
                sleep(0.002)
            yield
        finally:
            os.close(fd)

    def _make_journal(self, tail: Tail) -> Path:
        """The journal that goes on behind an end: linked to its name, so that it is there whole or not at all."""
        path = self.folder / f"journal-{tail.seq + 1:015d}.jsonl"
        aside = self.folder / ".new"
        aside.unlink(missing_ok=True)
        try:
            _write_aside(aside, header(tail))
            os.link(aside, path, follow_symlinks=False)
        finally:
            aside.unlink(missing_ok=True)
        sync_folder(self.folder)
        return path

    def _tail(self, path: Path, fd: int) -> Tail:
        known = self._known
        if known and known.file == _identity(fd):
            return known.tail
        whole, line, torn = _end(fd)
        tail = Tail(opened(line).seq if len(line) == whole else read(line)["seq"], sha256_bytes(line))
        if known and tail.seq < known.tail.seq:
            why = f"it ends with entry {tail.seq}, and entry {known.tail.seq} was written"
            raise LedgerError(f"The ledger was cut: {why}", seq=tail.seq + 1, reason="cut")
        if torn:
            kept = f"torn-{tail.seq + 1:015d}-{sha256_bytes(torn)[:12]}"
            _write_aside(self.folder / kept, torn)
            sync_folder(self.folder)
            os.ftruncate(fd, whole)
            tail = self._add(fd, Entry(action="recovered", detail={"bytes": len(torn), "kept": kept}), tail)
        return tail

    def _add(self, fd: int, entry: Entry, tail: Tail) -> Tail:
        line = canonical(entry.to_record(tail.seq + 1, datetime.now(UTC), tail.digest))
        if len(line) > MOST_BYTES:
            raise LedgerError(f"An entry of {len(line):,} bytes cannot be recorded: expected at most {MOST_BYTES:,}", reason="size")
        before, left = os.fstat(fd).st_size, line
        try:
            while left:
                left = left[os.write(fd, left) :]
            os.fdatasync(fd)
        except OSError:
            with suppress(OSError):
                os.ftruncate(fd, before)
            self._known = None
            raise
        self._known = _Known(_identity(fd), tail.after(tail.seq + 1, line))
        return self._known.tail


def ledger_folder(store: Location) -> Path:
    """The folder of the ledger of a store, which is named by where the store is."""
    place = os.path.realpath(store) if isinstance(store, Path) else store.resolved
    return settings.ledger_folder() / sha256_bytes(os.fsencode(place))[:16]


def journals(folder: Path) -> list[Path]:
    """The journals of a ledger, oldest first; none where there is no such folder."""
    try:
        return sorted(path for path in folder.iterdir() if _JOURNAL.fullmatch(path.name))
    except (FileNotFoundError, NotADirectoryError):
        return []


def first_of(path: Path) -> int:
    """The number of the first entry of a journal, by its name."""
    return int(path.name[8:23])


def torn_lines(folder: Path) -> list[Path]:
    """What crashes left of lines, kept aside."""
    return sorted(folder.glob("torn-*"))


def _end(fd: int) -> tuple[int, bytes, bytes]:
    """How many bytes of a journal are whole lines, the last of these, and what stands behind them."""
    size, span = os.fstat(fd).st_size, 16 << 10
    while True:
        start = max(0, size - span)
        raw = os.pread(fd, size - start, start)
        whole = raw.rfind(b"\n") + 1
        last = raw.rfind(b"\n", 0, max(0, whole - 1)) + 1
        if start == 0 or (whole and last):
            break
        span *= 8
    if not whole:
        raise LedgerError("A journal of the ledger has lost its first line", reason="first")
    return start + whole, raw[last:whole], raw[whole:]


def _write_aside(path: Path, raw: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(fd)


def _identity(fd: int) -> tuple[int, int, int]:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino, found.st_size


def _is_taken(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
