"""Stores in an object store: the same record as in a folder, over a line that breaks and a server that overwrites and forgets."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from events import batch, events
from object_server import KEY, REGION, SECRET, Bucket, Line, ObjectServer, always, once
from pyarrow import fs
from stores import child
from typer.testing import CliRunner
from waiting import soon

from auditlib import View, demo, open_log
from auditlib.cli import app
from auditlib.engine.checking import full_check
from auditlib.engine.serving import cache_folder_of
from auditlib.errors import CacheError, NotAStoreError, PublishError, StoreError, UnreachableError
from auditlib.location import ObjectLocation, locate
from auditlib.store import Pins, Policy, accept, configured, publish, read_chain, source_of, verify_store, watch
from auditlib.store import bucket as requests
from auditlib.store import claim as claims
from auditlib.store.erasure import erase
from auditlib.store.retention import retire
from auditlib.store.sign import sign_chain
from auditlib.store.signing import generate

ALL = View.from_link("/audit?tab=interviews")
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServer]:
    with ObjectServer(tmp_path_factory.mktemp("moto")) as running:
        yield running


@dataclass
class Remote:
    """A place for a store: its location, its bucket, and the line to it."""

    location: ObjectLocation
    bucket: Bucket
    line: Line

    @property
    def uri(self) -> str:
        return str(self.location)

    def publish(self, *numbers: int) -> None:
        """Publishes snapshots of three events each, by number from 0."""
        for number in numbers:
            rows = [batch(events(3, 3 * number, actor_role="member"))]
            publish(self.location, rows, name=f"day-{number}", log_id="acme", policy=configured())

    @property
    def copies(self) -> Path:
        return cache_folder_of(self.location.resolved) / "objects"


@pytest.fixture
def remote(server: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    with Line(server.port) as line:
        for name, value in {
            "AUDIT_CACHE": str(tmp_path / "cache"),
            "AUDIT_STATE": str(tmp_path / "state"),
            "AWS_ENDPOINT_URL": line.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(requests, "ATTEMPTS", 2)
        monkeypatch.setattr(watch, "EVERY_SECONDS", 0.0)
        monkeypatch.setattr(watch, "PATIENCE_SECONDS", 30.0)
        bucket = Bucket(server.port, f"b-{uuid4().hex[:12]}")
        location = locate(f"s3://{bucket.name}/logs/audit")
        assert isinstance(location, ObjectLocation)
        yield Remote(location, bucket, line)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a store of three snapshots of three events."""
    folder = tmp_path_factory.mktemp("three")
    for number in range(3):
        publish(folder, [batch(events(3, 3 * number, actor_role="member"))], name=f"day-{number}", log_id="acme")
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.glob("*/*"))}


@pytest.fixture
def stored(remote: Remote, three: dict[str, bytes]) -> Remote:
    """A store of three snapshots of three events."""
    for name, raw in three.items():
        remote.bucket.put(f"logs/audit/{name}", raw)
    return remote


def ids(store: ObjectLocation) -> list[str]:
    log = open_log(store)
    found = [event.event_id for event in log.page(ALL).events]
    log.close()
    return found


# -- the same as in a folder -------------------------------------------------------------------------


def test_a_history_has_the_same_manifests_and_answers_as_in_a_folder(remote: Remote, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    for store in (folder, remote.location):
        for snapshot in demo.snapshots(200, 7, 40):
            publish(store, snapshot.batches, name=snapshot.name, created=snapshot.created, log_id=demo.log_id(200, 7, 40))
    here = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name[0] != "."}
    there = {key.removeprefix("logs/audit/"): raw for key, raw in remote.bucket.all().items()}
    assert there == here
    one, other = open_log(folder), open_log(remote.location)
    for link in ("?tab=team", "?tab=interviews&action=recording_failed", "?tab=team&q=a&order=oldest"):
        view = View.from_link(f"/audit{link}")
        assert one.events(view).equals(other.events(view))
        assert one.facet(view, "action") == other.facet(view, "action")
    assert one.head.digest == other.head.digest
    assert other.sql("SELECT count(*) AS n FROM events").table["n"].to_pylist() == [one.head.events]
    assert verify_store(remote.location, policy=configured()).ok


