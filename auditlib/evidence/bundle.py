"""Evidence bundles: events, what was asked, and the chain that proves them, as one archive that is checked without us."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from auditlib import __version__
from auditlib.errors import DamagedFileError, ExportError
from auditlib.evidence.archive import ArchiveWriter, write_sums
from auditlib.evidence.contents import (
    EVENTS,
    EXCERPT,
    EXCERPT_SCHEMA,
    FORMAT,
    GUIDE,
    QUERY,
    REPORT,
    SUMS,
    TABLE,
    Kind,
    left_out,
    served_files,
)
from auditlib.evidence.exports import FORMATS
from auditlib.evidence.guide import guide
from auditlib.evidence.places import Place, find_places
from auditlib.evidence.report import render
from auditlib.evidence.selection import Selection
from auditlib.log import AuditLog
from auditlib.schema import SCHEMA
from auditlib.store import open_verified, sha256_bytes, source_of
from auditlib.store.manifest import manifest_name
from auditlib.times import write_utc

MOST_EVENTS: Final = 500_000
WHOLE_BYTES: Final = 64 << 20
"""Snapshot files of at most so many bytes in all go into a bundle whole."""

Progress = Callable[[str, int, int], None]
"""Called with a stage, and how much of how much is done."""

_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Bundle:
    """A finished bundle.

    Attributes:
        events, total: the events it holds, and those the selection has; fewer where the bundle is full.
        kind: which Parquet is inside: every served file (`record`), the files that hold the events (`files`), or the
            rows alone (`excerpt`).
        content_sha256: the digest of its contents, the same for the same selection of the same record.
        export_id: a random id of this export.
    """

    events: int
    total: int
    kind: Kind
    content_sha256: str
    export_id: str


def save_bundle(log: AuditLog, selection: Selection, path: Path, **options: Any) -> Bundle:
    """Writes a bundle to a new file, whole or not at all; options and errors as of `write_bundle`.

    Raises ExportError too where the file exists already, which is never overwritten.
    """
    aside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    with _disk_errors():
        if path.exists():
            raise ExportError(f"{path.name} exists already and is never overwritten", path=path.name)
        try:
            with aside.open("xb") as file:
                bundle = write_bundle(log, selection, file, **options)
                file.flush()
                os.fsync(file.fileno())
            os.link(aside, path)
        finally:
            aside.unlink(missing_ok=True)
    return bundle


def write_bundle(
    log: AuditLog,
    selection: Selection,
    file: IO[bytes],
    *,
    exporter: str,
    zone: str = "UTC",
    report: bool = False,
    progress: Progress | None = None,
    whole_bytes: int = WHOLE_BYTES,
    most_events: int = MOST_EVENTS,
) -> Bundle:
    """Writes a bundle into an empty binary file that can seek.

    Snapshot files of at most `whole_bytes` go in whole; they hold other events too, and 0 leaves them out.
    `exporter` is who takes it, `zone` the zone in which they read times where the view names none; `report` adds an
    HTML report for printing. Events pass through a temporary file, never all through memory. Raises ExportError where
    the disk refuses or the bundle would be too large,
    DamagedFileError where a snapshot has changed since, and whatever asking the log raises.
    """
    work = _Work(log, selection, progress or _silent, most_events)
    with _disk_errors(), tempfile.TemporaryDirectory(prefix="audit-bundle-") as folder:
        work.spool(Path(folder) / "events.arrow")
        kind, places = work.choose(whole_bytes)
        archive = ArchiveWriter(file)
        with archive.member(EVENTS) as member:
            FORMATS["jsonl"].write(work.batches("Writing events"), member, {})
        with archive.member(TABLE) as member:
            FORMATS["csv"].write(work.batches("Writing the table"), member, {})
        if places is not None:
            with archive.member(EXCERPT) as member:
                _write_excerpt(work.batches("Writing the excerpt"), places, member)
        work.add_chain(archive)
        if kind != "excerpt":
            work.add_files(archive, None if places is None else {place.file for place in places})
        query = work.query(kind, selection.view.tz or zone, exporter, sha256_bytes(write_sums(archive.digests)))
        if report:
            with archive.member(REPORT) as member:
                for piece in render(query, work.batches("Writing the report")):
                    member.write(piece.encode("utf-8", "surrogatepass"))
        archive.add(QUERY, json.dumps(query, indent=2, ensure_ascii=False).encode() + b"\n")
        needed = sorted({place.file for place in places}) if kind == "excerpt" and places else []
        archive.add(GUIDE, guide(query, work.signed, [entry for entry in work.entries if entry.path in needed]).encode())
        archive.add(SUMS, write_sums(archive.digests))
        archive.finish()
    return Bundle(work.events, query["total"], kind, query["content_sha256"], query["export"]["id"])


class _Work:
    """One bundle being made: the accepted chain, and the events as they were spooled."""

    def __init__(self, log: AuditLog, selection: Selection, report: Progress, most_events: int) -> None:
        self._log, self._selection, self._report, self._most_events = log, selection, report, most_events
        self._source = source_of(log.store, fallback=True)
        self.head = log.head
        self.events = 0
        self.signed: list[int] = []
        self.entries = served_files(self.head.chain, self.head.quarantined)

    def spool(self, path: Path) -> None:
        """Writes the events of the selection into a temporary Arrow file, as many as a bundle takes."""
        self._spool = path
        self.total = self._selection.total(self._log)
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, SCHEMA) as writer:
            for batch in self._selection.batches(self._log):
                part = batch.slice(0, self._most_events - self.events)
                writer.write_batch(part)
                self.events += part.num_rows
                self._report("Reading events", self.events, min(self.total, self._most_events))
                if self.events == self._most_events:
                    break

    def batches(self, stage: str) -> Iterator[pa.RecordBatch]:
        """The spooled events."""
        done = 0
        with pa.OSFile(str(self._spool), "rb") as source:
            reader = pa.ipc.open_file(source)
            for number in range(reader.num_record_batches):
                batch = reader.get_batch(number)
                yield batch
                done += batch.num_rows
                self._report(stage, done, self.events)

    def choose(self, whole_bytes: int) -> tuple[Kind, list[Place] | None]:
        """Which Parquet goes in, and the place of each event where that is not every served file."""
        size = sum(entry.bytes for entry in self.entries)
        if size <= whole_bytes:
            return "record", None
        places = find_places(self._source, self.entries, self.batches("Reading events"), self._counter("Finding the events", size))
        holding = {place.file for place in places}
        return ("files" if sum(entry.bytes for entry in self.entries if entry.path in holding) <= whole_bytes else "excerpt"), places

    def add_chain(self, archive: ArchiveWriter) -> None:
        """Adds the manifests up to the head, and what signatures they have."""
        for manifest in self.head.chain.manifests:
            name = f"manifests/{manifest_name(manifest.seq)}"
            archive.add(name, manifest.to_bytes())
            signature = self._source.read_signature(manifest.seq)
            if signature is not None:
                archive.add(f"{name}.sig", signature)
                self.signed.append(manifest.seq)

    def add_files(self, archive: ArchiveWriter, names: set[str] | None) -> None:
        """Adds snapshot files whole, all that are served or those of some names, hashed on the way."""
        entries = [entry for entry in self.entries if names is None or entry.path in names]
        count = self._counter("Copying snapshots", sum(entry.bytes for entry in entries))
        for entry in entries:
            with open_verified(self._source, entry) as opened, archive.member(f"data/{entry.path}") as member:
                for offset in range(0, entry.bytes, _PIECE):
                    piece = os.pread(opened.fd, _PIECE, offset)
                    member.write(piece)
                    count(len(piece))
            if archive.digests[f"data/{entry.path}"] != entry.sha256:
                raise DamagedFileError(f"{entry.path} changed while it was being copied", path=entry.path, reason="changed")

    def query(self, kind: Kind, zone: str, exporter: str, content: str) -> dict[str, Any]:
        """What the bundle says of itself."""
        head, selection = self.head, self._selection
        return {
            "format": FORMAT,
            "export": {"id": secrets.token_hex(16), "made_at": write_utc(datetime.now(UTC))},
            "exporter": exporter,
            "version": __version__,
            **selection.to_record(),
            "sentence": selection.describe(self._log),
            "ignored": [str(problem) for problem in selection.view.problems],
            "zone": zone,
            "total": self.total,
            "events": self.events,
            "truncated": left_out(self.total, self.events),
            "head": {"log_id": head.log_id, "seq": head.seq, "sha256": head.digest},
            "complete": head.complete,
            "quarantined": {str(seq): why for seq, why in sorted(head.quarantined.items())},
            "problem": head.problem,
            "parquet": kind,
            "files": {EVENTS: "lossless", TABLE: "for spreadsheets, lossy: texts that begin as formulas do have an apostrophe in front"},
            "content_sha256": content,
        }

    def _counter(self, stage: str, total: int) -> Callable[[int], None]:
        done = 0

        def count(size: int) -> None:
            nonlocal done
            done += size
            self._report(stage, done, total)

        return count


def _write_excerpt(batches: Iterable[pa.RecordBatch], places: list[Place], file: IO[bytes]) -> None:
    first = 0
    with pq.ParquetWriter(file, EXCERPT_SCHEMA, compression="zstd", store_schema=False) as writer:
        for batch in batches:
            here = places[first : first + batch.num_rows]
            files, rows = pa.array([place.file for place in here], pa.string()), pa.array([place.row for place in here], pa.int64())
            writer.write_batch(pa.RecordBatch.from_arrays([*batch.columns, files, rows], schema=EXCERPT_SCHEMA))
            first += batch.num_rows


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise ExportError("The file exists already and is never overwritten") from None
    except (OSError, pa.ArrowException) as error:
        raise ExportError(f"The bundle could not be written: {getattr(error, 'strerror', None) or 'the disk refused'}") from error


def _silent(stage: str, done: int, total: int) -> None:
    pass
