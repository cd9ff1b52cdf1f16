"""Verification: damage is found, named and kept apart, whatever stands in a file's place; nothing hangs."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from events import batch, event, events
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditlib.errors import DamagedFileError, NotAStoreError
from auditlib.schema import COLUMNS, REQUIRED, SCHEMA
from auditlib.store import (
    FileEntry,
    FolderSource,
    Manifest,
    Report,
    open_verified,
    publish,
    read_chain,
    schema_sha256,
    sha256_bytes,
    verify_store,
)
from auditlib.store.manifest import manifest_name

NO_TIME: dict[str, str | None] = {"min_time": None, "max_time": None}
THREE_TIMES: dict[str, str | None] = {"min_time": "2026-11-01T09:00:00.000000Z", "max_time": "2026-11-01T09:02:00.000000Z"}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of three snapshots of three events; the second snapshot has two files."""
    for number in range(3):
        publish(tmp_path / "s", [batch(events(3, 3 * number))], name=f"day-{number}", log_id="acme", rows_per_file=2 if number == 1 else 9)
    return tmp_path / "s"


@pytest.fixture(autouse=True)
def _nothing_hangs() -> Iterator[None]:
    """Five seconds of waiting for a pipe or device fail the test; a busy machine is given a minute of work."""

    def give_up(*_: object) -> None:
        raise TimeoutError("still waiting")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    yield
    signal.alarm(0)


def overwrite(path: Path, raw: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(raw)


def states(report: Report) -> dict[str, tuple[str, str | None]]:
    return {file.path: (file.state, file.reason) for file in report.files}


def add_file(store: Path, raw: bytes, *, rows: int = 3, schema: pa.Schema | None = None, **said: Any) -> FileEntry:
    """Add a file of any bytes to the chain with a manifest that says the right size and digest of it."""
    seq = len(list((store / "manifests").glob("*.json"))) + 1 if store.exists() else 1
    name = f"foreign-{seq}.parquet"
    times = NO_TIME | {key: said.pop(key) for key in list(said) if key in NO_TIME}
    entry = FileEntry(name, len(raw), rows, sha256_bytes(raw), schema_sha256(SCHEMA if schema is None else schema), **times)
    entry = replace(entry, **said)
    previous = read_chain(FolderSource(store)).head_digest if seq > 1 else "0" * 64
    for folder in ("data", "manifests"):
        (store / folder).mkdir(parents=True, exist_ok=True)
    (store / "data" / name).write_bytes(raw)
    manifest = Manifest(seq, "acme", "2026-11-01T00:00:05Z", previous, (entry,))
    (store / "manifests" / manifest_name(seq)).write_bytes(manifest.to_bytes())
    return entry


def parquet(table: pa.Table, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **options)
    return sink.getvalue().to_pybytes()


def three_events(**replaced: pa.Array) -> pa.Table:
    """Three events as a table; a keyword gives one of the columns other values or another type."""
    table = pa.Table.from_batches([batch(events(3))])
    for name, values in replaced.items():
        table = table.set_column(COLUMNS.index(name), name, values)
    return table


def reason_of(store: Path, entry: FileEntry) -> str:
    with pytest.raises(DamagedFileError, match=entry.path) as error:
        open_verified(FolderSource(store), entry)
    assert error.value.path == entry.path
    return str(error.value.reason)


def test_a_whole_store_verifies(store: Path) -> None:
    seen: list[int] = []
    report = verify_store(store, seen.append)
    assert (report.ok, report.exit_code, report.problem, report.unlisted) == (True, 0, None, ())
    assert [(file.path, file.seq, file.state, file.rows) for file in report.files] == [
        ("day-0.parquet", 1, "verified", 3),
        ("day-1-0001.parquet", 2, "verified", 2),
        ("day-1-0002.parquet", 2, "verified", 1),
        ("day-2.parquet", 3, "verified", 3),
    ]
    assert sum(seen) == sum(file.bytes for file in report.files)
    assert [(snapshot.seq, snapshot.state, snapshot.rows) for snapshot in report.snapshots] == [(seq, "verified", 3) for seq in (1, 2, 3)]


def test_a_folder_that_is_no_store_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NotAStoreError, match="not a snapshot store"):
        verify_store(tmp_path)


