"""The events of a bundle derived anew from its Parquet files: a process of its own, `python -m auditlib.evidence.rederive FOLDER`.

The folder is an unpacked bundle, whose files agree with their digests. The events go to `derived.jsonl` in it, and what
was found besides to standard output as one JSON object. An error is one line on standard error and exit code 3.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import pyarrow as pa
import pyarrow.parquet as pq

from auditlib import __version__
from auditlib.engine.snapshots import Place, SnapshotReader
from auditlib.errors import AuditError, BundleError
from auditlib.evidence.contents import EVENTS, EXCERPT, EXCERPT_SCHEMA, GUIDE, QUERY, REPORT, parse_query
from auditlib.evidence.exports import FORMATS
from auditlib.evidence.guide import guide
from auditlib.evidence.places import recorded_id
from auditlib.evidence.report import render
from auditlib.evidence.selection import Selection
from auditlib.log import open_log
from auditlib.schema import COLUMNS, SCHEMA
from auditlib.store import FolderSource, read_chain, sha256_bytes
from auditlib.store.trust import TrustRecord

DERIVED: Final = "derived.jsonl"
TOLD: Final = 3
"""How the process ends when it has said what is wrong."""

_ADDRESS_SPACE: Final = 16 << 30


def main(folder: Path) -> None:
    """Writes the events that a bundle's Parquet holds for its question."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    query = parse_query((folder / QUERY).read_bytes())
    found: dict[str, Any] = {}

    def batches() -> Iterator[pa.RecordBatch]:
        kind = query["parquet"]
        return _first(_answered(folder, query, found) if kind == "record" else _excerpted(folder, kind == "files"), query["events"])

    with (folder / DERIVED).open("wb") as file:
        FORMATS["jsonl"].write(batches(), cast(BinaryIO, _Capped(file, (folder / EVENTS).stat().st_size + 1)), {})
    if query.get("version") == __version__:
        found[GUIDE] = sha256_bytes(_guide(folder, query).encode())
        found[REPORT] = sha256_bytes("".join(render(query, batches())).encode("utf-8", "surrogatepass"))
    json.dump(found, sys.stdout)


class _Capped:
    """A file that takes no more bytes than tell it from a smaller one, however much a small Parquet file unfolds to."""

    def __init__(self, file: BinaryIO, left: int) -> None:
        self._file, self._left = file, left

    def write(self, raw: bytes) -> None:
        self._left -= self._file.write(raw[: self._left])


def _guide(folder: Path, query: dict[str, Any]) -> str:
    """The guide that belongs to the bundle."""
    source = FolderSource(folder)
    chain = read_chain(source)
    signed = [manifest.seq for manifest in chain.manifests if source.read_signature(manifest.seq) is not None]
    named = (
        set(pq.read_table(folder / EXCERPT, columns=["snapshot_file"])["snapshot_file"].to_pylist())
        if query["parquet"] == "excerpt"
        else ()
    )
    return guide(query, signed, [entry for entry in chain.files if entry.path in named])


def _answered(folder: Path, query: dict[str, Any], found: dict[str, Any]) -> Iterator[pa.RecordBatch]:
    """The question asked again of the whole record."""
    log = open_log(folder)
    selection = Selection.from_record(query, log)
    found["total"], found["sentence"] = selection.total(log), selection.describe(log)
    found["quarantined"] = {str(seq): why for seq, why in log.head.quarantined.items()}
    yield from selection.batches(log)
    log.close()


def _excerpted(folder: Path, with_files: bool) -> Iterator[pa.RecordBatch]:
    """The rows of the excerpt, or with the files the rows that it says they are in, under the ids it gives them."""
    source = FolderSource(folder)
    entries = list(read_chain(source).files)
    numbers = {entry.path: number for number, entry in enumerate(entries)}
    reader = SnapshotReader(source, TrustRecord(folder / "trust.json"), entries)
    with pq.ParquetFile(folder / EXCERPT) as excerpt:
        for batch in excerpt.iter_batches(4096):
            rows = batch.cast(EXCERPT_SCHEMA)
            places = [_place(record, numbers) for record in rows.select(["metadata", "snapshot_file", "snapshot_row"]).to_pylist()]
            if any(place.row >= entries[place.file].rows for place in places):
                raise BundleError(f"{EXCERPT} names rows that their files do not have", name=EXCERPT)
            yield _renamed(reader.rows(places, COLUMNS), rows, places) if with_files else rows.select(COLUMNS).cast(SCHEMA)


def _place(record: dict[str, Any], numbers: dict[str, int]) -> Place:
    if record["snapshot_file"] not in numbers or record["snapshot_row"] < 0:
        raise BundleError(f"{EXCERPT} names a file that is not in the chain", name=EXCERPT)
    return Place(numbers[record["snapshot_file"]], record["snapshot_row"], hashlib.sha256(record["metadata"].encode()).digest())


def _renamed(recorded: pa.Table, excerpt: pa.RecordBatch, places: list[Place]) -> pa.RecordBatch:
    shown = excerpt.column("event_id").to_pylist()
    for place, event_id, own in zip(places, shown, recorded.column("event_id").to_pylist(), strict=True):
        if own not in (event_id, recorded_id(event_id, place.digest.hex())):
            raise BundleError(f"{EXCERPT} calls the event {own} of its snapshot file {event_id}", name=EXCERPT)
    table = recorded.set_column(0, SCHEMA.field("event_id"), pa.array(shown, pa.string())).cast(SCHEMA)
    return table.combine_chunks().to_batches()[0]


def _first(batches: Iterator[pa.RecordBatch], number: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if number <= 0:
            return
        yield batch.slice(0, number)
        number -= batch.num_rows


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except AuditError as error:
        print(error, file=sys.stderr)
        sys.exit(TOLD)
    except (pa.ArrowException, LookupError, TypeError, ValueError, MemoryError) as error:
        print(f"the Parquet files cannot be read: {type(error).__name__}", file=sys.stderr)
        sys.exit(TOLD)
