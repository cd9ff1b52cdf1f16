"""Places: in which snapshot file and row each event of a selection was recorded."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from auditlib.errors import ExportError
from auditlib.store import FileEntry, Source, open_verified
from auditlib.times import write_utc

_RENAMED: Final = re.compile(r"(.+)~([0-9a-f]{12})")


@dataclass(frozen=True, slots=True)
class Place:
    """A row, from 0, of a snapshot file."""

    file: str
    row: int


def find_places(
    source: Source, entries: Sequence[FileEntry], batches: Iterable[pa.RecordBatch], progress: Callable[[int], None] | None = None
) -> list[Place]:
    """The place of each event of the batches, in their order: where its id and its metadata were published first.

    Reads the id column of each file whose time span can hold one of them, after hashing the file. `progress` is
    called with the bytes of each piece hashed. Raises DamagedFileError for a file that is not as its manifest says,
    ExportError for an event that stands in none of them.
    """
    search = _Search(batches)
    for entry in entries:
        if search.may_be_in(entry):
            search.look_into(source, entry, progress)
        elif progress:
            progress(entry.bytes)
    return search.found()


def recorded_id(event_id: str, digest: str) -> str:
    """The id as recorded of an event that is shown under its id and 12 digits of its metadata's SHA-256."""
    renamed = _RENAMED.fullmatch(event_id)
    return renamed.group(1) if renamed and digest.startswith(renamed.group(2)) else event_id


class _Search:
    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self._places: list[Place | None] = []
        self._digests: list[bytes] = []
        self._wanted: dict[str, tuple[int, ...]] = {}
        self._first: str | None = None
        self._last: str | None = None
        self._timeless = False
        for batch in batches:
            self._note_times(batch.column("occurred_at"))
            for event_id, metadata in zip(batch.column("event_id").to_pylist(), batch.column("metadata").to_pylist(), strict=True):
                digest = _digest(metadata)
                for candidate in {event_id, recorded_id(event_id, digest.hex())}:
                    self._wanted[candidate] = (*self._wanted.get(candidate, ()), len(self._places))
                self._places.append(None)
                self._digests.append(digest)
        self._ids = pa.array(list(self._wanted), pa.string())

    def may_be_in(self, entry: FileEntry) -> bool:
        """Whether a file's time span can hold a wanted event; events without a time may be anywhere."""
        if self._timeless:
            return True
        if entry.min_time is None or entry.max_time is None or self._first is None or self._last is None:
            return False
        return entry.min_time <= self._last and self._first <= entry.max_time

    def look_into(self, source: Source, entry: FileEntry, progress: Callable[[int], None] | None) -> None:
        """Notes the wanted events that a file holds and none before it did."""
        with open_verified(source, entry, progress) as file, pq.ParquetFile(file.path) as parquet:
            first_row = 0
            ids = parquet.read(["event_id"], use_threads=False).column(0).cast(pa.string()).combine_chunks()
            hits = pc.indices_nonzero(pc.is_in(ids, value_set=self._ids)).to_pylist()
            for group in range(parquet.num_row_groups):
                rows = parquet.metadata.row_group(group).num_rows
                inside = [row for row in hits if first_row <= row < first_row + rows] if hits else []
                if inside:
                    texts = parquet.read_row_group(group, ["metadata"]).column(0).take([row - first_row for row in inside]).to_pylist()
                    for row, text in zip(inside, texts, strict=True):
                        self._note(ids[row].as_py(), _digest(text), Place(entry.path, row))
                first_row += rows
            file.assert_unchanged()

    def found(self) -> list[Place]:
        places = [place for place in self._places if place is not None]
        if len(places) < len(self._places):
            missing = len(self._places) - len(places)
            raise ExportError(f"{missing:,} events of the selection stand in none of the snapshot files", missing=missing)
        return places

    def _note(self, event_id: str, digest: bytes, place: Place) -> None:
        for number in self._wanted[event_id]:
            if self._digests[number] == digest and self._places[number] is None:
                self._places[number] = place

    def _note_times(self, column: pa.Array) -> None:
        self._timeless = self._timeless or column.null_count > 0
        bounds: dict[str, datetime | None] = pc.min_max(column).as_py()
        for at in (write_utc(bounds["min"]), write_utc(bounds["max"])):
            if at is not None:
                self._first = min(self._first or at, at)
                self._last = max(self._last or at, at)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
