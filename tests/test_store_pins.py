"""Pins: what was accepted once is remembered outside the store, so nothing can be taken back or rewritten unnoticed."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from events import batch, events
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stores import child, overwrite

from auditlib.errors import ChainError, PinError, PublishError
from auditlib.store import FolderSource, Pins, Policy, accept, configured, parse_manifest, publish, read_chain, verify_store
from auditlib.store.manifest import manifest_name
from auditlib.store.signing import generate


def fill(store: Path, count: int = 3, log_id: str = "acme", first: int = 0) -> Path:
    for number in range(first, first + count):
        at = datetime(2026, 11, 1 + number, tzinfo=UTC)
        publish(store, [batch(events(3, 3 * number))], name=f"day-{number}", log_id=log_id, created=at)
    return store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of three snapshots that nobody has accepted yet."""
    return fill(tmp_path / "s")


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return Policy(state=tmp_path / "state")


@pytest.fixture
def accepted(store: Path, policy: Policy) -> Path:
    """The same store, accepted once."""
    assert accept(FolderSource(store), policy).pinned
    return store


def pin_file(tmp_path: Path) -> Path:
    (path,) = (tmp_path / "state").rglob("*.pins")
    return path


def remove_newest(store: Path, count: int = 1) -> None:
    for path in sorted((store / "manifests").glob("*.json"))[-count:]:
        path.unlink()


def rewrite(store: Path, first: int) -> None:
    """Edits a manifest and links every later one to it anew, as whoever can write to the store could."""
    previous = None
    for path in sorted((store / "manifests").glob("*.json"))[first - 1 :]:
        change = {"prev_sha256": previous.digest} if previous else {"created": "2026-11-30T00:00:00Z"}
        manifest = replace(parse_manifest(path.read_bytes()), **change)
        overwrite(path, manifest.to_bytes())
        previous = manifest


