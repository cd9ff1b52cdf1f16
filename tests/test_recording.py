"""Recording: what the pages tell the ledger, of whom and about what, and what happens where they cannot."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from events import batch, event
from stores import flip
from waiting import soon

from auditlib.access import ledger as writing
from auditlib.access.principal import Principal
from auditlib.access.proof import lines, verify_ledger
from auditlib.access.refusals import Refusals
from auditlib.errors import AccessDeniedError, LedgerError
from auditlib.log import AuditLog, open_log
from auditlib.store import publish
from auditlib.view import View
from pages import recording, retracing
from pages.recording import MOST_LINK, Recorder, sql_detail

ANN = Principal("ann@example.test", "Ann", frozenset({"admin"}))
ABOUT = {"candidate_id": "C1", "interviewer_id": "U2", "related": '{"campaign":"CP1"}'}

Told = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def log(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AuditLog]:
    """The log of two events, bound to Ann; its ledger is empty."""
    publish(tmp_path / "s", [batch([event(1, **ABOUT), event(2)])], name="a")
    monkeypatch.setenv("AUDIT_STORE", str(tmp_path / "s"))
    monkeypatch.setenv("AUDIT_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(recording, "_refusals", Refusals())
    monkeypatch.setattr(recording, "_failure", "")
    opened = open_log(tmp_path / "s")
    yield opened.bound_to(ANN)
    opened.close()


@pytest.fixture
def told(log: AuditLog) -> Told:
    return lambda: [json.loads(line) for line in lines(recording.ledger().folder)]


def test_an_entry_about_an_event_names_what_that_is_about_and_the_head(log: AuditLog, told: Told) -> None:
    Recorder(ANN, log, "/audit?tab=team", "203.0.113.9", "x" * 900, "0a1b2c3d").record("opened", event_id="ev-000001", detail={"a": 1})
    (entry,) = told()
    assert entry["related"] == {"actor": "p-1", "booking": "BK000001", "campaign": "CP1", "candidate": "C1", "interviewer": "U2"}
    assert (entry["head"], entry["event"], entry["link"], entry["detail"]) == (log.head.digest, "ev-000001", "/audit?tab=team", {"a": 1})
    assert (entry["ip"], len(entry["agent"]), entry["session"]) == ("203.0.113.9", 500, "0a1b2c3d")


def test_an_event_that_is_gone_or_damaged_is_told_all_the_same(log: AuditLog, told: Told) -> None:
    recorder = Recorder(ANN, log)
    recorder.record("opened", event_id="gone")
    flip(log.store / "data" / "a.parquet", 900)
    recorder.record("expanded", event_id="ev-000002")
    assert [(entry["action"], entry["event"]) for entry in told()] == [("opened", "gone"), ("expanded", "ev-000002")]


def test_very_long_links_and_queries_are_told_in_part_with_the_digest_of_the_whole(log: AuditLog, told: Told) -> None:
    link, sql = "/audit?q=" + "é" * 20_000, "SELECT '" + "\U0001f600" * 60_000
    Recorder(ANN, log, link).record("queried", detail=sql_detail(sql, max_rows=5))
    (entry,) = told()
    assert entry["link"] == link[:MOST_LINK]
    assert entry["detail"]["link_sha256"] == recording._sha256(link)
    assert entry["detail"] | {"link_sha256": ""} == {
        "sql": sql[:MOST_LINK], "sql_sha256": recording._sha256(sql), "cut": True, "max_rows": 5, "link_sha256": "",
    }  # fmt: skip
    assert sql_detail("SELECT 1") == {"sql": "SELECT 1", "sql_sha256": recording._sha256("SELECT 1")}


def test_what_cannot_be_recorded_is_refused_until_it_can(log: AuditLog, told: Told, tmp_path: Path) -> None:
    recorder = Recorder(ANN, log, "/audit")
    (tmp_path / "state" / "ledger").parent.mkdir(exist_ok=True)
    (tmp_path / "state" / "ledger").write_text("a file in the place of the folder")
    with pytest.raises(
        LedgerError, match=r"^This is refused, since it cannot be recorded\. The ledger cannot be written: Not a directory$"
    ):
        recorder.record("exported")
    assert recording.failure() == "The ledger cannot be written: Not a directory"
    recorder.refused()
    (tmp_path / "state" / "ledger").unlink()
    recorder.record("exported")
    assert recording.failure() == ""
    assert [entry["action"] for entry in told()] == ["exported"]


def test_refusals_are_told_with_their_reason_and_the_rest_before_the_ledger_is_read(log: AuditLog, told: Told) -> None:
    for _ in range(5):
        Recorder(None, None, "/export", "203.0.113.9").refused()
        Recorder(Principal("c", "C", frozenset({"candidate"})), None, "/audit").refused()
    assert [(entry["detail"]["why"], entry["count"]) for entry in told()] == [("not signed in", 1), ("has no role that may read", 1)]
    recording.moved_to_snapshots()
    assert sum(entry["count"] for entry in told()) == 10
    assert len(told()) == 4


def test_threads_that_record_at_once_make_one_chain(log: AuditLog, told: Told) -> None:
    recorder = Recorder(ANN, log, "/audit")
    threads = [Thread(target=lambda: [recorder.record("opened", event_id="ev-000001") for _ in range(25)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told()) == 200
    assert verify_ledger(recording.ledger().folder).ok


def test_a_full_journal_is_moved_into_a_snapshot_in_the_background(log: AuditLog, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "ENTRIES_A_JOURNAL", 5)
    recorder = Recorder(ANN, log, "/audit")
    for _ in range(7):
        recorder.record("viewed")
    folder = recording.ledger().folder
    assert soon(lambda: list((folder / "store").glob("manifests/*.json")) and len(writing.journals(folder)) == 1)
    assert len(told()) == 7
    assert verify_ledger(folder).ok


def test_the_ledger_asks_at_each_question_whether_its_reader_may_read_it(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    Recorder(ANN, log, "/audit").record("viewed")
    recording.moved_to_snapshots()
    shared = retracing._newest()
    assert shared is not None
    mine = shared.bound_to(retracing._reading(lambda: ANN))
    assert mine.total(View(tab="team")) == 1
    monkeypatch.setenv("AUDIT_LEDGER_ROLES", "owner")
    with pytest.raises(AccessDeniedError):
        mine.total(View(tab="team"))
