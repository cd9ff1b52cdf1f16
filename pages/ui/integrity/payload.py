"""The record as the integrity page draws it: pure functions from values to plain dictionaries."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from auditlib.engine.base import Head
from auditlib.evidence.record import AHEAD, Coverage, Snapshot
from auditlib.text import one_line
from auditlib.times import in_zone
from pages.ui import text

NEWEST: Final = 7
"""How many of the newest snapshots the chain shows one by one; troubled ones are always shown."""
MOST_TROUBLED: Final = 12
GAP_DAYS: Final = 4
"""From how many days on a silence between two snapshots is marked: shorter ones are weekends."""

_BADGES: Final = {
    "verified": {"tone": "green", "glyph": "shield", "label": "Verified"},
    "quarantined": {"tone": "red", "glyph": "bang", "label": "Quarantined"},
    "retired": {"tone": "gray", "glyph": "ban", "label": "Retired by policy"},
    "refused": {"tone": "red", "glyph": "ban", "label": "Refused"},
}
_SIGNATURES: Final = {"good": "signed", "unchecked": "signed, unchecked", "absent": "not signed"}


def record(head: Head, found: Sequence[Snapshot], covered: Coverage, tz: ZoneInfo, *, problem: str, shown: int) -> dict[str, Any]:
    """All that the page draws; `problem` says why the chain breaks, `shown` is how many rows the table has at most."""
    newest_first = found[::-1]
    rows = [each for number, each in enumerate(newest_first) if number < shown or each.state == "quarantined"]
    return {
        "figures": _figures(head, found, covered),
        "chain": _chain(found, tz, problem),
        "calendar": _calendar(found, covered, tz),
        "notes": _notes(head, found, covered),
        "rows": [_row(each, tz) for each in rows],
        "zone": tz.key,
    }


def moment(instant: datetime, tz: ZoneInfo) -> str:
    """An instant in a zone: `23 Nov 2026, 16:40:02`."""
    local = in_zone(instant, tz)
    return f"{local.day} {local:%b %Y, %H:%M:%S}"


def _figures(head: Head, found: Sequence[Snapshot], covered: Coverage) -> list[dict[str, str]]:
    good = sum(each.state == "verified" and each.files > 0 for each in found)
    bad = sum(each.state == "quarantined" for each in found)
    retired = sum(each.state == "retired" for each in found)
    held_back = sum(each.rows for each in found if each.state == "quarantined")
    days, silent = len(covered.counts), sum(not events for events in covered.counts)
    without = f"{text.count(silent, 'day')} without" if silent else "no day without"
    parts = [f"{bad:,} quarantined"] * bool(bad) + [f"{retired:,} retired by policy"] * bool(retired)
    return [
        _figure("Snapshots verified", f"{good:,}", f"of {good + bad:,}", ", ".join(parts) or "none is missing"),
        _figure("Events readable", f"{head.events:,}", "", f"{held_back:,} held back" if held_back else "none held back"),
        _figure("Days with events", f"{days - silent:,}", f"of {days:,}", without),
        _signed(head, found),
    ]


def _signed(head: Head, found: Sequence[Snapshot]) -> dict[str, str]:
    keys = list(dict.fromkeys(each.signature.key for each in reversed(found) if each.signature.key))
    signed = sum(each.signature.state != "absent" for each in found)
    pinned = "its head is pinned" if head.chain.pinned else "its head is not pinned"
    if keys:
        more = f" and {text.count(len(keys) - 1, 'earlier key')}" if len(keys) > 1 else ""
        return _figure("Signed by", f"{keys[0][:4]}…{keys[0][-4:]}", more, pinned, mono=True)
    if signed:
        return _figure("Signatures", f"{signed:,}", f"of {len(found):,}", f"not checked: no key is configured, {pinned}")
    return _figure("Signatures", "none", "", f"the chain is not signed, {pinned}")


def _figure(label: str, value: str, of: str, note: str, *, mono: bool = False) -> dict[str, Any]:
    return {"label": label, "value": value, "of": of, "note": note, "mono": mono}


def _chain(found: Sequence[Snapshot], tz: ZoneInfo, problem: str) -> list[dict[str, Any]]:
    """Cards from the oldest to the newest, runs of verified snapshots folded into one."""
    troubled = {each.seq for each in found if each.state == "quarantined"}
    alone = {each.seq for each in found[-NEWEST:]} | set(sorted(troubled)[-MOST_TROUBLED:])
    cards: list[dict[str, Any]] = []
    run: list[Snapshot] = []
    for each in (*found, None):
        if each is not None and each.seq not in alone:
            run.append(each)
            continue
        if run:
            cards.append(_card(run[0], tz) if len(run) == 1 else _folded(run, tz))
            run = []
        if each is not None:
            cards.append(_card(each, tz))
    if problem:
        cards.append({"name": f"{found[-1].seq + 1 if found else 1} …", "day": "", "digest": "", "title": problem, **_BADGES["refused"]})
    return cards


def _card(each: Snapshot, tz: ZoneInfo) -> dict[str, Any]:
    at = in_zone(each.created, tz)
    title = f"Snapshot {each.seq}, SHA-256 {each.digest}" + (f": {one_line(each.note, 400)}" if each.note else "")
    return {"name": str(each.seq), "day": f"{at.day} {at:%b %Y}", "digest": _short(each.digest), "title": title, **_BADGES[each.state]}


def _folded(run: Sequence[Snapshot], tz: ZoneInfo) -> dict[str, Any]:
    first, last = in_zone(run[0].created, tz), in_zone(run[-1].created, tz)
    bad = sum(each.state == "quarantined" for each in run)
    retired = sum(each.state == "retired" for each in run)
    badge = _BADGES["quarantined"] | {"label": f"{bad:,} quarantined"} if bad else _BADGES["verified"] | {"label": "All verified"}
    if retired and not bad:
        badge = badge | {"label": f"Verified, {retired:,} retired"} if retired < len(run) else _BADGES["retired"]
    return {
        "name": f"{run[0].seq} – {run[-1].seq}",
        "day": "",
        "digest": f"{len(run):,} snapshots",
        "title": f"Snapshots {run[0].seq} to {run[-1].seq}, {first:%d %b %Y} to {last:%d %b %Y}",
        "folded": True,
        **badge,
    }


def _calendar(found: Sequence[Snapshot], covered: Coverage, tz: ZoneInfo) -> dict[str, Any]:
    """A number and a letter for each day: `q` in the span of a quarantined snapshot, `r` of a retired one, `u` in a gap between any.

    No span reaches further past its snapshot's publication than `Coverage` does: a later time is that of a clock that was wrong.
    """
    spans = [
        (each.state, in_zone(each.first, tz).date(), in_zone(min(each.last, each.created + AHEAD), tz).date())
        for each in found
        if each.first and each.last
    ]
    first, last = covered.first, covered.last
    for state, start, end in spans:
        if state != "verified":
            first, last = min(first, max(start, first - timedelta(days=366))), max(last, min(end, last + timedelta(days=366)))
    before, after = (covered.first - first).days, (last - covered.last).days
    counts = [0] * before + list(covered.counts) + [0] * after
    letters = ["u"] * len(counts)
    for letter, wanted in (("-", "verified"), ("r", "retired"), ("q", "quarantined")):
        for state, start, end in spans:
            if state == wanted:
                from_day, to_day = max((start - first).days, 0), min((end - first).days + 1, len(counts))
                letters[from_day:to_day] = [letter] * max(to_day - from_day, 0)
    marks = re.sub(rf"(?<!u)u{{1,{GAP_DAYS - 1}}}(?!u)", lambda gap: "-" * len(gap.group()), "".join(letters))
    return {"first": first.isoformat(), "counts": counts, "marks": marks, "most": max(counts, default=0), "steps": _steps(counts)}


def _steps(counts: Sequence[int]) -> list[int]:
    """The least number of events of the second, third and fourth grey: quarters of the days that have any."""
    some = sorted(events for events in counts if events)
    return [some[len(some) * quarter // 4] for quarter in (1, 2, 3)] if some else [1, 2, 3]


def _notes(head: Head, found: Sequence[Snapshot], covered: Coverage) -> list[dict[str, str]]:
    late = [each for each in found if each.late]
    held_back = [(each.first.date(), each.last.date()) for each in found if each.state == "quarantined" and each.first and each.last]
    outside = f"{text.count(covered.outside, 'event')} dated before or after these days, by a clock that was wrong"
    notes = {
        "Silent spans": ", ".join(_span(*each) for each in covered.silent if not any(_meet(each, days) for days in held_back)),
        "Late arrivals": ", ".join(
            f"snapshot {each.seq} reaches {text.count(each.late.days, 'day')} behind the one before" for each in late[-3:] if each.late
        ),
        "Duplicates": f"{text.count(head.duplicates, 'event')} arrived more than once, shown once" if head.duplicates else "",
        "Unknown times": f"{text.count(covered.timeless, 'event')} without a usable time, in no day" if covered.timeless else "",
        "Outside": outside if covered.outside else "",
        "Also": "; ".join(one_line(notice, 300) for notice in head.notices),
    }
    if len(late) > 3:
        notes["Late arrivals"] += f", and {len(late) - 3} more"
    return [{"label": label, "value": value} for label, value in notes.items() if value]


def _meet(one: tuple[date, date], other: tuple[date, date]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _span(first: date, last: date) -> str:
    days = (last - first).days + 1
    same = first.month == last.month and first.year == last.year
    return f"{first.day}{'' if same else f' {first:%b}'} – {last.day} {last:%b %Y} ({days} days)"


def _row(each: Snapshot, tz: ZoneInfo) -> dict[str, Any]:
    return {
        "seq": each.seq,
        "created": moment(each.created, tz),
        "span": _reach(each, tz),
        "events": f"{each.rows:,}",
        "short": _short(each.digest),
        "digest": each.digest,
        "signature": _SIGNATURES[each.signature.state],
        "key": each.signature.key,
        "state": each.state,
        "badge": _BADGES[each.state],
        "note": one_line(each.note, 400),
    }


def _reach(each: Snapshot, tz: ZoneInfo) -> str:
    if each.first is None or each.last is None:
        return "no known time" if each.rows else "no events"
    first, last = (f"{in_zone(instant, tz):%Y-%m-%d}" for instant in (each.first, each.last))
    return first if first == last else f"{first} – {last}"


def _short(digest: str) -> str:
    return f"{digest[:4]}…{digest[-4:]}"
