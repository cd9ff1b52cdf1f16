"""Watching an object store: whether it can be reached and what its newest manifest is, without anybody waiting for a slow answer.

Whoever asks starts a look where the last one is old, and waits for it a moment at most; not at all while the store is away.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Final

from auditlib.errors import UnreachableError
from auditlib.location import ObjectLocation
from auditlib.store.bucket import Bucket
from auditlib.store.sources import MANIFESTS, manifest_numbers

EVERY_SECONDS: Final = 2.0
PATIENCE_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Look:
    """What was found: the highest manifest number, 0 where there is none, and why the store cannot be reached, empty where it can."""

    newest: int = 0
    why: str = ""


@dataclass(slots=True)
class _Watch:
    bucket: Bucket
    found: Look = field(default_factory=Look)
    at: float | None = None
    under_way: Event | None = None
    lock: Lock = field(default_factory=Lock)

    def look(self) -> Look:
        with self.lock:
            if self.under_way is None and (self.at is None or time.monotonic() - self.at >= EVERY_SECONDS):
                self.under_way = Event()
                Thread(target=self._look, name="watch-store", daemon=True).start()
            waited_for = self.under_way
        if waited_for is not None and not self.found.why:
            waited_for.wait(PATIENCE_SECONDS)
        return self.found

    def _look(self) -> None:
        try:
            self.found = Look(max(manifest_numbers(self.bucket.names(MANIFESTS)), default=0))
        except UnreachableError as error:
            self.found = Look(self.found.newest, str(error))
        finally:
            with self.lock:
                self.at, under_way, self.under_way = time.monotonic(), self.under_way, None
            if under_way is not None:
                under_way.set()


_lock = Lock()
_watched: dict[ObjectLocation, _Watch] = {}


def looked(store: ObjectLocation) -> Look:
    """What was found of a store last, at most `EVERY_SECONDS` ago or what is known until the server answers."""
    with _lock:
        watch = _watched.setdefault(store, _Watch(Bucket(store)))
    return watch.look()
