"""Manifests and the chain: canonical bytes, refusals, and what an edit of any byte does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from events import batch, events
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditlib.errors import ChainError, NotAStoreError
from auditlib.schema import SCHEMA_VERSION
from auditlib.store import FileEntry, FolderSource, Manifest, Removal, parse_manifest, publish, read_chain, sha256_bytes
from auditlib.store.manifest import manifest_name

ENTRY = FileEntry("x.parquet", 7, 2, "a" * 64, "b" * 64, "2026-11-01T09:00:00.000000Z", "2026-11-01T09:01:00.000000Z")
MANIFEST = Manifest(1, "acme", "2026-11-01T00:00:05Z", "0" * 64, (ENTRY,))


def canonical(record: Any) -> bytes:
    return json.dumps(record, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def edited(change: Callable[[dict[str, Any]], object]) -> bytes:
    record = json.loads(MANIFEST.to_bytes())
    change(record)
    return canonical(record)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of three snapshots of three events each, log `acme`."""
    for number in range(3):
        publish(tmp_path / "s", [batch(events(3, 3 * number))], name=f"day-{number}", log_id="acme")
    return tmp_path / "s"


def write_manifest(store: Path, seq: int, raw: bytes) -> None:
    path = store / "manifests" / manifest_name(seq)
    path.unlink(missing_ok=True)
    path.write_bytes(raw)


def manifest_of(store: Path, seq: int) -> Manifest:
    return parse_manifest((store / "manifests" / manifest_name(seq)).read_bytes())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
unknown_keys = st.dictionaries(st.text(max_size=12).map(lambda text: f"x-{text}"), json_values, max_size=3)
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
times = st.datetimes().map(lambda when: f"{when.isoformat(timespec='microseconds')}Z")


@st.composite
def entries(draw: st.DrawFn, number: int) -> FileEntry:
    rows = draw(st.integers(0, 2**63 - 1))
    first = draw(st.none() | times) if rows else None
    last = max(first, draw(times)) if first else None
    size = draw(st.integers(0, 2**63 - 1))
    return FileEntry(f"f{number}.parquet", size, rows, draw(digests), draw(digests), first, last, draw(unknown_keys))


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    files = tuple(draw(entries(number)) for number in range(draw(st.integers(0, 3))))
    log_id = draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,63}", fullmatch=True))
    created = draw(st.datetimes().map(lambda when: f"{when.isoformat(timespec='seconds')}Z"))
    return Manifest(draw(st.integers(1, 10**8)), log_id, created, draw(digests), files, SCHEMA_VERSION, draw(unknown_keys))


@given(manifests())
def test_a_manifest_read_from_its_own_bytes_is_the_same_and_writes_the_same_bytes(manifest: Manifest) -> None:
    read = parse_manifest(manifest.to_bytes())
    assert read == manifest
    assert read.to_bytes() == manifest.to_bytes()
    assert read.digest == sha256_bytes(manifest.to_bytes())
    assert read.rows == sum(entry.rows for entry in manifest.files)


def test_the_bytes_are_those_of_the_contract() -> None:
    assert MANIFEST.to_bytes() == (
        b'{"created":"2026-11-01T00:00:05Z","files":[{"bytes":7,"max_time":"2026-11-01T09:01:00.000000Z",'
        b'"min_time":"2026-11-01T09:00:00.000000Z","path":"x.parquet","rows":2,"schema_sha256":"' + b"b" * 64 + b'","sha256":"' + b"a" * 64
        + b'"}],"format":"auditlib-manifest/1","log_id":"acme","prev_sha256":"' + b"0" * 64 + b'","schema":1,"seq":1}\n'
    )  # fmt: skip


RETIRED = {"path": "old.parquet", "sha256": "c" * 64, "reason": "retention", "when": "2026-11-01T00:00:00Z"}
REPLACED = {"path": "older.parquet", "sha256": "d" * 64, "reason": "request 7", "zeta": None}


def test_retired_and_replaces_and_unknown_keys_come_through_reading_and_writing() -> None:
    raw = edited(lambda record: record.update(retired=[RETIRED], replaces=[REPLACED], zeta={"n": 1.5}))
    manifest = parse_manifest(raw)
    assert manifest.to_bytes() == raw
    assert manifest.removals == (
        Removal("retired", "old.parquet", "c" * 64, "retention", 1, "2026-11-01T00:00:00Z"),
        Removal("replaced", "older.parquet", "d" * 64, "request 7", 1, "2026-11-01T00:00:05Z"),
    )


