"""CloudTrail: what is imported agrees with what the delivery files hold, counted here from the files themselves."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from ingest_samples import DATA, column, events_of, import_files, import_text, lines_of, shared

DELIVERIES = "cloudtrail/invictus_records/*.json.gz"
SLICES = sorted((DATA / "cloudtrail").glob("*.json.gz"))
LINES = sorted((DATA / "cloudtrail").glob("*.ndjson"))


def records_of(paths: list[Path]) -> list[dict[str, Any]]:
    return [record for path in paths for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]]


def time_of(event: dict[str, Any]) -> datetime | None:
    text = event.get("eventTime") or event.get("@timestamp")
    return datetime.fromisoformat(text.replace(" ", "T") + ("" if text.endswith("Z") else "Z")) if text else None


def actor_of(event: dict[str, Any]) -> str | None:
    user = event.get("userIdentity") or {}
    return user.get("arn") or user.get("principalId") or user.get("invokedBy")


def agrees(rows: list[dict[str, Any]], events: list[dict[str, Any]]) -> None:
    times = [time for event in events if (time := time_of(event))]
    assert len(rows) == len(events)
    assert column(rows, "occurred_at").count(None) == len(events) - len(times)
    assert {row["occurred_at"] for row in rows} - {None} == set(times)
    assert Counter(column(rows, "actor_id")) == Counter(map(actor_of, events))
    assert Counter(column(rows, "source_event_id")) == Counter(event.get("eventID") for event in events)
    assert Counter(column(rows, "action_raw")) == Counter(event.get("eventName") for event in events)
    assert Counter(column(rows, "ip")) == Counter(event.get("sourceIPAddress") for event in events)


def found_by_s3(event: dict[str, Any]) -> bool:
    """The search `q=s3` straight on a record: actor name, resource type, resource id."""
    user, request = event.get("userIdentity") or {}, event.get("requestParameters") or {}
    resource = (event.get("resources") or [{}])[0]
    issuer = user.get("sessionContext", {}).get("sessionIssuer", {})
    name = user.get("userName") or issuer.get("userName") or user.get("invokedBy") or user.get("principalId") or ""
    kind = resource.get("type") or event["eventSource"].split(".")[0]
    keys = ("bucketName", "userName", "roleName", "instanceId", "functionName", "groupName", "secretId", "keyId")
    found = resource.get("ARN") or next((request[key] for key in keys if isinstance(request.get(key), str)), "")
    return any("s3" in text.lower() for text in (name, kind, found))


@pytest.mark.parametrize("paths", [SLICES, shared(DELIVERIES)], ids=["slices", "all 55 files"])
def test_delivery_files_give_the_events_that_they_hold(paths: list[Path]) -> None:
    if not paths:
        pytest.skip("the full delivery files are not here")
    rows, summary = import_files("cloudtrail", *paths)
    agrees(rows, records_of(paths))
    assert (summary.duplicates, summary.rejected, summary.without_time) == (0, 0, 0)
    assert [each.read for each in summary.files] == [len(records_of([path])) for path in paths]
    searched = ("actor_name", "resource_type", "resource_id")
    found = [row for row in rows if any("s3" in (row[name] or "").lower() for name in searched)]
    assert len(found) == sum(map(found_by_s3, records_of(paths)))


def test_the_55_delivery_files_give_2900_events() -> None:
    paths = shared(DELIVERIES)
    if not paths:
        pytest.skip("the full delivery files are not here")
    rows, _ = import_files("cloudtrail", *paths)
    assert len(paths) == 55
    assert len(rows) == len(set(column(rows, "event_id"))) == 2900
    assert sum(map(found_by_s3, records_of(paths))) == 271


@pytest.mark.parametrize("path", [*LINES, *shared("cloudtrail/*.ndjson.gz")], ids=lambda path: path.name)
def test_lines_give_the_events_that_they_hold(path: Path) -> None:
    rows, summary = import_files("cloudtrail", path)
    agrees(rows, events_of(path))
    assert summary.rejected == 0
    assert [row["metadata"].encode() for row in rows] == [line.strip() for line in lines_of(path)]


@pytest.mark.parametrize("path", shared("saas/aws_cloudtrail.ndjson.gz"))
def test_hand_trimmed_samples_are_kept_unless_nothing_of_a_call_is_left(path: Path) -> None:
    known = {"eventtime", "@timestamp", "eventname", "eventid", "eventsource", "useridentity", "sourceipaddress", "recipientaccountid"}
    empty = [event for event in events_of(path) if not known & {key.lower() for key in event}]
    _, summary = import_files("cloudtrail", path)
    assert summary.read == len(lines_of(path))
    assert summary.rejected == len(empty)


@pytest.mark.parametrize("path", SLICES, ids=lambda path: path.name)
def test_the_metadata_is_the_record_as_it_stands_in_the_file(path: Path) -> None:
    rows, _ = import_files("cloudtrail", path)
    text = gzip.decompress(path.read_bytes()).decode()
    assert '{"Records":[' + ",".join(column(rows, "metadata")) + "]}" == text.strip()


def test_importing_the_same_files_again_gives_the_same_ids_and_within_a_run_duplicates() -> None:
    once, _ = import_files("cloudtrail", *SLICES)
    again, _ = import_files("cloudtrail", *reversed(SLICES))
    assert sorted(column(once, "event_id")) == sorted(column(again, "event_id"))
    both, summary = import_files("cloudtrail", *SLICES, *SLICES)
    assert both == once
    assert summary.duplicates == len(once)


def test_a_call_is_read_by_the_verb_rule_and_fails_by_its_error_code(tmp_path: Path) -> None:
    calls = {
        "CreateVolume": "created", "PutObject": "created", "ModifyVolume": "updated", "SetTag": "updated", "DeleteBucket": "deleted",
        "ListTagsForResource": "viewed", "DescribeDBInstances": "viewed", "AttachRolePolicy": "granted", "RevokeGrant": "revoked",
        "AssumeRole": "assume_role", "Decrypt": "decrypt", "GetUser": "viewed",
    }  # fmt: skip
    text = "\n".join(json.dumps({"eventName": name, "eventID": name, "errorCode": "AccessDenied"}) for name in calls)
    rows, _ = import_text(tmp_path, "cloudtrail", text)
    assert dict(zip(column(rows, "action_raw"), column(rows, "action"), strict=True)) == calls
    assert set(column(rows, "outcome")) == {"failure"}


def test_a_console_sign_in_is_told_apart_by_its_answer(tmp_path: Path) -> None:
    text = "\n".join(
        json.dumps({"eventName": "ConsoleLogin", "eventID": answer, "responseElements": {"ConsoleLogin": answer}})
        for answer in ("Success", "Failure")
    )
    rows, _ = import_text(tmp_path, "cloudtrail", text)
    assert [(row["action"], row["outcome"]) for row in rows] == [("signed_in", "success"), ("sign_in_failed", "failure")]


def test_a_resource_type_becomes_a_key() -> None:
    rows, _ = import_files("cloudtrail", *SLICES)
    by_id = {event["eventID"]: event for event in records_of(SLICES)}
    for row in rows:
        event = by_id[row["source_event_id"]]
        recorded = (event.get("resources") or [{}])[0].get("type")
        assert row["resource_type"] == (recorded.lower().replace("::", ".") if recorded else event["eventSource"].split(".")[0])


def test_events_of_one_native_id_with_other_bodies_are_both_kept(tmp_path: Path) -> None:
    body = '{"eventID":"1","eventName":"GetUser"}'
    rows, summary = import_text(tmp_path, "cloudtrail", "\n".join((body, body.replace("}", ',"x":1}'), body)))
    assert len(rows) == 2
    assert summary.duplicates == 1
