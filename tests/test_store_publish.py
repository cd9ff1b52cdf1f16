"""Publishing: whole or not at all, the same bytes for the same rows, never over anything that is there."""

from __future__ import annotations

import json
import os
import random
import stat
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from events import batch, event, events
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stores import MOMENTS, child, run_killed

from auditlib.errors import ChainError, PublishError, SchemaError
from auditlib.schema import COLUMNS, SCHEMA
from auditlib.store import FolderSource, publish, read_chain, verify_store

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def contents(store: Path) -> dict[str, bytes]:
    return {str(path.relative_to(store)): path.read_bytes() for path in sorted(store.rglob("*")) if path.is_file()}


def hidden(store: Path) -> list[str]:
    return [path.name for path in store.rglob(".tmp-*")]


def publish_small(store: Path, name: str, count: int = 3, **arguments: Any) -> None:
    publish(store, [batch(events(count))], name=name, log_id="acme", created=NOON, **arguments)


def test_a_snapshot_is_read_only_files_and_a_manifest_that_describes_them(tmp_path: Path) -> None:
    store = tmp_path / "deep" / "store"
    manifest = publish(store, [batch(events(5)), batch([event(9, occurred_at=None)])], name="day", log_id="acme", created=NOON)
    assert (manifest.seq, manifest.log_id, manifest.created, manifest.prev_sha256) == (1, "acme", "2026-11-01T12:00:00Z", "0" * 64)
    (entry,) = manifest.files
    path = store / "data" / "day.parquet"
    assert (entry.path, entry.rows, entry.bytes) == ("day.parquet", 6, path.stat().st_size)
    assert (entry.min_time, entry.max_time) == ("2026-11-01T09:00:00.000000Z", "2026-11-01T09:04:00.000000Z")
    assert [stat.S_IMODE(path.stat().st_mode), stat.S_IMODE((store / "manifests" / "00000001.json").stat().st_mode)] == [0o444, 0o444]
    assert (store / "manifests" / "00000001.json").read_bytes() == manifest.to_bytes()
    assert hidden(store) == []
    assert pq.read_table(path).to_pylist() == [*events(5), event(9, occurred_at=None)]


def test_more_rows_than_a_file_holds_make_numbered_files(tmp_path: Path) -> None:
    manifest = publish(tmp_path, [batch(events(10))], name="day", rows_per_file=4)
    names = [f"day-000{number}.parquet" for number in (1, 2, 3)]
    assert [(entry.path, entry.rows) for entry in manifest.files] == list(zip(names, (4, 4, 2), strict=True))
    assert manifest.rows == 10
    assert verify_store(tmp_path).ok


def test_very_much_text_starts_a_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditlib.store.writing._TEXT_BYTES_PER_FILE", 500_000)
    manifest = publish(tmp_path, [batch(events(9000))], name="day")
    assert [entry.rows for entry in manifest.files] == [8192, 808]


@pytest.mark.parametrize("batches", [[], [batch([])]])
def test_no_rows_make_a_snapshot_of_one_empty_file(tmp_path: Path, batches: list[pa.RecordBatch]) -> None:
    manifest = publish(tmp_path, batches, name="quiet-day")
    assert [(entry.path, entry.rows, entry.min_time) for entry in manifest.files] == [("quiet-day.parquet", 0, None)]
    assert pq.read_schema(tmp_path / "data" / "quiet-day.parquet").names == list(COLUMNS)
    assert verify_store(tmp_path).ok


def test_files_are_zstd_in_row_groups_of_4096_with_statistics(tmp_path: Path) -> None:
    publish_small(tmp_path, "day", 10_000)
    footer = pq.read_metadata(tmp_path / "data" / "day.parquet")
    assert [footer.row_group(group).num_rows for group in range(footer.num_row_groups)] == [4096, 4096, 1808]
    assert {footer.row_group(0).column(index).compression for index in range(footer.num_columns)} == {"ZSTD"}
    assert all(footer.row_group(0).column(index).statistics.has_null_count for index in range(footer.num_columns))
    assert "RLE_DICTIONARY" in footer.row_group(0).column(COLUMNS.index("action")).encodings


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=15)
@given(st.lists(st.integers(0, 9000), max_size=4))
def test_the_same_rows_give_the_same_bytes_however_they_are_cut(tmp_path_factory: pytest.TempPathFactory, cuts: list[int]) -> None:
    whole = batch(events(9000))
    places = sorted({0, 9000, *cuts})
    pieces = [whole.slice(start, end - start) for start, end in pairwise(places)]
    one, other = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("other")
    publish(one, [whole], name="day", log_id="acme", created=NOON, rows_per_file=5000)
    publish(other, pieces, name="day", log_id="acme", created=NOON, rows_per_file=5000)
    assert contents(one) == contents(other)