def test_every_accepted_manifest_is_pinned_outside_the_store(accepted: Path, policy: Policy, tmp_path: Path) -> None:
    assert policy.state
    pins = Pins(policy.state, str(accepted)).of("acme")
    assert [(pin.seq, pin.digest) for pin in pins] == [(each.seq, each.digest) for each in read_chain(FolderSource(accepted)).manifests]
    path = pin_file(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    before = path.read_text()
    fill(accepted, 1, first=3)
    assert accept(FolderSource(accepted), policy).pinned
    assert path.read_text().startswith(before)
    assert len(path.read_text().splitlines()) == 5


def test_an_accepted_store_reached_through_a_link_is_the_same_place(accepted: Path, policy: Policy, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(accepted)
    remove_newest(accepted)
    assert accept(FolderSource(tmp_path / "link"), policy).problem is not None


def test_without_a_state_folder_nothing_is_pinned(store: Path, tmp_path: Path) -> None:
    assert not accept(FolderSource(store), Policy()).pinned
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


@pytest.mark.parametrize("count", [1, 2])
def test_a_rollback_is_frozen_and_what_is_left_is_served(accepted: Path, policy: Policy, count: int) -> None:
    remove_newest(accepted, count)
    chain = accept(FolderSource(accepted), policy)
    assert chain.problem is not None
    assert (chain.head.seq, chain.problem.reason) == (3 - count, "rollback")
    assert str(chain.problem).startswith(f"The chain ends at manifest {manifest_name(3 - count)}, but 00000003.json was accepted on 20")
    report = verify_store(accepted, policy=policy)
    assert (report.exit_code, [file.state for file in report.files]) == (1, ["verified"] * (3 - count))


@pytest.mark.parametrize("first", [1, 2, 3])
def test_a_rewrite_is_frozen_before_the_first_manifest_that_differs(accepted: Path, policy: Policy, first: int) -> None:
    rewrite(accepted, first)
    assert read_chain(FolderSource(accepted)).problem is None
    chain = accept(FolderSource(accepted), policy)
    assert chain.problem is not None
    assert ([manifest.seq for manifest in chain.manifests], chain.problem.reason) == (list(range(1, first)), "rewritten")
    assert f"{manifest_name(first)}: it is not the one that was accepted on 20" in str(chain.problem)


def test_a_rewrite_by_the_real_key_is_noticed_too(tmp_path: Path, policy: Policy) -> None:
    key = generate()
    demanding = replace(policy, keys=(key.public,))
    publish(tmp_path / "s", [batch(events(3))], name="day", log_id="acme", key=key)
    accept(FolderSource(tmp_path / "s"), demanding)
    shutil.rmtree(tmp_path / "s")
    publish(tmp_path / "s", [batch(events(4))], name="day", log_id="acme", key=key)
    problem = accept(FolderSource(tmp_path / "s"), demanding).problem
    assert problem is not None
    assert problem.reason == "rewritten"


def test_what_was_taken_away_and_put_back_is_served_again(accepted: Path, policy: Policy, tmp_path: Path) -> None:
    shutil.copytree(accepted, tmp_path / "backup")
    remove_newest(accepted, 2)
    assert accept(FolderSource(accepted), policy).problem is not None
    shutil.rmtree(accepted)
    (tmp_path / "backup").rename(accepted)
    chain = accept(FolderSource(accepted), policy)
    assert (chain.problem, chain.head.seq, chain.pinned) == (None, 3, True)


def test_another_log_at_the_same_place_has_pins_of_its_own_and_is_mentioned(accepted: Path, policy: Policy) -> None:
    shutil.rmtree(accepted)
    fill(accepted, 1, log_id="other")
    chain = accept(FolderSource(accepted), policy)
    assert (chain.problem, chain.log_id, chain.pinned) == (None, "other", True)
    assert chain.notices == ("Another log was accepted at this place before: acme",)
    assert verify_store(accepted, policy=policy).to_dict()["notices"] == list(chain.notices)


def test_of_many_other_logs_at_the_same_place_only_a_few_are_named(tmp_path: Path, policy: Policy) -> None:
    for number in range(6):
        shutil.rmtree(tmp_path / "store", ignore_errors=True)
        fill(tmp_path / "store", 1, log_id=f"log-{number}")
        chain = accept(FolderSource(tmp_path / "store"), policy)
    assert chain.notices == ("Another log was accepted at this place before: log-0, log-1, log-2, and 2 more",)


def test_the_same_log_at_another_place_is_not_compared(accepted: Path, policy: Policy, tmp_path: Path) -> None:
    shutil.copytree(accepted, tmp_path / "copy")
    remove_newest(tmp_path / "copy")
    assert accept(FolderSource(tmp_path / "copy"), policy).problem is None


# -- the file of pins ---------------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(st.integers(0, 1 << 20), st.integers(1, 255))
def test_a_flip_of_any_byte_of_the_pins_is_noticed_and_they_are_not_begun_anew(
    accepted: Path, policy: Policy, tmp_path: Path, place: int, mask: int
) -> None:
    path = pin_file(tmp_path)
    raw = path.read_bytes()
    place %= len(raw)
    harmed = raw[:place] + bytes([raw[place] ^ mask]) + raw[place + 1 :]
    overwrite(path, harmed)
    try:
        with pytest.raises(PinError, match=r"damaged at line|newer than this version"):
            accept(FolderSource(accepted), policy)
        with pytest.raises(PinError):
            publish(accepted, [], name="next", policy=policy)
        assert path.read_bytes() == harmed
    finally:
        overwrite(path, raw)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda raw: b"", "damaged at line 1"),
        (lambda raw: raw[:-1], "damaged at line 4"),
        (lambda raw: raw[:-20], "damaged at line 4"),
        (lambda raw: raw + b"\n", "damaged at line 5"),
        (lambda raw: b"\xff" + raw, "damaged at line 1"),
        (lambda raw: raw.split(b"\n", 1)[1], "damaged at line 1"),
        (lambda raw: raw.replace(b"\n2 ", b"\n3 "), "damaged at line 3"),
        (lambda raw: raw.replace(b"auditlib-pins/1", b"auditlib-pins/2"), r"format 'auditlib-pins/2', newer than this version reads"),
    ],
)
def test_pins_that_cannot_be_read_are_one_clear_sentence(
    accepted: Path, policy: Policy, tmp_path: Path, harm: Callable[[bytes], bytes], said: str
) -> None:
    path = pin_file(tmp_path)
    overwrite(path, harm(path.read_bytes()))
    with pytest.raises(PinError, match=said):
        accept(FolderSource(accepted), policy)


