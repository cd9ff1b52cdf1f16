"""A run of the import: every record accounted for, whatever the source is like."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import random
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import zstandard
from ingest_samples import DATA, column, import_files, import_text, lines_of

from auditlib.errors import FormatError, IngestError, SourceError
from auditlib.ingest import Format, Import, Progress, event_id, formats, load_format
from auditlib.ingest.run import NOT_UTF8

ONE_TO_FOUR = [json.dumps({"eventName": f"Get{number}", "eventID": str(number)}) for number in range(1, 5)]
TEXT = "\n".join(ONE_TO_FOUR).encode()


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return column(rows, "source_event_id")


@pytest.mark.parametrize(
    "data",
    [TEXT, gzip.compress(TEXT), zstandard.compress(TEXT), gzip.compress(TEXT[:50]) + gzip.compress(TEXT[50:]) + b"\0" * 600],
    ids=["plain", "gzip", "zstd", "gzip in two members with padding"],
)
def test_compression_is_known_by_its_first_bytes_not_by_a_name(tmp_path: Path, data: bytes) -> None:
    rows, _ = import_text(tmp_path, "cloudtrail", data)
    assert ids(rows) == ["1", "2", "3", "4"]


def test_two_zstd_frames_are_one_source(tmp_path: Path) -> None:
    rows, _ = import_text(tmp_path, "cloudtrail", zstandard.compress(TEXT[:50]) + zstandard.compress(TEXT[50:]))
    assert ids(rows) == ["1", "2", "3", "4"]


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(TEXT))))
    rows, summary = import_files("cloudtrail", "-")
    assert ids(rows) == ["1", "2", "3", "4"]
    assert set(column(rows, "source_file")) == {"-"}
    assert summary.files[0].name == "-"


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_a_compressed_file_that_ends_early_gives_the_rows_before_and_one_reject(tmp_path: Path, compress: Any) -> None:
    lines = [json.dumps({"eventName": "Get", "eventID": hashlib.sha256(str(n).encode()).hexdigest()}) for n in range(5_000)]
    data = compress("\n".join(lines).encode())
    rows, summary = import_text(tmp_path, "cloudtrail", data[: len(data) * 2 // 3])
    assert 1_000 < len(rows) < 5_000
    assert column(rows, "metadata") == lines[: len(rows)]
    assert summary.rejected == 1
    assert next(iter(summary.reasons)).endswith("data ends early")


def test_a_damaged_gzip_file_says_so_and_gives_what_came_before(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(TEXT))
    data[-6] ^= 1
    rows, summary = import_text(tmp_path, "cloudtrail", bytes(data))
    assert ids(rows) == ["1", "2", "3", "4"]
    assert [reason for reason in summary.reasons if "damaged" in reason]


@pytest.mark.parametrize(
    ("data", "what"),
    [(b"PK\x03\x04rest", "ZIP"), ("{}".encode("utf-16"), "UTF-16"), (b"PAR1rest", "Parquet"), (b"BZh91AY", "bzip2")],
)
def test_a_file_of_another_kind_is_one_reject_that_names_it(tmp_path: Path, data: bytes, what: str) -> None:
    rows, summary = import_text(tmp_path, "cloudtrail", data)
    assert rows == []
    assert summary.rejected == 1
    assert what in next(iter(summary.reasons))


def test_an_empty_file_gives_nothing(tmp_path: Path) -> None:
    for data in (b"", b"\n \n", gzip.compress(b""), b"[]", b'{"Records":[]}', b"\xef\xbb\xbf"):
        rows, summary = import_text(tmp_path, "cloudtrail", data)
        assert (rows, summary.read) == ([], 0)


def test_what_is_no_file_is_refused_in_one_sentence_before_anything_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    listener.close()
    good = tmp_path / "good"
    good.write_bytes(TEXT)
    for name, what in (("", "a directory"), ("fifo", "a FIFO"), ("missing", "no such file"), ("socket", ""), ("a\0b", "null byte")):
        with pytest.raises(SourceError, match=r"^Cannot read '[^\n]*': .*expected a file\.$") as caught:
            Import(load_format("cloudtrail"), [good, f"{tmp_path}/{name}"])
        assert what in caught.value.message
    with pytest.raises(SourceError, match="a device"):
        Import(load_format("cloudtrail"), ["/dev/zero"])


def test_an_unknown_format_suggests_the_nearest_one() -> None:
    with pytest.raises(FormatError, match=r"There is no format 'cloudtrial'\. Did you mean 'cloudtrail'\?"):
        load_format("cloudtrial")
    with pytest.raises(FormatError, match=r"There is no format '\.\./x'\. Expected .*livekit"):
        load_format("../x")


def test_the_formats_begin_with_the_platform_s_own() -> None:
    assert [format.key for format in formats()][:3] == ["platform", "livekit", "cloudtrail"]
    assert all(format.title and format.description for format in formats())


def test_rejected_records_stand_in_a_file_of_json_lines(tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.jsonl"
    text = f'{ONE_TO_FOUR[0]}\nno json\n[1]\n{ONE_TO_FOUR[1]}\n"{"x" * 5_000}"\n{{"b":"\udcff"\n{ONE_TO_FOUR[2]}'
    rows, summary = import_text(tmp_path, "cloudtrail", text.encode("utf-8", "surrogateescape"), rejects=rejects)
    entries = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert ids(rows) == ["1", "2", "3"]
    assert [entry["line"] for entry in entries] == [2, 3, 5, 6]
    assert [entry["text"][:8] for entry in entries] == ["no json", "1", '"xxxxxxx', '{"b":"\udcff"']
    assert [entry["reason"] for entry in entries] == [
        "not JSON: expecting value",
        "a number; expected an object",
        "a string; expected an object",
        "not JSON: expecting ',' delimiter",
    ]
    assert {entry["file"] for entry in entries} == {str(tmp_path / "sample")}
    assert len(entries[2]["text"]) == 2_000
    assert summary.rejected == sum(summary.reasons.values()) == 4


def test_the_rejects_file_is_there_and_empty_when_nothing_is_rejected(tmp_path: Path) -> None:
    import_text(tmp_path, "cloudtrail", TEXT, rejects=tmp_path / "rejects")
    assert (tmp_path / "rejects").read_text() == ""
    with pytest.raises(IngestError, match="Cannot write the rejects file"):
        next(Import(load_format("cloudtrail"), [], rejects=tmp_path / "no" / "rejects").batches())


def test_bytes_that_are_not_utf_8_are_kept_visibly_and_noted(tmp_path: Path) -> None:
    body = b'{"eventID":"1","eventName":"Get\xffUser"}'
    rows, summary = import_text(tmp_path, "cloudtrail", body + b"\n" + TEXT)
    assert rows[0]["metadata"] == '{"eventID":"1","eventName":"Get\\xffUser"}'
    assert rows[0]["action_raw"] == "Get\\udcffUser"
    assert rows[0]["event_id"] == event_id("cloudtrail", None, "1", 0, body)
    assert summary.notes == {NOT_UTF8: 1}


def test_a_lone_surrogate_in_an_escape_is_kept_as_the_escape(tmp_path: Path) -> None:
    body = '{"eventID":"1","eventName":"Get\\ud800"}'
    rows, _ = import_text(tmp_path, "cloudtrail", body)
    assert (rows[0]["metadata"], rows[0]["action_raw"]) == (body, "Get\\ud800")


def test_the_id_is_the_documented_digest_and_no_two_lists_of_parts_share_one() -> None:
    parts = [b"okta", b"acme", b"n-1", b"0", b"{}"]
    by_hand = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    assert event_id("okta", "acme", "n-1", 0, b"{}") == hashlib.sha256(by_hand).hexdigest()[:32]
    assert event_id("okta", "acme", "n-1", 0, b"{}", earlier=3) == event_id("okta", "acme", "n-1", 0, b"{}")
    different = [
        event_id("a", "b", None, 0, b"x"), event_id("a", "b", None, 0, b"x", 1), event_id("a", "b", "", 0, b"x"),
        event_id("a", None, "b", 0, b"x"), event_id("ab", None, None, 0, b"x"), event_id("a", "b", None, 1, b"x"),
        event_id("a", "b", None, 0, b"x0"),
    ]  # fmt: skip
    assert len(set(different)) == len(different)


def test_identical_bodies_without_an_id_are_told_apart_by_their_count_in_the_file(tmp_path: Path) -> None:
    body = '{"eventName":"GetUser"}'
    rows, summary = import_text(tmp_path, "cloudtrail", f"{body}\n{body}\n{body}")
    assert column(rows, "event_id") == [event_id("cloudtrail", None, None, 0, body.encode(), earlier) for earlier in range(3)]
    assert summary.duplicates == 0
    again, summary = import_files("cloudtrail", tmp_path / "sample", tmp_path / "sample")
    assert column(again, "event_id") == column(rows, "event_id")
    assert summary.duplicates == 3


def test_the_summary_counts_each_file_and_all_of_them(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(f"{ONE_TO_FOUR[0]}\nbad\n")
    (tmp_path / "b").write_text(f"{ONE_TO_FOUR[0]}\n{ONE_TO_FOUR[1]}")
    _, summary = import_files("cloudtrail", tmp_path / "a", tmp_path / "b")
    assert [(each.read, each.published, each.duplicates, each.rejected) for each in summary.files] == [(2, 1, 0, 1), (2, 1, 1, 0)]
    assert summary.line() == "total: 4 read, 2 published, 1 duplicates, 2 without time, 1 rejected"


def test_progress_ends_with_every_byte_read(tmp_path: Path) -> None:
    seen: list[Progress] = []
    import_text(tmp_path, "cloudtrail", TEXT, progress=seen.append)
    assert seen[-1] == Progress(4, len(TEXT), len(TEXT))


def test_a_file_whose_name_is_not_utf8_is_read_and_named_all_the_same(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/day-\xff.json"))
    path.write_bytes(TEXT + b"\n{")
    rejects = tmp_path / "rejects"
    rows, summary = import_files("cloudtrail", path, rejects=rejects)
    assert column(rows, "source_file") == ["day-\\xff.json"] * 4
    assert Path(summary.files[0].name).name == Path(json.loads(rejects.read_text())["file"]).name == "day-\\xff.json"


def test_a_large_import_comes_in_batches(tmp_path: Path) -> None:
    path = tmp_path / "many"
    path.write_text("".join(f'{{"eventID":"{number}"}}\n' for number in range(20_000)))
    assert [batch.num_rows for batch in Import(load_format("cloudtrail"), [path]).batches()] == [8_192, 8_192, 3_616]


def test_the_wrong_format_rejects_what_it_does_not_know(tmp_path: Path) -> None:
    rows, summary = import_text(tmp_path, "livekit", '{"colour":"red"}')
    assert rows == []
    assert summary.reasons == {"nothing in it that events of livekit have": 1}


ODD: list[Any] = [
    None, True, 0, -1, 10**30, 1e300, float("nan"), "", "\ud800", "\0", [], {}, [[1]], {"a": None}, "1700000000", '{"a":', "[1]",
]  # fmt: skip


def spoiled(value: Any, chance: random.Random) -> Any:
    """A record with some of its values and keys replaced by what nobody expects there."""
    if chance.random() < 0.1:
        return chance.choice(ODD)
    if isinstance(value, dict):
        return {chance.choice((key, key, key, key.upper(), "", "\udc80")): spoiled(each, chance) for key, each in value.items()}
    return [spoiled(each, chance) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("format", formats(), ids=lambda format: format.key)
@pytest.mark.parametrize("rounds", [5, pytest.param(600, marks=pytest.mark.long)])
def test_spoiled_records_and_bytes_never_end_in_a_trace(tmp_path: Path, format: Format, rounds: int) -> None:
    chance = random.Random(f"{format.key} {rounds}")
    samples = sorted((DATA / format.key).glob("*.ndjson")) or sorted((DATA / "okta").glob("*.ndjson"))
    records = [json.loads(line) for path in samples for line in lines_of(path)]
    for _ in range(rounds):
        text = bytearray("\n".join(json.dumps(spoiled(record, chance)) for record in records).encode())
        for _ in range(chance.randrange(20)):
            text[chance.randrange(len(text))] = chance.randrange(256)
        rows, _ = import_text(tmp_path, format, bytes(text))
        assert all(row["event_id"] and row["action"] and row["resource_type"] for row in rows)
