"""Trust: which files were read and hashed in full before, so that opening a store need not do it again.

A file is trusted while device, inode, size and times are those it had when it was hashed. The record is
ours and can be thrown away; everything is then hashed anew. Verification proper never looks at it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from auditlib.errors import DamagedFileError
from auditlib.store.manifest import FileEntry, Manifest
from auditlib.store.sources import Source
from auditlib.store.verify import VerifiedFile, identity_of, open_verified
from auditlib.times import write_utc

_FORMAT: Final = "auditlib-trust/1"


@dataclass(frozen=True, slots=True)
class Trusted:
    """A file that was verified: the digest it had, its identity then, and when (UTC, as text)."""

    sha256: str
    identity: tuple[int, ...]
    verified_at: str


class TrustRecord:
    """The files of one store that were verified, kept in a file of the cache folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files = _read(path)

    def check(self, source: Source, manifest: Manifest, progress: Callable[[int], None] | None = None) -> DamagedFileError | None:
        """The first damage of a snapshot, or None; hashes only the files that are not trusted as they are."""
        for entry in manifest.files:
            try:
                if not self._is_trusted(source, entry):
                    with open_verified(source, entry, progress) as file:
                        now = write_utc(datetime.now(UTC)) or ""
                        self._files[entry.path] = Trusted(entry.sha256, file.identity, now)
                elif progress:
                    progress(entry.bytes)
            except DamagedFileError as error:
                self._files.pop(entry.path, None)
                return error
        return None

    def open(self, source: Source, entry: FileEntry) -> VerifiedFile:
        """A verified file opened again, without hashing it; raises DamagedFileError if it is no longer the same."""
        fd = source.open_data(entry.path)
        trusted = self._files.get(entry.path)
        if trusted is None or identity_of(fd) != trusted.identity or entry.sha256 != trusted.sha256:
            os.close(fd)
            raise DamagedFileError(f"{entry.path} changed after it was verified", path=entry.path, reason="changed")
        return VerifiedFile(entry, fd, trusted.identity)

    def oldest(self, paths: list[str]) -> datetime:
        """When the file of these that was hashed longest ago was hashed, UTC."""
        times = [datetime.fromisoformat(self._files[path].verified_at) for path in paths if path in self._files]
        return min(times, default=datetime.now(UTC))

    def save(self) -> None:
        """Writes the record aside and renames it into place."""
        record = {
            "format": _FORMAT,
            "files": {path: [trusted.sha256, trusted.identity, trusted.verified_at] for path, trusted in sorted(self._files.items())},
        }
        aside = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        aside.write_text(json.dumps(record), encoding="utf-8")
        aside.replace(self._path)

    def _is_trusted(self, source: Source, entry: FileEntry) -> bool:
        trusted = self._files.get(entry.path)
        if trusted is None or trusted.sha256 != entry.sha256:
            return False
        fd = source.open_data(entry.path)
        try:
            return identity_of(fd) == trusted.identity
        finally:
            os.close(fd)


def _read(path: Path) -> dict[str, Trusted]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["format"] != _FORMAT:
            return {}
        return {name: Trusted(sha256, tuple(identity), at) for name, (sha256, identity, at) in record["files"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