@pytest.mark.parametrize("place", ["state", "state/pins"])
def test_where_nothing_can_be_pinned_reading_goes_on_and_says_so(store: Path, policy: Policy, tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("a file in the folder's place")
    chain = accept(FolderSource(store), policy)
    assert (chain.problem, chain.head.seq, chain.pinned) == (None, 3, False)
    (notice,) = chain.notices
    assert notice.startswith("What was accepted could not be pinned, so a rollback would not be noticed: ")


PINNING = """
import sys
from pathlib import Path
from auditlib.store import FolderSource, Policy, accept
print("ready", flush=True)
sys.stdin.readline()
accept(FolderSource(Path(sys.argv[1])), Policy(state=Path(sys.argv[2])))
"""


def test_readers_that_pin_at_once_lose_nothing(store: Path, policy: Policy, tmp_path: Path) -> None:
    readers = [child(PINNING, store, tmp_path / "state") for _ in range(4)]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"ready\n"
    for reader in readers:
        _, err = reader.communicate(b"\n", timeout=60)
        assert (reader.returncode, err) == (0, b"")
    assert policy.state
    assert [pin.seq for pin in Pins(policy.state, str(store)).of("acme")] == [1, 2, 3]
    assert [path.name for path in (tmp_path / "state").rglob("*.new")] == []


# -- a head given from outside ------------------------------------------------------------------------


def test_a_chain_that_holds_the_given_head_is_accepted_and_may_go_on(store: Path) -> None:
    head = read_chain(FolderSource(store)).head_digest
    assert accept(FolderSource(store), Policy(pin=head)).problem is None
    fill(store, 1, first=3)
    assert accept(FolderSource(store), Policy(pin=head)).head.seq == 4


@pytest.mark.parametrize("harm", [remove_newest, lambda store: rewrite(store, 3), lambda store: rewrite(store, 1)])
def test_a_chain_without_the_given_head_is_not_served_to_who_never_saw_it(
    store: Path, harm: Callable[[Path], None], tmp_path: Path
) -> None:
    given_head = read_chain(FolderSource(store)).head_digest
    harm(store)
    chain = accept(FolderSource(store), Policy(pin=given_head, state=tmp_path / "state"))
    assert chain.problem is not None
    assert (chain.manifests, chain.problem.reason) == ((), "pin")
    assert str(chain.problem) == f"The chain does not hold the head {given_head[:12]}… that AUDIT_PIN says it must hold"


def test_of_a_chain_without_the_given_head_what_was_accepted_before_is_served(accepted: Path, policy: Policy) -> None:
    fill(accepted, 1, first=3)
    chain = accept(FolderSource(accepted), replace(policy, pin="ab" * 32))
    assert chain.problem is not None
    assert (chain.head.seq, chain.problem.reason) == (3, "pin")
    assert policy.state
    assert len(Pins(policy.state, str(accepted)).of("acme")) == 3


# -- settings -----------------------------------------------------------------------------------------


def test_the_policy_comes_from_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = generate()
    (tmp_path / "key.pem").write_bytes(key.public.pem)
    monkeypatch.setenv("AUDIT_STATE", str(tmp_path))
    assert configured() == Policy(state=tmp_path)
    monkeypatch.setenv("AUDIT_PUBLIC_KEY", str(tmp_path / "key.pem"))
    for value in ("ab" * 32, f"7:{'ab' * 32}"):
        monkeypatch.setenv("AUDIT_PIN", value)
        monkeypatch.setenv("AUDIT_STRICT", "1")
        assert configured() == Policy((key.public,), "ab" * 32, True, tmp_path)
    monkeypatch.setenv("AUDIT_STRICT", "0")
    monkeypatch.setenv("AUDIT_PIN", "abcd")
    with pytest.raises(PinError, match="64 hexadecimal digits"):
        configured()


def test_in_strict_mode_a_broken_chain_is_refused_as_a_whole(accepted: Path, policy: Policy) -> None:
    remove_newest(accepted)
    with pytest.raises(ChainError, match=r"ends at manifest 00000002\.json"):
        accept(FolderSource(accepted), replace(policy, strict=True))


# -- publishing ---------------------------------------------------------------------------------------


def test_what_a_publisher_adds_is_pinned(store: Path, policy: Policy) -> None:
    publish(store, [batch(events(1, 20))], name="next", policy=policy)
    assert policy.state
    assert [pin.seq for pin in Pins(policy.state, str(store)).of("acme")] == [1, 2, 3, 4]
    remove_newest(store)
    assert accept(FolderSource(store), policy).problem is not None


def test_nothing_new_is_added_to_a_store_that_was_rolled_back_or_rewritten(accepted: Path, policy: Policy, tmp_path: Path) -> None:
    shutil.copytree(accepted, tmp_path / "backup")
    remove_newest(accepted)
    with pytest.raises(PublishError, match=r"00000003\.json was accepted on"):
        publish(accepted, [batch(events(1, 20))], name="instead", policy=policy)
    assert sorted(path.name for path in (accepted / "data").iterdir()) == [f"day-{number}.parquet" for number in range(3)]
    shutil.rmtree(accepted)
    (tmp_path / "backup").rename(accepted)
    rewrite(accepted, 2)
    with pytest.raises(PublishError, match="it is not the one that was accepted on"):
        publish(accepted, [], name="next", policy=policy)


def test_a_store_that_was_lost_may_be_published_again_byte_for_byte_and_not_otherwise(
    accepted: Path, policy: Policy, tmp_path: Path
) -> None:
    shutil.rmtree(accepted)
    with pytest.raises(PublishError, match="another snapshot 1 of it was accepted before"):
        publish(accepted, [batch(events(9))], name="day-0", log_id="acme", policy=policy)
    for number in range(3):
        at = datetime(2026, 11, 1 + number, tzinfo=UTC)
        publish(accepted, [batch(events(3, 3 * number))], name=f"day-{number}", log_id="acme", created=at, policy=policy)
    chain = accept(FolderSource(accepted), policy)
    assert (chain.problem, chain.head.seq) == (None, 3)