@pytest.mark.parametrize("text", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())])
def test_every_layout_of_text_gives_the_same_file(tmp_path: Path, text: pa.DataType) -> None:
    plain = batch(events(50))
    fields = [pa.field(field.name, text if pa.types.is_string(field.type) else field.type) for field in reversed(SCHEMA)]
    columns = [plain.column(field.name).cast(pa.string()).dictionary_encode() if pa.types.is_dictionary(field.type)
               else plain.column(field.name).cast(field.type) for field in fields]  # fmt: skip
    publish_small(tmp_path / "plain", "day", 50)
    publish(tmp_path / "other", [pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))], name="day", log_id="acme", created=NOON)
    assert contents(tmp_path / "plain") == contents(tmp_path / "other")


def test_search_text_may_be_carried_behind_the_other_columns(tmp_path: Path) -> None:
    rows = batch(events(2)).append_column("search_text", pa.array(["ada admin", None]))
    publish(tmp_path, [rows], name="day")
    assert pq.read_table(tmp_path / "data" / "day.parquet").column_names == [*COLUMNS, "search_text"]
    assert verify_store(tmp_path).ok


def test_progress_adds_up_to_the_rows(tmp_path: Path) -> None:
    seen: list[int] = []
    publish_small(tmp_path, "day", 70_000, progress=seen.append)
    assert (sum(seen), len(seen)) == (70_000, 2)


def test_a_new_log_gets_a_random_id_and_later_snapshots_take_it(tmp_path: Path) -> None:
    one = publish(tmp_path / "a", [], name="day")
    other = publish(tmp_path / "b", [], name="day")
    assert one.log_id != other.log_id
    assert publish(tmp_path / "a", [], name="next").log_id == one.log_id
    with pytest.raises(PublishError, match="is the log"):
        publish(tmp_path / "a", [], name="third", log_id="acme")


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": "../day"},
        {"name": "a" * 101},
        {"name": "day", "log_id": "a b"},
        {"name": "day", "rows_per_file": 0},
        {"name": "day", "created": datetime(2026, 11, 1)},
    ],
)
def test_arguments_that_cannot_be_are_refused_before_anything_is_written(tmp_path: Path, arguments: dict[str, Any]) -> None:
    with pytest.raises(PublishError):
        publish(tmp_path / "store", [], **arguments)
    assert not (tmp_path / "store").exists()


def test_a_name_is_never_written_over(tmp_path: Path) -> None:
    publish_small(tmp_path, "day")
    (tmp_path / "data" / "dropped.parquet").write_text("not ours")
    before = contents(tmp_path)
    for name in ("day", "dropped"):
        with pytest.raises(PublishError, match=f"{name}.parquet exists already"):
            publish_small(tmp_path, name, 4)
    assert contents(tmp_path) == before


def altered(**columns: Any) -> pa.RecordBatch:
    """Three events, the last of them with values that no schema stood guard over."""
    anything = pa.schema([field.with_nullable(True) for field in SCHEMA])
    return pa.RecordBatch.from_pylist([event(0), event(1), event(2, **columns)], schema=anything)


def year_18029() -> pa.RecordBatch:
    rows = batch(events(3))
    times = pa.array([0, 0, 506_800_000_000_000_000], pa.timestamp("us", tz="UTC"))
    return rows.set_column(COLUMNS.index("occurred_at"), SCHEMA.field("occurred_at"), times)


def not_utf8() -> pa.RecordBatch:
    rows = batch(events(3))
    broken = pa.Array.from_buffers(pa.string(), 3, pa.array([b"a", b"b", b"\xff\xfe"], pa.binary()).buffers())
    return rows.set_column(COLUMNS.index("summary"), SCHEMA.field("summary"), broken)


@pytest.mark.parametrize(
    ("rows", "column", "row"),
    [
        (altered(event_id=None), "event_id", 7),
        (altered(event_id="with space"), "event_id", 7),
        (altered(event_id="line\n"), "event_id", 7),
        (altered(event_id="é"), "event_id", 7),
        (altered(event_id="a" * 129), "event_id", 7),
        (altered(resource_type="Booking"), "resource_type", 7),
        (altered(resource_type=""), "resource_type", 7),
        (altered(metadata=None), "metadata", 7),
        (altered(action=None), "action", 7),
        (year_18029(), "occurred_at", 7),
        (not_utf8(), "summary", 5),
    ],
)
def test_a_row_that_is_no_event_is_named_and_nothing_is_published(tmp_path: Path, rows: pa.RecordBatch, column: str, row: int) -> None:
    with pytest.raises(SchemaError, match=column) as error:
        publish(tmp_path, [batch(events(5)), rows], name="day")
    assert (error.value.column, error.value.row) == (column, row)
    assert set(contents(tmp_path)) == {".publish.lock"}