@pytest.mark.parametrize(
    "raw",
    [
        MANIFEST.to_bytes()[:-1],
        MANIFEST.to_bytes() + b"\n",
        b" " + MANIFEST.to_bytes(),
        b"\xef\xbb\xbf" + MANIFEST.to_bytes(),
        MANIFEST.to_bytes().replace(b'"seq":1', b'"seq": 1'),
        MANIFEST.to_bytes().replace(b'"schema":1,"seq":1', b'"seq":1,"schema":1'),
        MANIFEST.to_bytes().replace(b'"rows":2', b'"rows":NaN'),
        MANIFEST.to_bytes().replace(b'"sha256":', b'"sha256":"' + b"c" * 64 + b'","sha256":', 1),
        MANIFEST.to_bytes().replace(b"acme", b"\\u0061cme"),
        MANIFEST.to_bytes().replace(b'"seq":1', b'"seq":1,"zeta":1e999'),
        MANIFEST.to_bytes().replace(b"acme", "acmé".encode()),
        MANIFEST.to_bytes().replace(b'"seq":1', b'"seq":' + b"1" * 5000),
        b"[" * 100_000 + b"]" * 100_000,
        b"[1]\n",
        b"",
    ],
)
def test_bytes_that_are_not_canonical_are_refused(raw: bytes) -> None:
    with pytest.raises(ChainError) as error:
        parse_manifest(raw)
    assert error.value.reason in {"json", "canonical"}


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.pop("prev_sha256"),
        lambda record: record["files"][0].pop("sha256"),
        lambda record: record.update(seq=True),
        lambda record: record.update(seq=0),
        lambda record: record.update(seq="1"),
        lambda record: record.update(schema=None),
        lambda record: record.update(log_id="../acme"),
        lambda record: record.update(created="2026-11-01T00:00:05.5Z"),
        lambda record: record.update(created="2026-02-30T00:00:05Z"),
        lambda record: record.update(prev_sha256="A" * 64),
        lambda record: record.update(files={}),
        lambda record: record["files"].append(record["files"][0]),
        lambda record: record["files"].append(None),
        lambda record: record["files"][0].update(rows=-1),
        lambda record: record["files"][0].update(rows=0),
        lambda record: record["files"][0].update(rows=2.0),
        lambda record: record["files"][0].update(bytes=2**63),
        lambda record: record["files"][0].update(min_time=None),
        lambda record: record["files"][0].update(min_time="2027-11-01T09:00:00.000000Z"),
        lambda record: record["files"][0].update(max_time="2026-11-01T09:61:00.000000Z"),
        lambda record: record.update(retired={}),
        lambda record: record.update(retired=["old.parquet"]),
        lambda record: record.update(retired=[RETIRED | {"when": "yesterday"}]),
        lambda record: record.update(retired=[{key: value for key, value in RETIRED.items() if key != "reason"}]),
        lambda record: record.update(replaces=[REPLACED | {"sha256": "D" * 64}]),
        lambda record: record.update(replaces=[REPLACED | {"reason": ""}]),
    ],
)
def test_a_value_that_cannot_be_true_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(ChainError) as error:
        parse_manifest(edited(change))
    assert error.value.reason == "value"


@pytest.mark.parametrize(
    "path",
    ["../x.parquet", "a/x.parquet", ".x.parquet", "x.csv", "x.parquet\n", "x'y.parquet", 'x"y.parquet', "x[1].parquet", "*.parquet",
     "x%.parquet", "x y.parquet", "😀.parquet", "é.parquet", "a" * 122 + ".parquet", "x.parquet\x00", ""],
)  # fmt: skip
def test_a_file_name_outside_the_pattern_is_refused(path: str) -> None:
    with pytest.raises(ChainError, match="path must match"):
        parse_manifest(edited(lambda record: record["files"][0].update(path=path)))


@pytest.mark.parametrize(
    ("change", "named"), [({"format": "auditlib-manifest/2"}, "auditlib-manifest/2"), ({"schema": SCHEMA_VERSION + 1}, "schema 2")]
)
def test_a_newer_manifest_is_refused_as_newer(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ChainError, match=rf"{named}.*newer than this version reads.*update auditlib") as error:
        parse_manifest(edited(lambda record: record.update(change)))
    assert error.value.reason == "newer"


def test_another_format_is_refused() -> None:
    with pytest.raises(ChainError, match="format must be"):
        parse_manifest(edited(lambda record: record.update(format="other/1")))


def test_a_whole_chain_names_its_log_its_head_and_its_files(store: Path) -> None:
    chain = read_chain(FolderSource(store))
    assert (chain.log_id, chain.problem, [manifest.seq for manifest in chain.manifests]) == ("acme", None, [1, 2, 3])
    assert [entry.path for entry in chain.files] == ["day-0.parquet", "day-1.parquet", "day-2.parquet"]
    assert chain.head_digest == sha256_bytes((store / "manifests" / "00000003.json").read_bytes())
    assert chain.head.prev_sha256 == sha256_bytes((store / "manifests" / "00000002.json").read_bytes())