def test_the_report_as_json_names_head_problem_files_and_unlisted(store: Path) -> None:
    (store / "data" / "day-1-0002.parquet").unlink()
    (store / "data" / "stranger.parquet").write_text("x")
    record = json.loads(json.dumps(verify_store(store).to_dict()))
    assert list(record)[:8] == ["ok", "location", "log_id", "head", "problem", "snapshots", "files", "unlisted"]
    assert (record["signed"], record["pinned"], record["notices"]) == (False, False, [])
    assert (record["ok"], record["log_id"], record["head"]["seq"], record["problem"]) == (False, "acme", 3, None)
    assert record["files"][2] == {
        "path": "day-1-0002.parquet", "seq": 2, "state": "missing", "reason": "missing",
        "sentence": "day-1-0002.parquet cannot be read: it is missing", "rows": 1,
        "bytes": record["files"][2]["bytes"], "sha256": record["files"][2]["sha256"],
    }  # fmt: skip
    assert record["files"][1]["sentence"] == "day-1-0001.parquet is whole, but day-1-0002.parquet of the same snapshot is not"
    assert record["snapshots"][1]["state"] == "quarantined"
    assert record["unlisted"] == ["stranger.parquet"]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda raw: raw[: len(raw) // 2] + bytes([raw[len(raw) // 2] ^ 1]) + raw[len(raw) // 2 + 1 :], "digest"),
        (lambda raw: b"XXXX" + raw[4:], "digest"),
        (lambda raw: raw[:-1], "size"),
        (lambda raw: raw + b"\0", "size"),
        (lambda raw: b"", "size"),
    ],
)
def test_an_altered_file_quarantines_its_snapshot_and_no_other(store: Path, damage: Callable[[bytes], bytes], reason: str) -> None:
    path = store / "data" / "day-1-0001.parquet"
    overwrite(path, damage(path.read_bytes()))
    report = verify_store(store)
    assert (report.ok, report.exit_code, report.problem) == (False, 1, None)
    assert states(report) == {
        "day-0.parquet": ("verified", None),
        "day-1-0001.parquet": ("damaged", reason),
        "day-1-0002.parquet": ("quarantined", "snapshot"),
        "day-2.parquet": ("verified", None),
    }
    assert [snapshot.state for snapshot in report.snapshots] == ["verified", "quarantined", "verified"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.data())
def test_a_flip_of_any_byte_of_a_data_file_is_noticed(store: Path, data: st.DataObject) -> None:
    path = store / "data" / "day-0.parquet"
    raw = path.read_bytes()
    at = data.draw(st.integers(0, len(raw) - 1))
    overwrite(path, raw[:at] + bytes([raw[at] ^ data.draw(st.integers(1, 255))]) + raw[at + 1 :])
    try:
        assert states(verify_store(store))["day-0.parquet"] == ("damaged", "digest")
    finally:
        overwrite(path, raw)


def test_two_swapped_files_are_both_damaged(store: Path) -> None:
    one, other = store / "data" / "day-0.parquet", store / "data" / "day-2.parquet"
    kept = one.read_bytes()
    overwrite(one, other.read_bytes())
    overwrite(other, kept)
    assert [states(verify_store(store))[path.name][0] for path in (one, other)] == ["damaged", "damaged"]


def test_without_the_data_folder_every_file_is_missing(store: Path) -> None:
    (store / "data").rename(store / "moved")
    assert {file.state for file in verify_store(store).files} == {"missing"}


def test_a_data_folder_that_is_a_link_is_not_followed(store: Path) -> None:
    (store / "data").rename(store / "moved")
    (store / "data").symlink_to(store / "moved")
    assert {(file.state, file.reason) for file in verify_store(store).files} == {("damaged", "not_regular")}


