"""Whole events from the verified snapshot files, by place; metadata is checked against the digest taken at load."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from threading import Lock
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from auditlib.errors import DamagedFileError, StoreError
from auditlib.schema import SCHEMA
from auditlib.store import FileEntry, Source
from auditlib.store.trust import TrustRecord

GROUPS_KEPT: Final = 16
FOOTER_BYTES_KEPT: Final = 32 << 20
"""As written; read, they take about five times as much. A file of a million rows has a footer of 1 MiB."""
_METADATA: Final = ("metadata",)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event stands: number of its file, row in it, and the SHA-256 its metadata must have."""

    file: int
    row: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class _Footer:
    starts: list[int]
    parquet: pq.FileMetaData


class SnapshotReader:
    """Reads rows of the served files; keeps the footers and the row groups used last. Safe between threads.

    A file that is no longer the one that was verified is not read: every method raises DamagedFileError.
    """

    def __init__(self, source: Source, trust: TrustRecord, files: Sequence[FileEntry]) -> None:
        self._source, self._trust, self._files = source, trust, files
        self._footers: OrderedDict[int, _Footer] = OrderedDict()
        self._footer_bytes = 0
        self._groups: OrderedDict[tuple[int, int, tuple[str, ...]], pa.Table] = OrderedDict()
        self._lock = Lock()

    def rows(self, places: Sequence[Place], columns: tuple[str, ...]) -> pa.Table:
        """The rows of events in the order asked, each row group read once; metadata among the columns is checked."""
        by_group: defaultdict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        for index, place in enumerate(places):
            starts = self._footer(place.file).starts
            group = bisect_right(starts, place.row) - 1
            by_group[place.file, group].append((index, place.row - starts[group]))
        pieces, order = [], []
        for (file, group), wanted in by_group.items():
            try:
                pieces.append(self._group(file, group, columns).take(_indices([row for _, row in wanted])))
            except (IndexError, pa.ArrowException):
                raise self._damaged(file) from None
            order += [index for index, _ in wanted]
        if not pieces:
            return pa.schema([SCHEMA.field(name) for name in columns]).empty_table()
        table = pa.concat_tables(pieces).take(_indices(np.argsort(order)))
        if "metadata" in columns:
            for place, text in zip(places, table.column("metadata"), strict=True):
                self._check(text, place)
        return table

    def metadata(self, places: Sequence[Place]) -> list[str]:
        """The metadata of events, checked."""
        texts: list[str] = self.rows(places, _METADATA).column("metadata").to_pylist()
        return texts

    def _check(self, text: pa.StringScalar, place: Place) -> None:
        with suppress(UnicodeDecodeError):
            recorded = text.as_py()
            if recorded is not None and hashlib.sha256(recorded.encode()).digest() == place.digest:
                return
        raise self._damaged(place.file)

    def _footer(self, file: int) -> _Footer:
        with self._lock:
            if file in self._footers:
                self._footers.move_to_end(file)
                return self._footers[file]
        parquet = self._read(file)
        counts = [parquet.row_group(group).num_rows for group in range(parquet.num_row_groups)]
        footer = _Footer(list(accumulate(counts[:-1], initial=0)), parquet)
        with self._lock:
            if file not in self._footers:
                self._footers[file] = footer
                self._footer_bytes += parquet.serialized_size
            while self._footer_bytes > FOOTER_BYTES_KEPT and len(self._footers) > 1:
                self._footer_bytes -= self._footers.popitem(last=False)[1].parquet.serialized_size
        return footer

    def _group(self, file: int, group: int, columns: tuple[str, ...]) -> pa.Table:
        key = (file, group, columns)
        with self._lock:
            if key in self._groups:
                self._groups.move_to_end(key)
                return self._groups[key]
        table = self._read(file, group, columns)
        with self._lock:
            self._groups[key] = table
            while len(self._groups) > GROUPS_KEPT:
                self._groups.popitem(last=False)
        return table

    def _read(self, file: int, group: int | None = None, columns: tuple[str, ...] = ()) -> pq.FileMetaData | pa.Table:
        """A file's footer, or one of its row groups with the schema's types."""
        try:
            with self._trust.open(self._source, self._files[file]) as opened:
                if group is None:
                    return pq.read_metadata(opened.path)
                parquet = pq.ParquetFile(opened.path, metadata=self._footer(file).parquet, pre_buffer=False)
                table = parquet.read_row_group(group, columns=list(columns), use_threads=False).select(columns)
                return table.cast(pa.schema([SCHEMA.field(name) for name in columns]))
        except (OSError, StoreError, pa.ArrowException, LookupError):
            raise self._damaged(file) from None

    def _damaged(self, file: int) -> DamagedFileError:
        name = self._files[file].path
        return DamagedFileError(
            f"This event cannot be shown in full: {name} was verified, but it is gone, or no longer the file that was",
            path=name,
            reason="changed",
        )

    def close(self) -> None:
        """Forgets what was kept."""
        with self._lock:
            self._groups.clear()
            self._footers.clear()
            self._footer_bytes = 0


def _indices(rows: Sequence[int] | NDArray[np.int64]) -> pa.Int64Array:
    """Rows as Arrow takes them. `pa.array` would import pandas, which is a quarter of a second of the first event shown."""
    return pa.Array.from_buffers(pa.int64(), len(rows), [None, pa.py_buffer(np.asarray(rows, np.int64))])