def with_type(name: str, kind: pa.DataType) -> pa.RecordBatch:
    index = COLUMNS.index(name)
    return batch(events(3)).set_column(index, pa.field(name, kind), pa.nulls(3, kind))


@pytest.mark.parametrize(
    ("rows", "column"),
    [
        (batch(events(3)).drop_columns(["ip"]), "ip"),
        (batch(events(3)).append_column("META", pa.array(["a", "b", "c"])), "META"),
        (pa.RecordBatch.from_arrays([*batch(events(1)).columns, pa.array(["x"])], names=[*COLUMNS, "ip"]), "ip"),
        (with_type("event_id", pa.int64()), "event_id"),
        (with_type("summary", pa.binary()), "summary"),
        (with_type("metadata", pa.struct([("a", pa.string())])), "metadata"),
        (with_type("occurred_at", pa.timestamp("us")), "occurred_at"),
        (with_type("occurred_at", pa.timestamp("ns", tz="UTC")), "occurred_at"),
        (with_type("recorded_at", pa.timestamp("us", tz="Asia/Kolkata")), "recorded_at"),
        (with_type("source_row", pa.int32()), "source_row"),
    ],
)
def test_columns_that_are_not_an_events_are_refused(tmp_path: Path, rows: pa.RecordBatch, column: str) -> None:
    with pytest.raises(SchemaError) as error:
        publish(tmp_path, [rows], name="day")
    assert error.value.column == column
    assert set(contents(tmp_path)) == {".publish.lock"}


@pytest.mark.parametrize("failure", [RuntimeError("the reader failed"), KeyboardInterrupt(), OSError(5, "bad disk under the input")])
def test_a_failure_of_the_rows_leaves_the_store_as_it_was(tmp_path: Path, failure: BaseException) -> None:
    def failing() -> Iterator[pa.RecordBatch]:
        yield batch(events(9000))
        raise failure

    publish_small(tmp_path, "day")
    before = contents(tmp_path)
    with pytest.raises(type(failure)) as error:
        publish(tmp_path, failing(), name="next", rows_per_file=5000)
    assert error.value is failure
    assert contents(tmp_path) == before
    assert publish(tmp_path, [batch(events(3))], name="next").seq == 2


def test_nothing_is_added_to_a_broken_or_newer_chain(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        publish_small(tmp_path, name)
    path = tmp_path / "manifests" / "00000003.json"
    raw = path.read_bytes()
    for broken in (raw.replace(b"acme", b"acne"), raw.replace(b"manifest/1", b"manifest/2")):
        path.unlink()
        path.write_bytes(broken)
        before = contents(tmp_path)
        with pytest.raises(PublishError, match=r"00000003\.json") as error:
            publish_small(tmp_path, "four")
        assert isinstance(error.value.__cause__, ChainError)
        assert contents(tmp_path) == before


def test_a_store_whose_data_folder_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "data").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PublishError, match="symbolic link"):
        publish_small(tmp_path / "store", "day")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_second_publisher_is_turned_away_while_one_is_at_work(tmp_path: Path) -> None:
    def interrupted() -> Iterator[pa.RecordBatch]:
        yield batch(events(9000))
        with pytest.raises(PublishError, match="someone else"):
            publish_small(tmp_path, "second")

    publish(tmp_path, interrupted(), name="first", rows_per_file=4096)
    assert [entry.path for entry in read_chain(FolderSource(tmp_path)).files] == [f"first-{number:04d}.parquet" for number in (1, 2, 3)]
    assert hidden(tmp_path) == []
    assert verify_store(tmp_path).unlisted == ()


def test_a_manifest_that_appears_meanwhile_wins_and_the_attempt_leaves_nothing(tmp_path: Path) -> None:
    publish_small(tmp_path / "winner", "won")
    before = contents(tmp_path / "winner")

    def overtaken() -> Iterator[pa.RecordBatch]:
        yield batch(events(3))
        for name in ("data/won.parquet", "manifests/00000001.json"):
            os.link(tmp_path / "winner" / name, tmp_path / "loser" / name)

    with pytest.raises(PublishError, match=r"00000001\.json exists already"):
        publish(tmp_path / "loser", overtaken(), name="lost")
    assert contents(tmp_path / "loser") == before