def test_a_store_reached_through_a_link_is_resolved_once(store: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(store)
    source = FolderSource(link)
    link.unlink()
    link.symlink_to("/nowhere")
    assert source.location == str(store)
    assert read_chain(source).head.seq == 3
    open_verified(source, read_chain(source).files[0]).close()


def as_link(path: Path) -> None:
    path.rename(path.with_name("kept"))
    path.symlink_to(path.with_name("kept"))


def as_dangling_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def as_socket(path: Path) -> None:
    path.unlink()
    home = Path.cwd()
    os.chdir(path.parent)  # the name of a socket holds about a hundred bytes
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(home)


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def as_device(path: Path) -> None:
    path.unlink()
    try:
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("making a device needs root")


@pytest.mark.parametrize("put", [as_link, as_dangling_link, as_pipe, as_socket, as_folder, as_device])
def test_what_is_no_regular_file_is_refused_at_once(store: Path, put: Callable[[Path], None]) -> None:
    put(store / "data" / "day-0.parquet")
    signal.alarm(5)
    report = verify_store(store)
    assert states(report)["day-0.parquet"] == ("damaged", "not_regular")
    assert states(report)["day-2.parquet"] == ("verified", None)


def test_an_unlisted_file_is_reported_and_never_read(store: Path) -> None:
    os.mkfifo(store / "data" / "dropped.parquet")
    (store / "data" / ".tmp-0123-0001").write_text("someone is publishing")
    signal.alarm(5)
    report = verify_store(store)
    assert (report.ok, report.unlisted) == (True, ("dropped.parquet",))


def test_a_broken_chain_keeps_what_stands_before_it(store: Path) -> None:
    (store / "manifests" / "00000002.json").unlink()
    report = verify_store(store)
    assert report.problem is not None
    assert (report.exit_code, report.problem.reason, report.problem.seq) == (1, "gap", 2)
    assert states(report) == {"day-0.parquet": ("verified", None)}
    assert report.unlisted == ("day-1-0001.parquet", "day-1-0002.parquet", "day-2.parquet")
    assert report.to_dict()["problem"]["sentence"] == str(report.problem)


def test_a_store_whose_first_manifest_is_broken_has_a_report_without_head(store: Path) -> None:
    overwrite(store / "manifests" / "00000001.json", b"{}\n")
    report = verify_store(store)
    assert (report.ok, report.files, report.to_dict()["head"], report.to_dict()["log_id"]) == (False, (), None, None)


def test_the_verified_path_reads_the_hashed_file_though_another_took_its_name(store: Path) -> None:
    source = FolderSource(store)
    with open_verified(source, read_chain(source).files[0]) as file:
        (store / "data" / "other").write_text("another file")
        (store / "data" / "other").rename(store / "data" / "day-0.parquet")
        assert pq.read_table(file.path).to_pylist() == events(3)
        assert duckdb.sql(f"select event_id from read_parquet('{file.path}')").fetchall() == [(f"ev-{number:06d}",) for number in range(3)]


def test_a_file_written_to_while_it_is_loaded_is_noticed(store: Path) -> None:
    source = FolderSource(store)
    path = store / "data" / "day-0.parquet"
    raw, times = path.read_bytes(), (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    with open_verified(source, read_chain(source).files[0]) as file:
        file.assert_unchanged()
        overwrite(path, raw)
        os.utime(path, ns=times)
        with pytest.raises(DamagedFileError, match="changed while it was being read") as error:
            file.assert_unchanged()
        assert error.value.reason == "changed"


def test_a_closed_file_is_closed_once(store: Path) -> None:
    source = FolderSource(store)
    file = open_verified(source, read_chain(source).files[0])
    fd = file.fd
    file.close()
    file.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_damage_leaves_no_descriptor_open(store: Path) -> None:
    before = len(list(Path("/dev/fd").iterdir()))
    overwrite(store / "data" / "day-0.parquet", b"PAR1")
    for _ in range(3):
        assert not verify_store(store).ok
    assert len(list(Path("/dev/fd").iterdir())) == before


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"just text, and no Parquet at all\n" * 9,
        parquet(three_events())[:-4] + b"XXXX",
        parquet(three_events())[:-4] + b"PARE",
        parquet(three_events())[:-8] + b"\xff\xff\xff\x7fPAR1",
        b"PAR1\x00\x00\x00\x00PAR1",
        b"PAR1" + b"\xff" * 64 + b"\x40\x00\x00\x00PAR1",
    ],
    ids=["empty", "text", "wrong tail", "encrypted footer", "huge footer length", "no footer", "footer of noise"],
)
def test_a_listed_file_that_is_no_parquet_is_damaged(tmp_path: Path, raw: bytes) -> None:
    entry = add_file(tmp_path, raw)
    assert reason_of(tmp_path, entry) == "footer"
    assert states(verify_store(tmp_path)) == {entry.path: ("damaged", "footer")}


