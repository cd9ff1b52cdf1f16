"""Places: what reads a store and what publishes to it, whether it is a folder or in an object store."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from auditlib.location import Location
from auditlib.store.attempt import Attempt
from auditlib.store.chain import Chain
from auditlib.store.folder import FolderDestination
from auditlib.store.sources import FolderSource, Source


class Destination(Protocol):
    """A store as a publisher sees it. Every method may raise PublishError, and UnreachableError where the store is not on this machine."""

    @property
    def source(self) -> Source:
        """What reads the store, as it is now."""

    def locked(self) -> AbstractContextManager[None]:
        """Keeps other publishers out, as far as that is possible here."""

    def sweep(self, chain: Chain | None) -> None:
        """Removes what killed publishers left; the caller holds the lock."""

    def attempt(self, name: str, rows_per_file: int) -> Attempt:
        """An attempt at a snapshot."""

    def add_signature(self, seq: int, signature: bytes) -> None:
        """Adds the signature of a manifest that has none."""

    def remove(self, names: Iterable[str]) -> int:
        """Removes data files, those that are there; gives how many."""


def source_of(store: Location, *, fresh: bool = False, fallback: bool = False) -> Source:
    """The source of a store. `fresh` and `fallback` are those of an `ObjectSource`; a folder is always read itself."""
    if isinstance(store, Path):
        return FolderSource(store)
    from auditlib.store.object_source import ObjectSource

    return ObjectSource(store, fresh=fresh, fallback=fallback)


def destination_of(store: Location) -> Destination:
    """What publishes to a store."""
    if isinstance(store, Path):
        return FolderDestination(store)
    from auditlib.store.upload import ObjectDestination

    return ObjectDestination(store)
