"""Whole events, read from the verified snapshot files by place, their metadata checked against the digest taken at load."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from auditlib.engine.embedded.arrays import Ints
from auditlib.engine.embedded.segment import Segment
from auditlib.errors import DamagedFileError, StoreError
from auditlib.event import AuditEvent
from auditlib.schema import COLUMNS, SCHEMA
from auditlib.store import FileEntry, Source
from auditlib.store.trust import TrustRecord

GROUPS_KEPT: Final = 16
_ALL: Final = tuple(COLUMNS)
_METADATA: Final = ("metadata",)


@dataclass(frozen=True, slots=True)
class _Footer:
    starts: list[int]
    parquet: pq.FileMetaData


class Records:
    """Reads events of a segment from its files; keeps footers and the row groups used last. Safe between threads.

    `files` are the snapshots' sequence numbers and entries in the order in which the segment numbers them.
    A file that is no longer the one that was verified is not read: DamagedFileError.
    """

    def __init__(self, segment: Segment, source: Source, trust: TrustRecord, files: Sequence[tuple[int, FileEntry]]) -> None:
        self._segment, self._source, self._trust, self._files = segment, source, trust, files
        self._footers: dict[int, _Footer] = {}
        self._groups: OrderedDict[tuple[int, int, tuple[str, ...]], pa.Table] = OrderedDict()
        self._lock = Lock()

    def snapshot(self, position: int) -> int:
        """The sequence number of the snapshot an event came in."""
        return self._files[self._segment.place(position)[0]][0]

    def event(self, position: int) -> AuditEvent:
        """One event in all columns but its metadata."""
        table = self._rows([position], tuple(name for name in _ALL if name != "metadata"))
        record: dict[str, Any] = table.to_pylist()[0]
        record["event_id"] = self._segment.event_ids[position]
        return AuditEvent(**record, snapshot=self.snapshot(position), conflicts=self._segment.is_conflicting(position))

    def metadata(self, positions: Mapping[str, int]) -> dict[str, str]:
        """The metadata of events by the same keys."""
        column = self._rows(list(positions.values()), _METADATA).column("metadata").to_pylist()
        return {key: self._checked(text, position) for (key, position), text in zip(positions.items(), column, strict=True)}

    def batch(self, positions: Ints) -> pa.RecordBatch:
        """Whole events in the order of the positions."""
        table = self._rows([int(position) for position in positions], _ALL)
        for position, text in zip(positions, table.column("metadata").to_pylist(), strict=True):
            self._checked(text, int(position))
        ids = pa.array([self._segment.event_ids[int(position)] for position in positions], pa.string())
        columns = [ids if name == "event_id" else table.column(name).combine_chunks() for name in SCHEMA.names]
        return pa.RecordBatch.from_arrays([_whole(column) for column in columns], schema=SCHEMA)

    def _rows(self, positions: Iterable[int], columns: tuple[str, ...]) -> pa.Table:
        """The rows of events, in the order asked, each row group read once."""
        by_group: defaultdict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        for index, position in enumerate(positions):
            file, row, _ = self._segment.place(position)
            group = bisect_right(self._footer(file).starts, row) - 1
            by_group[file, group].append((index, row - self._footer(file).starts[group]))
        pieces, order = [], []
        for (file, group), wanted in by_group.items():
            pieces.append(self._group(file, group, columns).take([row for _, row in wanted]))
            order += [index for index, _ in wanted]
        schema = pa.schema([SCHEMA.field(name) for name in columns])
        return pa.concat_tables(pieces).take(np.argsort(order)) if pieces else schema.empty_table()

    def _checked(self, text: str, position: int) -> str:
        file, _, digest = self._segment.place(position)
        if hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() != digest:
            raise self._damaged(file, "its bytes are no longer those that were verified")
        return text

    def _footer(self, file: int) -> _Footer:
        footer = self._footers.get(file)
        if footer is None:
            parquet = self._open(file, None).metadata
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
        table = self._open(file, group, columns)
        with self._lock:
            self._groups[key] = table
            while len(self._groups) > GROUPS_KEPT:
                self._groups.popitem(last=False)
        return table

    def _open(self, file: int, group: int | None, columns: tuple[str, ...] = ()) -> Any:
        """A file's Parquet reader's footer holder, or one of its row groups with the schema's types."""
        try:
            with self._trust.open(self._source, self._files[file][1]) as opened:
                if group is None:
                    return pq.ParquetFile(opened.path)
                parquet = pq.ParquetFile(opened.path, metadata=self._footer(file).parquet)
                table = parquet.read_row_group(group, columns=list(columns)).select(columns)
                return table.cast(pa.schema([SCHEMA.field(name) for name in columns]))
        except (OSError, pa.ArrowException, StoreError):
            raise self._damaged(file, "it cannot be read any more, or is no longer the file that was verified") from None

    def _damaged(self, file: int, reason: str) -> DamagedFileError:
        name = self._files[file][1].path
        return DamagedFileError(f"This event cannot be shown in full: {name} was verified, but {reason}", path=name, reason="changed")

    def close(self) -> None:
        """Forgets what was kept."""
        self._groups.clear()
        self._footers.clear()


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