@pytest.mark.parametrize("codec", ["zstd", "snappy", "gzip", "lz4", "none"])
def test_the_codecs_of_the_contract_are_read(tmp_path: Path, codec: str) -> None:
    add_file(tmp_path, parquet(three_events(), compression=codec), **THREE_TIMES)
    assert verify_store(tmp_path).ok


def test_another_codec_is_refused_with_the_reason(tmp_path: Path) -> None:
    entry = add_file(tmp_path, parquet(three_events(), compression={name: "brotli" if name == "ip" else "zstd" for name in COLUMNS}))
    with pytest.raises(DamagedFileError, match=r"compressed with BROTLI; allowed are .*zstd") as error:
        open_verified(FolderSource(tmp_path), entry)
    assert error.value.reason == "codec"


def nulls(kind: pa.DataType) -> pa.Array:
    return pa.nulls(3, kind)


NAIVE = pa.array([0, 1, 2], pa.timestamp("us"))


@pytest.mark.parametrize(
    "table",
    [
        three_events().drop_columns(["ip"]),
        three_events().append_column("extra", nulls(pa.string())),
        three_events().append_column("META", nulls(pa.string())),
        three_events().rename_columns([name.upper() if name == "metadata" else name for name in COLUMNS]),
        three_events().append_column("event_id", nulls(pa.string())),
        three_events(event_id=pa.array([1, 2, 3])),
        three_events(metadata=pa.array([{"a": 1}] * 3)),
        three_events(related=pa.array([["a"]] * 3)),
        three_events(summary=pa.array([b"a"] * 3)),
        three_events(source_row=pa.array([1.0] * 3)),
        three_events(occurred_at=NAIVE),
        three_events(occurred_at=pa.array([0, 1, 2], pa.timestamp("ns", tz="UTC"))),
        three_events(occurred_at=pa.array([0, 1, 2], pa.timestamp("ms", tz="UTC"))),
        three_events(recorded_at=pa.array([0, 1, 2], pa.timestamp("us", tz="Asia/Kolkata"))),
        three_events(recorded_at=pa.array([0, 1, 2], pa.timestamp("us", tz="+00:00"))),
        three_events(occurred_at=pa.array(["2026-11-01T09:00:00Z"] * 3)),
    ],
)  # fmt: skip
def test_columns_that_are_not_an_events_are_refused(tmp_path: Path, table: pa.Table) -> None:
    entry = add_file(tmp_path, parquet(table), schema=table.schema)
    assert reason_of(tmp_path, entry) == "schema"


def test_a_file_with_naive_times_beside_one_in_utc_is_quarantined_and_not_shifted(store: Path) -> None:
    table = three_events(occurred_at=NAIVE)
    said = {"min_time": "1970-01-01T00:00:00.000000Z", "max_time": "1970-01-01T00:00:00.000002Z"}
    entry = add_file(store, parquet(table), schema=table.schema, **said)
    assert [state for state, _ in states(verify_store(store)).values()] == ["verified"] * 4 + ["damaged"]
    assert states(verify_store(store))[entry.path] == ("damaged", "schema")


def layout(kind: pa.DataType, name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_string(values.type):
        return values
    if pa.types.is_dictionary(kind):
        return values.dictionary_encode()
    return values.cast(kind)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())])
@pytest.mark.parametrize("store_schema", [True, False])
def test_every_layout_of_text_verifies_with_the_same_columns_digest(tmp_path: Path, kind: pa.DataType, store_schema: bool) -> None:
    plain = three_events()
    table = pa.table({name: layout(kind, name, plain[name]) for name in COLUMNS})
    nullable = pa.schema([field.with_nullable(True) for field in SCHEMA])
    assert schema_sha256(table.schema) == schema_sha256(nullable)
    add_file(tmp_path, parquet(table, store_schema=store_schema), schema=nullable, **THREE_TIMES)
    assert verify_store(tmp_path).ok