def test_each_engine_answers_from_an_object_store(stored: Remote) -> None:
    for name in ("embedded", "duckdb"):
        log = open_log(stored.location, engine=name)
        assert log.total(ALL) == 9
        assert json.loads(log.event("ev-000004").metadata or "") == {"number": 4}
        log.close()


def test_what_was_fetched_is_not_fetched_again_and_only_new_files_are(stored: Remote) -> None:
    log = open_log(stored.location)
    stored.line.asked.clear()
    assert ids(stored.location) == [event.event_id for event in log.page(ALL).events]
    assert stored.line.count("GET", "/data/") == 0
    assert not log.has_newer()
    stored.publish(3)
    stored.line.asked.clear()
    assert log.has_newer()
    assert len(ids(stored.location)) == 12
    fetched = {path for method, path in stored.line.asked if method == "GET" and ".parquet" in path}
    assert [path.rpartition("/")[2] for path in fetched] == ["day-3.parquet"]


def test_the_copies_are_for_their_owner_alone_and_those_of_removed_files_are_swept(stored: Remote) -> None:
    open_log(stored.location)
    assert len(list(stored.copies.glob("*.parquet"))) == 3
    assert stored.copies.stat().st_mode & 0o777 == 0o700
    (stored.copies / ".taking-999999-killed").write_bytes(b"half")
    retire(stored.location, datetime(2026, 11, 1, 9, 3, tzinfo=UTC), "old", policy=configured())
    assert "logs/audit/data/day-0.parquet" not in stored.bucket.listed()
    assert len(ids(stored.location)) == 6
    assert {path.name.partition("-")[2] for path in stored.copies.iterdir()} == {
        f"day-{number}.parquet{note}" for number in (1, 2) for note in ("", ".json")
    }


def test_who_removes_files_is_told_that_versions_may_stay(stored: Remote) -> None:
    told = CliRunner().invoke(app, ["retire", "--before", "2026-12-01", "--reason", "old", "--store", stored.uri])
    assert "Retired 3 files with 9 events; removed 3 files from the data folder." in told.stdout
    assert "If the bucket keeps versions" in told.stderr
    assert not stored.copies.exists()


def test_a_copy_that_is_altered_on_this_machine_is_fetched_again(stored: Remote) -> None:
    open_log(stored.location)
    copy = next(stored.copies.glob("*day-1.parquet"))
    raw = copy.read_bytes()
    copy.chmod(0o600)
    copy.write_bytes(raw[:-20] + bytes(20))
    assert len(ids(stored.location)) == 9
    assert next(stored.copies.glob("*day-1.parquet")).read_bytes() == raw


def test_signing_and_erasing_work_as_in_a_folder(stored: Remote) -> None:
    key = generate()
    assert sign_chain(stored.location, key).now == 3
    done = erase(stored.location, "p-1", "asked for it", key=key, policy=Policy(keys=(key.public,)))
    assert (len(done.replaced), done.events, done.unlinked) == (3, 9, 3)
    assert accept(source_of(stored.location), Policy(keys=(key.public,))).signed
    assert verify_store(stored.location).ok
    log = open_log(stored.location)
    assert {event.actor_id for event in log.page(ALL).events} == {done.alias}


# -- damage ------------------------------------------------------------------------------------------


def test_an_overwritten_object_quarantines_its_snapshot_and_is_named(stored: Remote) -> None:
    open_log(stored.location)
    key = "logs/audit/data/day-1.parquet"
    raw = stored.bucket.get(key)
    stored.bucket.put(key, raw[:-1] + bytes([raw[-1] ^ 1]))
    log = open_log(stored.location)
    assert (log.total(ALL), set(log.head.quarantined)) == (6, {2})
    assert "day-1.parquet has the SHA-256" in log.head.quarantined[2]
    report = verify_store(stored.location)
    assert [(file.state, file.reason) for file in report.files] == [("verified", None), ("damaged", "digest"), ("verified", None)]
    stored.bucket.put(key, raw)
    assert len(ids(stored.location)) == 9


def test_a_vanished_object_is_missing_and_the_rest_is_served(stored: Remote) -> None:
    open_log(stored.location)
    stored.bucket.delete("logs/audit/data/day-2.parquet")
    log = open_log(stored.location)
    assert log.head.quarantined == {3: "day-2.parquet cannot be read: it is missing"}
    assert log.total(ALL) == 6
    assert [file.state for file in verify_store(stored.location).files] == ["verified", "verified", "missing"]


