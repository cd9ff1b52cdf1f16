"""Retention: whole files leave the record when all of their events are old enough, and the chain keeps saying so."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import Open
from events import batch, event, events
from stores import flip, run_killed

from auditlib.errors import ChainError, NotAStoreError, PublishError
from auditlib.store import FolderSource, Policy, accept, publish, read_chain, verify_store
from auditlib.store.retention import retire
from auditlib.store.signing import generate
from auditlib.view import View

ALL = View(tab="team", rows=100)
THIRD = datetime(2026, 11, 3, tzinfo=UTC)


@pytest.fixture
def days(tmp_path: Path, cache: Path) -> Path:
    """Four snapshots: of the first, second and fourth of November, and one that straddles the third; all on both tabs."""
    store = tmp_path / "days"
    for name, at in (("first", [1, 1]), ("second", [2, None]), ("straddling", [2, 3]), ("fourth", [4, 4])):
        number = 10 * len(list(store.rglob("*.parquet")))
        rows = [
            event(number + place, actor_role="member", occurred_at=day and datetime(2026, 11, day, 12, tzinfo=UTC))
            for place, day in enumerate(at)
        ]
        publish(store, [batch(rows)], name=name, log_id="acme")
    return store


def data(store: Path) -> list[str]:
    return sorted(path.name for path in (store / "data").iterdir())


def test_files_all_of_whose_events_are_before_the_day_are_retired_and_gone(days: Path) -> None:
    before = verify_store(days)
    done = retire(days, THIRD, "two days are enough")
    assert [entry.path for entry in done.retired] == ["first.parquet", "second.parquet"]
    assert ([entry.path for entry in done.straddling], done.timeless, done.unlinked) == (["straddling.parquet"], (), 2)
    assert data(days) == ["fourth.parquet", "straddling.parquet"]
    assert done.manifest is not None
    assert (done.manifest.seq, done.manifest.files) == (5, ())
    assert done.manifest.extra["retired"] == [
        {"path": entry.path, "reason": "two days are enough", "sha256": entry.sha256, "when": done.manifest.created}
        for entry in done.retired
    ]
    assert [file.sha256 for file in verify_store(days).files] == [file.sha256 for file in before.files]


def test_verification_calls_retired_files_retired_and_not_missing(days: Path) -> None:
    retire(days, THIRD, "two days are enough")
    report = verify_store(days)
    assert (report.ok, report.exit_code, report.unlisted) == (True, 0, ())
    assert [file.state for file in report.files] == ["retired", "retired", "verified", "verified"]
    assert [snapshot.state for snapshot in report.snapshots] == ["retired", "retired", "verified", "verified", "verified"]
    assert report.files[0].reason is None
    assert report.files[0].sentence is not None
    assert report.files[0].sentence.startswith("first.parquet was retired by policy on 20")
    assert report.files[0].sentence.endswith(": two days are enough")


def test_the_rest_is_served_as_whole_and_says_what_was_retired(open_store: Open, days: Path) -> None:
    log = open_store(days)
    assert log.total(ALL) == 8
    log.close()
    retire(days, THIRD, "two days are enough")
    log = open_store(days)
    assert (log.total(ALL), log.head.seq, log.head.snapshots, log.head.complete, log.head.quarantined) == (4, 5, 2, True, {})
    assert [item.snapshot for item in log.page(ALL).events] == [4, 4, 3, 3]
    assert list(log.head.retired) == [1, 2]
    assert log.head.retired[1].endswith(": two days are enough")
    log.close()


def test_of_a_snapshot_of_many_files_those_that_are_due_go(tmp_path: Path) -> None:
    rows = [event(number, occurred_at=datetime(2026, 11, 1 + number, tzinfo=UTC)) for number in range(4)]
    publish(tmp_path, [batch(rows)], name="days", rows_per_file=1)
    assert [entry.path for entry in retire(tmp_path, THIRD, "policy").retired] == ["days-0001.parquet", "days-0002.parquet"]
    report = verify_store(tmp_path)
    assert [file.state for file in report.files] == ["retired", "retired", "verified", "verified"]
    assert [snapshot.state for snapshot in report.snapshots] == ["verified", "verified"]
    flip(tmp_path / "data" / "days-0003.parquet", 100)
    assert [file.state for file in verify_store(tmp_path).files] == ["retired", "retired", "damaged", "quarantined"]


def test_what_has_no_time_and_what_is_too_young_stays(tmp_path: Path) -> None:
    publish(tmp_path, [batch([event(0, occurred_at=None)])], name="timeless")
    publish(tmp_path, [], name="empty")
    publish(tmp_path, [batch(events(1))], name="young")
    before = read_chain(FolderSource(tmp_path)).head_digest
    done = retire(tmp_path, datetime(2026, 11, 1, 9, tzinfo=UTC), "policy")
    assert ([entry.path for entry in done.timeless], done.retired, done.manifest, done.unlinked) == (["timeless.parquet"], (), None, 0)
    assert read_chain(FolderSource(tmp_path)).head_digest == before
    assert [entry.path for entry in retire(tmp_path, datetime(2026, 11, 1, 9, 0, 1, tzinfo=UTC), "policy").retired] == ["young.parquet"]


def test_a_retired_file_that_is_still_there_is_reported_and_removed_by_the_next_run(open_store: Open, days: Path, tmp_path: Path) -> None:
    shutil.copy(days / "data" / "first.parquet", tmp_path / "kept")
    retire(days, THIRD, "policy")
    (tmp_path / "kept").rename(days / "data" / "first.parquet")
    report = verify_store(days)
    assert (report.exit_code, report.files[0].state, report.files[0].reason) == (0, "retired", "present")
    assert str(report.files[0].sentence).endswith("its file is still there, and retire removes it")
    log = open_store(days)
    assert log.total(ALL) == 4
    log.close()
    done = retire(days, THIRD, "policy")
    assert (done.manifest, done.retired, done.unlinked) == (None, (), 1)
    assert data(days) == ["fourth.parquet", "straddling.parquet"]


def test_the_name_of_a_retired_file_is_not_given_again(days: Path) -> None:
    retire(days, THIRD, "policy")
    with pytest.raises(PublishError, match=r"first\.parquet exists already in the chain, and a name is never given again"):
        publish(days, [batch(events(1, 91))], name="first")
    assert data(days) == ["fourth.parquet", "straddling.parquet"]
    assert publish(days, [batch(events(1, 90))], name="fifth").seq == 6


RETIRING = """
from datetime import UTC, datetime
from pathlib import Path
from auditlib.store.retention import retire
sys.addaudithook(kill_before)
retire(Path(sys.argv[3]), datetime(2026, 11, 3, tzinfo=UTC), "policy")
"""


@pytest.mark.parametrize(("step", "committed", "left"), [(1, False, 4), (2, True, 4), (4, True, 4), (5, True, 3)])
def test_whoever_is_killed_while_retiring_leaves_a_whole_chain_and_the_next_run_finishes(
    days: Path, step: int, committed: bool, left: int
) -> None:
    run_killed(RETIRING, step, "os.link os.remove", days)
    assert len(data(days)) == left
    report = verify_store(days)
    assert (report.ok, len(report.snapshots)) == (True, 5 if committed else 4)
    done = retire(days, THIRD, "policy")
    assert (done.manifest is None) == committed
    assert data(days) == ["fourth.parquet", "straddling.parquet"]
    assert [path.name for path in days.rglob(".tmp-*")] == []
    assert verify_store(days).ok


def test_a_retirement_is_signed_and_pinned_like_any_manifest(days: Path, tmp_path: Path) -> None:
    key = generate()
    for path in (days / "manifests").glob("*.json"):
        path.with_suffix(".json.sig").write_bytes(key.sign(path.read_bytes()))
    policy = Policy(keys=(key.public,), state=tmp_path / "state")
    with pytest.raises(PublishError, match="signed by a configured key"):
        retire(days, THIRD, "policy", policy=policy)
    retire(days, THIRD, "policy", key=key, policy=policy)
    chain = accept(FolderSource(days), policy)
    assert (chain.problem, chain.signed, chain.pinned, chain.head.seq) == (None, True, True, 5)
    for path in (days / "manifests").glob("00000005*"):
        path.unlink()
    assert verify_store(days, policy=policy).exit_code == 1
    with pytest.raises(PublishError, match=r"Nothing can be changed in .*00000005\.json was accepted"):
        retire(days, THIRD, "policy", key=key, policy=policy)


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * 501, " leading"])
def test_a_reason_must_be_one_line(days: Path, reason: str) -> None:
    with pytest.raises(PublishError, match="A reason must be one line"):
        retire(days, THIRD, reason)


def test_nothing_is_retired_from_no_store_a_broken_one_or_at_no_instant(days: Path, tmp_path: Path) -> None:
    with pytest.raises(NotAStoreError):
        retire(tmp_path / "nowhere", THIRD, "policy")
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(PublishError, match="has no time zone"):
        retire(days, datetime(2026, 11, 3), "policy")
    (days / "manifests" / "00000002.json").unlink()
    with pytest.raises(PublishError, match=r"00000002\.json") as error:
        retire(days, THIRD, "policy")
    assert isinstance(error.value.__cause__, ChainError)
    assert len(data(days)) == 4


def test_a_link_in_the_place_of_a_retired_file_goes_and_what_it_names_stays(days: Path, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("not ours")
    (days / "data" / "first.parquet").unlink()
    (days / "data" / "first.parquet").symlink_to(tmp_path / "other")
    retire(days, THIRD, "policy")
    assert data(days) == ["fourth.parquet", "straddling.parquet"]
    assert (tmp_path / "other").read_text() == "not ours"
