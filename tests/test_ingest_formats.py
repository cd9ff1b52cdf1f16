"""Every further format, on real samples: what is imported agrees with what the files hold, counted here."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ingest_samples import DATA, column, events_of, import_files, import_text, lines_of, shared

from auditlib.ingest import formats, load_mapping
from auditlib.ingest.mapping import Compiled
from auditlib.schema import ACTION_KEY, EVENT_ID, TYPE_KEY

SAMPLES: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    # format: its shared files, then where time, actor and native id stand
    "github_audit": (
        ("saas/github_audit",), ("created_at", "@timestamp", "at_sign_timestamp"), ("actor_id", "actor"), ("_document_id",),
    ),
    "okta": (("saas/okta_system_log",), ("published",), ("actor.id",), ("uuid",)),
    "google_workspace": (("saas/gsuite_activity_panther",), ("id.time",), ("actor.profileid", "actor.email"), ()),
    "m365": (("saas/m365_aad", "saas/m365_exchange"), ("creationtime",), ("userkey",), ("id",)),
    "azure": (("saas/azure_audit",), ("time",), (), ("properties.id",)),
    "gcp": (
        ("saas/gcp_audit",), ("timestamp", "p_event_time"),
        ("protopayload.authenticationinfo.principalemail", "protopayload.authenticationinfo.principalsubject"), ("insertid",),
    ),
    "auth0": (
        ("saas/auth0_log_stream",), ("data.date",),
        ("data.details.request.auth.user.user_id", "data.user_id", "data.client_id"), ("log_id", "data.log_id"),
    ),
    "slack": (("saas/slack_audit",), ("date_create",), ("actor.user.id",), ("id",)),
    "zoom": (("saas/zoom_operation", "saas/zoom_activity"), ("time", "p_event_time"), ("operator", "email"), ()),
    "asana": (("saas/asana_audit",), ("created_at",), ("actor.gid",), ("gid",)),
    "notion": (("saas/notion_audit",), ("event.timestamp",), ("event.actor.id",), ("event.id",)),
    "zendesk": (("saas/zendesk_audit",), ("created_at",), ("actor_id",), ("id",)),
    "teleport": (("saas/teleport_audit",), ("time",), ("user", "identity.user"), ("uid",)),
    "windows_security": (("windows_security/otrf_security_channel",), ("@timestamp",), ("subjectusersid",), ()),
}  # fmt: skip


def lowered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key.lower(): lowered(each) for key, each in reversed(value.items())}
    return value


def first(event: dict[str, Any], *paths: str) -> str | None:
    event = lowered(event)
    for path in paths:
        value: Any = event
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if value not in (None, "", "-") and not isinstance(value, dict | list):
            return str(value)
    return None


def instant(event: dict[str, Any], *paths: str) -> datetime | None:
    for path in paths:
        text = first(event, path) or ""
        if text.removesuffix(".0").isdigit():
            return datetime.fromtimestamp(float(text) / (1000 if len(text) > 12 else 1), UTC)
        if match := re.fullmatch(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d+)?Z?", text):
            return datetime.fromisoformat(f"{match[1]}T{match[2]}{(match[3] or '')[:7]}+00:00")
    return None


def cases() -> Iterator[Any]:
    for format, (names, *_) in SAMPLES.items():
        for name in names:
            slice_ = DATA / format / f"{Path(name).name}.ndjson"
            for path in (slice_, *shared(f"{name}.ndjson.gz")):
                yield pytest.param(format, path, id=f"{format} {path.name}")


@pytest.mark.parametrize(("format", "path"), list(cases()))
def test_a_file_gives_the_events_that_it_holds(format: str, path: Path, tmp_path: Path) -> None:
    _, times, actors, natives = SAMPLES[format]
    rejects = tmp_path / "rejects"
    rows, summary = import_files(format, path, rejects=rejects)
    rejected = {json.loads(line)["line"] for line in rejects.read_text().splitlines()}
    events = [event for number, event in enumerate(events_of(path), 1) if number not in rejected]
    kept = Counter(f"{first(event, *natives) or number}{json.dumps(event)}" for number, event in enumerate(events))
    assert summary.read == len(lines_of(path))
    assert summary.published == len(rows) == len(kept)
    assert summary.duplicates == len(events) - len(kept)
    expected = [instant(event, *times) for event in events]
    assert summary.without_time == expected.count(None)
    known = sorted(filter(None, expected))
    found = sorted(filter(None, column(rows, "occurred_at")))
    assert (found[:1], found[-1:], set(found)) == (known[:1], known[-1:], set(known))
    if actors:
        assert {*column(rows, "actor_id")} == {first(event, *actors) for event in events}
    if natives:
        assert Counter(column(rows, "source_event_id")) == Counter(first(event, *natives) for event in events)


@pytest.mark.parametrize(("format", "path"), list(cases()))
def test_only_what_has_no_field_of_the_format_is_rejected(format: str, path: Path, tmp_path: Path) -> None:
    _, times, actors, natives = SAMPLES[format]
    rejects = tmp_path / "rejects"
    import_files(format, path, rejects=rejects)
    events = events_of(path)
    for line in rejects.read_text().splitlines():
        event = events[json.loads(line)["line"] - 1]
        assert first(event, *times, *actors, *natives, "eventtype", "action", "operation", "protopayload.methodname") is None


@pytest.mark.parametrize(("format", "path"), list(cases()))
def test_ids_types_and_actions_are_keys_and_the_metadata_is_the_event_as_written(format: str, path: Path) -> None:
    rows, _ = import_files(format, path)
    lines = lines_of(path)
    assert len({*column(rows, "event_id")}) == len(rows)
    for row in rows:
        assert re.fullmatch(EVENT_ID, row["event_id"])
        assert re.fullmatch(ACTION_KEY, row["action"])
        assert re.fullmatch(TYPE_KEY, row["resource_type"])
        assert row["metadata"].encode() in lines[row["source_row"] - 1]
        assert isinstance(json.loads(row["metadata"]), dict)
        assert all("field" in change for change in json.loads(row["changes"] or "[]"))
    assert import_files(format, path)[0] == rows


def test_github_webhooks_give_what_was_before_and_what_stands_in_the_object_now() -> None:
    for path in (DATA / "github_webhook/github_webhooks.ndjson", *shared("saas/github_webhooks.ndjson.gz")):
        rows, summary = import_files("github_webhook", path)
        records = [json.loads(line) for line in lines_of(path)]
        assert (summary.published, summary.rejected) == (len(records), 0)
        assert column(rows, "resource_type") == [record["event"] for record in records]
        assert column(rows, "actor_name") == [(record["payload"].get("sender") or {}).get("login") for record in records]
        edited = next(row for row in rows if row["action_raw"] == "label.edited")
        payload = next(each["payload"] for each in records if (each["event"], each["payload"].get("action")) == ("label", "edited"))
        assert json.loads(edited["changes"]) == [
            {"field": "color", "before": payload["changes"]["color"]["from"], "after": payload["label"]["color"]}
        ]
        assert json.loads(edited["metadata"]) == payload


def test_a_bare_github_webhook_body_is_read_too(tmp_path: Path) -> None:
    body = {"action": "edited", "issue": {"id": 1, "number": 7, "title": "New", "updated_at": "2026-01-01T00:00:00Z"}}
    body |= {"changes": {"title": {"from": "Old"}}, "sender": {"login": "ana", "id": 5}}
    rows, _ = import_text(tmp_path, "github_webhook", json.dumps(body))
    row = rows[0]
    assert (row["action"], row["resource_type"], row["resource_id"], row["actor_id"]) == ("updated", "issue", "7", "5")
    assert json.loads(row["changes"]) == [{"field": "title", "before": "Old", "after": "New"}]


def test_every_event_of_a_google_activity_is_one_of_its_own(tmp_path: Path) -> None:
    activity = {
        "id": {"time": "2026-02-03T04:05:06.789Z", "uniqueQualifier": "-5", "applicationName": "admin", "customerId": "C1"},
        "actor": {"profileId": "9", "email": "ana@example.com"},
        "events": [
            {"name": "CHANGE_APPLICATION_SETTING", "parameters": [
                {"name": "SETTING_NAME", "value": "Sharing"}, {"name": "OLD_VALUE", "value": "off"}, {"name": "NEW_VALUE", "value": "on"},
            ]},
            {"name": "CREATE_USER", "parameters": [{"name": "USER_EMAIL", "value": "new@example.com"}]},
        ],
    }  # fmt: skip
    rows, _ = import_text(tmp_path, "google_workspace", json.dumps({"kind": "reports", "items": [activity]}))
    assert column(rows, "action") == ["updated", "created"]
    assert column(rows, "resource_id") == ["Sharing", "new@example.com"]
    assert json.loads(rows[0]["changes"]) == [{"field": "Sharing", "before": "off", "after": "on"}]
    assert {row["source_event_id"] for row in rows} == {"2026-02-03T04:05:06.789Z/-5"}
    assert len({*column(rows, "event_id")}) == 2
    assert json.loads(rows[1]["metadata"]) == activity


def test_an_export_of_microsoft_365_is_read_through_its_audit_data(tmp_path: Path) -> None:
    inner = {
        "CreationTime": "2026-01-02T03:04:05",
        "Id": "i-1",
        "Operation": "Update user.",
        "UserId": "a@b.c",
        "Workload": "AzureActiveDirectory",
    }
    inner |= {"ModifiedProperties": [{"Name": "Dept", "OldValue": '["A"]', "NewValue": '["B"]'}]}
    quoted = json.dumps(inner).replace('"', '""')
    text = f'RecordId,CreationDate,Operation,AuditData\r\ni-1,2026-01-02T03:04:05.0000000Z,Update user.,"{quoted}"\r\n'
    text += 'i-2,2026-01-02T03:04:06.0000000Z,Delete user.,"{""broken"\r\n'
    rows, summary = import_text(tmp_path, "m365", text)
    assert summary.rejected == 0
    assert column(rows, "source_event_id") == ["i-1", "i-2"]
    assert column(rows, "action") == ["updated", "deleted"]
    assert json.loads(rows[0]["changes"]) == [{"field": "Dept", "before": ["A"], "after": ["B"]}]
    assert rows[0]["occurred_at"] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert rows[0]["metadata"] == text.split("\r\n")[1]


def test_microsoft_s_old_and_new_values_are_read_out_of_their_strings() -> None:
    rows, _ = import_files("m365", DATA / "m365/m365_aad.ndjson")
    changed = next(json.loads(row["changes"]) for row in rows if row["changes"])
    assert changed[0]["field"] == "StrongAuthenticationMethod"
    assert isinstance(changed[0]["after"], list)


def test_a_failed_sign_in_is_one_in_every_format_that_tells(tmp_path: Path) -> None:
    failed = {
        "okta": {"eventType": "user.session.start", "outcome": {"result": "FAILURE"}},
        "m365": {"Operation": "UserLoginFailed", "Id": "1"},
        "azure": {"operationName": "Sign-in activity", "properties": {"status": {"errorCode": 50126}}},
        "auth0": {"data": {"type": "fp", "description": "Wrong password"}},
        "google_workspace": {"name": "login_failure"},
        "slack": {"action": "user_login_failed"},
        "asana": {"event_type": "user_login_failed"},
        "teleport": {"event": "user.login", "success": False},
        "windows_security": {"EventID": 4625, "Message": "An account failed to log on."},
    }
    for format, event in failed.items():
        rows, _ = import_text(tmp_path, format, json.dumps(event))
        assert rows[0]["action"] == "sign_in_failed", format


def test_zoom_s_prose_is_read_as_before_and_after(tmp_path: Path) -> None:
    detail = "Edit Group X  - Passcode: from On to Off"
    rows, _ = import_text(tmp_path, "zoom", json.dumps({"action": "Update", "category_type": "Meeting", "operation_detail": detail}))
    assert json.loads(rows[0]["changes"]) == [{"field": "Edit Group X  - Passcode", "before": "On", "after": "Off"}]
    assert (rows[0]["action"], rows[0]["resource_type"]) == ("updated", "video_session")


@pytest.mark.parametrize("wrap", [False, True], ids=["exported", "dumped"])
def test_django_auditlog_entries_find_their_way_to_the_interviews_tab(tmp_path: Path, wrap: bool) -> None:
    entry: dict[str, Any] = {
        "timestamp": "2026-01-02T03:04:05Z",
        "action": 1,
        "object_pk": "7",
        "object_repr": "Call",
        "remote_addr": "10.0.0.1",
    }
    entry |= {"changes": '{"status": ["open", "done"], "room": ["None", "A"]}'}
    if wrap:
        text = json.dumps(
            [{"model": "auditlog.logentry", "pk": 3, "fields": {**entry, "actor": 5, "content_type": ["bookings", "booking"]}}]
        )
    else:
        text = json.dumps({**entry, "id": 3, "actor_id": 5, "content_type": "bookings.booking"})
    rows, _ = import_text(tmp_path, "django_auditlog", text)
    row = rows[0]
    assert (row["source_event_id"], row["actor_id"], row["action"]) == ("3", "5", "updated")
    assert (row["resource_type"], row["resource_id"], row["resource_name"]) == ("interview_booking", "7", "Call")
    assert json.loads(row["changes"])[0] == {"field": "status", "before": "open", "after": "done"}


def test_json_lines_and_csv_of_usual_names_need_no_mapping(tmp_path: Path) -> None:
    lines = json.dumps(
        {"Timestamp": 1767322800, "user": "ana", "event": "file_deleted", "ip": "10.0.0.1", "status": "ok", "object_id": "f1"}
    )
    table = "timestamp,user,event,ip,status,object_id\n1767322800,ana,file_deleted,10.0.0.1,ok,f1\n"
    for format, text in (("jsonl", lines), ("csv", table)):
        rows, _ = import_text(tmp_path, format, text)
        row = rows[0]
        assert (row["actor_id"], row["action"], row["outcome"], row["resource_id"]) == ("ana", "deleted", "success", "f1")
        assert row["occurred_at"] == datetime(2026, 1, 2, 3, tzinfo=UTC)
        assert row["source"] == format


@pytest.mark.parametrize("path", [DATA / "hiring/hiring_log_high.ndjson", *shared("hiring/*.ndjson.gz")], ids=lambda path: path.name)
def test_a_hiring_process_log_comes_in_through_a_mapping_file(path: Path) -> None:
    rows, summary = import_files(load_mapping(DATA / "hiring/hiring.toml"), path)
    records = [json.loads(line) for line in lines_of(path)]
    assert (summary.published, summary.without_time) == (len(records), 0)
    is_interview = re.compile("Interview|Screening")
    interviews = sum(bool(is_interview.search(record["event"]["concept:name"])) for record in records)
    assert column(rows, "resource_type").count("interview_booking") == interviews
    assert {*column(rows, "resource_id")} == {record["case"]["concept:name"] for record in records}
    times = [datetime.fromisoformat(record["event"]["time:timestamp"]) for record in records]
    assert (min(column(rows, "occurred_at")), max(column(rows, "occurred_at"))) == (min(times), max(times))


def test_every_listed_format_is_tested_on_a_sample() -> None:
    elsewhere = {"platform", "livekit", "cloudtrail", "github_webhook", "django_auditlog", "jsonl", "csv"}
    assert {format.key for format in formats()} == elsewhere | {*SAMPLES}
    assert all(isinstance(format.rules, Compiled) for format in formats() if format.key != "platform")
