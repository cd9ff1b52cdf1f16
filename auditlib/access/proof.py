"""Proof of a ledger: every line from the first entry to the last, over snapshots and journals, and what does not hang together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from auditlib.access.entries import Tail, follow, opened, read
from auditlib.access.ledger import STORE, first_of, journals, torn_lines
from auditlib.access.stretches import KEY, Stretch, stretch_of, stretches
from auditlib.errors import LedgerError
from auditlib.store import FileEntry, FolderSource, Report, open_verified, read_chain, verify_store
from auditlib.store.acceptance import configured
from auditlib.store.digest import NO_DIGEST


@dataclass(slots=True)
class LedgerReport:
    """What verification found of a ledger.

    Attributes:
        location: the resolved folder.
        store: the report on the snapshots of its older entries, None where there are none yet.
        journals: the name of each journal, and how many entries of it form one chain with those before.
        end: the number of the last entry and the digest of its line.
        problems: a sentence for each place where lines are altered, missing or out of order.
        notes: what a reader should know though it is no damage: entries that were retired, lines that a crash had cut.
    """

    location: str
    store: Report | None
    end: Tail = field(default_factory=lambda: Tail(0, NO_DIGEST))
    journals: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every line that should be there is there as it was written."""
        return not self.problems and (self.store is None or self.store.ok)

    @property
    def exit_code(self) -> int:
        """0 where everything is good, 1 where anything is damaged or missing."""
        return 0 if self.ok else 1

    def to_dict(self) -> dict[str, Any]:
        """The report as one JSON object, the same for the same ledger."""
        return {
            "ok": self.ok,
            "location": self.location,
            "entries": self.end.seq,
            "digest": self.end.digest,
            "journals": self.journals,
            "problems": self.problems,
            "notes": self.notes,
            "store": self.store and self.store.to_dict(),
        }


def is_ledger(folder: Path) -> bool:
    """Whether a folder holds a ledger."""
    return bool(journals(folder)) or (folder / STORE / "manifests").is_dir()


def verify_ledger(folder: Path, progress: Callable[[int], None] | None = None) -> LedgerReport:
    """A report on every line of a ledger; goes on after damage.

    `progress` is called with the number of bytes of each piece of a snapshot that was hashed. Raises PinError where
    the pins of the snapshots cannot be relied on.
    """
    store = folder / STORE
    held = verify_store(store, progress, configured(store)) if (store / "manifests").is_dir() else None
    report = LedgerReport(str(folder.resolve()), held)
    if held:
        _check_snapshots(report, held, FolderSource(store))
    for path in journals(folder):
        _check_journal(report, path)
    report.notes += [f"A line that a crash had cut is kept in {path.name}." for path in torn_lines(folder)]
    return report


def lines(folder: Path) -> Iterator[bytes]:
    """The line of every entry that there is, oldest first, as it was written. Raises StoreError or LedgerError for damage."""
    end = 0
    if (folder / STORE / "manifests").is_dir():
        source = FolderSource(folder / STORE)
        for entry in sorted(read_chain(source).kept, key=lambda entry: entry.min_time or ""):
            for line in _recorded(source, entry):
                yield line
                end = max(end, read(line)["seq"])
    for path in journals(folder):
        for line in path.read_bytes().splitlines(keepends=True)[1:]:
            if read(line)["seq"] > end:
                yield line


def _check_snapshots(report: LedgerReport, held: Report, source: FolderSource) -> None:
    files = {file.path: file for file in held.files}
    for manifest in held.chain.manifests:
        if KEY not in manifest.extra:
            continue
        stretch = stretch_of(manifest)
        if stretch.before != report.end:
            report.problems.append(f"Snapshot {manifest.seq} does not follow entry {report.end.seq}.")
        report.end = stretch.after
        gone = [files[entry.path] for entry in manifest.files if files[entry.path].state in ("retired", "replaced")]
        if gone:
            report.notes.append(f"Entries {stretch.first:,} to {stretch.last:,} are not there as written: {gone[0].sentence}")
        elif all(files[entry.path].state == "verified" for entry in manifest.files):
            _check_stretch(report, stretch, [line for entry in manifest.files for line in _recorded(source, entry)])


def _check_stretch(report: LedgerReport, stretch: Stretch, found: list[bytes]) -> None:
    tail = stretch.begun
    try:
        for line in found:
            tail = follow(tail, line)
    except LedgerError as error:
        report.problems.append(f"{error}.")
        return
    if tail != stretch.after:
        report.problems.append(f"Entries {stretch.first:,} to {stretch.last:,} are not those that their snapshot names.")


def _check_journal(report: LedgerReport, path: Path) -> None:
    report.journals[path.name] = 0
    first, *rest = path.read_bytes().splitlines(keepends=True) or [b""]
    try:
        before = opened(first)
        if before.seq + 1 != first_of(path):
            raise LedgerError(f"it begins with entry {before.seq + 1}")
        tail = before.after(before.seq, first)
        for line in rest:
            if not line.endswith(b"\n"):
                report.notes.append(f"{path.name} ends with {len(line):,} bytes of a line that was never finished.")
                break
            tail = follow(tail, line)
            report.journals[path.name] += 1
    except LedgerError as error:
        report.problems.append(f"{path.name}: {error}.")
        return
    stretch = Stretch(before.seq + 1, tail.seq, before.digest, tail.digest)
    if report.store and stretch in stretches(report.store.chain):
        report.notes.append(f"{path.name} is published, and not yet removed.")
        return
    if before != report.end:
        report.problems.append(f"{path.name} does not follow entry {report.end.seq}.")
    if report.journals[path.name]:
        report.end = tail


def _recorded(source: FolderSource, entry: FileEntry) -> Iterator[bytes]:
    with open_verified(source, entry) as file, pq.ParquetFile(file.path) as parquet:
        for each in parquet.iter_batches(columns=["metadata"]):
            for line in each.column(0).cast(pa.string()).to_pylist():
                yield f"{line}\n".encode("ascii", "replace")
