"""Rows of the table and opened metadata: plain values, nothing lost, nothing hidden without a word."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from auditlib import metadata
from auditlib.event import AuditEvent
from pages.ui import rows

BERLIN = ZoneInfo("Europe/Berlin")


def event(**columns: Any) -> AuditEvent:
    plain: dict[str, Any] = {
        "event_id": "ev-1",
        "occurred_at": datetime(2026, 3, 29, 0, 59, 59, 123456, tzinfo=UTC),
        "source": "platform",
        "actor_id": "p-1",
        "actor_name": "Ada Admin",
        "actor_role": "admin",
        "action": "updated",
        "resource_type": "interview_booking",
        "resource_id": "BK00000000000042",
        "summary": "Moved by a day",
        "metadata": "{}",
        "snapshot": 3,
    }
    return AuditEvent(**plain | columns)


def test_a_row_holds_what_the_table_draws() -> None:
    row = rows.row(event(), BERLIN)
    assert (row["day"], row["time"], row["utc"]) == ("2026-03-29", "01:59:59", "2026-03-29T00:59:59.123456Z")
    assert (row["actor"], row["initials"], row["machine"]) == ("Ada Admin", "AA", False)
    assert (row["type"], row["short"], row["resource_id"]) == ("Interview Booking", "BK000000…0042", "BK00000000000042")
    assert row["details"] == "Moved by a day"
    assert json.loads(json.dumps(row)) == row


def test_times_jump_with_the_clocks_of_the_zone() -> None:
    after = event(occurred_at=datetime(2026, 3, 29, 1, 0, tzinfo=UTC))
    assert rows.when(after, BERLIN) == {"day": "2026-03-29", "time": "03:00:00"}
    assert rows.zone_name((event(),), BERLIN) == "UTC+1"
    assert rows.zone_name((event(), after), BERLIN) == "Europe/Berlin"


@pytest.mark.parametrize("year", [1, 9999])
def test_times_at_the_ends_of_the_calendar_are_shown_all_the_same(year: int) -> None:
    far = event(occurred_at=datetime(year, 1, 1, tzinfo=UTC) if year == 1 else datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        assert rows.row(far, ZoneInfo(zone))["time"]


def test_without_a_time_the_row_says_unknown_time() -> None:
    row = rows.row(event(occurred_at=None), BERLIN)
    assert (row["day"], row["time"], row["utc"], row["known"]) == ("", "unknown time", "", False)


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        ({}, "Ada Admin"),
        ({"actor_name": None, "actor_email": "ada@example.test"}, "ada@example.test"),
        ({"actor_name": None}, "p-1"),
        ({"actor_name": None, "actor_id": None}, "Not recorded"),
        ({"actor_name": "Ann \u202egnp.exe"}, r"Ann \u202egnp.exe"),
    ],
)
def test_the_actor_is_named_as_well_as_it_was_recorded(columns: dict[str, Any], shown: str) -> None:
    assert rows.row(event(**columns), BERLIN)["actor"] == shown


def test_an_action_nobody_has_named_is_shown_as_recorded() -> None:
    badge = rows.action("booking.reminder_bounced")
    assert (badge["label"], badge["tone"], badge["named"]) == ("booking.reminder_bounced", "gray", False)


@pytest.mark.parametrize(
    ("name", "letters"), [("Ada Admin", "AA"), ("Otávio", "O"), ("", ""), ("!! ??", ""), ("Ann van der Lee", "AL"), ("이서연", "이")]
)
def test_initials_are_at_most_two_letters(name: str, letters: str) -> None:
    assert rows.initials(name) == letters


def test_secrets_are_hidden_counted_and_can_be_downloaded() -> None:
    recorded = '{"user":"ann","password":"hunter2","n":1e2}'
    details = rows.details(event(), recorded, "./export/t")
    assert "hunter2" not in json.dumps(details)
    assert details["text"] == f'{{"user":"ann","password":"{metadata.MASK}","n":1e2}}'
    assert (details["note"], details["url"], details["bytes"]) == ("1 secret value hidden.", "./export/t", len(recorded))


def test_revealed_secrets_are_shown_as_recorded_and_still_counted() -> None:
    recorded = '{"password":"hunter2"}'
    details = rows.details(event(), recorded, "./export/t", revealed=True)
    assert (details["text"], details["secrets"], details["revealed"]) == (recorded, 1, True)
    assert details["note"] == "1 secret value shown, as the ledger records."
    refused = rows.details(event(), recorded, "./export/t", refused="The ledger cannot be written")
    assert "hunter2" not in json.dumps(refused)
    assert refused["note"] == "1 secret value hidden. The ledger cannot be written"


def test_actors_of_the_same_look_are_told_apart_by_their_ids_and_odd_letters() -> None:
    shown = [
        ("U1", "Anna Keller"),
        ("U2", "\u0410nna Keller"),
        ("U3", "Anna\u00a0Keller"),
        ("U1", "Anna Keller"),
        ("U4", "Bob"),
        (None, "Bob"),
    ]
    drawn = rows.page([event(actor_id=person, actor_name=name) for person, name in shown], BERLIN)
    assert [row["tag"] for row in drawn] == ["U1", "U2 · Cyrillic \u0410", "U3", "U1", "U4", ""]


def test_a_line_break_in_a_name_is_shown() -> None:
    assert rows.row(event(actor_name="Ada\nAdmin "), BERLIN)["actor"] == "Ada↵Admin"


def test_large_metadata_is_cut_to_a_preview_that_says_so() -> None:
    recorded = json.dumps({"text": "x" * rows.PREVIEW_BYTES})
    details = rows.details(event(), recorded, "./export/t")
    assert details["preview"]
    assert details["text"] == recorded[:20_000]
    assert "The first 20,000 characters of 256 KiB" in details["note"]


def test_metadata_is_large_by_its_bytes_and_not_by_its_characters() -> None:
    recorded = json.dumps({"text": "名" * (rows.PREVIEW_BYTES // 2)}, ensure_ascii=False)
    assert rows.details(event(), recorded, "")["preview"]


@pytest.mark.parametrize(
    ("recorded", "note"),
    [
        ("", "Not valid JSON; shown as recorded."),
        ('{"a":NaN}', "Holds NaN or Infinity, which is not JSON; shown as recorded."),
        ('{"a":1,"a":2}', "Some keys stand more than once; all are shown."),
        ("{}", ""),
    ],
)
def test_a_flaw_of_the_metadata_is_said(recorded: str, note: str) -> None:
    assert rows.details(event(), recorded, "")["note"] == note


def test_unreadable_metadata_gives_its_reason_and_nothing_else() -> None:
    details = rows.unreadable(event(), "part-3.parquet has changed")
    assert (details["text"], details["url"], details["note"]) == ("", "", "part-3.parquet has changed")


def test_file_names_hold_no_character_that_a_file_system_minds() -> None:
    assert rows.file_name(event(event_id="a:b~c.d_e-1")) == "event-a-b-c.d_e-1.json"
