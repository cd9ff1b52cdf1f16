"""The record at a glance: states of snapshots, days of a zone, and what the integrity page draws of them."""

from __future__ import annotations

import json
import os
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from events import batch, event, events
from reference import Reference
from stores import flip

from auditlib.engine.checking import full_check
from auditlib.engine.serving import trust_record
from auditlib.evidence.record import Coverage, coverage, quarantined_by, snapshots
from auditlib.log import AuditLog, open_log
from auditlib.store import FolderSource, publish, read_chain
from auditlib.store.retention import retire
from auditlib.store.trust import Trusted
from auditlib.store.verify import identity_of
from pages.ui.integrity import payload

UTC = ZoneInfo("UTC")


def drawn(log: AuditLog, tz: ZoneInfo = UTC, problem: str = "", shown: int = 100) -> dict[str, object]:
    found = snapshots(log.head.chain, log.head.quarantined)
    record = payload.record(log.head, found, coverage(log, tz), tz, problem=problem, shown=shown)
    json.dumps(record)
    return record


# -- what the library knows -----------------------------------------------------------------------------


def test_each_snapshot_has_its_state_and_why(store: Path) -> None:
    flip(store / "data" / "day-1.parquet", 2000)
    log = open_log(store)
    first, second, third = snapshots(log.head.chain, log.head.quarantined)
    assert [each.state for each in (first, second, third)] == ["verified", "quarantined", "verified"]
    assert second.note == log.head.quarantined[2]
    assert (first.seq, first.rows, first.files, first.note) == (1, 3, 1, "")
    assert first.digest == log.head.chain.manifests[0].digest
    assert third.first == datetime.fromisoformat("2026-11-01T09:06:00Z")
    assert third.last == datetime.fromisoformat("2026-11-01T09:08:00Z")
    log.close()


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"])
def test_the_days_of_a_zone_count_every_event_once(zone: str, demo_log: AuditLog, demo_reference: Reference) -> None:
    tz = ZoneInfo(zone)
    found = coverage(demo_log, tz)
    expected: dict[date, int] = {}
    for each in demo_reference.events:
        if each["occurred_at"] is not None:
            day = each["occurred_at"].astimezone(tz).date()
            expected[day] = expected.get(day, 0) + 1
    counted = {found.first + timedelta(days=number): events for number, events in enumerate(found.counts) if events}
    assert counted == {day: events for day, events in expected.items() if found.first <= day <= found.last}
    assert sum(counted.values()) + found.outside + found.timeless == demo_log.head.events
    assert found.timeless == sum(each["occurred_at"] is None for each in demo_reference.events)
    assert found.outside > 0


def test_silent_spans_are_days_without_events_between_days_with_some(tmp_path: Path, cache: Path) -> None:
    days = (1, 2, 3, 7, 8, 11, 20)
    rows = [event(number, occurred_at=datetime(2026, 10, day, 12, tzinfo=UTC)) for number, day in enumerate(days)]
    publish(tmp_path / "s", [batch(rows)], name="one", created=datetime(2026, 10, 21, tzinfo=UTC))
    log = open_log(tmp_path / "s")
    found = coverage(log, UTC)
    assert (found.first, found.last, len(found.counts)) == (date(2026, 10, 1), date(2026, 10, 20), 20)
    assert found.silent == (
        (date(2026, 10, 12), date(2026, 10, 19)),
        (date(2026, 10, 4), date(2026, 10, 6)),
        (date(2026, 10, 9), date(2026, 10, 10)),
    )
    log.close()


def test_a_snapshot_that_reaches_behind_the_one_before_is_late(tmp_path: Path, cache: Path) -> None:
    for name, day, at in (("a", 1, 2), ("b", 3, 10), ("c", 4, 11)):
        row = event(day, event_id=f"ev-{name}", occurred_at=datetime(2026, 10, day, tzinfo=UTC))
        publish(tmp_path / "s", [batch([row])], name=name, created=datetime(2026, 10, at, tzinfo=UTC))
    log = open_log(tmp_path / "s")
    assert [each.late for each in snapshots(log.head.chain, {})] == [None, None, timedelta(days=6)]
    log.close()


