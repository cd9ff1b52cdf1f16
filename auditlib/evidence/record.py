"""The record at a glance: the state of each snapshot, and which days it covers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from auditlib import vocabulary
from auditlib.log import AuditLog
from auditlib.store import Chain, Manifest, Removal, Report, Signature
from auditlib.times import in_zone
from auditlib.view import View

State = Literal["verified", "quarantined", "retired"]

AHEAD: Final = timedelta(days=2)
"""How far past its publication a snapshot may reach before a clock was wrong."""
_LATE: Final = timedelta(days=1)
_QUARTER_MINUTES: Final = 15
_HOUR_MINUTES: Final = 60


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot of the accepted chain.

    Attributes:
        seq, created, digest, rows: of its manifest; `created` in UTC, `digest` hexadecimal SHA-256.
        files: how many of its files are still part of the record.
        first, last: earliest and latest known time of its events, UTC, or None.
        state: `retired` where none of its files is left in the record by policy.
        note: why it is quarantined, what was removed from it, or what it removes; else empty.
        signature: the one beside its manifest.
        late: how long before the snapshot before it was published its earliest event happened, where that is more than a day.
    """

    seq: int
    created: datetime
    digest: str
    rows: int
    files: int
    first: datetime | None
    last: datetime | None
    state: State
    note: str
    signature: Signature
    late: timedelta | None


def snapshots(chain: Chain, quarantined: Mapping[int, str]) -> tuple[Snapshot, ...]:
    """The snapshots of a chain, oldest first; `quarantined` has a sentence for each that is."""
    found, before, removed = [], None, chain.removed
    for manifest in chain.manifests:
        gone = [removed[entry.path] for entry in manifest.files if entry.path in removed]
        found.append(_snapshot(manifest, chain.signature(manifest.seq), gone, quarantined.get(manifest.seq), before))
        before = found[-1].created
    return tuple(found)


def quarantined_by(report: Report) -> dict[int, str]:
    """A sentence for each snapshot that a full check found damaged."""
    found: dict[int, str] = {}
    for file in report.files:
        if file.state in ("damaged", "missing"):
            found.setdefault(file.seq, file.sentence or "")
    return found


def _snapshot(
    manifest: Manifest, signature: Signature, removed: Sequence[Removal], damage: str | None, before: datetime | None
) -> Snapshot:
    state: State = "quarantined" if damage is not None else "retired" if removed and len(removed) == len(manifest.files) else "verified"
    notes = [damage] if damage else [removed[0].sentence] if removed else []
    if len(removed) > 1:
        notes.append(f"and {len(removed) - 1} more of its {len(manifest.files)} files")
    if manifest.removals:
        notes.append(f"takes {len(manifest.removals)} file{'' if len(manifest.removals) == 1 else 's'} out of the record")
    firsts = [datetime.fromisoformat(entry.min_time) for entry in manifest.files if entry.min_time]
    lasts = [datetime.fromisoformat(entry.max_time) for entry in manifest.files if entry.max_time]
    first = min(firsts, default=None)
    return Snapshot(
        seq=manifest.seq,
        created=datetime.fromisoformat(manifest.created),
        digest=manifest.digest,
        rows=manifest.rows,
        files=len(manifest.files) - len(removed),
        first=first,
        last=max(lasts, default=None),
        state=state,
        note=", ".join(notes),
        signature=signature,
        late=before - first if first and before and before - first > _LATE else None,
    )


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many events each day of a zone has.

    Attributes:
        first: the first day; `counts` has one number a day from it on.
        counts: events by day.
        outside: events with a time before the first day or after the last, which a source's clock got wrong.
        timeless: events without a usable time.
        silent: the longest spans of days without an event between days with some, each as first and last day.
    """

    first: date
    counts: tuple[int, ...]
    outside: int
    timeless: int
    silent: tuple[tuple[date, date], ...]

    @property
    def last(self) -> date:
        """The last day."""
        return self.first + timedelta(days=len(self.counts) - 1)


def coverage(log: AuditLog, tz: ZoneInfo, *, most_days: int = 7_305, spans: int = 5) -> Coverage:
    """The days of a record in a zone, at most so many, up to a few days after its newest snapshot."""
    everything = (View(), View(tab=vocabulary.TEAM).having("type", *vocabulary.INTERVIEW_TYPES, excluded=True))
    minutes = _QUARTER_MINUTES if _has_odd_offsets(tz) else _HOUR_MINUTES
    by_day: Counter[date] = Counter()
    for view in everything:
        for bucket in log.histogram(view, bucket_minutes=minutes):
            if bucket.start is not None:
                by_day[in_zone(bucket.start, tz).date()] += bucket.events
    known = sum(by_day.values())
    newest = log.head.chain.manifests[-1].created if log.head.chain.manifests else None
    end = (datetime.fromisoformat(newest) if newest else datetime.now(tz)).astimezone(tz).date() + AHEAD
    inside = {day: events for day, events in by_day.items() if end - timedelta(days=most_days) < day <= end}
    first, last = min(inside, default=end), max(inside, default=end)
    counts = tuple(inside.get(first + timedelta(days=number), 0) for number in range((last - first).days + 1))
    return Coverage(
        first=first,
        counts=counts,
        outside=known - sum(counts),
        timeless=sum(log.total(view) for view in everything) - known,
        silent=tuple(_silent(first, counts)[:spans]),
    )


def _silent(first: date, counts: Sequence[int]) -> list[tuple[date, date]]:
    """Spans of at least two days without an event, the longest first."""
    spans, start = [], None
    for number, events in enumerate(counts):
        if not events and start is None:
            start = number
        elif events and start is not None:
            if number - start > 1:
                spans.append((first + timedelta(days=start), first + timedelta(days=number - 1)))
            start = None
    return sorted(spans, key=lambda span: (span[0] - span[1], span[0]))


def _has_odd_offsets(tz: ZoneInfo) -> bool:
    """Whether clocks of the zone ever stood other than by whole hours, in recent decades."""
    offsets = (datetime(year, month, 1, tzinfo=tz).utcoffset() for year in range(1970, 2038) for month in (1, 7))
    return any(offset is not None and offset.total_seconds() % 3600 for offset in offsets)
