"""Refusals: each told to the ledger, but repeats only counted, so that nobody can fill a disk by knocking."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from threading import Lock
from typing import Final

from auditlib.access.entries import Entry

WINDOW_SECONDS: Final = 300.0
"""So long repeats of a refusal are counted before an entry says how many there were."""

MOST_TOLD: Final = 50
"""So many different refusals are told one by one within that time; what is more is counted together."""

FURTHER: Final = "further refusals, too many to be told one by one"

Key = tuple[str, str, str]


@dataclass(slots=True)
class _Counted:
    entry: Entry
    since: float
    repeats: int = 0


class Refusals:
    """The refusals of one process; times are seconds of any clock that never goes back."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counted: dict[Key, _Counted] = {}

    def admit(self, entry: Entry, now: float) -> list[Entry]:
        """The entries to write now: this one where it is new, and counts of repeats whose time is up."""
        key = (entry.who.id if entry.who else "", entry.ip, entry.link)
        with self._lock:
            due = list(self._due(now))
            if key not in self._counted and len(self._counted) >= MOST_TOLD:
                key, entry = ("", "", FURTHER), Entry(action=entry.action, detail={"why": FURTHER})
            known = self._counted.get(key)
            if known:
                known.repeats += 1
                return due
            self._counted[key] = _Counted(entry, now)
            return [*due, replace(entry, count=1)]

    def rest(self) -> list[Entry]:
        """Counts of all repeats that no entry has told yet; nothing is told twice."""
        with self._lock:
            return list(self._due(float("inf")))

    def _due(self, now: float) -> Iterator[Entry]:
        for key, known in list(self._counted.items()):
            if now - known.since >= WINDOW_SECONDS:
                del self._counted[key]
                if known.repeats:
                    yield replace(known.entry, count=known.repeats, detail={**known.entry.detail, "repeats": True})
