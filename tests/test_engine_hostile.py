"""Hostile content under digests that agree: whatever an event may hold is listed, found, and given back byte for byte."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from conftest import Open
from events import batch, event, events
from stores import add_foreign

from auditlib.schema import COLUMNS, REQUIRED
from auditlib.store import publish
from auditlib.view import View

ALL = View(tab="team", rows=100)
MEMBER = {"actor_role": "member"}

METADATA = {
    "invalid": '{"a":',
    "empty": "",
    "null": "null",
    "scalar": "-0",
    "array": "[1,[2]]",
    "trailing junk": '{"a":1} and more',
    "comment": '{"a":1 /* note */}',
    "byte order mark": '\ufeff{"a":1}',
    "no numbers of JSON": '{"a":NaN,"b":-Infinity}',
    "half a pair": '{"a":"\\ud800"}',
    "a zero": '{"a":"\\u0000"}',
    "23 digits": '{"a":12345678901234567890123}',
    "many decimals": '{"a":1.0000000000000000001}',
    "a key twice": '{"a":1,"a":2}',
    "keys of scripts": '{"__proto__":{"x":1},"constructor":2,"toString":3}',
    "an empty key": '{"":{"":[]}}',
    "a long key": '{"' + "k" * 1_000_000 + '":1}',
    "many keys": json.dumps({f"key {number}": number for number in range(100_000)}),
    "deep lists": "[" * 10_000 + "]" * 10_000,
    "deep objects": '{"a":' * 10_000 + "1" + "}" * 10_000,
    "white space": " \r\n\t{ } \n",
}


def test_whatever_the_metadata_is_the_event_is_listed_and_it_comes_back_byte_for_byte(
    open_store: Open, tmp_path: Path, cache: Path
) -> None:
    rows = [event(number, **MEMBER, metadata=text) for number, text in enumerate(METADATA.values())]
    publish(tmp_path / "s", [batch(rows)], name="odd")
    log = open_store(tmp_path / "s")
    page = log.page(ALL, metadata=False)
    assert (page.total, {item.metadata for item in page.events}) == (len(rows), {None})
    assert log.metadata([row["event_id"] for row in rows]) == {row["event_id"]: row["metadata"] for row in rows}
    assert [item.metadata for item in log.page(ALL).events] == [row["metadata"] for row in reversed(rows)]
    assert log.total(View.from_link("tab=team&q=BK000003")) == 1
    log.close()


@pytest.mark.parametrize("megabytes", [3, pytest.param(50, marks=pytest.mark.long)])
def test_very_large_metadata_weighs_nothing_in_the_list_and_comes_back_whole(
    open_store: Open, tmp_path: Path, cache: Path, megabytes: int
) -> None:
    text = json.dumps({"text": "é" * (megabytes * 500_000)}, ensure_ascii=False)
    publish(tmp_path / "s", [batch([event(0, **MEMBER, metadata=text), event(1, **MEMBER)])], name="large")
    log = open_store(tmp_path / "s")
    page = log.page(ALL, metadata=False)
    assert (page.total, [item.metadata for item in page.events]) == (2, [None, None])
    assert log.event("ev-000000").metadata == text
    log.close()


def test_one_broken_metadata_among_many_leaves_every_filter_answering(open_store: Open, tmp_path: Path, cache: Path) -> None:
    rows = events(5_000, **MEMBER)
    rows[4_000]["metadata"] = rows[4_000]["changes"] = rows[4_000]["related"] = '{"a":'
    rows[17]["changes"] = '[{"field":"status","before":1,"after":2}]'
    publish(tmp_path / "s", [batch(rows)], name="day")
    log = open_store(tmp_path / "s")
    answers = [log.total(View.from_link(f"tab=team&{ask}")) for ask in ("", "changed=status", "q=bk004000", "action=updated")]
    assert answers == [5_000, 1, 1, 5_000]
    assert log.event("ev-004000").metadata == '{"a":'
    log.close()


def test_events_of_nulls_of_empty_texts_and_of_a_very_long_name_are_served(open_store: Open, tmp_path: Path, cache: Path) -> None:
    nullable = [name for name in COLUMNS if name not in REQUIRED]
    texts = [name for name in nullable if not name.endswith("_at") and name != "source_row"]
    nulls = event(0, **dict.fromkeys(nullable))
    empty = event(1, **dict.fromkeys(texts, ""))
    long = event(2, actor_name="Å" * 1_000_000, **MEMBER)
    publish(tmp_path / "s", [batch([nulls, empty, long])], name="odd")
    log = open_store(tmp_path / "s")
    assert {item.event_id: item.to_record()["actor_name"] for item in log.page(View(rows=100)).events} == {
        "ev-000000": None, "ev-000001": "", "ev-000002": "Å" * 1_000_000,
    }  # fmt: skip
    assert log.events(View(rows=100, order="oldest")).to_pylist() == [empty, long, nulls]
    assert log.total(View.from_link("q=ååå")) == 1
    log.close()


@pytest.mark.parametrize("count", [1_500, pytest.param(100_000, marks=pytest.mark.long)])
def test_paging_through_events_of_one_microsecond_visits_each_once(open_store: Open, tmp_path: Path, cache: Path, count: int) -> None:
    at = event()["occurred_at"]
    publish(tmp_path / "s", [batch([event(number * 7919 % count, **MEMBER, occurred_at=at) for number in range(count)])], name="now")
    log = open_store(tmp_path / "s")
    seen: list[str] = []
    for number in range(1, count // 100 + 1):
        seen += [item.event_id for item in log.page(View(tab="team", rows=100, page=number), metadata=False).events]
    assert seen == sorted((f"ev-{number:06d}" for number in range(count)), reverse=True)
    log.close()


@pytest.mark.parametrize(("snapshots", "files"), [(4, 20), pytest.param(100, 50, marks=pytest.mark.long)])
def test_many_tiny_files_out_of_order_and_empty_ones_are_one_history(
    open_store: Open, tmp_path: Path, cache: Path, snapshots: int, files: int
) -> None:
    for number in reversed(range(snapshots)):
        rows = events(files, files * number, **MEMBER)[::-1]
        publish(tmp_path / "s", [batch(rows)], name=f"day-{number}", rows_per_file=1)
    publish(tmp_path / "s", [], name="quiet")
    log = open_store(tmp_path / "s")
    assert (log.head.complete, log.head.snapshots, log.head.events) == (True, snapshots + 1, files * snapshots)
    assert log.events(ALL)["event_id"].to_pylist() == [f"ev-{number:06d}" for number in reversed(range(files * snapshots))]
    log.close()


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())], ids=str)
def test_every_layout_of_text_is_answered_alike(open_store: Open, store: Path, kind: pa.DataType) -> None:
    rows = events(40, 100, **MEMBER, summary="Ünï", related='{"booking":"BK1"}', ip="10.0.0.1")
    plain = pa.Table.from_batches([batch(rows)])
    columns: dict[str, Any] = {}
    for name in COLUMNS:
        values = plain[name]
        if pa.types.is_string(values.type):
            values = values.dictionary_encode() if pa.types.is_dictionary(kind) else values.cast(kind)
        columns[name] = values
    add_foreign(store, pa.table(columns))
    log = open_store(store)
    assert (log.head.complete, log.total(ALL)) == (True, 49)
    assert log.events(View.from_link("tab=team&related=booking:BK1&ip=10.0.0.0/8&order=oldest")).to_pylist() == rows
    log.close()


def test_a_publishers_clock_that_goes_back_changes_nothing(open_store: Open, store: Path) -> None:
    publish(store, [batch(events(1, 50, **MEMBER))], name="before", created=datetime(2001, 1, 1, tzinfo=UTC))
    log = open_store(store)
    assert (log.head.complete, log.head.seq, log.total(ALL), log.head.created_at) == (True, 4, 10, datetime(2001, 1, 1, tzinfo=UTC))
    log.close()
