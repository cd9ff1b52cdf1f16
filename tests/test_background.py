"""What the pages do in the background: full checks and evidence bundles, how they end, and how they are cancelled."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from bundles import unpacked

from auditlib.access.principal import Principal
from auditlib.errors import AccessDeniedError, NotAStoreError, NotFoundError
from auditlib.evidence.bundle_check import verify_bundle
from auditlib.log import AuditLog, open_log
from auditlib.view import View
from pages import bundling, checking, downloads
from pages.bundling import Bundling
from pages.checking import Check
from pages.recording import Recorder
from pages.ui.export import Asked

ANN = Principal("ann@example.test", "Ann", frozenset({"admin"}))
TEAM = View(tab="team")


@pytest.fixture
def log(store: Path) -> Iterator[AuditLog]:
    """The log of nine events, bound to Ann."""
    opened = open_log(store)
    yield opened.bound_to(ANN)
    opened.close()


def made_for(log: AuditLog, asked: Asked, zone: str) -> Bundling:
    return Bundling(log, TEAM, zone, asked, Recorder(log.principal, log, str(TEAM)), "team")


def ended(work: Bundling) -> Bundling:
    assert work.start().finished.wait(60)
    return work


# -- full checks ----------------------------------------------------------------------------------------


def test_a_check_ends_with_a_report_and_its_time(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_STORE", str(store))
    check = checking.start()
    assert check.finished.wait(60)
    assert check is checking.current()
    assert check.report is not None
    assert check.report.ok
    assert check.done == check.total > 0
    assert check.ended_at is not None
    again = checking.start()
    assert again is not check
    assert again.finished.wait(60)


def test_a_cancelled_check_reports_nothing_and_changes_nothing(store: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_STORE", str(store))
    open_log(store).close()
    (record,) = cache.rglob("verified.json")
    before = record.read_bytes()
    check = Check()
    check.stopped.set()
    check.run()
    assert check.finished.is_set()
    assert (check.report, check.error) == (None, None)
    assert record.read_bytes() == before


def test_a_check_where_no_store_is_ends_with_the_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_STORE", str(tmp_path / "none"))
    check = Check()
    check.run()
    assert isinstance(check.error, NotAStoreError)
    assert check.report is None


# -- bundles --------------------------------------------------------------------------------------------


def test_a_bundle_is_offered_to_its_person_alone_with_its_digest(log: AuditLog) -> None:
    ready = ended(made_for(log, Asked(report=True), "Europe/Berlin")).ready
    assert ready is not None
    found = downloads.find(ready.token, ANN)
    assert found is not None
    assert downloads.find(ready.token, Principal("ben@example.test", "Ben", frozenset({"admin"}))) is None
    assert (ready.digest, ready.size) == (hashlib.sha256(found.path.read_bytes()).hexdigest(), found.path.stat().st_size)
    assert found.name.startswith("audit-team-head3-")
    assert found.name.endswith(".zip")
    assert b'"exporter": "Ann (ann@example.test)"' in found.path.read_bytes()
    assert verify_bundle(found.path).ok


def test_a_bundle_that_cannot_be_made_ends_with_the_sentence_and_leaves_no_file(log: AuditLog) -> None:
    folder = downloads.new_file(".x").parent
    before = set(folder.iterdir())
    gone = ended(made_for(log, Asked(only=("gone",)), "UTC"))
    assert isinstance(gone.error, NotFoundError)
    nobody = ended(made_for(log.bound_to(None), Asked(excerpt=True), "UTC"))
    assert isinstance(nobody.error, AccessDeniedError)
    stopped = made_for(log, Asked(excerpt=True), "UTC")
    stopped.stopped.set()
    assert (ended(stopped).ready, stopped.error) == (None, None)
    assert set(folder.iterdir()) == before


def test_a_bundle_waits_while_others_are_made_and_can_be_cancelled_then(log: AuditLog) -> None:
    for _ in range(bundling.AT_ONCE):
        bundling._slots.acquire()
    try:
        waiting = made_for(log, Asked(excerpt=True), "UTC").start()
        assert not waiting.finished.wait(0.5)
        assert waiting.stage == "Waiting for other bundles"
        waiting.stopped.set()
        assert waiting.finished.wait(60)
        patient = made_for(log, Asked(excerpt=True), "UTC").start()
    finally:
        for _ in range(bundling.AT_ONCE):
            bundling._slots.release()
    assert patient.finished.wait(60)
    assert patient.ready is not None
    found = downloads.find(patient.ready.token, ANN)
    assert found is not None
    assert not any(name.startswith("data/") for name in unpacked(found.path))
