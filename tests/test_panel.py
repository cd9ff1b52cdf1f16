"""The side panel's payload: every fact that was recorded, links that are filters, and what is missing said."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from auditlib.event import AuditEvent
from auditlib.view import FILTERS
from auditlib.vocabulary import INTERVIEWS, TEAM
from pages.ui import panel, rows, text

BERLIN = ZoneInfo("Europe/Berlin")


def event(**columns: Any) -> AuditEvent:
    plain: dict[str, Any] = {
        "event_id": "ev-1",
        "occurred_at": datetime(2026, 11, 1, 9, 0, 0, 250_000, tzinfo=UTC),
        "source": "platform",
        "actor_id": "p-1",
        "actor_name": "Ada Admin",
        "actor_role": "campaign_manager",
        "action": "updated",
        "outcome": "denied",
        "resource_type": "interview_booking",
        "resource_id": "BK1",
        "candidate_id": "C1",
        "candidate_name": "Cy Candidate",
        "related": '{"booking":"BK1","session":"VS9","candidate":"C1"}',
        "ip": "203.0.113.9",
        "changes": '[{"field":"status","before":"scheduled","after":"cancelled"},{"field":"phone","after":"1"}]',
        "snapshot": 3,
    }
    return AuditEvent(**plain | columns)


def payload(of: AuditEvent, *, recorded: str = '{"status":"cancelled","reason":"candidate is ill"}', **place: Any) -> dict[str, Any]:
    where = {"tab": INTERVIEWS, "position": 1, "total": 3} | place
    return panel.payload(of, tz=BERLIN, metadata=rows.details(of, recorded, ""), **where)


def test_the_panel_holds_who_what_and_when_in_both_zones() -> None:
    shown = payload(event())
    assert (shown["actor"], shown["role"], shown["actor_pivot"]) == ("Ada Admin", "Campaign manager", ["actor", "p-1"])
    assert (shown["when"], shown["zone"], shown["utc"]) == ("2026-11-01 10:00:00", "Europe/Berlin", "2026-11-01 09:00:00.250 UTC")
    assert (shown["action"]["label"], shown["outcome"]) == ("Updated", "Denied")
    assert json.loads(json.dumps(shown)) == shown


@pytest.mark.parametrize(
    ("position", "total", "words", "neighbours"),
    [
        (0, 3, "1 of 3", (False, True)),
        (1, 3, "2 of 3", (True, True)),
        (2, 3, "3 of 3", (True, False)),
        (0, 1, "1 of 1", (False, False)),
        (1_233, 12_482, "1,234 of 12,482", (True, True)),
        (None, 3, "", (False, False)),
    ],
)
def test_neighbours_are_those_of_the_list(position: int | None, total: int, words: str, neighbours: tuple[bool, bool]) -> None:
    shown = payload(event(), position=position, total=total)
    assert (shown["position"], (shown["has_previous"], shown["has_next"])) == (words, neighbours)


def test_changes_have_two_sides_and_a_missing_one_is_not_an_empty_one() -> None:
    status, phone = payload(event())["changes"]
    assert (status["raw_field"], status["field"]) == ("status", "Status")
    assert "".join(part["text"] for part in status["before"]) == "scheduled"
    assert "".join(part["text"] for part in status["after"]) == "cancelled"
    assert phone["before"] is None
    assert "".join(part["text"] for part in phone["after"]) == "1"


@pytest.mark.parametrize("changes", [None, "", "[]", "status: open -> closed", "{}"])
def test_without_readable_changes_the_panel_says_so(changes: str | None) -> None:
    shown = payload(event(changes=changes))
    assert (shown["changes"], shown["changes_note"]) == ([], text.NO_CHANGES)


def test_every_link_of_the_panel_is_a_filter_that_takes_its_value() -> None:
    shown = payload(event())
    pivots = [shown["actor_pivot"], *(fact["pivot"] for fact in shown["facts"] + shown["related"] if fact["pivot"])]
    assert pivots == [
        ["actor", "p-1"],
        ["resource", "interview_booking:BK1"],
        ["candidate", "C1"],
        ["related", "session:VS9"],
        ["ip", "203.0.113.9"],
    ]
    assert [FILTERS[parameter].check(value) for parameter, value in pivots] == [""] * len(pivots)


def test_on_team_a_candidate_is_reached_by_what_the_event_is_related_to() -> None:
    def pivot(**place: Any) -> list[str]:
        found: list[str] = next(fact["pivot"] for fact in payload(event(**place), tab=TEAM)["related"] if fact["label"] == "Candidate")
        return found

    assert pivot() == ["related", "candidate:C1"]
    assert pivot(related=None) == ["candidate", "C1"]


def test_sparse_metadata_points_to_actor_and_resource() -> None:
    assert payload(event(changes=None), recorded="{}")["metadata"]["sparse"] == text.SPARSE
    assert payload(event(), recorded="{}")["metadata"]["sparse"] == ""
    assert payload(event(changes=None))["metadata"]["sparse"] == ""


def test_what_was_not_recorded_is_said_and_links_nowhere() -> None:
    bare = payload(AuditEvent(event_id="ev-2", source="x", action="updated", resource_type="report", snapshot=1), recorded="")
    assert (bare["actor"], bare["actor_pivot"], bare["known"], bare["utc"]) == ("Not recorded", None, False, "")
    resource = bare["facts"][0]
    assert (resource["value"], resource["copy"], resource["pivot"]) == ("no id recorded", "", ["type", "report"])
    assert bare["related"] == []


def test_a_conflict_is_marked_on_the_record() -> None:
    record = next(fact for fact in payload(event(conflicts=True))["facts"] if fact["label"] == "Record")
    assert (record["value"], record["status"]) == ("Snapshot 3", "conflict")


def test_when_it_was_logged_is_told_only_where_that_was_later() -> None:
    late, prompt = datetime(2026, 11, 1, 9, 2, tzinfo=UTC), datetime(2026, 11, 1, 9, 0, 30, tzinfo=UTC)
    assert payload(event(recorded_at=late))["recorded"] == "Recorded 2026-11-01 09:02:00 UTC"
    assert payload(event(recorded_at=prompt))["recorded"] == ""
    assert payload(event(recorded_at=prompt, occurred_at=None))["recorded"] == "Recorded 2026-11-01 09:00:30 UTC"