RACE = """
import sys
from pathlib import Path
from events import batch, events
from auditlib.errors import PublishError
from auditlib.store import publish
print("ready", flush=True)
sys.stdin.readline()
try:
    publish(Path(sys.argv[1]), [batch(events(2000))], name="day", log_id="acme")
    print("won")
except PublishError as error:
    print("lost", error)
"""


def test_of_processes_that_publish_the_same_snapshot_exactly_one_wins(tmp_path: Path) -> None:
    racers = [child(RACE, tmp_path) for _ in range(3)]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == b"ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write(b"\n")
        racer.stdin.flush()
    answers = [racer.communicate(timeout=60) for racer in racers]
    assert sorted(out.split()[0] for out, _ in answers) == [b"lost", b"lost", b"won"], answers
    assert sorted(contents(tmp_path)) == [".publish.lock", "data/day.parquet", "manifests/00000001.json"]
    assert verify_store(tmp_path).ok


FULL_DISK = """
import resource, sys
from pathlib import Path
from events import batch, event
from auditlib.errors import PublishError
from auditlib.store import publish
from random import Random
random = Random(1)
rows = [event(n, metadata=random.randbytes(500).hex()) for n in range(9000)]
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    publish(Path(sys.argv[1]), [batch(rows)], name="big")
except PublishError as error:
    print(error)
"""


def test_a_full_disk_is_one_sentence_and_a_retry_works(tmp_path: Path) -> None:
    publish_small(tmp_path, "day")
    before = contents(tmp_path)
    out, err = child(FULL_DISK, tmp_path).communicate(timeout=60)
    assert out == b"big cannot be published: File too large; the store is as it was\n"
    assert err == b""
    assert contents(tmp_path) == before
    assert publish(tmp_path, [batch(events(3))], name="big").seq == 2


PUBLISHING = """
import sys
from pathlib import Path
from events import batch, events
from auditlib.store import publish
rows = batch(events(30000))
print("ready", flush=True)
if len(sys.argv) > 2:
    sys.addaudithook(kill_before)
publish(Path(sys.argv[-1]), [rows], name="next", rows_per_file=20000)
"""


def assert_survived(store: Path, before: dict[str, bytes]) -> bool:
    """The old or the new head and nothing else; the next publisher then finds, and leaves, a tidy store."""
    report = verify_store(store)
    assert report.ok
    committed = len(report.snapshots) == 2
    assert [snapshot.rows for snapshot in report.snapshots] == ([3, 30000] if committed else [3])
    assert publish(store, [batch(events(3))], name="after" if committed else "next").seq == len(report.snapshots) + 1
    assert hidden(store) == []
    after = verify_store(store)
    assert (after.ok, after.unlisted) == (True, ())
    assert before.items() <= contents(store).items()
    return committed


@pytest.mark.parametrize(
    ("step", "number", "committed"),
    [
        ("os.link", 1, False),
        ("os.link", 2, False),
        ("os.link", 3, False),
        ("os.remove", 1, False),
        ("os.remove", 2, False),
        ("os.remove", 3, True),
    ],
)
def test_a_publisher_killed_at_a_step_leaves_the_old_head_or_the_new(tmp_path: Path, step: str, number: int, committed: bool) -> None:
    publish_small(tmp_path, "day")
    before = contents(tmp_path)
    run_killed(PUBLISHING, number, step, tmp_path)
    assert assert_survived(tmp_path, before) == committed


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_publisher_killed_at_any_moment_leaves_the_old_head_or_the_new(tmp_path: Path, moment: int) -> None:
    publish_small(tmp_path, "day")
    before = contents(tmp_path)
    process = child(PUBLISHING, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    time.sleep(random.Random(moment).uniform(0, 0.06))
    process.kill()
    process.communicate()
    assert_survived(tmp_path, before)


def test_sweeping_leaves_a_strangers_file_alone(tmp_path: Path) -> None:
    """A dead publisher's manifest names files; one that holds other bytes was not written by it."""
    publish_small(tmp_path, "day")
    record = json.loads((tmp_path / "manifests" / "00000001.json").read_bytes())
    record["files"][0]["path"] = "strange.parquet"
    left = json.dumps(record, sort_keys=True, separators=(",", ":")) + "\n"
    (tmp_path / "manifests" / ".tmp-dead.json").write_text(left)
    (tmp_path / "data" / "strange.parquet").write_text("a stranger's")
    publish_small(tmp_path, "next")
    assert (tmp_path / "data" / "strange.parquet").read_text() == "a stranger's"
    assert hidden(tmp_path) == []
    assert verify_store(tmp_path).unlisted == ("strange.parquet",)