def test_a_record_without_any_event_has_one_empty_day(tmp_path: Path, cache: Path) -> None:
    publish(tmp_path / "s", [], name="none", created=datetime(2026, 10, 1, tzinfo=UTC))
    log = open_log(tmp_path / "s")
    assert coverage(log, UTC) == Coverage(date(2026, 10, 3), (0,), 0, 0, ())
    assert drawn(log)["rows"][0]["span"] == "no events"  # type: ignore[index]
    log.close()


# -- the full check -------------------------------------------------------------------------------------


def test_a_full_check_reads_every_byte_and_is_dated(store: Path) -> None:
    before = open_log(store)
    told: list[tuple[int, int]] = []
    report = full_check(store, lambda done, total: told.append((done, total)))
    assert report.ok
    size = sum(path.stat().st_size for path in (store / "data").iterdir())
    assert told[-1] == (size, size)
    after = open_log(store)
    assert after.head.verified_at > before.head.verified_at
    assert after.head.events == before.head.events
    before.close()
    after.close()


def trust_altered_files(store: Path) -> None:
    source = FolderSource(store)
    trust = trust_record(source.location)
    agreed = {}
    for entry in read_chain(source).files:
        fd = source.open_data(entry)
        agreed[entry.path] = Trusted(entry.sha256, identity_of(fd), datetime.now(UTC))
        os.close(fd)
    trust.renew(agreed)
    trust.save()


def test_damage_that_a_full_check_found_is_quarantined_at_the_next_opening(store: Path) -> None:
    """The altered file is taken for the one that was hashed, as after a change behind unchanged times."""
    open_log(store).close()
    path = store / "data" / "day-1.parquet"
    flip(path, 2000)
    trust_altered_files(store)
    log = open_log(store)
    assert log.head.complete
    log.close()
    report = full_check(store)
    assert quarantined_by(report) == {2: next(file.sentence for file in report.files if file.state == "damaged")}
    log = open_log(store)
    assert set(log.head.quarantined) == {2}
    log.close()
    flip(path, 2000)
    assert quarantined_by(full_check(store)) == {}
    log = open_log(store)
    assert log.head.complete
    log.close()


# -- what the page draws --------------------------------------------------------------------------------


def test_the_page_tells_figures_chain_days_and_rows(demo_log: AuditLog) -> None:
    record = drawn(demo_log, ZoneInfo("Europe/Berlin"))
    number = demo_log.head.seq
    figures = {figure["label"]: (figure["value"], figure["of"]) for figure in record["figures"]}  # type: ignore[attr-defined]
    assert figures["Snapshots verified"] == (str(number), f"of {number}")
    assert figures["Events readable"] == (f"{demo_log.head.events:,}", "")
    assert [card["label"] for card in record["chain"]] == ["Verified"] * number  # type: ignore[attr-defined]
    calendar = record["calendar"]
    assert len(calendar["counts"]) == len(calendar["marks"])  # type: ignore[index]
    assert [row["seq"] for row in record["rows"]] == list(range(number, 0, -1))  # type: ignore[attr-defined]
    notes = {note["label"] for note in record["notes"]}  # type: ignore[attr-defined]
    assert {"Duplicates", "Unknown times", "Outside"} <= notes


def test_the_chain_folds_old_snapshots_and_never_a_quarantined_one(tmp_path: Path, cache: Path) -> None:
    for number in range(14):
        publish(tmp_path / "s", [batch(events(1, number))], name=f"day-{number:02}", log_id="acme")
    flip(tmp_path / "s" / "data" / "day-03.parquet", 2000)
    log = open_log(tmp_path / "s")
    record = drawn(log, problem="The chain breaks at manifest 00000015.json: it is missing", shown=5)
    cards = [(card["name"], card["label"]) for card in record["chain"]]  # type: ignore[attr-defined]
    assert cards == [
        ("1 – 3", "All verified"),
        ("4", "Quarantined"),
        ("5 – 7", "All verified"),
        *((str(seq), "Verified") for seq in range(8, 15)),
        ("15 …", "Refused"),
    ]
    assert [row["seq"] for row in record["rows"]] == [14, 13, 12, 11, 10, 4]  # type: ignore[attr-defined]
    log.close()


