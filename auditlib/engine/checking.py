"""The full check: every byte of a store hashed anew, and what it found made known to the next opening."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from auditlib.engine.serving import trust_record
from auditlib.errors import CacheError, DamagedFileError
from auditlib.location import Location
from auditlib.store import Report, Source, configured, read_chain, source_of, verify_store
from auditlib.store.trust import Trusted
from auditlib.store.verify import identity_of


def full_check(store: Location, progress: Callable[[int, int], None] | None = None) -> Report:
    """A report on every file of a store, by the policy of the settings; what was trusted before counts for nothing.

    From now on the files that agreed are trusted as of this check, and the others no more: the next opening hashes
    those itself and quarantines what is damaged. `progress` is called with the bytes read and the bytes there are.
    Raises as `verify_store` does, and CacheError where what was found cannot be noted.
    """
    source = source_of(store)
    policy = configured(store)
    total = done = 0

    def count(size: int) -> None:
        nonlocal done
        done += size
        if progress:
            progress(done, max(total, done))

    found = _identities(source)
    total = sum(size for _, size in found.values())
    report = verify_store(store, count, policy)
    now = datetime.now(UTC)
    unchanged = _identities(source)
    agreed = {
        file.path: Trusted(file.sha256, found[file.path][0], now)
        for file in report.files
        if file.state == "verified" and file.path in found and unchanged.get(file.path) == found[file.path]
    }
    trust = trust_record(source.location)
    trust.renew(agreed)
    try:
        trust.save()
    except OSError as error:
        raise CacheError(f"What was verified could not be noted: {error.strerror}") from error
    return report


def _identities(source: Source) -> dict[str, tuple[tuple[int, ...], int]]:
    """What each file of the record that can be opened is, and its size in bytes."""
    found = {}
    for entry in read_chain(source).kept:
        with suppress(DamagedFileError):
            fd = source.open_data(entry)
            try:
                found[entry.path] = identity_of(fd), os.fstat(fd).st_size
            finally:
                os.close(fd)
    return found
