"""Lake tables in an object store: published, brought up to date, verified and asked there as in a folder."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import lakes
import pytest
from conftest import opener
from events import batch, events
from object_server import KEY, SECRET, always
from test_lake_answers import sail
from test_object_store import Remote, remote, server
from typer.testing import CliRunner, Result

from auditlib.cli import app
from auditlib.engine.lake.load import load_lake
from auditlib.engine.lake.publish import publish_lake
from auditlib.errors import LakeError, NotAStoreError, UnreachableError
from auditlib.log import AuditLog
from auditlib.store import configured, publish
from auditlib.store.retention import retire
from auditlib.view import View

pytest.importorskip("ibis", reason="the extra lake is not installed")
__all__ = ["remote", "sail", "server"]
PREFIX = "lake/audit"


@pytest.fixture
def table(store: Path, remote: Remote, monkeypatch: pytest.MonkeyPatch) -> str:
    """A table that was published into a bucket, which Sail reaches by its own settings."""
    monkeypatch.setenv("AWS_ENDPOINT", remote.line.url)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    place = f"s3://{remote.bucket.name}/{PREFIX}"
    publish_lake(store, place)
    return place


def lake(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["lake", *arguments])


def ids(log: AuditLog) -> list[str]:
    found: list[str] = log.events(View())["event_id"].to_pylist()
    log.close()
    return found


def test_a_table_in_a_bucket_is_answered_from_as_one_in_a_folder(table: str, store: Path, sail: str) -> None:
    log, expected = lakes.opened(sail, table, store), opener("embedded")(store)
    assert (log.head.seq, log.head.digest, log.total(View())) == (expected.head.seq, expected.head.digest, 9)
    assert log.event("ev-000008").metadata == expected.event("ev-000008").metadata
    assert ids(log) == ids(expected)


def test_only_what_is_new_is_sent_and_what_was_retired_goes(table: str, store: Path, remote: Remote, sail: str) -> None:
    before = remote.bucket.all()
    publish(store, [batch(events(5, 50))], name="day-9")
    retire(store, datetime(2026, 11, 1, 9, 3, tzinfo=UTC), "policy", policy=configured(store))
    remote.line.asked.clear()
    result = lake("publish", "--store", str(store), "--output", table)
    assert result.exit_code == 0, result.output
    assert "1 snapshot file written, 2 kept; 2 files of the table removed." in result.output
    assert remote.line.count("PUT", ".parquet") == 4  # events and people of the new snapshot, and the head twice
    after = remote.bucket.all()
    kept = [key for key in before if "part-" in key and key in after]
    assert len(kept) == 4
    assert all(before[key] == after[key] for key in kept)
    log = lakes.opened(sail, table, store)
    assert log.head.events == 11
    assert ids(log) == ids(opener("embedded")(store))


def test_the_record_and_its_table_may_lie_in_one_bucket(remote: Remote) -> None:
    remote.publish(0, 1)
    place = f"s3://{remote.bucket.name}/{PREFIX}"
    assert publish_lake(remote.location, place).head.events == 6
    assert lake("verify", place).stdout == "4 files, 0 damaged files, 0 stray files\n"


def test_verify_reads_every_object_anew(table: str, remote: Remote) -> None:
    altered, missing = [key for key in remote.bucket.listed() if "/people/part-" in key][:2]
    raw = remote.bucket.get(altered)
    remote.bucket.put(altered, raw[:-1] + bytes([raw[-1] ^ 1]))
    remote.bucket.delete(missing)
    remote.bucket.put(f"{PREFIX}/people/part-{'0' * 16}-0000.parquet", b"x")
    result = lake("verify", table)
    assert result.exit_code == 1
    assert set(result.stdout.splitlines()) == {
        f"{altered.removeprefix(f'{PREFIX}/')} is not the file that was written",
        f"{missing.removeprefix(f'{PREFIX}/')} is missing",
        f"people/part-{'0' * 16}-0000.parquet is named by nobody",
        "6 files, 2 damaged files, 1 stray file",
    }


def test_a_publication_that_broke_off_is_not_answered_from_and_is_finished_by_the_next(
    table: str, store: Path, remote: Remote, sail: str
) -> None:
    publish(store, [batch(events(5, 50))], name="day-9")
    remote.line.rule = always("500", "PUT", "lake.json")
    with pytest.raises(UnreachableError, match=r"The lake table s3://.* cannot be used: it is too busy, or fails"):
        publish_lake(store, table)
    remote.line.mend()
    assert len(ids(lakes.opened(sail, table, store))) == 9
    publish_lake(store, table)
    assert len(ids(lakes.opened(sail, table, store))) == 14


@pytest.mark.parametrize(
    ("what", "said"), [("reset", "it cannot be reached"), ("403 InvalidAccessKeyId", "does not accept the credentials")]
)
def test_a_bucket_that_refuses_is_told_without_keys_or_traces(store: Path, remote: Remote, what: str, said: str) -> None:
    remote.line.rule = always(what)
    for arguments in (["publish", "--store", str(store), "--output"], ["verify"]):
        error = lake(*arguments, f"s3://{KEY}:{SECRET}@{remote.bucket.name}/{PREFIX}").exception
        assert isinstance(error, UnreachableError)
        assert said in str(error)
        assert not any(secret in str(error) for secret in (SECRET, KEY))


def test_a_place_that_is_none_is_told(store: Path) -> None:
    for place in ("ftp://host/lake", "s3://", "s3://bucket/a/../b", "s3://bucket/lake?colour=red"):
        assert isinstance(lake("publish", "--store", str(store), "--output", place).exception, NotAStoreError)


def test_postgresql_is_loaded_from_a_bucket(table: str, store: Path, remote: Remote) -> None:
    with lakes.postgres() as url:
        assert load_lake(table, url, "audit") == (9, 0)
        log = lakes.opened(url, "audit", store)
        assert json.loads(log.event("ev-000008").metadata or "") == {"number": 8}
        log.close()
        remote.bucket.delete(next(key for key in remote.bucket.listed() if "/events/" in key))
        with pytest.raises(LakeError, match="cannot be read or written where it should be"):
            load_lake(table, url, "audit")
        assert len(ids(lakes.opened(url, "audit", store))) == 9