def test_the_full_check_reads_the_server_and_not_the_copies(stored: Remote) -> None:
    log = open_log(stored.location)
    stored.line.asked.clear()
    assert full_check(stored.location).ok
    assert len({path for method, path in stored.line.asked if method == "GET" and ".parquet" in path}) == 3
    stored.line.rule = always("flip", "GET", "day-0.parquet")
    assert [file.reason for file in full_check(stored.location).files] == ["digest", None, None]
    again = open_log(stored.location)
    assert (set(again.head.quarantined), log.total(ALL)) == ({1}, 9)


def test_a_rolled_back_or_rewritten_chain_is_noticed_by_its_pins(stored: Remote) -> None:
    open_log(stored.location)
    newest = "logs/audit/manifests/00000003.json"
    raw = stored.bucket.get(newest)
    stored.bucket.delete(newest)
    assert "00000003.json was accepted" in open_log(stored.location).head.problem
    stored.bucket.put(newest, raw.replace(b"acme", b"evil"))
    log = open_log(stored.location)
    assert (log.head.seq, log.total(ALL)) == (2, 6)
    assert "belongs to log 'evil'" in log.head.problem


@pytest.mark.parametrize("count", [3, pytest.param(1_003, marks=pytest.mark.long)])
def test_objects_that_no_manifest_lists_are_reported_and_never_read_however_many(stored: Remote, count: int) -> None:
    names = [f"extra-{number:04d}.parquet" for number in range(count)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: stored.bucket.put(f"logs/audit/data/{name}", b"x"), names))
    stored.line.asked.clear()
    report = verify_store(stored.location)
    assert (report.ok, list(report.unlisted)) == (True, names)
    assert stored.line.count("GET", "extra-") == 0


# -- a line that breaks ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "part"),
    [(fault, "/data/day-1.parquet") for fault in ("reset", "short", "cut", "flip", "500")]
    + [(fault, "/manifests/00000002.json") for fault in ("short", "cut", "503 SlowDown")],
)
def test_what_comes_in_part_altered_or_not_at_all_is_asked_for_again(stored: Remote, fault: str, part: str) -> None:
    stored.line.rule = once(fault, "GET", part)
    log = open_log(stored.location)
    assert (log.total(ALL), log.head.complete, log.head.notices) == (9, True, ())
    assert fault == "cut" or stored.line.count("GET", part) > 1  # what stands in for a cut end may happen to be right


def test_what_never_comes_whole_is_damaged_and_leaves_no_part_behind(stored: Remote) -> None:
    stored.line.rule = always("flip", "GET", "day-1.parquet")
    log = open_log(stored.location)
    assert log.head.quarantined[2].startswith("day-1.parquet has the SHA-256")
    assert not [path for path in stored.copies.iterdir() if "day-1" in path.name or path.name.startswith(".")]
    stored.line.mend()
    assert len(ids(stored.location)) == 9


def test_one_object_that_may_not_be_read_is_named_and_the_others_are_served(stored: Remote) -> None:
    stored.line.rule = always("403 AccessDenied", part="day-0.parquet")
    log = open_log(stored.location)
    assert set(log.head.quarantined) == {1}
    assert "does not accept the credentials" in log.head.quarantined[1]
    assert [file.reason for file in verify_store(stored.location).files] == ["unreadable", None, None]


def test_a_store_that_goes_away_is_served_as_it_was_verified_last_and_says_so(stored: Remote) -> None:
    log = open_log(stored.location)
    assert (log.unreachable, log.has_newer()) == ("", False)
    stored.line.cut()
    assert "cannot be reached" in log.unreachable
    assert not log.has_newer()
    assert json.loads(log.event("ev-000008").metadata or "") == {"number": 8}
    again = open_log(stored.location)
    assert (again.total(ALL), again.head.seq, again.head.complete) == (9, 3, True)
    assert again.head.notices == (
        f"The store {stored.uri} at {stored.line.url} cannot be used: it cannot be reached; what was fetched before is served",
    )
    stored.line.mend()
    stored.publish(3)
    assert soon(lambda: not log.unreachable)
    assert log.has_newer()


