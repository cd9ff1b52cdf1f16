"""What a command answers with: events in a chosen format, on standard output or in a file."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


class OutputFormat(StrEnum):
    """How events are written."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"


def deliver(batches: Iterable[pa.RecordBatch], format: OutputFormat, about: dict[str, str], output: Path | None) -> None:
    """Writes events into a file, or to standard output once all of them are there.

    Raises ExportError where they cannot be written.
    """
    from auditlib.evidence.exports import export

    if output:
        export(batches, output, format.value, about)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result"
        export(batches, path, format.value, about)
        with path.open("rb") as result:
            while piece := result.read(1 << 20):
                sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
