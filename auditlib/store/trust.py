"""Trust: which files were read and hashed in full before, so that opening a store need not do it again.

A file is trusted while device, inode, size and times are those it had when it was hashed. The record is
ours and can be thrown away; everything is then hashed anew. Verification proper never looks at it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from auditlib.errors import DamagedFileError
from auditlib.store.manifest import FileEntry
from auditlib.store.sources import Source
from auditlib.store.verify import VerifiedFile, identity_of, open_verified
from auditlib.times import from_micros, to_micros

_FORMAT: Final = "auditlib-trust/1"


@dataclass(frozen=True, slots=True)
class Trusted:
    """A file that was verified: the digest it had, its identity then, when, and why it can still not be loaded.

    `verified_at` is in UTC; `damage` is a sentence, or empty for a file that loads.
    """

    sha256: str
    identity: tuple[int, ...]
    verified_at: datetime
    damage: str = ""


class TrustRecord:
    """The files of one store that were verified, kept in a file of the cache folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept = _read(path)
        self._files = dict(self._kept)

    def check(self, source: Source, entries: Iterable[FileEntry], progress: Callable[[int], None] | None = None) -> DamagedFileError | None:
        """The first damage of a snapshot's files, or None; hashes only the files that are not trusted as they are."""
        for entry in entries:
            try:
                trusted = self._trusted(source, entry)
                if trusted is None:
                    with open_verified(source, entry, progress) as file:
                        self._files[entry.path] = Trusted(entry.sha256, file.identity, datetime.now(UTC))
                elif progress:
                    progress(entry.bytes)
                if trusted and trusted.damage:
                    return DamagedFileError(trusted.damage, path=entry.path, reason="content")
            except DamagedFileError as error:
                self._files.pop(entry.path, None)
                return error
        return None

    def renew(self, files: Mapping[str, Trusted]) -> None:
        """Trusts exactly these files from now on; what is known of their loading stays with those that are the same."""
        known = self._files
        self._files = {
            path: replace(file, damage=known[path].damage) if path in known and known[path].sha256 == file.sha256 else file
            for path, file in files.items()
        }

    def refuse(self, damage: DamagedFileError) -> None:
        """Notes damage that showed when a verified file was loaded: in what it holds, or that it is another file by now."""
        trusted = self._files.pop(str(damage.path), None)
        if trusted and damage.reason == "content":
            self._files[str(damage.path)] = replace(trusted, damage=str(damage))

    def open(self, source: Source, entry: FileEntry) -> VerifiedFile:
        """A verified file opened again; it is hashed anew only where it no longer looks like the one that was.

        Raises DamagedFileError where it is another file by now.
        """
        trusted = self._trusted(source, entry)
        if trusted is None:
            file = open_verified(source, entry)
            self._files[entry.path] = Trusted(entry.sha256, file.identity, datetime.now(UTC))
            return file
        return VerifiedFile(entry, source.open_data(entry), trusted.identity)

    def oldest(self, paths: Iterable[str]) -> datetime:
        """When the file of these that was hashed longest ago was hashed, UTC."""
        times = [self._files[path].verified_at for path in paths if path in self._files]
        return min(times, default=datetime.now(UTC))

    def save(self) -> None:
        """Writes what has changed of the record, aside and renamed into place; raises OSError where that fails."""
        if self._files == self._kept:
            return
        files = {
            path: [trusted.sha256, trusted.identity, to_micros(trusted.verified_at), trusted.damage]
            for path, trusted in sorted(self._files.items())
        }
        aside = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        aside.write_text(json.dumps({"format": _FORMAT, "files": files}), encoding="utf-8")
        aside.replace(self._path)
        self._kept = dict(self._files)

    def _trusted(self, source: Source, entry: FileEntry) -> Trusted | None:
        trusted = self._files.get(entry.path)
        if trusted is None or trusted.sha256 != entry.sha256:
            return None
        fd = source.open_data(entry)
        try:
            return trusted if identity_of(fd) == trusted.identity else None
        finally:
            os.close(fd)


def _read(path: Path) -> dict[str, Trusted]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["format"] != _FORMAT:
            return {}
        return {
            name: Trusted(str(sha256), tuple(identity), from_micros(verified_at), str(damage))
            for name, (sha256, identity, verified_at, damage) in record["files"].items()
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError):
        return {}