def test_a_store_that_goes_away_while_files_are_fetched_is_served_without_those(stored: Remote) -> None:
    open_log(stored.location)
    stored.publish(3)
    stored.line.rule = always("reset", part="day-3.parquet")
    log = open_log(stored.location)
    assert (log.total(ALL), set(log.head.quarantined)) == (9, {4})
    assert "cannot be reached" in log.head.quarantined[4]


def test_a_server_that_never_answers_is_given_up(stored: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "SILENT_SECONDS", 1)
    monkeypatch.setattr(requests, "ATTEMPTS", 1)
    stored.line.rule = always("hang")
    with pytest.raises(UnreachableError, match="cannot be reached"):
        verify_store(stored.location)


@pytest.mark.parametrize(
    ("fault", "reason", "sentence"),
    [
        ("403 InvalidAccessKeyId", "credentials", "does not accept the credentials"),
        ("403 SignatureDoesNotMatch", "credentials", "does not accept the credentials"),
        ("403 ExpiredToken", "credentials", "does not accept the credentials"),
        ("301 PermanentRedirect", "region", "in another region; say which with AWS_REGION"),
        ("400 AuthorizationHeaderMalformed", "region", "in another region"),
        ("403 RequestTimeTooSkewed", "clock", "the clock of this machine is wrong"),
        ("404 NoSuchBucket", "bucket", "no such bucket"),
        ("503 SlowDown", "busy", "too busy"),
        ("500", "busy", "too busy, or fails"),
    ],
)
def test_each_refusal_is_one_sentence_without_what_the_server_says(
    stored: Remote, fault: str, reason: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "ATTEMPTS", 1)
    stored.line.rule = always(fault)
    for asked in (lambda: open_log(stored.location), lambda: verify_store(stored.location), lambda: stored.publish(3)):
        with pytest.raises(UnreachableError, match=sentence) as caught:
            asked()
        assert caught.value.reason == reason
        told = f"{caught.value} {caught.value.values} {caught.value.__cause__} {caught.value.__suppress_context__}"
        assert KEY not in told and SECRET not in told and told.endswith("None True")


def test_fetching_can_be_cancelled_and_leaves_nothing_half_done(stored: Remote) -> None:
    def stop(stage: str, done: int, total: int) -> None:
        assert stage == "Fetching files"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_log(stored.location, progress=stop)
    assert not [path for path in stored.copies.iterdir() if path.name.startswith(".")]
    assert len(ids(stored.location)) == 9


