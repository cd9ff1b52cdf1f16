"""Peers: others who can answer the same questions, each set up as someone who knows it would."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

from auditlib.view import View

LIMIT: Final = 50
"""How many values a facet has at most."""
PEOPLE: Final = 8
"""How many people a suggestion has at most."""


class Peer(Protocol):
    """Someone who loads a store and answers; also our own engines, asked in the same way.

    Attributes:
        title: as the report calls it.
        setup: how it is set up, in a sentence or two.
        version: of the program, known once it is loaded.
        keyset: whether it can give the page after a known event without counting the ones before.
    """

    title: str
    setup: str
    version: str
    keyset: bool

    def load(self, store: Path, folder: Path) -> None:
        """Takes in the store; whatever it writes goes into the folder, which exists."""

    def total(self, view: View) -> int:
        """How many events match."""

    def page(self, view: View) -> list[str]:
        """The ids of the events of a page that exists; reads what a list shows of them."""

    def after(self, view: View, micros: int, event_id: str) -> list[str]:
        """The ids of a page that begins after an event, where `keyset` is true."""

    def facet(self, view: View, column: str) -> list[tuple[str | None, int]]:
        """The most frequent values of a column, ignoring the filters on it."""

    def histogram(self, view: View, minutes: int) -> list[tuple[int, int]]:
        """First microsecond and number of events of each bucket that is not empty."""

    def suggest(self, kind: str, text: str) -> list[tuple[str, int]]:
        """Ids of people by a part of their name or id, best first, and in how many events they are."""

    def event(self, event_id: str) -> str:
        """The metadata of an event, read with the rest of it."""

    def forget(self) -> None:
        """Drops results that are kept."""

    def close(self) -> None:
        """Ends whatever runs for it."""


class NotHere(Exception):
    """The peer is not installed; the message says what is missing."""


OURS: Final = ("embedded", "duckdb")
OTHERS: Final = ("postgres", "sqlite", "naive", "parquet", "polars", "chdb")


def create(name: str) -> Peer:
    """A peer by name; raises NotHere where a package of it is missing."""
    if name in OURS:
        from benchmarks.peers.ours import Ours

        return Ours(name)
    try:
        module: Any = import_module(f"benchmarks.peers.{name}")
    except ModuleNotFoundError as error:
        raise NotHere(f"the package {error.name} is not installed") from None
    peer: Peer = module.PEER()
    return peer