def test_days_in_the_span_of_a_quarantined_snapshot_are_marked(tmp_path: Path, cache: Path) -> None:
    for name, days in (("a", (1, 2)), ("b", (4, 8)), ("c", (6, 10))):
        rows = [event(day, event_id=f"ev-{name}-{day}", occurred_at=datetime(2026, 10, day, 12, tzinfo=UTC)) for day in days]
        publish(tmp_path / "s", [batch(rows)], name=name, created=datetime(2026, 10, 11, tzinfo=UTC))
    flip(tmp_path / "s" / "data" / "b.parquet", 2000)
    log = open_log(tmp_path / "s")
    calendar = drawn(log)["calendar"]
    assert calendar["first"] == "2026-10-01"  # type: ignore[index]
    assert calendar["counts"] == [1, 1, 0, 0, 0, 1, 0, 0, 0, 1]  # type: ignore[index]
    assert calendar["marks"] == "---qqqqq--"  # type: ignore[index]
    log.close()


def test_a_quarantined_newest_snapshot_is_in_the_calendar_though_no_event_of_it_is(store: Path) -> None:
    publish(store, [batch([event(50, occurred_at=datetime(2026, 11, 5, tzinfo=UTC))])], name="later")
    flip(store / "data" / "later.parquet", 2000)
    log = open_log(store)
    calendar = drawn(log)["calendar"]
    assert calendar["counts"] == [9, 0, 0, 0, 0]  # type: ignore[index]
    assert calendar["marks"] == "----q"  # type: ignore[index]
    log.close()


def test_a_quarantined_snapshot_with_a_time_of_a_wrong_clock_does_not_mark_days_that_are_yet_to_come(tmp_path: Path, cache: Path) -> None:
    for name, ahead in (("a", 0), ("b", 400)):
        rows = [event(number, event_id=f"ev-{name}-{number}", occurred_at=datetime(2026, 10, 1, tzinfo=UTC)) for number in range(2)]
        rows.append(event(2, event_id=f"ev-{name}-2", occurred_at=datetime(2026, 10, 1, tzinfo=UTC) + timedelta(days=ahead)))
        publish(tmp_path / "s", [batch(rows)], name=name, created=datetime(2026, 10, 3, tzinfo=UTC))
    flip(tmp_path / "s" / "data" / "b.parquet", 2000)
    log = open_log(tmp_path / "s")
    calendar = drawn(log)["calendar"]
    assert (calendar["first"], calendar["marks"]) == ("2026-10-01", "qqqqq")  # type: ignore[index]
    log.close()


def test_a_long_gap_between_snapshots_is_marked_and_a_weekend_is_not(tmp_path: Path, cache: Path) -> None:
    for number, day in enumerate((2, 5, 10)):
        row = event(number, occurred_at=datetime(2026, 10, day, 12, tzinfo=UTC))
        publish(tmp_path / "s", [batch([row])], name=f"day-{day}", created=datetime(2026, 10, 11, tzinfo=UTC))
    log = open_log(tmp_path / "s")
    assert drawn(log)["calendar"]["marks"] == "----uuuu-"  # type: ignore[index]
    log.close()


def test_retired_snapshots_are_told_apart_and_count_neither_as_verified_nor_as_missing(tmp_path: Path, cache: Path) -> None:
    for month in (8, 9, 10):
        row = event(month, occurred_at=datetime(2026, month, 5, 12, tzinfo=UTC))
        publish(tmp_path / "s", [batch([row])], name=f"month-{month}", created=datetime(2026, month, 28, tzinfo=UTC))
    retire(tmp_path / "s", datetime(2026, 9, 1, tzinfo=UTC), "Retention: two months")
    log = open_log(tmp_path / "s")
    found = snapshots(log.head.chain, log.head.quarantined)
    assert [each.state for each in found] == ["retired", "verified", "verified", "verified"]
    assert found[0].note.startswith("month-8.parquet was retired by policy on ")
    assert found[0].note.endswith(": Retention: two months")
    assert (found[3].files, found[3].note) == (0, "takes 1 file out of the record")
    record = drawn(log)
    assert record["figures"][0] == {  # type: ignore[index]
        "label": "Snapshots verified", "value": "2", "of": "of 2", "note": "1 retired by policy", "mono": False,
    }  # fmt: skip
    assert record["rows"][-1]["badge"]["label"] == "Retired by policy"  # type: ignore[index]
    assert record["calendar"]["marks"].startswith("r")  # type: ignore[index]
    log.close()