def test_a_cache_folder_that_cannot_be_written_is_one_sentence(stored: Remote, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(CacheError, match="cannot be used") as caught:
        open_log(stored.location)
    assert str(tmp_path) not in str(caught.value)


# -- publishing --------------------------------------------------------------------------------------


def test_what_is_there_is_never_overwritten(stored: Remote) -> None:
    before = stored.bucket.all()
    with pytest.raises(PublishError, match=r"day-1\.parquet exists already in the chain"):
        stored.publish(1)
    stored.bucket.put("logs/audit/data/day-3.parquet", b"somebody else's")
    with pytest.raises(PublishError, match="exists already and is never overwritten"):
        stored.publish(3)
    assert stored.bucket.all() == before | {"logs/audit/data/day-3.parquet": b"somebody else's"}


@pytest.mark.parametrize(
    ("method", "part"),
    [("PUT", ".publish.lock"), ("HEAD", "day-3.parquet"), ("PUT", "day-3.parquet"), ("PUT", "00000004.json")],
)
def test_a_line_that_breaks_at_any_step_leaves_the_store_as_it_was_and_a_retry_works(stored: Remote, method: str, part: str) -> None:
    before = stored.bucket.all()
    stored.line.rule = always("reset", method, part)
    with pytest.raises(StoreError):
        stored.publish(3)
    assert {key: raw for key, raw in stored.bucket.all().items() if ".publish.lock" not in key} == before
    stored.line.mend()
    stored.publish(3)
    assert verify_store(stored.location).ok
    assert not [key for key in stored.bucket.listed() if ".publish.lock" in key]


def test_where_nobody_can_say_whether_it_was_published_that_is_said_and_nothing_is_removed(stored: Remote) -> None:
    stored.line.rule = always("reset", "GET", "00000004.json")
    with pytest.raises(PublishError, match="Nobody can say yet whether day-3 was published") as caught:
        stored.publish(3)
    assert caught.value.reason == "unknown"
    stored.line.mend()
    assert verify_store(stored.location).chain.head.seq == 4
    assert len(ids(stored.location)) == 12


def test_a_manifest_that_another_publisher_put_in_its_place_is_noticed(stored: Remote) -> None:
    def rule(method: str, path: str) -> None:
        if method == "GET" and "00000004.json" in path:
            stored.bucket.put("logs/audit/manifests/00000004.json", b"{}\n")

    stored.line.rule = rule
    with pytest.raises(PublishError, match="was not published: another snapshot has taken its place"):
        stored.publish(3)


def test_an_upload_that_comes_back_altered_is_not_published(stored: Remote) -> None:
    stored.line.rule = always("flip", "GET", "day-3.parquet")
    with pytest.raises(PublishError, match=r"day-3\.parquet came back altered"):
        stored.publish(3)
    assert not [key for key in stored.bucket.listed() if "day-3" in key or "00000004" in key]


def test_a_claim_keeps_others_out_until_it_is_old(stored: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "TRIES", 2)
    stored.bucket.put("logs/audit/.publish.lock/stranger", b"publishing\n")
    with pytest.raises(PublishError, match="being published to by someone else") as caught:
        stored.publish(3)
    assert caught.value.reason == "locked"
    monkeypatch.setattr(claims, "STALE_SECONDS", -1)
    monkeypatch.setattr(claims.Claim, "keep", lambda claim: None)
    stored.publish(3)
    assert not [key for key in stored.bucket.listed() if ".publish.lock" in key]


RACER = """
import sys
from pathlib import Path
from events import batch, events
from auditlib.errors import PublishError
from auditlib.location import locate
from auditlib.store import publish
sys.stdin.read(1)
try:
    publish(locate(sys.argv[1]), [batch(events(3, int(sys.argv[2])))], name="day-3")
except PublishError as error:
    sys.exit(f"lost: {error}")
"""


def test_of_publishers_on_several_machines_exactly_one_wins(stored: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    racers = []
    for number in range(3):
        monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / f"machine-{number}"))
        racers.append(child(RACER, stored.uri, str(100 * number)))
    for racer in racers:
        assert racer.stdin
        racer.stdin.write(b".")
        racer.stdin.flush()
    told = [racer.communicate(timeout=60)[1].decode() for racer in racers]
    assert sorted(racer.returncode for racer in racers) == [0, 1, 1], told
    assert all("lost: " in each for racer, each in zip(racers, told, strict=True) if racer.returncode)
    report = verify_store(stored.location)
    assert (report.ok, report.chain.head.seq, report.unlisted) == (True, 4, ())


@pytest.mark.parametrize("moment", [pytest.param(number, marks=[pytest.mark.long] if number not in (5, 8) else []) for number in range(14)])
def test_a_publisher_that_is_killed_at_any_request_leaves_the_old_head_or_the_new_one(stored: Remote, moment: int) -> None:
    publisher = child(RACER, stored.uri, "9")
    left = [moment]
    lock = threading.Lock()

    def rule(method: str, path: str) -> str | None:
        with lock:
            left[0] -= 1
            if left[0] < 0:
                os.kill(publisher.pid, signal.SIGKILL)
        return "reset" if left[0] < 0 else None

    stored.line.rule = rule
    publisher.communicate(b".", timeout=60)
    stored.line.mend()
    report = verify_store(stored.location)
    assert report.ok
    assert report.chain.head.seq in (3, 4)
    if report.chain.head.seq == 3:
        publish(stored.location, [batch(events(3, 9))], name="day-3")
    assert len(ids(stored.location)) == 12


