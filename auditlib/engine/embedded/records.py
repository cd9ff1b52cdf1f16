"""Events of a segment whole, from the snapshot files, under the ids the segment gave them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from auditlib.engine.embedded.arrays import Ints
from auditlib.engine.embedded.segment import Segment
from auditlib.engine.snapshots import SnapshotReader
from auditlib.event import AuditEvent
from auditlib.schema import COLUMNS, SCHEMA

_WITHOUT_METADATA = tuple(name for name in COLUMNS if name != "metadata")


class Records:
    """Reads events of a segment; `snapshots` are the sequence numbers of its files, in the segment's order.

    Every method raises DamagedFileError where a file is no longer the one that was verified.
    """

    def __init__(self, segment: Segment, reader: SnapshotReader, snapshots: Sequence[int]) -> None:
        self._segment, self._reader, self._snapshots = segment, reader, snapshots

    def snapshot(self, position: int) -> int:
        """The sequence number of the snapshot an event came in."""
        return self._snapshots[self._segment.place(position).file]

    def event(self, position: int) -> AuditEvent:
        """One event in all columns but its metadata."""
        record: dict[str, Any] = self._reader.rows([self._segment.place(position)], _WITHOUT_METADATA).to_pylist()[0]
        record["event_id"] = self._segment.event_ids[position]
        return AuditEvent(**record, snapshot=self.snapshot(position), conflicts=self._segment.is_conflicting(position))

    def metadata(self, positions: Mapping[str, int]) -> dict[str, str]:
        """The metadata of events by the same keys."""
        return dict(zip(positions, self._reader.metadata([self._segment.place(position) for position in positions.values()]), strict=True))

    def batch(self, positions: Ints) -> pa.RecordBatch:
        """Whole events in the order of the positions."""
        table = self._reader.rows([self._segment.place(int(position)) for position in positions], COLUMNS)
        ids = pa.array([self._segment.event_ids[int(position)] for position in positions], pa.string())
        table = table.set_column(0, SCHEMA.field("event_id"), ids).cast(SCHEMA)
        return table.combine_chunks().to_batches()[0] if len(table) else pa.RecordBatch.from_pylist([], schema=SCHEMA)

    def close(self) -> None:
        """Forgets what was kept."""
        self._reader.close()
