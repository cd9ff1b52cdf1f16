"""Opening a store: what is verified, what is cached, what is quarantined, and that nothing half-true is ever served."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from conftest import Open
from events import batch, event, events
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stores import add_foreign, flip, not_utf8, overwrite, with_column

from auditlib.errors import CacheError, ChainError, NotAStoreError
from auditlib.log import AuditLog
from auditlib.schema import SCHEMA
from auditlib.store import publish
from auditlib.view import View

ALL = View(tab="team", rows=100)
HOSTILE_TIMES = (-(2**63), 2**63 - 1, 253_402_300_800_000_000, -62_135_596_800_000_001)


def answers(log: AuditLog) -> tuple[Any, ...]:
    """What a log says of everything, in a form that can be compared; the log is closed."""
    page = log.page(ALL)
    said = (page.total, [item.to_record() for item in page.events], log.facet(ALL, "action"), log.histogram(ALL), log.suggest("actor", "a"))
    log.close()
    return said


def derived(cache: Path) -> dict[Path, tuple[int, int]]:
    """Every derived file, with its inode and the time of its last change."""
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in sorted(cache.rglob("*")) if path.is_file()}


def cached(cache: Path) -> list[Path]:
    """The derived files that hold events, which is all but the record of what was verified."""
    return [path for path in derived(cache) if path.name != "verified.json"]


# -- the cache --------------------------------------------------------------------------------------


def test_a_second_opening_uses_the_same_cache(open_store: Open, store: Path, cache: Path) -> None:
    first = answers(open_store(store))
    before = derived(cache)
    stages: list[str] = []
    again = open_store(store, progress=lambda stage, done, total: stages.append(stage))
    assert answers(again) == first
    assert derived(cache) == before
    assert set(stages) == {"Verifying files"}


def test_the_cache_is_for_its_owner_alone_and_earlier_ones_are_swept(open_store: Open, store: Path, cache: Path) -> None:
    open_store(store).close()
    earlier = cached(cache)
    (folder,) = cache.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    (folder / ".build-999999-dead").mkdir()
    publish(store, [batch(events(40, 50))], name="day-3")
    open_store(store).close()
    assert cached(cache)
    assert not any(path.exists() for path in earlier)
    assert not (folder / ".build-999999-dead").exists()


@pytest.mark.parametrize(
    "harm",
    [
        lambda raw: b"",
        lambda raw: raw[:-1],
        lambda raw: raw[: len(raw) // 2],
        lambda raw: raw + b"x",
        lambda raw: bytes(len(raw)),
        lambda raw: raw[::-1],
        lambda raw: b"neither a database nor JSON",
        lambda raw: None,
    ],
    ids=["empty", "cut", "half", "longer", "zeros", "reversed", "text", "gone"],
)
def test_a_damaged_or_foreign_cache_is_built_anew_with_equal_answers(open_store: Open, store: Path, cache: Path, harm: Any) -> None:
    clean = answers(open_store(store))
    files = sorted(cached(cache), key=lambda path: path.stat().st_size)
    for path in {files[0], files[len(files) // 2], files[-1]}:
        spoiled = harm(path.read_bytes())
        path.unlink() if spoiled is None else overwrite(path, spoiled)
        assert answers(open_store(store)) == clean


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format":"auditlib-trust/1","files":{"day-0.parquet":[1,2]}}', '{"format":"auditlib-trust/2"}', "{"]
)
def test_a_record_of_what_was_verified_that_cannot_be_read_is_made_anew(open_store: Open, store: Path, cache: Path, text: str) -> None:
    clean = answers(open_store(store))
    (record,) = (path for path in derived(cache) if path.name == "verified.json")
    record.write_text(text)
    assert answers(open_store(store)) == clean
    assert record.read_text().startswith('{"format": "auditlib-trust/1"')


@given(places=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 1 << 24)), min_size=1, max_size=3))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_flipped_bytes_in_the_cache_never_change_an_answer(
    open_store: Open, store: Path, cache: Path, places: list[tuple[int, int]]
) -> None:
    clean = answers(open_store(store))
    for file, place in places:
        paths = [path for path in derived(cache) if path.stat().st_size]
        flip(paths[file % len(paths)], place)
    assert answers(open_store(store)) == clean


def test_a_cache_folder_that_cannot_be_used_is_one_sentence(
    open_store: Open, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(CacheError, match=r"The cache folder cannot be used: .*; set AUDIT_CACHE to a folder of yours"):
        open_store(store)


# -- damage -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 1, 400, -1, -6])
def test_a_flipped_byte_quarantines_its_snapshot_and_the_others_are_served(open_store: Open, store: Path, place: int) -> None:
    open_store(store).close()
    raw = flip(store / "data" / "day-1.parquet", place)
    log = open_store(store)
    page = log.page(ALL)
    assert (page.total, page.incomplete, log.head.complete, log.head.snapshots, log.head.events) == (6, True, False, 2, 6)
    assert [item.snapshot for item in page.events] == [3, 3, 3, 1, 1, 1]
    assert list(log.head.quarantined) == [2]
    assert log.head.quarantined[2].startswith("day-1.parquet has the SHA-256 ")
    assert log.head.seq == 3
    log.close()
    overwrite(store / "data" / "day-1.parquet", raw)
    log = open_store(store)
    assert (log.total(ALL), log.head.complete, log.head.quarantined) == (9, True, {})
    log.close()


@pytest.mark.parametrize(
    "harm", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes() + b"x"), lambda path: os.truncate(path, 10)]
)
def test_a_missing_or_resized_file_is_named(open_store: Open, store: Path, harm: Any) -> None:
    path = store / "data" / "day-0.parquet"
    path.chmod(0o644)
    harm(path)
    log = open_store(store)
    assert (log.total(ALL), list(log.head.quarantined)) == (6, [1])
    assert "day-0.parquet" in log.head.quarantined[1]
    log.close()


def test_a_store_of_which_everything_is_damaged_opens_empty_and_says_so(open_store: Open, store: Path) -> None:
    for path in (store / "data").glob("*.parquet"):
        flip(path, 100)
    log = open_store(store)
    page = log.page(View())
    assert (page.total, page.first, page.last, page.events, page.incomplete) == (0, 0, 0, (), True)
    assert list(log.head.quarantined) == [1, 2, 3]
    assert (log.head.first_at, log.facet(ALL, "action"), log.events(ALL).num_rows) == (None, [], 0)
    log.close()


@pytest.mark.parametrize("harm", [lambda path: path.unlink(), lambda path: flip(path, 60)])
def test_a_broken_chain_keeps_serving_what_stands_before_the_break(open_store: Open, store: Path, harm: Any) -> None:
    harm(store / "manifests" / "00000002.json")
    log = open_store(store)
    assert (log.total(ALL), log.head.seq, log.head.complete, log.page(ALL).incomplete) == (3, 1, False, True)
    assert log.head.problem.startswith("The chain breaks at manifest 00000002.json: ")
    assert not log.has_newer()
    log.close()


def test_a_chain_that_breaks_at_its_start_cannot_be_opened(open_store: Open, store: Path) -> None:
    flip(store / "manifests" / "00000001.json", 5)
    with pytest.raises(ChainError, match=r"breaks at manifest 00000001\.json"):
        open_store(store)


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir(), lambda path: path.write_text("x")])
def test_what_is_no_store_is_said_to_be_none(open_store: Open, tmp_path: Path, cache: Path, make: Any) -> None:
    make(tmp_path / "no")
    with pytest.raises(NotAStoreError, match="is not a snapshot store"):
        open_store(tmp_path / "no")


def test_a_parquet_file_that_no_manifest_lists_is_never_read(open_store: Open, store: Path) -> None:
    shutil.copy(store / "data" / "day-0.parquet", store / "data" / "extra.parquet")
    (store / "data" / "zzz.parquet").write_bytes(b"no parquet at all")
    log = open_store(store)
    assert (log.total(ALL), log.head.complete) == (9, True)
    log.close()


@pytest.mark.parametrize("name", ["metadata", "actor_name", "related", "event_id", "source_file"])
def test_a_file_with_text_that_is_not_utf8_is_quarantined_now_and_at_the_next_opening(open_store: Open, store: Path, name: str) -> None:
    add_foreign(store, with_column(name, not_utf8(4)))
    for attempt in range(2):
        stages: list[str] = []
        log = open_store(store, progress=lambda stage, done, total, stages=stages: stages.append(stage))
        assert (log.total(ALL), list(log.head.quarantined)) == (9, [4])
        assert log.head.quarantined[4].startswith("foreign-4.parquet ")
        assert "/proc" not in log.head.quarantined[4]
        assert (set(stages) == {"Verifying files"}) is (attempt == 1)
        log.close()


@pytest.mark.parametrize("micros", HOSTILE_TIMES)
def test_a_recorded_time_that_no_calendar_has_quarantines_its_snapshot(open_store: Open, store: Path, micros: int) -> None:
    add_foreign(store, with_column("recorded_at", pa.array([0, micros], pa.int64()).cast(SCHEMA.field("recorded_at").type)))
    log = open_store(store)
    assert (log.total(ALL), list(log.head.quarantined)) == (9, [4])
    log.close()


def test_times_at_both_ends_of_the_calendar_can_be_paged_counted_and_exported(open_store: Open, tmp_path: Path, cache: Path) -> None:
    ends = [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)]
    rows = [event(number, occurred_at=at, recorded_at=at) for number, at in enumerate([*ends, None])]
    publish(tmp_path / "ends", [batch(rows)], name="ends")
    log = open_store(tmp_path / "ends")
    assert [item.occurred_at for item in log.page(View()).events] == [ends[1], ends[0], None]
    assert log.events(View(order="oldest"))["recorded_at"].to_pylist() == [*ends, None]
    for minutes in (1, 7, 60, 1440, 100_000):
        assert [bar.events for bar in log.histogram(View(), bucket_minutes=minutes)] == [1, 1]
    assert (log.head.first_at, log.head.last_at) == tuple(ends)
    page = log.page(View(start="1900-01-01", end="9000-01-01", tz="Pacific/Kiritimati"))
    assert (page.total, page.without_time) == (0, 1)
    log.close()


@pytest.mark.long
def test_three_hundred_thousand_events_stand_in_one_total_order(open_store: Open, tmp_path: Path, cache: Path) -> None:
    count = 300_000
    micros = [None if number % 1_009 == 0 else (number * 7_919 % 50_021) * 1_000_000 for number in range(count)]
    ids = [f"e{number * 104_729 % 1_000_003:07d}" for number in range(count)]
    table = pa.Table.from_batches([batch(events(1_000))] * (count // 1_000))
    for name, values in (("event_id", pa.array(ids)), ("occurred_at", pa.array(micros, pa.int64()).cast(SCHEMA.field("occurred_at").type))):
        table = table.set_column(SCHEMA.get_field_index(name), SCHEMA.field(name), values)
    publish(tmp_path / "large", table.to_batches(), name="large")
    log = open_store(tmp_path / "large")
    expected = sorted(zip((at is not None for at in micros), (at or 0 for at in micros), ids, strict=True), reverse=True)
    assert log.events(View())["event_id"].to_pylist() == [ident for _, _, ident in expected]
    for place in (0, 1, 122_879, 122_880, 122_881, count - 1):
        assert log.event_at(View(), place) == expected[place][2]
        assert log.position(View(), expected[place][2]) == place
    log.close()
