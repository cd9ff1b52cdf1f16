"""LiveKit webhooks: sessions, participants and recordings of a booking."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ingest_samples import DATA, column, events_of, import_files, import_text, lines_of, shared

from auditlib.errors import FormatError, IngestError
from auditlib.ingest import Format, load_format, run, verifying
from auditlib.ingest.delivery import NOT_VERIFIED

SESSION = DATA / "livekit" / "session.ndjson"
PUBLISHED = DATA / "livekit" / "webhooks.ndjson"


def session() -> dict[str, dict[str, Any]]:
    rows, _ = import_files("livekit", SESSION)
    return {row["source_event_id"]: row for row in rows}


@pytest.mark.parametrize("path", [PUBLISHED, *shared("livekit/webhooks.ndjson.gz")], ids=["slice", "full"][: 1 + len(shared("livekit/*"))])
def test_published_payloads_are_rooms_that_were_created(path: Path) -> None:
    rows, summary = import_files("livekit", path)
    events = events_of(path)
    assert column(rows, "action") == ["created"] * len(events)
    assert column(rows, "resource_id") == [event["room"]["sid"] for event in events]
    assert summary.without_time == sum("createdAt" not in event for event in events) == 1
    assert rows[1]["occurred_at"] == datetime.fromtimestamp(int(events[1]["createdAt"]), UTC)
    assert column(rows, "actor_name") == ["LiveKit"] * 2
    assert column(rows, "actor_role") == ["system"] * 2


def test_the_metadata_is_the_body_as_it_was_sent() -> None:
    rows, _ = import_files("livekit", SESSION)
    assert {row["metadata"].encode() for row in rows} == set(lines_of(SESSION))
    rows, _ = import_files("livekit", PUBLISHED)
    for row, line in zip(rows, lines_of(PUBLISHED), strict=True):
        assert f'"log": {row["metadata"]}}}'.encode() == line[-len(row["metadata"].encode()) - 8 :]


def test_a_repeated_webhook_is_one_event() -> None:
    rows, summary = import_files("livekit", SESSION)
    bodies = Counter(lines_of(SESSION))
    assert len(rows) == len(bodies)
    assert summary.duplicates == sum(bodies.values()) - len(bodies) == 1
    assert summary.without_time == 0


def test_every_event_of_a_session_belongs_to_its_booking() -> None:
    assert {json.loads(row["related"])["booking"] for row in session().values()} == {"BK-2041"}


def test_the_actions_of_a_session() -> None:
    assert {key: row["action"] for key, row in session().items()} == {
        "EV_01": "created",
        "EV_02": "participant_joined",
        "EV_03": "join_failed",
        "EV_04": "participant_joined",
        "EV_05": "participant_joined",
        "EV_06": "recording_started",
        "EV_07": "participant_joined",
        "EV_08": "track_published",
        "EV_10": "participant_left",
        "EV_11": "room_finished",
        "EV_12": "recording_completed",
        "EV_13": "recording_completed",
        "EV_14": "recording_failed",
        "EV_15": "recording_failed",
        "EV_16": "recording_failed",
        "EV_17": "ingress_started",
    }


def test_seconds_nanoseconds_camel_case_and_snake_case_are_all_read() -> None:
    rows = session()
    assert rows["EV_10"]["occurred_at"] == datetime(2026, 1, 5, 9, 44, tzinfo=UTC)
    assert rows["EV_12"]["occurred_at"] == datetime(2026, 1, 5, 9, 45, 10, tzinfo=UTC)
    assert rows["EV_12"]["resource_id"] == "EG_rec1"
    assert rows["EV_12"]["resource_name"] == "BK-2041"


def test_recorders_and_agents_are_services_and_nobody_s_candidate() -> None:
    rows = session()
    assert (rows["EV_05"]["actor_role"], rows["EV_07"]["actor_role"]) == ("service", "service")
    assert (rows["EV_05"]["candidate_id"], rows["EV_07"]["candidate_id"]) == (None, None)
    ana = rows["EV_04"]
    assert (ana["actor_role"], ana["candidate_id"], ana["candidate_name"]) == ("candidate", "cand-ana", "Ana Kovač")
    assert (rows["EV_02"]["interviewer_id"], rows["EV_02"]["candidate_id"]) == ("int-ivo", None)


def test_the_summary_is_a_sentence() -> None:
    rows = session()
    assert {key: rows[key]["summary"] for key in ("EV_01", "EV_03", "EV_04", "EV_08", "EV_12", "EV_14", "EV_15", "EV_16")} == {
        "EV_01": "The room of BK-2041 opened",
        "EV_03": "Ana Kovač could not connect to BK-2041",
        "EV_04": "Ana Kovač joined BK-2041",
        "EV_08": "track_published: Ana Kovač in BK-2041",
        "EV_12": "The recording of BK-2041 ended with a file",
        "EV_14": "The recording of BK-2041 failed: no file",
        "EV_15": "The recording of BK-2041 failed: Start signal not received",
        "EV_16": "The recording of BK-2041 failed: EGRESS_ABORTED",
    }


@pytest.mark.parametrize("kind", ["EGRESS", "AGENT", "INGRESS", "SIP", 1, 2, 3, 4])
def test_a_participant_that_is_no_person_stays_none_whatever_its_attributes_say(tmp_path: Path, kind: str | int) -> None:
    participant = {"identity": "p", "kind": kind, "attributes": {"role": "candidate"}}
    rows, _ = import_text(tmp_path, "livekit", json.dumps({"event": "participant_joined", "id": "1", "participant": participant}))
    assert (rows[0]["actor_role"], rows[0]["candidate_id"]) == ("service", None)


@pytest.mark.parametrize(
    ("status", "result", "action"),
    [
        ("EGRESS_COMPLETE", {"file": {"filename": "a.mp4"}}, "recording_completed"),
        ("EGRESS_COMPLETE", {"file_results": [{"location": "s3://b/a.mp4"}]}, "recording_completed"),
        ("EGRESS_COMPLETE", {"segmentResults": [{"playlistName": "a.m3u8"}]}, "recording_completed"),
        (3, {"file": {"filename": "a.mp4"}}, "recording_completed"),
        ("EGRESS_LIMIT_REACHED", {"fileResults": [{"filename": "a.mp4"}]}, "recording_completed"),
        ("EGRESS_LIMIT_REACHED", {}, "recording_failed"),
        ("EGRESS_COMPLETE", {"fileResults": []}, "recording_failed"),
        ("EGRESS_FAILED", {"file": {"filename": "a.mp4"}}, "recording_failed"),
        ("EGRESS_ABORTED", {}, "recording_failed"),
        (None, {"file": {"filename": "a.mp4"}}, "recording_failed"),
    ],
)
def test_a_recording_is_complete_only_with_a_good_ending_and_a_file(
    tmp_path: Path, status: str | int | None, result: dict[str, Any], action: str
) -> None:
    body = {"event": "egress_ended", "id": "1", "egressInfo": {"egressId": "EG_1", "roomName": "BK1", "status": status, **result}}
    rows, _ = import_text(tmp_path, "livekit", json.dumps(body))
    assert rows[0]["action"] == action
    assert rows[0]["outcome"] == ("success" if action == "recording_completed" else "failure")
    assert rows[0]["resource_type"] == "recording"


KEY, SECRET = "APIkey1", "a secret of thirty-two characters"
BODY = '{"event":"room_started", "id":"EV_é", "createdAt":"1767603600", "room":{"sid":"RM_1","name":"BK-2041"}}'


def token(body: str, *, key: str = KEY, secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """A token as LiveKit makes it: RFC 7519 with the base64 of the body's SHA-256."""

    def encoded(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
    payload = {"iss": key, "nbf": 1767603600, "exp": 1767603900, "sha256": digest, **claims}
    signed = f"{encoded(json.dumps({'alg': algorithm, 'typ': 'JWT'}).encode())}.{encoded(json.dumps(payload).encode())}"
    return f"{signed}.{'' if algorithm == 'none' else encoded(hmac.digest(secret.encode(), signed.encode(), 'sha256'))}"


def delivered(body: str = BODY, authorization: Any = None, header: str = "authorization") -> str:
    return json.dumps({header: token(body) if authorization is None else authorization, "body": body})


def verifying_format(folder: Path, text: str = f"# production\n\nother = x\n{KEY}: {SECRET}\n") -> Format:
    path = folder / "secrets"
    path.write_text(text)
    return verifying(load_format("livekit"), path)


@pytest.mark.parametrize("header", ["authorization", "Authorization"])
def test_a_signed_delivery_is_its_body_byte_for_byte(tmp_path: Path, header: str) -> None:
    rows, summary = import_text(tmp_path, verifying_format(tmp_path), delivered(header=header))
    assert [(row["metadata"], row["action"], row["source_event_id"]) for row in rows] == [(BODY, "created", "EV_é")]
    assert json.loads(rows[0]["related"])["booking"] == "BK-2041"
    assert summary.notes == {}


def test_a_delivery_and_its_bare_body_are_one_event(tmp_path: Path) -> None:
    rows, summary = import_text(tmp_path, "livekit", f"{delivered()}\n{BODY}")
    assert (len(rows), summary.duplicates) == (1, 1)


@pytest.mark.parametrize(
    ("delivery", "reason"),
    [
        (delivered(authorization=token(BODY, secret="another")), "the signature is wrong: it was not made with the API key's secret"),
        (delivered(BODY.replace("2041", "2042"), token(BODY)), "the body is not the one that was signed: its SHA-256 differs"),
        (delivered(BODY + " ", token(BODY)), "the body is not the one that was signed: its SHA-256 differs"),
        (delivered(authorization=token(BODY, sha256=None)), "the body is not the one that was signed: its SHA-256 differs"),
        (json.dumps({"body": BODY}), "the delivery has no signature: its authorization is missing"),
        (delivered(authorization=""), "the delivery has no signature: its authorization is missing"),
        (delivered(authorization=["x"]), "the delivery has no signature: its authorization is missing"),
        (delivered(authorization=token(BODY, key="APIkey2")), "the signature is by an API key that is not in the secret file"),
        (delivered(authorization=token(BODY, iss=["x"])), "the signature is by an API key that is not in the secret file"),
        (delivered(authorization=token(BODY, algorithm="none")), "the signature's algorithm is 'none'; expected HS256"),
        (delivered(authorization=token(BODY, algorithm="HS512")), "the signature's algorithm is 'HS512'; expected HS256"),
        (delivered(authorization="no token"), "the authorization is no JSON Web Token"),
        (delivered(authorization="é.é.é"), "the authorization is no JSON Web Token"),
        (delivered(authorization="e30.W10.e30"), "the authorization is no JSON Web Token"),
        (BODY, "no LiveKit delivery; expected an object with authorization and body"),
        (delivered("{cut", token("{cut")), "the delivery's body is not JSON: expecting property name enclosed in double quotes"),
        (delivered("7", token("7")), "a number; expected an object"),
        ('{"authorization":"x","body":"\\ud800"}', "the delivery's body is not text"),
    ],
)
def test_a_delivery_that_is_not_signed_as_it_stands_is_rejected_with_the_reason(tmp_path: Path, delivery: str, reason: str) -> None:
    rows, summary = import_text(tmp_path, verifying_format(tmp_path), delivery)
    assert rows == []
    assert summary.reasons == {reason: 1}


def test_without_secrets_deliveries_are_opened_and_counted_as_not_verified(tmp_path: Path) -> None:
    wrong, unsigned = delivered(authorization=token(BODY, secret="another")), json.dumps({"body": "[]"})
    rows, summary = import_text(tmp_path, "livekit", f"{wrong}\n{unsigned}")
    assert column(rows, "metadata") == [BODY]
    assert summary.notes == {NOT_VERIFIED: 2}
    assert summary.rejected == 1


def test_workers_verify_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "BLOCK", 1)
    monkeypatch.setattr(run, "WORKERS_FROM", 1)
    text = "\n".join((delivered(), delivered(authorization=token(BODY, secret="another")), delivered(BODY + " ")))
    for workers in (0, 2):
        rows, summary = import_text(tmp_path, verifying_format(tmp_path), text, workers=workers)
        assert column(rows, "metadata") == [BODY, BODY + " "]
        assert (summary.rejected, summary.notes) == (1, {})


def test_a_secret_never_shows_in_the_text_of_a_format(tmp_path: Path) -> None:
    assert SECRET not in repr(verifying_format(tmp_path))


@pytest.mark.parametrize("text", ["", "# nothing\n", "key without a secret\n", f"{KEY}:\n", ": x\n"])
def test_a_secret_file_that_holds_something_else_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    with pytest.raises(IngestError, match=r"expected .*'key: secret'"):
        verifying_format(tmp_path, text)
    with pytest.raises(IngestError, match="no secret file"):
        verifying(load_format("livekit"), tmp_path)


def test_other_formats_have_no_deliveries(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="The format 'okta' has no LiveKit deliveries to verify; expected livekit"):
        verifying(load_format("okta"), tmp_path)
