"""Exports: golden files for every format, nothing lost in the lossless ones, no formula for a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from events import batch, event
from hypothesis import given
from hypothesis import strategies as st
from reference import Reference

from auditlib.errors import ExportError
from auditlib.evidence.exports import FORMATS, _cell, export, export_name, safe_name
from auditlib.log import AuditLog, open_log
from auditlib.schema import COLUMNS, SCHEMA
from auditlib.store import publish
from auditlib.view import View

GOLDEN = Path(__file__).parent / "golden"
ABOUT = {"link": "/audit?q=a", "view": "Interview events.", "head": "0" * 64, "complete": "true"}
EVENTS = [
    event(
        1,
        actor_name='=HYPERLINK("http://evil.test")',
        summary="+1 more",
        resource_name="tab\there",
        metadata='{"a": 1e2,\n"b":"é, \\u0041"}',
    ),
    event(2, actor_name="\u202egnp.exe Ann", occurred_at=None, resource_id=None, actor_role=None, metadata="", related='{"booking":"BK1"}'),
    event(
        3,
        actor_name="李 \"小龍\", 'x'",
        changes='[{"field":"status","before":"a","after":"b"}]',
        metadata="no json\r\n-1",
        source_row=-7,
        recorded_at=datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ),
    event(
        4, summary="word " * 40, resource_id="arn:aws:s3:::bucket/" + "x" * 60, outcome="failure", occurred_at=datetime(1, 1, 1, tzinfo=UTC)
    ),
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuditLog]:
    """A log of four odd events."""
    store = tmp_path_factory.mktemp("tiny") / "store"
    publish(store, [batch(EVENTS)], name="tiny", log_id="tiny", created=datetime(2026, 11, 1, tzinfo=UTC))
    log = open_log(store)
    yield log
    log.close()


def written(log: AuditLog, key: str, folder: Path, view: View | None = None) -> bytes:
    export(log.batches(view or View()), folder / "out", key, ABOUT)
    return (folder / "out").read_bytes()


@pytest.mark.parametrize("key", [key for key in FORMATS if key != "parquet"])
def test_an_export_is_byte_for_byte_the_golden_file(tiny: AuditLog, tmp_path: Path, key: str) -> None:
    """With AUDIT_WRITE_GOLDEN=1 the golden files are written anew, to be looked at before they are kept."""
    golden = GOLDEN / f"tiny{FORMATS[key].suffix}"
    found = written(tiny, key, tmp_path)
    if os.environ.get("AUDIT_WRITE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_bytes(found)
    assert found == golden.read_bytes()


@pytest.mark.parametrize("key", [key for key in FORMATS if key != "parquet"])
def test_an_export_of_nothing_is_whole(tiny: AuditLog, tmp_path: Path, key: str) -> None:
    nothing = {"csv": ",".join(COLUMNS).encode() + b"\r\n", "jsonl": b"", "json": b"[]\n", "table": b""}
    assert written(tiny, key, tmp_path, View(tab="team").having("q", "nobody")) == nothing[key]


@pytest.mark.parametrize("link", ["", "tab=team&order=oldest", "q=nobody at all"])
def test_jsonl_and_json_and_parquet_lose_nothing(demo_log: AuditLog, demo_reference: Reference, tmp_path: Path, link: str) -> None:
    view = View.from_link(link)
    expected = demo_log.events(view)
    written(demo_log, "parquet", tmp_path, view)
    with pq.ParquetFile(tmp_path / "out") as file:
        assert file.read().cast(SCHEMA) == expected
        assert {key.decode(): value.decode() for key, value in file.schema_arrow.metadata.items()} == {
            f"audit_logs.{key}": value for key, value in ABOUT.items()
        }
    records = [item.to_record() for item in map(demo_log.event, expected["event_id"].to_pylist()[:200])]
    lines = [json.loads(line) for line in written(demo_log, "jsonl", tmp_path, view).decode().split("\n")[:-1]]
    assert len(lines) == expected.num_rows == len(demo_reference.matches(view))
    assert lines[:200] == records
    assert json.loads(written(demo_log, "json", tmp_path, view)) == lines


def test_csv_differs_from_the_record_only_by_apostrophes(demo_log: AuditLog, tmp_path: Path) -> None:
    csv.field_size_limit(1 << 30)
    view = View(tab="team")
    rows = list(csv.reader(io.StringIO(written(demo_log, "csv", tmp_path, view).decode(), newline="")))
    assert tuple(rows[0]) == COLUMNS
    records = [json.loads(line) for line in written(demo_log, "jsonl", tmp_path, view).decode().split("\n")[:-1]]
    assert len(rows) - 1 == len(records)
    for row, record in zip(rows[1:], records, strict=True):
        for cell, value in zip(row, record.values(), strict=True):
            text = "" if value is None else str(value)
            assert cell == text or (cell.startswith("'") and without_apostrophes(cell) == without_apostrophes(text))


def without_apostrophes(text: str) -> str:
    return text.replace("'", "")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", " =", "\u00a0=", "\u2003 @"])
def test_a_text_that_a_spreadsheet_takes_for_a_formula_gets_an_apostrophe(start: str) -> None:
    assert _cell(f"{start}1") == f"'{start}1"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("x\n=1", "'x\n'=1"),
        ("x\r\n +1", "'x\r\n' +1"),
        ("x\r-1\r@a", "'x\r'-1\r'@a"),
        ("Ann;=HYPERLINK(1);x", "'Ann;'=HYPERLINK(1);x"),
        ("a\t@x", "'a\t'@x"),
    ],
)
def test_a_formula_inside_a_text_gets_an_apostrophe_of_its_own(text: str, cell: str) -> None:
    """Where semicolons separate cells, a spreadsheet cuts this text in pieces, and each piece is a cell or begins a line."""
    assert _cell(text) == cell


def test_a_text_of_white_space_alone_takes_no_longer_than_any_other() -> None:
    assert _cell("{" + "\n\t; " * 300_000 + "}") == "{" + "\n\t; " * 300_000 + "}"


@pytest.mark.parametrize("value", [None, -5, 0, 1.5, "", "a=1", "a-b", "1+1", "x@y.test", "a\tb", "a\nb", "{\n  }", "'=1"])
def test_numbers_empty_cells_and_harmless_texts_stay(value: Any) -> None:
    assert _cell(value) == value


@given(text=st.text())
def test_a_cell_never_starts_as_a_formula_does(text: str) -> None:
    cell = _cell(text)
    assert cell == text or without_apostrophes(str(cell)) == without_apostrophes(text)
    for part in re.split(r"[\r\n\t;]", str(cell)):
        assert not part.lstrip().startswith(("=", "+", "-", "@"))


def test_an_unknown_format_and_an_unwritable_place_are_one_sentence(tiny: AuditLog, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="No export format 'xls': expected one of csv, jsonl, json, parquet, table"):
        export(tiny.batches(View()), tmp_path / "out", "xls", ABOUT)
    with pytest.raises(ExportError, match="The export could not be written: No such file or directory"):
        export(tiny.batches(View()), tmp_path / "no" / "out", "csv", ABOUT)
    with pytest.raises(ExportError, match="Is a directory"):
        export(tiny.batches(View()), tmp_path, "csv", ABOUT)
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_cannot_be_finished_leaves_no_part_of_it(tiny: AuditLog, tmp_path: Path) -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield from tiny.batches(View())
        raise KeyboardInterrupt

    for key in FORMATS:
        with pytest.raises(KeyboardInterrupt):
            export(broken(), tmp_path / "out", key, ABOUT)
        assert not (tmp_path / "out").exists()


def test_a_device_is_written_to_and_not_removed(tiny: AuditLog) -> None:
    export(tiny.batches(View()), Path(os.devnull), "jsonl", ABOUT)
    with pytest.raises(ExportError, match="No space left on device"):
        export(tiny.batches(View()), Path("/dev/full"), "jsonl", ABOUT)
    assert not Path(os.devnull).is_file()
    assert Path("/dev/full").exists()


def test_progress_counts_every_event(demo_log: AuditLog, tmp_path: Path) -> None:
    seen: list[int] = []
    export(demo_log.batches(View(tab="team")), tmp_path / "out", "jsonl", ABOUT, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == demo_log.total(View(tab="team"))


def test_names_of_files_are_safe_and_say_what_they_hold() -> None:
    made = datetime(2026, 11, 20, 18, 30, tzinfo=UTC)
    assert (
        export_name("team", 3, "0a1b2c3d4e5f6789", made, incomplete=True, suffix=".csv")
        == "audit-team-head3-0a1b2c3d4e5f-20261120T183000Z-incomplete.csv"
    )
    assert export_name("team", 3, "0a1b2c3d4e5f6789", made, incomplete=False, suffix=".parquet").endswith("20261120T183000Z.parquet")
    for hostile in ("../../etc/passwd", "a\r\nSet-Cookie: x", '"; rm -rf', "\u202egnp.exe", "", "...", "x" * 500, "李", "CON\x00"):
        name = safe_name(hostile, "b")
        assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-")
        assert 0 < len(name) <= 120
        assert not name.startswith((".", "-"))
    assert safe_name("", "...") == "export"