def test_the_same_is_done_over_another_file_system_of_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are no tags, size and time of writing tell whether a copy is current."""
    for folder in ("data", "manifests", ".publish.lock"):
        (tmp_path / "far" / folder).mkdir(parents=True)
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(requests.Bucket, "files", (fs.LocalFileSystem(), str(tmp_path / "far")))
    place = locate("hdfs://name:8020/far")
    for number in range(2):
        publish(place, [batch(events(3, 3 * number))], name=f"day-{number}")
    assert (verify_store(place).ok, ids(place)) == (True, [f"ev-{number:06d}" for number in range(5, -1, -1)])
    file = tmp_path / "far" / "data" / "day-1.parquet"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert set(open_log(place).head.quarantined) == {2}
    assert not list((tmp_path / "far" / ".publish.lock").iterdir())


# -- names and secrets -------------------------------------------------------------------------------


def test_pins_and_copies_are_those_of_the_place_and_not_of_the_credentials(stored: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    own = f"s3://{KEY}:{SECRET.replace('/', '%2F')}@{stored.bucket.name}/logs/audit/?region={REGION}&endpoint_override={stored.line.url}"
    other = locate(own)
    assert isinstance(other, ObjectLocation)
    assert (other.resolved, str(other), other) == (stored.location.resolved, stored.uri, stored.location)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert len(ids(other)) == 9
    assert Pins(configured().state or Path(), other.resolved).logs() == ("acme",)
    assert locate(stored.uri) != stored.location  # another server is another place


def test_no_command_shows_or_keeps_a_secret(remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = f"s3://{KEY}:{SECRET}@{remote.bucket.name}/cli"
    monkeypatch.setenv("AUDIT_STORE", store)
    source = tmp_path / "more.jsonl"
    source.write_text(json.dumps({"event_id": "one", "action": "updated", "resource_type": "workflow", "metadata": "{}"}) + "\n")
    told = ""

    def run(*arguments: str) -> str:
        nonlocal told
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output
        told += done.stdout + done.stderr
        return done.stdout

    run("demo", "--events", "200")
    assert f"to s3://{remote.bucket.name}/cli." in told
    run("ingest", "platform", str(source))
    assert json.loads(run("verify", store, "--json"))["location"] == f"s3://{remote.bucket.name}/cli?endpoint_override={remote.line.url}"
    run("bundle", "/audit?tab=team", "--output", str(tmp_path / "x.zip"))
    remote.line.rule = always("403 InvalidAccessKeyId")
    command = [sys.executable, "-m", "auditlib", "verify", store]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: The store s3://") and done.stderr.count("\n") == 1
    told += done.stderr
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    names = "".join(str(path) for path in tmp_path.rglob("*"))
    for secret in (KEY, SECRET):
        assert secret not in told + names
        assert secret.encode() not in kept


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("data/snapshots", Path("data/snapshots")),
        ("file:///srv/audit%20log", Path("/srv/audit log")),
        ("s3://bucket/a/b/", ObjectLocation("s3", "bucket/a/b")),
        ("s3://bucket", ObjectLocation("s3", "bucket")),
        ("s3://b/p?endpoint_override=u:p@host:9000&scheme=http&region=r", ObjectLocation("s3", "b/p", "http://host:9000", "r")),
        ("gs://bucket/p?project_id=x", ObjectLocation("gs", "bucket/p")),
        ("hdfs://user@name:8020/p", ObjectLocation("hdfs", "name:8020/p")),
    ],
)
def test_a_location_is_a_folder_or_a_place_in_an_object_store(uri: str, expected: object, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    assert locate(uri) == expected
    assert "u:p" not in repr(locate(uri)) + str(locate(uri))


@pytest.mark.parametrize(
    "uri",
    [
        "mock://x/y",
        "ftp://h/p",
        "s3:///p",
        "s3://",
        "s3://b/../c",
        "s3://b//c",
        "s3://b/c#d",
        "s3://b/c?acces=SEC",
        "s3://AK:S/EC@b/c",
        "s3://[b/c",
    ],
)
def test_what_names_no_place_is_refused_without_showing_what_may_be_a_secret(uri: str) -> None:
    with pytest.raises(NotAStoreError) as caught:
        locate(uri)
    assert "SEC" not in str(caught.value) and "S/EC" not in f"{caught.value} {caught.value.values}"


def test_a_bucket_without_a_store_is_no_store(remote: Remote) -> None:
    for asked in (open_log, verify_store, lambda place: read_chain(source_of(place))):
        with pytest.raises(NotAStoreError, match="has no manifest"):
            asked(remote.location)


def test_the_digest_of_a_copy_is_that_of_its_name(stored: Remote) -> None:
    open_log(stored.location)
    for copy in stored.copies.glob("*.parquet"):
        assert hashlib.sha256(copy.read_bytes()).hexdigest() == copy.name.partition("-")[0]
