"""Events of all layers, under the ids the segments gave them: briefly from the segments, whole from the snapshot files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from auditlib import times
from auditlib.engine.embedded.encode import PEOPLE
from auditlib.engine.embedded.layers import Layers, Spot
from auditlib.engine.snapshots import SnapshotReader
from auditlib.event import AuditEvent
from auditlib.schema import COLUMNS, SCHEMA

_WITHOUT_METADATA = tuple(name for name in COLUMNS if name != "metadata")


class Records:
    """Reads events; `snapshots` are the sequence numbers of the served files, in their order.

    Every method but `brief` raises DamagedFileError where a file is no longer the one that was verified.
    """

    def __init__(self, layers: Layers, reader: SnapshotReader, snapshots: Sequence[int]) -> None:
        self._layers, self._reader, self._snapshots = layers, reader, snapshots

    def brief(self, spot: Spot) -> AuditEvent:
        """An event with what a list shows of it."""
        segment, position = self._layers.all[spot.layer].segment, spot.position
        occurred = segment.occurred(position)
        values: dict[str, Any] = {}
        for name, codes in segment.codes.items():
            code = int(codes[position])
            if name in PEOPLE:
                values.update(zip(PEOPLE[name], segment.people(name).record(code), strict=True))
            else:
                values[name] = segment.column(name).text(code)
        return AuditEvent(
            event_id=segment.event_ids[position],
            occurred_at=None if occurred is None else times.from_micros(occurred),
            summary=segment.details[position] or None,
            snapshot=self._snapshot(spot),
            conflicts=self._layers.is_conflicting(spot),
            **values,
        )

    def event(self, spot: Spot) -> AuditEvent:
        """One event in all columns but its metadata."""
        record: dict[str, Any] = self._reader.rows([self._layers.place(spot)], _WITHOUT_METADATA).to_pylist()[0]
        record["event_id"] = self._layers.event_id(spot)
        return AuditEvent(**record, snapshot=self._snapshot(spot), conflicts=self._layers.is_conflicting(spot))

    def metadata(self, spots: Mapping[str, Spot]) -> dict[str, str]:
        """The metadata of events by the same keys."""
        return dict(zip(spots, self._reader.metadata([self._layers.place(spot) for spot in spots.values()]), strict=True))

    def batch(self, spots: Sequence[Spot]) -> pa.RecordBatch:
        """Whole events in the order of the spots."""
        table = self._reader.rows([self._layers.place(spot) for spot in spots], COLUMNS)
        ids = pa.array(map(self._layers.event_id, spots), pa.string())
        table = table.set_column(0, SCHEMA.field("event_id"), ids).cast(SCHEMA)
        return table.combine_chunks().to_batches()[0] if len(table) else pa.RecordBatch.from_pylist([], schema=SCHEMA)

    def close(self) -> None:
        """Forgets what was kept."""
        self._reader.close()

    def _snapshot(self, spot: Spot) -> int:
        return self._snapshots[self._layers.place(spot).file]
