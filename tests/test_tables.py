"""Answers of any columns, written in each format as they always were."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auditlib.errors import ExportError
from auditlib.evidence.tables import written

COLUMNS: dict[str, pa.Array] = {
    "who": pa.array(["anna", "=HYPERLINK(1)", None]),
    "at": pa.array([datetime(2026, 11, 1, 9, tzinfo=UTC), None, datetime(1, 1, 1, tzinfo=UTC)], pa.timestamp("us", "UTC")),
    "n": pa.array([1, -2, None]),
    "share": pa.array([0.5, float("nan"), float("inf")]),
    "sum": pa.array([Decimal(7), Decimal("1.50"), Decimal("0.1")], pa.decimal128(38, 2)),
    "fields": pa.array([["a", None], [], None]),
    "pairs": pa.array([{"a": 1}, None, {}], pa.map_(pa.string(), pa.int64())),
    "raw": pa.array([b"\x00\xff", b"", None]),
}
TABLE = pa.table(COLUMNS)
ABOUT = {"query": "SELECT 1", "truncated": ""}

JSON_LINES = (
    '{"who":"anna","at":"2026-11-01T09:00:00.000000Z","n":1,"share":0.5,"sum":7,"fields":["a",null],"pairs":{"a":1},"raw":"00ff"}\n'
    '{"who":"=HYPERLINK(1)","at":null,"n":-2,"share":"nan","sum":1.5,"fields":[],"pairs":null,"raw":""}\n'
    '{"who":null,"at":"0001-01-01T00:00:00.000000Z","n":null,"share":"inf","sum":0.1,"fields":null,"pairs":{},"raw":null}\n'
)
CSV = (
    "who,at,n,share,sum,fields,pairs,raw\r\n"
    'anna,2026-11-01T09:00:00.000000Z,1,0.5,7,"[""a"",null]","{""a"":1}",00ff\r\n'
    "'=HYPERLINK(1),,-2,nan,1.5,[],,\r\n"
    ",0001-01-01T00:00:00.000000Z,,inf,0.1,,{},\r\n"
)
TEXT = (
    "who            at                           n   share  sum  fields      pairs    raw\n"
    "-------------  ---------------------------  --  -----  ---  ----------  -------  ----\n"
    'anna           2026-11-01T09:00:00.000000Z  1   0.5    7    ["a",null]  {"a":1}  00ff\n'
    "=HYPERLINK(1)                               -2  nan    1.5  []\n"
    "               0001-01-01T00:00:00.000000Z      inf    0.1              {}\n"
)


@pytest.mark.parametrize(("key", "expected"), [("jsonl", JSON_LINES), ("csv", CSV), ("table", TEXT)])
def test_each_format_writes_what_it_always_wrote(key: str, expected: str) -> None:
    assert written(TABLE, key, ABOUT).decode() == expected


def test_json_is_one_array_of_the_same_objects() -> None:
    assert json.loads(written(TABLE, "json", ABOUT)) == [json.loads(line) for line in JSON_LINES.splitlines()]
    assert json.loads(written(TABLE.slice(0, 0), "json", ABOUT)) == []


def test_parquet_keeps_types_and_says_what_it_holds() -> None:
    found = pq.read_table(io.BytesIO(written(TABLE, "parquet", ABOUT)))
    assert found.slice(0, 1).to_pylist() == TABLE.slice(0, 1).to_pylist()
    assert [str(field.type) for field in found.schema][1:5] == ["timestamp[us, tz=UTC]", "int64", "double", "decimal128(38, 2)"]
    assert found.schema.metadata[b"audit_logs.query"] == b"SELECT 1"


def test_columns_of_one_name_are_numbered() -> None:
    table = pa.Table.from_arrays([pa.array([each]) for each in (1, 2, 3)], names=["a", "a", "a_2"])
    assert json.loads(written(table, "jsonl", ABOUT)) == {"a": 1, "a_2": 2, "a_2_2": 3}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (date(2026, 11, 1), "2026-11-01"),
        (time(9, 30), "09:30:00"),
        (datetime(2026, 11, 1, 9), "2026-11-01T09:00:00.000000"),
        (pa.MonthDayNano([1, 2, 1_500_000_000]), "P1M2DT1.5S"),
        ({"x": [Decimal("12345678901234567890.123456789")]}, {"x": ["12345678901234567890.123456789"]}),
    ],
)
def test_values_that_json_has_no_word_for_are_texts(value: Any, expected: Any) -> None:
    assert json.loads(written(pa.table({"x": pa.array([value])}), "jsonl", ABOUT)) == {"x": expected}


def test_what_a_format_cannot_write_is_said() -> None:
    beyond = pa.table({"at": pa.array([2**62], pa.timestamp("us", "UTC"))})
    with pytest.raises(ExportError, match="The answer holds values that jsonl cannot write"):
        written(beyond, "jsonl", ABOUT)
    with pytest.raises(ExportError, match="No format 'xlsx': expected one of table, json, jsonl, csv, parquet"):
        written(TABLE, "xlsx", ABOUT)
