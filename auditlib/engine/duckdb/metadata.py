"""The metadata of events, read from the snapshot files and checked against the digests taken at load."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Final, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from auditlib.errors import DamagedFileError, StoreError

GROUPS_KEPT: Final = 16

T = TypeVar("T")
K = TypeVar("K", str, int)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a metadata text stands: number of its file, row in it, and the SHA-256 it must have."""

    file: int
    row: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class _Footer:
    starts: list[int]
    parquet: pq.FileMetaData


class MetadataReader:
    """Reads metadata by place; keeps footers and the row groups used last. Safe between threads.

    `open_file` opens a file by its number, as a binary file object for reading.
    """

    def __init__(self, open_file: Callable[[int], pa.NativeFile], name_of: Callable[[int], str]) -> None:
        self._open, self._name_of = open_file, name_of
        self._footers: dict[int, _Footer] = {}
        self._groups: OrderedDict[tuple[int, int], pa.ChunkedArray] = OrderedDict()
        self._lock = Lock()

    def read(self, places: Mapping[K, Place]) -> dict[K, str]:
        """The texts by the same keys.

        Raises DamagedFileError where a file is gone or its bytes are no longer those that were loaded.
        """
        by_group: defaultdict[tuple[int, int], list[K]] = defaultdict(list)
        for key, place in places.items():
            by_group[place.file, self._group_of(place)].append(key)
        texts: dict[K, str] = {}
        for (file, group), keys in by_group.items():
            column, start = self._column(file, group), self._footer(file).starts[group]
            for key in keys:
                texts[key] = self._text(column, places[key], start)
        return texts

    def _text(self, column: pa.ChunkedArray, place: Place, start: int) -> str:
        with suppress(IndexError, UnicodeDecodeError):
            text = column[place.row - start].as_py()
            if text is not None and hashlib.sha256(text.encode()).digest() == place.digest:
                return str(text)
        raise self._damaged(place.file, "its bytes are no longer those that were verified")

    def _group_of(self, place: Place) -> int:
        return bisect_right(self._footer(place.file).starts, place.row) - 1

    def _footer(self, file: int) -> _Footer:
        footer = self._footers.get(file)
        if footer is None:
            parquet = self._reading(file, lambda opened: opened.metadata)
            starts, row = [], 0
            for group in range(parquet.num_row_groups):
                starts.append(row)
                row += parquet.row_group(group).num_rows
            footer = self._footers[file] = _Footer(starts, parquet)
        return footer

    def _column(self, file: int, group: int) -> pa.ChunkedArray:
        with self._lock:
            if (file, group) in self._groups:
                self._groups.move_to_end((file, group))
                return self._groups[file, group]
        column = self._reading(
            file, lambda opened: opened.read_row_group(group, columns=["metadata"])["metadata"], self._footer(file).parquet
        )
        with self._lock:
            self._groups[file, group] = column
            while len(self._groups) > GROUPS_KEPT:
                self._groups.popitem(last=False)
        return column

    def _reading(self, file: int, read: Callable[[pq.ParquetFile], T], footer: pq.FileMetaData | None = None) -> T:
        try:
            with self._open(file) as opened:
                return read(pq.ParquetFile(opened, metadata=footer))
        except (OSError, StoreError, pa.ArrowException, LookupError):
            raise self._damaged(file, "it cannot be read any more") from None

    def _damaged(self, file: int, reason: str) -> DamagedFileError:
        name = self._name_of(file)
        return DamagedFileError(
            f"The metadata of this event cannot be shown: {name} was verified, but {reason}", path=name, reason="changed"
        )

    def close(self) -> None:
        """Forgets what was kept."""
        self._groups.clear()
        self._footers.clear()
