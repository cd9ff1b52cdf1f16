"""The claim: how one publisher at a time is let into an object store, which has no locks and overwrites what is there.

Whoever wants in writes an object of its own name beside the others' and then lists them. In a store whose listings show
every write that has ended (Amazon S3, Google Cloud Storage, MinIO, HDFS: all do today), of two that write and then list at
least one sees the other; whoever sees another withdraws and tries again a little later. So never two go on. A claim that a
killed publisher left counts for nothing once it is old by the server's own clock, and at once for the next one on the same
machine, which uses the same name.
"""

from __future__ import annotations

import random
import time
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from auditlib.errors import PublishError, UnreachableError
from auditlib.store.bucket import Bucket
from auditlib.store.lock import LOCK

STALE_SECONDS: Final = 600
"""How much older than another a claim must be for it to count for nothing."""

RENEW_SECONDS: Final = 60
TRIES: Final = 6


class Claim:
    """The right to publish to a bucket, while the context lasts; raises PublishError (`reason="locked"`) where others have it."""

    def __init__(self, bucket: Bucket, name: str) -> None:
        self._bucket, self._name = bucket, name
        self._written = 0.0

    def __enter__(self) -> Self:
        for attempt in range(TRIES):
            self._write()
            try:
                if not self._others():
                    return self
            except BaseException:
                self._withdraw()
                raise
            self._withdraw()
            time.sleep(random.uniform(0.1, 0.4) * (attempt + 1))
        where = self._bucket.location
        raise PublishError(f"{where} is being published to by someone else; try again when they are done", reason="locked")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._withdraw()

    def keep(self) -> None:
        """Says that the publisher is alive; cheap. Raises PublishError where it was silent for so long that another may have begun."""
        silent = time.monotonic() - self._written
        if silent > STALE_SECONDS / 2:
            raise PublishError("Publishing was interrupted for too long, and another publisher may have begun; try again", reason="locked")
        if silent > RENEW_SECONDS:
            self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        self._bucket.write(f"{LOCK}/{self._name}", [b"publishing\n"])

    def _others(self) -> bool:
        """Whether another publisher has a claim; those that count for nothing are removed."""
        claims = self._bucket.names(LOCK)
        own = claims.pop(self._name, None)
        if own is None:
            return True
        found = False
        for name, stamp in claims.items():
            if own.written_at - stamp.written_at > STALE_SECONDS * 1_000_000_000:
                self._delete(name)
            else:
                found = True
        return found

    def _withdraw(self) -> None:
        self._delete(self._name)

    def _delete(self, name: str) -> None:
        with suppress(UnreachableError):  # it counts for nothing before long
            self._bucket.delete(f"{LOCK}/{name}")
