"""Repeats: which rows of a run are left out, renamed or marked, given what was published before.

The rule is the contract's, section 3: of identical repeats the first published is shown, a later body of one
id gets a name of its own, and what is claimed twice is marked on both sides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from auditlib.engine.embedded.arrays import Ints, load
from auditlib.engine.embedded.parts import Parts
from auditlib.engine.embedded.strings import HashIndex, Strings

NO_NATIVE: Final = np.uint64(0)
"""Stands for the hash of a native id where none was recorded."""


class Earlier:
    """A segment published before a run, as far as repeats need it; `first_row` is where its rows begin among all."""

    def __init__(self, folder: Path, first_row: int) -> None:
        self._first_row = first_row
        self._ids = HashIndex(folder / "event_id.index.npy", Strings(folder, "event_id"))
        self._origin, self._digests = load(folder / "origin.npy"), load(folder / "digests.npy")
        self._natives, self._native_places = load(folder / "native.npy"), load(folder / "native.places.npy")

    def may_hold(self, keys: Ints) -> Ints:
        """For ascending pairs of CRC-32 and number, whether an event id of the segment has that CRC-32."""
        return self._ids.has_hashes(keys)

    def body(self, event_id: str) -> tuple[bytes, int] | None:
        """The digest and the row of the event shown under an id, or None."""
        position = next(iter(self._ids.find(event_id)), None)
        return None if position is None else self._body(position)

    def natives(self, hashes: Ints) -> Iterator[tuple[int, bytes, int]]:
        """Hash, digest and row of every event whose native id has one of the ascending hashes."""
        first, last = np.searchsorted(self._natives, hashes, "left"), np.searchsorted(self._natives, hashes, "right")
        for place in np.flatnonzero((first < last) & np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)]):
            for position in self._native_places[first[place] : last[place]].tolist():
                yield (int(hashes[place]), *self._body(position))

    def _body(self, position: int) -> tuple[bytes, int]:
        row = int(self._origin[position])
        return bytes(self._digests[row]), self._first_row + row


@dataclass(slots=True)
class Repeats:
    """What the rule decided.

    Attributes:
        dropped: rows that are left out.
        renamed: new ids by row.
        conflicting: rows that another contradicts.
        marks: rows of earlier segments, counted among all that is served, that a row of this run contradicts.
    """

    dropped: set[int] = field(default_factory=set)
    renamed: dict[int, str] = field(default_factory=dict)
    conflicting: set[int] = field(default_factory=set)
    marks: set[int] = field(default_factory=set)


def repeats_of(parts: Parts, earlier: Sequence[Earlier]) -> Repeats:
    """What becomes of the rows of a run that were published before, or are claimed twice."""
    found = Repeats()
    digests = parts.columns("digests")

    def digest(row: int) -> bytes:
        part, place = parts.place(row)
        return bytes(digests[part][place])

    for event_id, rows in _claimed(parts, earlier):
        before = next(filter(None, (each.body(event_id) for each in earlier)), None)
        first: dict[bytes, int | None] = {before[0]: None} if before else {}
        for row in rows:
            body = digest(row)
            name = f"{event_id}~{body.hex()[:12]}"
            if body in first or (before and any((shown := each.body(name)) and shown[0] == body for each in earlier)):
                found.dropped.add(row)
                continue
            first[body] = row
            if len(first) > 1:
                found.renamed[row] = name
        mine = [row for row in first.values() if row is not None]
        if len(first) > 1:
            found.conflicting.update(mine)
            if before:
                found.marks.add(before[1])
    _mark_natives(parts, earlier, digest, found)
    return found


def _mark_natives(parts: Parts, earlier: Sequence[Earlier], digest: Callable[[int], bytes], found: Repeats) -> None:
    """Marks the rows whose native id stands for more than one body."""
    hashes = parts.column("native")
    order = np.argsort(hashes, kind="stable")
    order = order[np.count_nonzero(hashes == NO_NATIVE) :]
    ordered = hashes[order]
    before: defaultdict[int, list[tuple[bytes, int]]] = defaultdict(list)
    for each in earlier:
        for key, body, row in each.natives(ordered):
            before[key].append((body, row))
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    for key in {*before, *twice.tolist()}:
        first, last = (int(np.searchsorted(ordered, np.uint64(key), side)) for side in ("left", "right"))
        rows = [row for row in order[first:last].tolist() if row not in found.dropped]
        if rows and len({digest(row) for row in rows} | {body for body, _ in before[key]}) > 1:
            found.conflicting.update(rows)
            found.marks.update(row for _, row in before[key])


def _claimed(parts: Parts, earlier: Sequence[Earlier]) -> Iterator[tuple[str, list[int]]]:
    """Each event id that stands in more than one row, or perhaps in an earlier segment, with its rows in the order of publishing."""
    texts = parts.texts("event_id")
    keys = parts.column("event_id.crc").astype(np.uint64) << np.uint64(32)
    keys |= np.arange(len(keys), dtype=np.uint64)
    keys.sort()
    hashes = keys >> np.uint64(32)
    wanted = np.zeros(len(keys), bool)
    wanted[1:] = hashes[1:] == hashes[:-1]
    wanted[:-1] |= wanted[1:]
    for each in earlier:
        wanted |= each.may_hold(keys)
    claims: dict[str, list[int]] = {}
    last = -1
    for key in keys[wanted].tolist():
        if key >> 32 != last:
            yield from claims.items()
            claims, last = {}, key >> 32
        part, place = parts.place(key & 0xFFFFFFFF)
        claims.setdefault(texts[part][place], []).append(key & 0xFFFFFFFF)
    yield from claims.items()
