"""Opening by the settings: signatures, pins, a given head and strictness decide what is served, and the head says so."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from conftest import Open
from events import batch, events
from stores import add_foreign, flip, not_utf8, with_column

from auditlib.errors import ChainError, DamagedFileError, PinError, SigningError
from auditlib.store import publish
from auditlib.store.retention import retire
from auditlib.store.sign import sign_chain
from auditlib.store.signing import generate
from auditlib.view import View

ALL = View(tab="team", rows=100)
KEY = generate()


@pytest.fixture
def demanding(store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The store of three snapshots, signed, where readers want signatures."""
    sign_chain(store, KEY)
    monkeypatch.setenv("AUDIT_PUBLIC_KEY", KEY.public.raw.hex())
    return store


def newest(store: Path) -> list[Path]:
    return sorted((store / "manifests").glob("00000003*"))


def test_a_signed_store_is_served_as_signed_and_pinned(open_store: Open, demanding: Path) -> None:
    log = open_store(demanding)
    head = log.head
    assert (head.complete, head.signed, head.chain.pinned, head.notices, head.retired) == (True, True, True, (), {})
    assert [head.chain.signature(seq).key for seq in (1, 2, 3)] == [KEY.public.fingerprint] * 3
    log.close()


def test_from_a_bad_signature_on_nothing_is_served(open_store: Open, demanding: Path) -> None:
    flip(demanding / "manifests" / "00000002.json.sig", 10)
    log = open_store(demanding)
    assert (log.total(ALL), log.head.seq, log.head.complete) == (3, 1, False)
    assert log.head.problem.startswith("The chain breaks at manifest 00000002.json: its signature 00000002.json.sig is not one")
    log.close()


def test_an_unsigned_store_is_not_opened_where_readers_want_signatures(
    open_store: Open, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_PUBLIC_KEY", KEY.public.raw.hex())
    with pytest.raises(ChainError, match="it is not signed, and a key is configured"):
        open_store(store)


def test_a_key_that_is_none_opens_nothing(open_store: Open, demanding: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_PUBLIC_KEY", "no-such-file.pem")
    with pytest.raises(SigningError, match=r"no-such-file\.pem"):
        open_store(demanding)


def test_a_rolled_back_store_serves_what_is_left_and_says_so_and_an_open_log_stays_as_it_was(open_store: Open, store: Path) -> None:
    before = open_store(store)
    for path in newest(store):
        path.unlink()
    after = open_store(store)
    assert (after.total(ALL), after.head.seq, after.head.complete) == (6, 2, False)
    assert "00000003.json was accepted on 20" in after.head.problem
    assert (before.total(ALL), before.head.seq, before.has_newer()) == (9, 3, False)
    after.close()
    before.close()


def test_a_store_rewritten_from_its_start_is_not_opened(open_store: Open, store: Path) -> None:
    open_store(store).close()
    shutil.rmtree(store)
    publish(store, [batch(events(4, actor_role="member"))], name="day-0", log_id="acme")
    with pytest.raises(ChainError, match="it is not the one that was accepted on 20"):
        open_store(store)


def test_another_log_at_the_place_is_served_with_a_notice(open_store: Open, store: Path) -> None:
    open_store(store).close()
    shutil.rmtree(store)
    publish(store, [batch(events(4, actor_role="member"))], name="day-0", log_id="other")
    log = open_store(store)
    assert (log.total(ALL), log.head.complete) == (4, True)
    assert log.head.notices == ("Another log was accepted at this place before: acme",)
    log.close()


def test_damaged_pins_open_nothing_and_name_no_path(open_store: Open, store: Path) -> None:
    open_store(store).close()
    (pins,) = (path for path in Path(os.environ["AUDIT_STATE"]).rglob("acme.pins") if str(store) in path.read_text())
    flip(pins, -5)
    with pytest.raises(PinError, match="The pins of log acme are damaged at line 4") as error:
        open_store(store)
    assert str(pins.parent) not in str(error.value)


def test_where_the_state_folder_cannot_be_used_the_log_opens_and_says_so(
    open_store: Open, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AUDIT_STATE", str(tmp_path / "file"))
    log = open_store(store)
    assert (log.total(ALL), log.head.complete, log.head.chain.pinned) == (9, True, False)
    assert log.head.notices[0].startswith("What was accepted could not be pinned")
    log.close()


def test_a_chain_without_the_given_head_is_not_opened_by_who_never_saw_it(
    open_store: Open, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_PIN", "ab" * 32)
    with pytest.raises(ChainError, match="does not hold the head abababababab… that AUDIT_PIN says"):
        open_store(store)


def test_strictness_refuses_any_damage(open_store: Open, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_STRICT", "1")
    log = open_store(store)
    assert log.total(ALL) == 9
    log.close()
    flip(store / "data" / "day-1.parquet", 200)
    with pytest.raises(DamagedFileError, match=r"day-1\.parquet has the SHA-256"):
        open_store(store)
    flip(store / "data" / "day-1.parquet", 200)
    for path in newest(store):
        path.unlink()
    with pytest.raises(ChainError, match=r"ends at manifest 00000002\.json"):
        open_store(store)


def test_strictness_refuses_what_shows_when_a_file_is_loaded(open_store: Open, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_foreign(store, with_column("actor_name", not_utf8(4)))
    monkeypatch.setenv("AUDIT_STRICT", "1")
    with pytest.raises(DamagedFileError, match=r"foreign-4\.parquet"):
        open_store(store)


def test_a_cache_from_before_a_retirement_is_not_used_again(open_store: Open, store: Path) -> None:
    log = open_store(store)
    assert log.total(ALL) == 9
    at = log.event("ev-000003").occurred_at
    log.close()
    assert at is not None
    done = retire(store, at, "policy")
    assert [entry.path for entry in done.retired] == ["day-0.parquet"]
    log = open_store(store)
    assert (log.total(ALL), log.head.complete, list(log.head.retired)) == (6, True, [1])
    log.close()


def test_opening_writes_nothing_into_the_store(open_store: Open, store: Path) -> None:
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns, path.stat().st_ctime_ns) for path in store.rglob("*")}
    log = open_store(store)
    log.events(ALL)
    log.close()
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns, path.stat().st_ctime_ns) for path in store.rglob("*")} == before


def test_a_store_that_vanishes_and_returns_leaves_an_open_log_as_it_was(open_store: Open, store: Path, tmp_path: Path) -> None:
    log = open_store(store)
    store.rename(tmp_path / "elsewhere")
    assert (log.page(ALL, metadata=False).total, log.has_newer()) == (9, False)
    with pytest.raises(DamagedFileError, match="it is gone"):
        log.metadata(["ev-000005"])
    (tmp_path / "elsewhere").rename(store)
    assert log.metadata(["ev-000005"]) == {"ev-000005": '{"number":5}'}
    log.close()
