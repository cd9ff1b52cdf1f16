"""A large synthetic history made inside DuckDB, vectorised: for measuring, not for reading.

Names, ids, actions and times are drawn from hashes of the event's number, so that the same arguments give
the same events. About 60 % of the events are on Interviews; a candidate has some 50 events; metadata is
600 to 900 bytes of JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from auditlib.schema import SCHEMA
from auditlib.store import publish

START: Final = datetime(2025, 11, 20, tzinfo=UTC)
DAYS: Final = 365
TYPES: Final = (
    "interview_booking", "video_session", "recording", "evaluation",
    "application", "candidate", "message", "campaign", "workflow", "report", "setting",
)  # fmt: skip
"""The resource types of the history."""
_EVENTS: Final = (Path(__file__).parent / "history.sql").read_text(encoding="utf-8")
_FIRST: Final = (
    "Ada Ben Chloé Dora Emeka Finn Grażyna Hiroshi İpek João Kofi Lena Mia "
    "Noah Olga Priya Quentin Rosa Søren Táíwò Uma Věra Wei Ximena Yusuf Zoë"
)
_LAST: Final = (
    "Adébáyò Brandão Çelik Dubois Erdem Fischer García Hansen Ivanova Johnson Kowalska Lopez Müller "
    "Nguyen Okonkwo Petrova Quist Rossi Silva Tanaka Ünal Virtanen Weber Xu Yılmaz Zhang"
)


def store(root: Path, events: int, *, per_snapshot: int = 1_000_000) -> None:
    """Publishes a history of so many events, oldest first, a snapshot for each million."""
    for first in range(0, events, per_snapshot):
        last = min(first + per_snapshot, events)
        created = START + timedelta(days=DAYS * last / events, hours=1)
        publish(root, batches(first, last, events), name=f"bench-{first // per_snapshot:05d}", created=created, log_id=f"bench-{events}")


def batches(first: int, last: int, events: int) -> Iterator[pa.RecordBatch]:
    """Events number `first` … `last - 1` of a history of so many, in the order of time."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    parameters = {
        "first": first, "last": last, "step": DAYS * 86_400_000_000 // events, "people": max(40, min(400, events // 2500)),
        "candidates": max(20, events // 50), "names": _FIRST.split(), "surnames": _LAST.split(), "start": START,
    }  # fmt: skip
    reader = connection.sql(_EVENTS, params=parameters).to_arrow_reader(16_384)
    for batch in reader:
        yield pa.RecordBatch.from_arrays([batch.column(name).cast(SCHEMA.field(name).type) for name in SCHEMA.names], schema=SCHEMA)