def test_a_file_duckdb_wrote_verifies(tmp_path: Path) -> None:
    table = three_events()
    with duckdb.connect() as connection:
        connection.execute("set timezone='UTC'")
        connection.from_arrow(table).write_parquet(str(tmp_path / "from-duckdb"), compression="zstd")
    raw = (tmp_path / "from-duckdb").read_bytes()
    add_file(tmp_path / "store", raw, schema=pq.read_schema(tmp_path / "from-duckdb"), **THREE_TIMES)
    assert states(verify_store(tmp_path / "store")) == {"foreign-1.parquet": ("verified", None)}


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("statistics", [True, False])
def test_a_value_that_every_event_has_may_not_be_missing(tmp_path: Path, name: str, statistics: bool) -> None:
    rows = [event(0), event(1), event(2) | {name: None}]
    table = pa.Table.from_pylist(rows, schema=pa.schema([field.with_nullable(True) for field in SCHEMA]))
    entry = add_file(tmp_path, parquet(table, write_statistics=statistics), schema=table.schema, **THREE_TIMES)
    assert reason_of(tmp_path, entry) == "schema"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"rows": 4}, "rows"),
        ({"min_time": "2026-11-01T09:00:00.000001Z"}, "times"),
        ({"max_time": "2026-11-01T09:02:00.000001Z"}, "times"),
        (NO_TIME, "times"),
        ({"schema_sha256": "0" * 64}, "schema"),
        ({"sha256": "0" * 64}, "digest"),
        ({"bytes": 1}, "size"),
    ],
)
def test_a_manifest_that_says_otherwise_than_the_file_quarantines_it(tmp_path: Path, said: dict[str, Any], reason: str) -> None:
    entry = add_file(tmp_path, parquet(three_events()), **(THREE_TIMES | said))
    assert reason_of(tmp_path, entry) == reason


@pytest.mark.parametrize(
    "micros", [506_800_000_000_000_000, 2**63 - 1, -(2**63) + 1, -(2**63), 253_402_300_800_000_000, -62_135_596_800_000_001]
)
def test_a_time_outside_the_years_that_can_be_written_is_refused(tmp_path: Path, micros: int) -> None:
    times = pa.array([0, micros, 1], pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    table = three_events(occurred_at=times)
    entry = add_file(tmp_path, parquet(table), schema=table.schema, **THREE_TIMES)
    assert reason_of(tmp_path, entry) == "times"


@pytest.mark.parametrize(
    ("bounds", "micros"),
    [
        (("0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"), [-62_135_596_800_000_000, 0, 253_402_300_799_999_999]),
        (("1970-01-01T00:00:00.000000Z", "1970-01-01T00:00:00.000000Z"), [0, None, None]),
        ((None, None), [None, None, None]),
    ],
)
@pytest.mark.parametrize("statistics", [True, False])
def test_times_at_the_edges_are_as_good_as_any(
    tmp_path: Path, bounds: tuple[str | None, ...], micros: list[int | None], statistics: bool
) -> None:
    table = three_events(occurred_at=pa.array(micros, pa.timestamp("us", tz="UTC")))
    add_file(tmp_path, parquet(table, write_statistics=statistics), schema=table.schema, min_time=bounds[0], max_time=bounds[1])
    assert verify_store(tmp_path).ok


def test_a_file_that_would_unpack_to_too_much_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditlib.store.footer.MAX_UNCOMPRESSED_BYTES", 1_000_000)
    bomb = pa.Table.from_pylist([event(number, metadata="x" * 1000) for number in range(5000)], schema=SCHEMA)
    raw = parquet(bomb, use_dictionary=False, compression="zstd")
    assert len(raw) < 100_000
    assert reason_of(tmp_path, add_file(tmp_path, raw, rows=5000)) == "budget"


def test_a_thousand_files_of_one_event_verify(tmp_path: Path) -> None:
    for number in range(40):
        publish(tmp_path, [batch(events(25, 25 * number))], name=f"n{number}", rows_per_file=1)
    report = verify_store(tmp_path)
    assert (report.ok, len(report.files), sum(file.rows for file in report.files)) == (True, 1000, 1000)