def test_a_folder_without_manifests_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(NotAStoreError):
        read_chain(FolderSource(tmp_path / "nowhere"))
    (tmp_path / "manifests").mkdir()
    with pytest.raises(NotAStoreError, match="no manifest"):
        read_chain(FolderSource(tmp_path))


def test_a_manifests_folder_that_is_a_link_is_no_store(store: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "manifests").symlink_to(store / "manifests")
    with pytest.raises(NotAStoreError):
        read_chain(FolderSource(tmp_path / "other"))


@pytest.mark.parametrize(("removed", "left"), [(1, []), (2, [1])])
def test_a_missing_manifest_refuses_everything_after_it(store: Path, removed: int, left: list[int]) -> None:
    (store / "manifests" / manifest_name(removed)).unlink()
    chain = read_chain(FolderSource(store))
    assert [manifest.seq for manifest in chain.manifests] == left
    assert chain.problem is not None
    assert (chain.problem.seq, chain.problem.reason) == (removed, "gap")
    assert manifest_name(removed) in str(chain.problem)


def test_without_a_first_manifest_there_is_no_head(store: Path) -> None:
    (store / "manifests" / "00000001.json").unlink()
    with pytest.raises(ChainError, match=r"00000001\.json"):
        _ = read_chain(FolderSource(store)).head


def test_removing_the_newest_manifest_leaves_a_whole_but_older_chain(store: Path) -> None:
    (store / "manifests" / "00000003.json").unlink()
    chain = read_chain(FolderSource(store))
    assert (chain.problem, chain.head.seq) == (None, 2)


def test_an_edited_row_count_breaks_the_link_of_the_next_manifest(store: Path) -> None:
    manifest = manifest_of(store, 2)
    write_manifest(store, 2, replace(manifest, files=(replace(manifest.files[0], rows=4),)).to_bytes())
    chain = read_chain(FolderSource(store))
    assert chain.problem is not None
    assert (chain.head.seq, chain.problem.seq, chain.problem.reason) == (2, 3, "prev_sha256")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"seq": 4}, "seq"),
        ({"log_id": "other"}, "log_id"),
        ({"files": (replace(ENTRY, path="day-0.parquet"),)}, "path"),
        ({"prev_sha256": "0" * 64}, "prev_sha256"),
        ({"extra": {"retired": [RETIRED]}}, "removal"),
        ({"extra": {"replaces": [REPLACED | {"path": "day-0.parquet"}]}}, "removal"),
    ],
)
def test_a_manifest_that_does_not_fit_ends_the_chain_before_it(store: Path, change: dict[str, Any], reason: str) -> None:
    write_manifest(store, 3, replace(manifest_of(store, 3), **change).to_bytes())
    chain = read_chain(FolderSource(store))
    assert chain.problem is not None
    assert (chain.head.seq, chain.problem.seq, chain.problem.reason) == (2, 3, reason)


def test_a_manifest_that_is_a_link_or_a_folder_ends_the_chain(store: Path) -> None:
    path = store / "manifests" / "00000003.json"
    path.rename(store / "kept.json")
    path.symlink_to(store / "kept.json")
    assert read_chain(FolderSource(store)).problem.reason == "not_regular"
    path.unlink()
    path.mkdir()
    assert read_chain(FolderSource(store)).problem.reason == "not_regular"


def test_a_manifest_larger_than_allowed_ends_the_chain(store: Path) -> None:
    write_manifest(store, 3, b" " * (16 * 1024 * 1024 + 1))
    assert read_chain(FolderSource(store)).problem.reason == "size"


def test_other_names_in_the_manifests_folder_are_not_read(store: Path) -> None:
    for name in ("00000000.json", "4.json", "00000004.json.sig", ".tmp-0.json", "notes.txt"):
        (store / "manifests" / name).write_text("nothing")
    assert read_chain(FolderSource(store)).head.seq == 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(st.data())
def test_an_edit_of_any_manifest_byte_breaks_the_chain_or_changes_the_head(store: Path, data: st.DataObject) -> None:
    """Only an edit of the newest manifest can go unnoticed in the chain itself; it then changes the head, which a pin notices."""
    head = read_chain(FolderSource(store)).head_digest
    seq = data.draw(st.integers(1, 3))
    raw = (store / "manifests" / manifest_name(seq)).read_bytes()
    at = data.draw(st.integers(0, len(raw) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != raw[at]))
    write_manifest(store, seq, raw[:at] + bytes([byte]) + raw[at + 1 :])
    try:
        chain = read_chain(FolderSource(store))
        if seq < 3:
            assert chain.problem is not None
        else:
            assert chain.problem is not None or chain.head_digest != head
        assert len(chain.manifests) >= seq - 1
    finally:
        write_manifest(store, seq, raw)
