"""The platform's own events: taken as they are, checked column by column."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_samples import import_text

from auditlib.schema import COLUMNS

EVENT: dict[str, Any] = {
    "event_id": "ev-1", "occurred_at": "2026-03-01T09:00:00.250000Z", "recorded_at": None, "source": "platform",
    "source_event_id": None, "tenant": "acme", "actor_id": "u-1", "actor_name": "Zoë", "actor_email": "zoe@example.com",
    "actor_role": "campaign_manager", "action": "updated", "action_raw": None, "outcome": "success",
    "resource_type": "interview_booking", "resource_id": "BK1", "resource_name": "Call", "interviewer_id": None,
    "interviewer_name": None, "candidate_id": "c-1", "candidate_name": "Ann", "related": '{"booking":"BK1"}', "ip": "10.0.0.1",
    "user_agent": "x", "summary": "Moved, \"again\"", "changes": '[{"field":"at","before":1e2}]', "metadata": '{ "a" : 1e2 }',
    "source_file": None, "source_row": None,
}  # fmt: skip


def as_csv(*events: dict[str, Any]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    writer.writerows(events)
    return out.getvalue()


@pytest.mark.parametrize("write", [lambda event: json.dumps(event), as_csv], ids=["json", "csv"])
def test_every_column_comes_back_as_it_was(tmp_path: Path, write: Any) -> None:
    rows, summary = import_text(tmp_path, "platform", write(EVENT))
    expected = {**EVENT, "occurred_at": datetime(2026, 3, 1, 9, 0, 0, 250000, UTC), "source_file": "sample", "source_row": 1}
    assert rows == [expected]
    assert summary.without_time == 0


def test_provenance_that_an_event_already_has_is_kept(tmp_path: Path) -> None:
    rows, _ = import_text(tmp_path, "platform", json.dumps({**EVENT, "source_file": "first.csv", "source_row": 7}))
    assert (rows[0]["source_file"], rows[0]["source_row"]) == ("first.csv", 7)


def test_an_object_in_a_json_column_keeps_its_spelling(tmp_path: Path) -> None:
    text = json.dumps({**EVENT, "metadata": "M", "changes": "C", "related": "R"})
    text = text.replace('"M"', '{"a" :1.10, "b":[ ]}').replace('"C"', '[{"field":"x", "after":1e2}]').replace('"R"', '{"booking" : "B"}')
    rows, _ = import_text(tmp_path, "platform", text)
    assert rows[0]["metadata"] == '{"a" :1.10, "b":[ ]}'
    assert rows[0]["changes"] == '[{"field":"x", "after":1e2}]'
    assert rows[0]["related"] == '{"booking" : "B"}'


@given(st.text(st.characters(blacklist_categories=("Cs",))))
def test_any_metadata_text_comes_back_byte_for_byte(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    rows, _ = import_text(tmp_path_factory.mktemp("m"), "platform", json.dumps({**EVENT, "metadata": text}))
    assert rows[0]["metadata"] == text


def test_an_event_without_metadata_has_its_record_there(tmp_path: Path) -> None:
    text = '{"event_id":"a","action":"created","resource_type":"campaign"}'
    rows, summary = import_text(tmp_path, "platform", text)
    assert (rows[0]["metadata"], rows[0]["source"], rows[0]["occurred_at"]) == (text, "platform", None)
    assert summary.without_time == 1


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("event_id", None, "event_id is missing"),
        ("event_id", "a b", "event_id is 'a b'"),
        ("event_id", "x" * 129, "event_id is"),
        ("action", "", "action is ''"),
        ("action", "Created", "action is 'Created'"),
        ("resource_type", None, "resource_type is missing"),
        ("resource_type", "Interview Booking", "resource_type is"),
        ("actor_role", "boss", "actor_role is 'boss'; expected owner, admin"),
        ("outcome", "ok", "outcome is 'ok'; expected success, failure, denied"),
        ("actor_name", {"first": "A"}, "actor_name is an object; expected text"),
    ],
)
def test_an_event_that_breaks_the_contract_is_rejected_by_the_name_of_its_column(
    tmp_path: Path, column: str, value: object, reason: str
) -> None:
    good = json.dumps({**EVENT, "event_id": "good"})
    rows, summary = import_text(tmp_path, "platform", f"{json.dumps({**EVENT, column: value})}\n{good}")
    assert [row["event_id"] for row in rows] == ["good"]
    assert summary.rejected == 1
    assert next(iter(summary.reasons)).startswith(reason)


def test_the_same_id_twice_is_a_duplicate_only_with_the_same_metadata(tmp_path: Path) -> None:
    events = [EVENT, EVENT, {**EVENT, "metadata": "{}"}]
    rows, summary = import_text(tmp_path, "platform", "\n".join(map(json.dumps, events)))
    assert [row["metadata"] for row in rows] == [EVENT["metadata"], "{}"]
    assert summary.duplicates == 1


@pytest.mark.parametrize("text", ["2026-03-01T10:00:00+01:00", "2026-03-01 09:00:00.0", 1772355600, "1772355600000"])
def test_times_are_read_in_the_usual_spellings(tmp_path: Path, text: object) -> None:
    rows, _ = import_text(tmp_path, "platform", json.dumps({**EVENT, "occurred_at": text}))
    assert rows[0]["occurred_at"] == datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize("text", ["soon", "2026-03-01", "2026-13-01T00:00:00Z", "", {}, [], True, 0, -5, "0001-01-01T00:00:00+23:00"])
def test_a_time_that_is_none_leaves_the_event_without_one(tmp_path: Path, text: object) -> None:
    rows, summary = import_text(tmp_path, "platform", json.dumps({**EVENT, "occurred_at": text}))
    assert rows[0]["occurred_at"] is None
    assert summary.without_time == 1
