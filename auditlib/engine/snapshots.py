"""Whole events from the verified snapshot files, by place; metadata is checked against the digest taken at load."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from auditlib.errors import DamagedFileError, StoreError
from auditlib.schema import SCHEMA
from auditlib.store import FileEntry, Source
from auditlib.store.trust import TrustRecord

GROUPS_KEPT: Final = 16
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
    """Reads rows of the served files; keeps footers and the row groups used last. Safe between threads.

    A file that is no longer the one that was verified is not read: every method raises DamagedFileError.
    """

    def __init__(self, source: Source, trust: TrustRecord, files: Sequence[FileEntry]) -> None:
        self._source, self._trust, self._files = source, trust, files
        self._footers: dict[int, _Footer] = {}
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
                pieces.append(self._group(file, group, columns).take([row for _, row in wanted]))
            except (IndexError, pa.ArrowException):
                raise self._damaged(file) from None
            order += [index for index, _ in wanted]
        if not pieces:
            return pa.schema([SCHEMA.field(name) for name in columns]).empty_table()
        table = pa.concat_tables(pieces).take(np.argsort(order))
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
        footer = self._footers.get(file)
        if footer is None:
            parquet = self._read(file).metadata
            starts, row = [], 0
            for group in range(parquet.num_row_groups):
                starts.append(row)
                row += parquet.row_group(group).num_rows
            footer = self._footers[file] = _Footer(starts, parquet)
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

    def _read(self, file: int, group: int | None = None, columns: tuple[str, ...] = ()) -> pq.ParquetFile | pa.Table:
        """A file's Parquet reader, for its footer, or one of its row groups with the schema's types."""
        try:
            with self._trust.open(self._source, self._files[file]) as opened:
                if group is None:
                    return pq.ParquetFile(opened.path)
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
        self._groups.clear()
        self._footers.clear()
