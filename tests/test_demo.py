"""The demo history: exact, deterministic, lazy, in causal order, consistent in itself, and with every trap."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime
from functools import cache
from itertools import groupby, pairwise
from typing import Any

import pytest

from auditlib import demo
from auditlib.demo.history import ROWS_PER_BATCH, cut
from auditlib.demo.pitfalls import COLUMNS_AMISS, METADATA, NAMES
from auditlib.demo.sessions import FLAWS
from auditlib.errors import AuditError
from auditlib.event import related_ids
from auditlib.schema import EVENT_ID, SCHEMA, TYPE_KEY
from auditlib.store import publish, verify_store
from auditlib.vocabulary import INTERVIEW_TYPES, OUTCOMES, ROLES, TEAM_ROLES

Event = dict[str, Any]

_FINGERPRINT = """
import hashlib
from auditlib import demo
digest = hashlib.sha256()
for snapshot in demo.snapshots(2500, seed=11, days=90):
    digest.update(f"{snapshot.name} {snapshot.created.isoformat()}".encode())
    for batch in snapshot.batches:
        digest.update(repr(batch.to_pydict()).encode())
print(digest.hexdigest())
"""


@cache
def history(events: int, seed: int = 7, days: int = 180) -> tuple[tuple[str, tuple[Event, ...]], ...]:
    return tuple(
        (snapshot.name, tuple(row for batch in snapshot.batches for row in batch.to_pylist()))
        for snapshot in demo.snapshots(events, seed, days)
    )


def rows(events: int, seed: int = 7, days: int = 180) -> list[Event]:
    return [event for _, part in history(events, seed, days) for event in part]


@cache
def trapped(events: int = 5000) -> frozenset[str]:
    return frozenset(event_id for ids in demo.traps(events).values() for event_id in ids)


def plain() -> list[Event]:
    """The 5,000-event history without its traps, in the order of the page: time, then id."""
    kept = [event for event in rows(5000) if event["event_id"] not in trapped()]
    return sorted(kept, key=lambda event: (event["occurred_at"], event["event_id"]))


def by_id(events: int) -> dict[str, list[Event]]:
    found = defaultdict(list)
    for event in rows(events):
        found[event["event_id"]].append(event)
    return found


def fingerprint(hash_seed: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _FINGERPRINT], env={**os.environ, "PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


# --- shape -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("events", [1, 2, 10, 2000, 5000])
def test_a_history_has_exactly_the_events_asked_for_in_three_snapshots_or_more(events: int) -> None:
    parts = history(events)
    assert sum(len(part) for _, part in parts) == events
    assert len(parts) >= 3
    assert len({name for name, _ in parts}) == len(parts)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}", name) for name, _ in parts)


@pytest.mark.parametrize("days", [1, 20, 45, 400])
def test_histories_of_few_and_of_many_days_are_as_exact(days: int) -> None:
    parts = history(700, 3, days)
    assert sum(len(part) for _, part in parts) == 700
    assert len(parts) >= 3


def test_every_batch_has_the_schema_and_every_value_its_form() -> None:
    for snapshot in demo.snapshots(5000):
        for batch in snapshot.batches:
            assert batch.schema.equals(SCHEMA)
            batch.validate(full=True)
            assert 0 < batch.num_rows <= ROWS_PER_BATCH
            for field in SCHEMA:
                assert field.nullable or batch.column(field.name).null_count == 0
    for event in rows(5000):
        assert re.fullmatch(EVENT_ID, event["event_id"])
        assert re.fullmatch(TYPE_KEY, event["resource_type"])
        assert event["outcome"] in OUTCOMES
        assert event["actor_role"] is None or event["actor_role"] in ROLES


def test_a_history_ends_on_20_november_2026_at_18_utc_and_begins_the_given_days_before() -> None:
    times = [event["occurred_at"] for event in plain()]
    assert min(times) >= datetime(2026, 5, 24, 18, tzinfo=UTC)
    assert datetime(2026, 11, 19, tzinfo=UTC) < max(times) <= datetime(2026, 11, 20, 18, tzinfo=UTC)


def test_a_snapshot_is_delivered_after_all_its_events_were_recorded() -> None:
    before = datetime.min.replace(tzinfo=UTC)
    for snapshot in demo.snapshots(5000):
        recorded = [at for batch in snapshot.batches for at in batch.column("recorded_at").to_pylist()]
        assert max(recorded, default=before) <= snapshot.created
        assert snapshot.created > before
        before = snapshot.created


def test_snapshots_of_millions_of_events_are_planned_under_a_million_rows_each() -> None:
    parts = cut(10_000_000, 180)
    assert len(parts) >= 13
    assert [part.until for part in parts] == sorted({part.until for part in parts})
    assert len({part.name for part in parts}) == len(parts)


@pytest.mark.parametrize(("events", "days"), [(0, 180), (-5, 180), (10, 0), (10, 10_000_000)])
def test_a_number_out_of_range_is_refused_with_a_sentence(events: int, days: int) -> None:
    with pytest.raises(AuditError, match="expected 1"):
        demo.snapshots(events, days=days)


# --- same arguments, same rows ---------------------------------------------------------------------


def test_the_same_arguments_give_the_same_rows_in_another_process_with_another_hash_seed() -> None:
    assert fingerprint("1") == fingerprint("4242")


def test_another_seed_gives_another_history_and_another_log_id() -> None:
    assert [event["event_id"] for event in rows(2000)] != [event["event_id"] for event in rows(2000, 8)]
    assert demo.log_id(2000, 7, 180) == demo.log_id(2000)
    assert len({demo.log_id(2000), demo.log_id(2001), demo.log_id(2000, 8), demo.log_id(2000, 7, 90)}) == 4


# --- lazy ------------------------------------------------------------------------------------------


def test_the_first_batch_of_ten_million_events_arrives_without_the_rest() -> None:
    first = next(demo.snapshots(10_000_000))
    batch = next(first.batches)
    assert batch.num_rows == ROWS_PER_BATCH


def test_snapshots_may_be_listed_first_but_are_read_in_order_and_once() -> None:
    listed = list(demo.snapshots(2000))
    with pytest.raises(AuditError, match="expected all before it"):
        next(listed[1].batches)
    assert sum(batch.num_rows for snapshot in demo.snapshots(2000) for batch in snapshot.batches) == 2000


# --- believable ------------------------------------------------------------------------------------


def test_about_sixty_of_a_hundred_events_are_about_interviews() -> None:
    for events in (2000, 5000, 20_000):
        kinds = Counter(event["resource_type"] for event in rows(events))
        assert 0.5 <= sum(kinds[kind] for kind in INTERVIEW_TYPES) / events <= 0.7


def test_team_members_also_act_on_interviews() -> None:
    assert any(event["actor_role"] in TEAM_ROLES and event["resource_type"] in INTERVIEW_TYPES for event in plain())


def test_names_come_in_many_scripts_and_some_people_share_one() -> None:
    names = {event["candidate_id"]: event["candidate_name"] for event in rows(20_000) if event["candidate_id"]}
    letters = set("".join(names.values()))
    assert all(any(low <= letter <= high for letter in letters) for low, high in ("Αω", "Ая", "את", "اي", "一龥", "가힣"))
    assert any("İ" in name or "ı" in name for name in names.values())
    assert len(set(names.values())) < len(names)
    people = {event["actor_id"]: event["actor_name"] for event in rows(20_000) if event["actor_role"] == "interviewer"}
    assert len(set(people.values())) < len(people)


def test_someone_changes_name_someone_role_someone_address_and_earlier_events_keep_the_old_one() -> None:
    seen: dict[str, dict[str, set[Any]]] = defaultdict(lambda: defaultdict(set))
    for event in plain():
        for column in ("actor_name", "actor_role", "actor_email"):
            seen[column][event["actor_id"]].add(event[column])
    for column in ("actor_name", "actor_role", "actor_email"):
        assert [len(values) for values in seen[column].values() if len(values) > 1] == [2]


def test_weekends_are_quiet() -> None:
    days = Counter(event["occurred_at"].weekday() for event in plain())
    assert days[5] + days[6] < 0.12 * days.total()


def test_metadata_is_json_of_the_usual_size_and_carries_keys_that_are_to_be_masked() -> None:
    texts = sorted((event["metadata"] for event in plain()), key=len)
    assert all(isinstance(json.loads(text), dict) for text in texts)
    assert 600 <= len(texts[len(texts) // 2].encode()) <= 1200
    for word in ("turnPassword", "session_token", "secret", "join_token"):
        assert any(f'"{word}":' in text for text in texts)


def test_outcomes_sources_and_addresses_vary() -> None:
    events = plain()
    assert {event["outcome"] for event in events} == set(OUTCOMES)
    assert {event["source"] for event in events} == {"platform", "livekit"}
    assert any(":" in (event["ip"] or "") for event in events)
    assert any(event["source_file"] and event["source_row"] for event in events)
    assert all((event["recorded_at"] - event["occurred_at"]).total_seconds() > 0 for event in events)
    assert any((event["recorded_at"] - event["occurred_at"]).total_seconds() > 600 for event in events)


# --- cause before effect, and one story ------------------------------------------------------------


def test_nothing_happens_to_a_booking_application_campaign_or_evaluation_before_it_is_created() -> None:
    kinds = ("interview_booking", "application", "campaign", "evaluation", "api_key")
    events = [event for event in plain() if event["resource_type"] in kinds]
    first = {}
    for event in events:
        first.setdefault((event["resource_type"], event["resource_id"]), event["action"])
    assert len(first) > 300
    assert set(first.values()) == {"created"}


def test_a_session_opens_after_its_booking_and_before_anyone_joins_and_closes_after_all_left() -> None:
    booked = {event["resource_id"]: event["occurred_at"] for event in plain()
              if (event["resource_type"], event["action"]) == ("interview_booking", "created")}  # fmt: skip
    sessions = defaultdict(list)
    for event in plain():
        if event["resource_type"] == "video_session":
            sessions[event["resource_id"]].append(event)
    whole = [events for events in sessions.values() if events[-1]["action"] == "room_finished"]
    assert len(whole) > 100
    for events in whole:
        assert events[0]["action"] == "created"
        assert booked[related_ids(events[0]["related"])["booking"]] < events[0]["occurred_at"]
        assert Counter(event["action"] for event in events)["created"] == 1


def test_an_evaluation_and_a_no_show_follow_the_session_they_speak_of() -> None:
    opened = {related_ids(event["related"])["booking"]: event["occurred_at"] for event in rows(5000)
              if event["resource_type"] == "video_session" and event["action"] == "created"}  # fmt: skip
    judged = [event for event in plain() if event["resource_type"] == "evaluation" or event["action"] == "marked_no_show"]
    assert len(judged) > 100
    assert all(opened[related_ids(event["related"])["booking"]] < event["occurred_at"] for event in judged)


def test_each_before_is_the_previous_after_of_that_field() -> None:
    last: dict[tuple[str, str, str], Any] = {}
    compared = 0
    for event in plain():
        for change in json.loads(event["changes"] or "[]"):
            key = (event["resource_type"], event["resource_id"], change["field"])
            if "before" in change and key in last:
                assert change["before"] == last[key], event["event_id"]
                compared += 1
            if "after" in change:
                last[key] = change["after"]
    assert compared > 400


def test_related_ids_agree_over_all_events_of_one_booking_and_one_application() -> None:
    parents: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for event in plain():
        ids = related_ids(event["related"])
        own = {"interview_booking": "booking", "video_session": "session", "recording": "recording", "evaluation": "evaluation",
               "application": "application", "candidate": "candidate", "campaign": "campaign"}.get(event["resource_type"])  # fmt: skip
        if own and ids:
            assert ids[own] == event["resource_id"]
        for child, over in (("booking", "application"), ("session", "booking"), ("recording", "session"), ("evaluation", "session"),
                            ("application", "candidate"), ("application", "campaign")):  # fmt: skip
            if child in ids:
                parents[child, ids[child], over].add(ids[over])
    assert len(parents) > 900
    assert all(len(found) == 1 for found in parents.values())


def test_interview_events_name_interviewer_and_candidate() -> None:
    for event in plain():
        if event["resource_type"] in INTERVIEW_TYPES:
            assert event["interviewer_id"] and event["interviewer_name"] and event["candidate_id"] and event["candidate_name"]


def test_event_ids_rise_with_the_rows_except_where_a_row_is_delivered_twice() -> None:
    ids = [event["event_id"] for event in rows(5000) if event["event_id"] not in trapped()]
    assert len(set(ids)) == len(ids)
    assert all(len(event_id) == 26 for event_id in ids)
    assert sum(later < earlier for earlier, later in pairwise(ids)) < len(ids) / 100


def test_groups_of_one_second_keep_the_order_in_which_they_were_written() -> None:
    sessions = [event for event in plain() if event["source"] == "livekit" and event["resource_type"] == "video_session"]
    for _, group in groupby(sessions, key=lambda event: (event["resource_id"], event["occurred_at"])):
        written = [event["event_id"] for event in group]
        assert written == sorted(written)


# --- traps -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("events", "seed", "days"), [(2000, 7, 180), (2000, 1, 180), (2000, 2, 30), (5000, 7, 180), (2000, 7, 400)])
def test_every_trap_is_there_from_two_thousand_events_upward(events: int, seed: int, days: int) -> None:
    traps = demo.traps(events, seed, days)
    wanted = {*FLAWS, *COLUMNS_AMISS, "ties", "duplicate_in_file", "duplicate_across_snapshots", "same_id_other_metadata"}
    wanted |= {"same_native_id_two_bodies", "no_time", "far_future", "metadata_huge", "metadata_2_mb"}
    wanted |= {f"metadata_{name}" for name in METADATA} | {f"name_{name}" for name in NAMES}
    assert set(traps) == wanted
    present = {event["event_id"] for event in rows(events, seed, days)}
    assert all(ids and set(ids) <= present for ids in traps.values())


def test_there_are_no_traps_below_two_thousand_events() -> None:
    assert demo.traps(1999) == {}


def test_ties_share_one_microsecond() -> None:
    ids = demo.traps(2000)["ties"]
    assert len(set(ids)) >= 60
    assert len({event["occurred_at"] for event_id in ids for event in by_id(2000)[event_id]}) == 1


def test_duplicates_lie_in_one_file_and_across_two_and_are_identical() -> None:
    traps = demo.traps(2000)
    for name, files in (("duplicate_in_file", 1), ("duplicate_across_snapshots", 2)):
        (event_id,) = traps[name]
        where = [part for part, events in history(2000) for event in events if event["event_id"] == event_id]
        assert len(where) == 2
        assert len(set(where)) == files
        one, other = by_id(2000)[event_id]
        assert one == other


def test_one_id_has_two_contents_in_two_snapshots_and_one_native_id_two_bodies() -> None:
    traps = demo.traps(2000)
    (event_id,) = traps["same_id_other_metadata"]
    assert len({part for part, events in history(2000) for event in events if event["event_id"] == event_id}) == 2
    assert len({event["metadata"] for event in by_id(2000)[event_id]}) == 2
    bodies = [event for event_id in traps["same_native_id_two_bodies"] for event in by_id(2000)[event_id]]
    assert len(bodies) == 2
    assert len({event["source_event_id"] for event in bodies}) == 1
    assert len({event["metadata"] for event in bodies}) == 2


def test_sessions_with_faults_show_them() -> None:
    traps = demo.traps(2000)
    at = {event["event_id"]: event for event in rows(2000)}
    finished, completed = (at[event_id] for event_id in traps["recording_ends_after_room"])
    assert (finished["action"], completed["action"]) == ("room_finished", "recording_completed")
    assert finished["occurred_at"] < completed["occurred_at"]
    assert balance(at[traps["missing_leave"][0]]) == 1
    assert balance(at[traps["missing_join"][-1]]) == -1
    assert [at[event_id]["action"] for event_id in traps["swapped_order"]] == ["participant_joined"] * 2 + ["participant_left"] * 2
    recording = at[traps["recording_never_ends"][0]]["resource_id"]
    ends = {event["action"] for event in rows(2000) if event["resource_id"] == recording}
    assert "recording_started" in ends
    assert not ends & {"recording_completed", "recording_failed"}


def balance(one: Event) -> int:
    """Joins minus leaves of the candidate in the session of an event."""
    actions = Counter(
        event["action"] for event in rows(2000) if event["resource_id"] == one["resource_id"] and event["actor_id"] == one["candidate_id"]
    )
    return actions["participant_joined"] - actions["participant_left"]


def test_times_names_and_metadata_are_as_odd_as_told() -> None:
    traps, at = demo.traps(2000), by_id(2000)

    def only(name: str) -> Event:
        return at[traps[name][0]][0]

    assert len(traps["no_time"]) >= 3
    assert all(at[event_id][0]["occurred_at"] is None for event_id in traps["no_time"])
    assert only("far_future")["occurred_at"].year == 2099
    assert len(only("metadata_huge")["metadata"]) > 256 * 1024
    assert len(only("metadata_2_mb")["metadata"]) >= 2_000_000
    assert all(only(f"metadata_{name}")["metadata"] == text for name, text in METADATA.items())
    for name, text in NAMES.items():
        assert only(f"name_{name}")["actor_name"] == only(f"name_{name}")["candidate_name"] == text
    assert len(NAMES["long"]) == 1000
    for name, columns in COLUMNS_AMISS.items():
        assert {column: only(name)[column] for column in columns} == dict(columns)


# --- together with the store -----------------------------------------------------------------------


def test_a_published_history_verifies_and_is_the_same_bytes_again(tmp_path: Any) -> None:
    digests = []
    for store in (tmp_path / "one", tmp_path / "two"):
        for snapshot in demo.snapshots(2000):
            publish(store, snapshot.batches, name=snapshot.name, created=snapshot.created, log_id=demo.log_id(2000))
        report = verify_store(store)
        assert report.ok
        assert sum(file.rows or 0 for file in report.files) == 2000
        files = sorted([*store.glob("data/*.parquet"), *store.glob("manifests/*.json")])
        digests.append([hashlib.sha256(file.read_bytes()).hexdigest() for file in files])
    assert digests[0] == digests[1]
    assert len(digests[0]) == 14
