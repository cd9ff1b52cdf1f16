"""Publishing: one call writes one snapshot and its manifest, whole or not at all.

Data files are written under hidden names first and then get their final ones; the manifest comes last,
and its presence is the commit. One publisher works on a store at a time. How a folder and an object store
keep to this is told in `folder` and `upload`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from auditlib.errors import NotAStoreError, PublishError
from auditlib.location import Location
from auditlib.store.acceptance import TRUSTING, Policy, accept
from auditlib.store.attempt import Attempt
from auditlib.store.chain import Chain
from auditlib.store.digest import NO_DIGEST
from auditlib.store.manifest import LOG_ID, Manifest
from auditlib.store.pins import Pins
from auditlib.store.places import Destination, destination_of
from auditlib.store.sources import Source

if TYPE_CHECKING:
    from auditlib.store.signing import SigningKey

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def publish(
    store: Location,
    batches: Iterable[pa.RecordBatch],
    *,
    name: str,
    created: datetime | None = None,
    log_id: str | None = None,
    rows_per_file: int = 1_000_000,
    progress: Callable[[int], None] | None = None,
    key: SigningKey | None = None,
    policy: Policy = TRUSTING,
) -> Manifest:
    """Publish one snapshot of events and return its manifest.

    The snapshot is the file `<name>.parquet`, or `<name>-0001.parquet` and so on when it has more than
    `rows_per_file` rows or very much text; without any row it is one file of 0 rows. Rows are written in
    the order given, streaming. The same rows and arguments give the same bytes, however they are cut into
    batches.

    `created` is an aware datetime, by default now; seconds count. A new store takes `log_id`, or a random
    one; later snapshots take it from the chain. `progress` is called with the number of rows of each piece.
    With `key` the manifest is signed, and never visible without its signature. `policy` is what the chain must
    be before anything is added to it; what was added is pinned.

    Raises PublishError when the store's chain is broken or was rolled back, another publisher is at work or was
    first, a name is taken, `log_id` is another log's, a signature is missing, or the disk refuses; SchemaError
    for rows that are no events; UnreachableError where an object store does not answer; and whatever `batches` raises.
    The store is then as it was.
    """
    if not _NAME.fullmatch(name):
        raise PublishError(f"{name!r} cannot name a snapshot: expected {_NAME.pattern}", name=name)
    if log_id is not None and not LOG_ID.fullmatch(log_id):
        raise PublishError(f"{log_id!r} cannot name a log: expected {LOG_ID.pattern}", log_id=log_id)
    if rows_per_file < 1:
        raise PublishError(f"A file cannot hold {rows_per_file} rows: expected at least 1", rows_per_file=rows_per_file)
    now = created or datetime.now(UTC)
    if now.tzinfo is None:
        raise PublishError(f"created={now.isoformat()} has no time zone: expected an aware datetime", created=now)
    with publishing(store, key, policy) as publisher:
        if log_id is not None and publisher.chain is not None and log_id != publisher.chain.log_id:
            raise PublishError(f"{publisher.source.location} is the log {publisher.chain.log_id!r}, not {log_id!r}", log_id=log_id)
        with publisher.attempt(name, rows_per_file) as attempt:
            attempt.write(batches, progress)
            return publisher.commit(attempt, now, log_id=log_id)


class Publisher:
    """Whoever holds a store's lock, with the accepted chain, which is None for a new store."""

    def __init__(self, destination: Destination, key: SigningKey | None, policy: Policy) -> None:
        self.destination = destination
        self._key = key
        self._policy = policy
        self._pins = Pins(policy.state, self.source.location) if policy.state else None
        self.chain = self._accepted()
        self._require_signature()

    @property
    def source(self) -> Source:
        """What reads the store."""
        return self.destination.source

    @contextmanager
    def attempt(self, name: str, rows_per_file: int = 1_000_000) -> Iterator[Attempt]:
        """An attempt at a snapshot, which leaves nothing behind unless it is committed."""
        attempt = self.destination.attempt(name, rows_per_file)
        try:
            yield attempt
        finally:
            attempt.clean()

    def commit(self, attempt: Attempt, created: datetime, *, log_id: str | None = None, extra: Mapping[str, Any] | None = None) -> Manifest:
        """Commit what an attempt has written as the next manifest; `extra` are its further keys.

        Raises PublishError where a name was published before, retired files included, another manifest of that number was
        accepted before, or the disk refuses.
        """
        chain = self.chain
        manifest = Manifest(
            seq=chain.head.seq + 1 if chain else 1,
            log_id=chain.log_id if chain else log_id or secrets.token_hex(16),
            created=instant(created),
            prev_sha256=chain.head_digest if chain else NO_DIGEST,
            files=attempt.entries(),
            extra=extra or {},
        )
        taken = {entry.path for entry in chain.files} & {entry.path for entry in manifest.files} if chain else ()
        if taken:
            raise PublishError(
                f"{min(taken)} exists already in the chain, and a name is never given again", path=min(taken), reason="exists"
            )
        known = self._pins.of(manifest.log_id)[manifest.seq - 1 : manifest.seq] if self._pins else ()
        if known and known[0].digest != manifest.digest:
            why = chain.problem if chain and chain.problem else f"another snapshot {manifest.seq} of it was accepted before"
            raise PublishError(f"Nothing can be added to {self.source.location}: {why}", reason="chain")
        attempt.commit(manifest, self._key)
        if self._pins:
            with suppress(OSError):  # reading says so, and pins then
                self._pins.add(manifest.log_id, [*(chain.manifests if chain else ()), manifest])
        return manifest

    def whole_chain(self) -> Chain:
        """The chain that there must be; raises NotAStoreError for a new store, PublishError for one that was rolled back."""
        if self.chain is None:
            raise NotAStoreError(f"{self.source.location} is not a snapshot store: it has no manifest", path=self.source.location)
        if self.chain.problem:
            raise PublishError(f"Nothing can be changed in {self.source.location}: {self.chain.problem}", reason="chain")
        return self.chain

    def _accepted(self) -> Chain | None:
        if not self.source.manifest_numbers():
            return None
        chain = accept(self.source, replace(self._policy, strict=False))
        # Snapshots that were lost may be published again, if they are byte for byte those that were pinned: see `commit`.
        if chain.problem is not None and chain.problem.reason != "rollback":
            raise PublishError(f"Nothing can be added to {self.source.location}: {chain.problem}", reason="chain") from chain.problem
        return chain

    def _require_signature(self) -> None:
        keys = self._policy.keys
        if keys and (self._key is None or self._key.public not in keys):
            raise PublishError("Readers want manifests signed by a configured key: give its private half (--key)", reason="signature")
        if self._key is None and self.chain and self.chain.signature(self.chain.head.seq).state != "absent":
            raise PublishError(
                "The newest manifest of this store is signed, so the next one must be: give the key (--key)", reason="signature"
            )


@contextmanager
def publishing(store: Location, key: SigningKey | None, policy: Policy) -> Iterator[Publisher]:
    """The publisher of a store, while it holds the lock; what killed ones left is swept first, unless it was rolled back.

    Raises PublishError where the lock is held, the chain cannot be accepted, or a signature is wanted and none can be made.
    """
    destination = destination_of(store)
    with destination.locked():
        publisher = Publisher(destination, key, policy)
        if publisher.chain is None or publisher.chain.problem is None:
            destination.sweep(publisher.chain)
        yield publisher


def instant(at: datetime) -> str:
    """An aware datetime as manifests spell it, `YYYY-MM-DDTHH:MM:SSZ`."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"
