"""Reading records: any layout gives the same ones, their bytes are those of the source, and bad ones stay alone."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlib.ingest.reader import Record, Reject, read_csv, read_either, read_json

WRAPPER = frozenset({"Records"})

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
json_objects = st.dictionaries(st.text().filter(lambda key: key != "Records"), json_values, min_size=1, max_size=5)
spaces = st.text(" \t\r\n", max_size=3)
cuts = st.integers(min_value=1, max_value=40)


@st.composite
def spelled(draw: st.DrawFn, value: Any) -> str:
    """A JSON value as some writer might spell it, with white space anywhere it is allowed."""
    if isinstance(value, dict):
        members = ((draw(spelled(key)), draw(spelled(each))) for key, each in value.items())
        return "{" + ",".join(f"{draw(spaces)}{key}{draw(spaces)}:{draw(spaces)}{each}{draw(spaces)}" for key, each in members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(f"{draw(spaces)}{draw(spelled(each))}{draw(spaces)}" for each in value) + "]"
    return json.dumps(value, ensure_ascii=draw(st.booleans()))


def chunked(text: str | bytes, size: int) -> Iterable[bytes]:
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return [data[start : start + size] for start in range(0, len(data), size)]


def read(text: str | bytes, size: int = 1 << 20, **options: Any) -> list[Record | Reject]:
    return list(read_json(chunked(text, size), WRAPPER, **options))


def values(items: Iterable[Record | Reject]) -> list[Any]:
    assert all(isinstance(item, Record) for item in items), items
    return [item.value for item in items if isinstance(item, Record)]


@given(st.data(), st.lists(json_objects, min_size=1, max_size=5), cuts)
def test_an_array_gives_its_elements_with_their_exact_bytes_however_it_is_spaced_and_cut(
    data: st.DataObject, objects: list[dict[str, Any]], size: int
) -> None:
    texts = [data.draw(spelled(each)) for each in objects]
    items = read("[" + ",".join(data.draw(spaces) + text + data.draw(spaces) for text in texts) + "]", size)
    assert values(items) == objects
    assert [item.raw for item in items if isinstance(item, Record)] == [text.encode() for text in texts]


@given(st.data(), st.lists(json_objects, min_size=1, max_size=5), cuts)
def test_a_wrapper_key_gives_the_same_records_as_lines_and_as_an_array(
    data: st.DataObject, objects: list[dict[str, Any]], size: int
) -> None:
    lines = [json.dumps(each) for each in objects]
    before = data.draw(st.sampled_from(['"kind":"x",', '"next":null , ', ""]))
    after = data.draw(st.sampled_from([',"count":3', ""]))
    wrapped = f'{data.draw(spaces)}{{{before}"Records"{data.draw(spaces)}:{data.draw(spaces)}[{",".join(lines)}]{after}}}'
    expected = [(line.encode(), each) for line, each in zip(lines, objects, strict=True)]
    for text in ("\n".join(lines), "\r\n".join(lines) + "\r\n", f"[{','.join(lines)}]", wrapped):
        assert [(item.raw, item.value) for item in read(text, size) if isinstance(item, Record)] == expected


@given(st.data(), st.lists(json_objects, min_size=1, max_size=4), cuts)
def test_objects_over_several_lines_are_read_as_whole_ones(data: st.DataObject, objects: list[dict[str, Any]], size: int) -> None:
    text = "\n".join(json.dumps(each, indent=2) for each in objects)
    assert values(read(text, size)) == objects


@given(st.binary(max_size=200), cuts)
def test_no_bytes_whatever_end_in_a_trace(noise: bytes, size: int) -> None:
    for item in [*read(noise, size), *read_csv(chunked(noise, size)), *read_either(chunked(noise, size), WRAPPER, ",")]:
        assert item.line >= 1


@given(st.data(), st.lists(json_objects, min_size=2, max_size=6), st.binary(max_size=30))
def test_a_broken_line_leaves_every_other_line_as_it_is(data: st.DataObject, objects: list[dict[str, Any]], noise: bytes) -> None:
    place = data.draw(st.integers(1, len(objects)))
    lines = [json.dumps(each).encode() for each in objects]
    broken = b'{"half": ' + noise.replace(b"\n", b" ") + b"{"
    items = read(b"\n".join([*lines[:place], broken, *lines[place:]]))
    assert [item.raw for item in items if isinstance(item, Record)] == lines
    assert [item.line for item in items if isinstance(item, Reject)] == [place + 1]


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ('[{"a":1},{"a":},{"a":3}]', [1, 3], 1),
        ('[{"a":1},{"b":[1,2},{"a":3}]', [1, 3], 1),
        ('[{"a":1} {"a":2}]', [1, 2], 0),
        ('[{"a":1},,{"a":2},]', [1, 2], 0),
        ('[{"a":1},xyz,{"a":2}]', [1, 2], 1),
        ('[{"a":1},{"a":"b\n},{"a":2}]', [1, 2], 1),
        ('[{"a":1},{"a":2', [1], 2),
        ('[{"a":1},', [1], 1),
        ('{"Records":[{"a":1},{"a":nope},{"a":2}]}', [1, 2], 1),
        ('{"Records":[{"a":1},{"a":', [1], 2),
        ('[{"a":1}]\nnoise\n[{"a":2}]', [1, 2], 1),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_broken_element_leaves_the_elements_around_it(text: str, good: list[int], bad: int, size: int) -> None:
    items = read(text, size)
    assert [item.value["a"] for item in items if isinstance(item, Record)] == good
    assert 1 <= sum(isinstance(item, Reject) for item in items) <= bad if bad else values(items)


def test_lines_are_counted_from_one_in_every_layout() -> None:
    assert [item.line for item in read('\n{"a":1}\n\n{"a":2}\nbad\n')] == [2, 4, 5]
    assert [item.line for item in read('[\n{"a":1},\n\n {"a":2}]')] == [2, 4]
    assert [item.line for item in read_csv([b'a,b\n1,"x\ny"\n2,z\n'])] == [2, 4]


def test_a_record_beyond_the_limit_is_rejected_and_the_next_one_read() -> None:
    long = json.dumps({"a": "x" * 500})
    for size in (7, 100_000):
        for text in (f'{{"a":1}}\n{long}\n{{"a":2}}', f'[{{"a":1}},{long},{{"a":2}}]'):
            items = read(text, size, limit=200)
            assert [type(item) for item in items] == [Record, Reject, Record]
            assert isinstance(items[1], Reject) and items[1].reason.startswith("longer than 200")


def test_a_line_of_fifty_million_characters_is_one_record() -> None:
    long = json.dumps({"a": "x" * 50_000_000}).encode()
    items = list(read_json([b'{"a":1}\n', *chunked(long, 1 << 20), b'\n{"a":2}\n']))
    assert [len(item.raw) for item in items if isinstance(item, Record)] == [7, len(long), 7]


def test_nesting_that_python_cannot_follow_is_rejected_alone() -> None:
    deep = '{"a":' + "[" * 10_000 + "]" * 10_000 + "}"
    for text in (f'{{"a":1}}\n{deep}\n{{"a":2}}', f'[{{"a":1}},{deep},{{"a":2}}]'):
        items = read(text)
        assert [item.value["a"] if isinstance(item, Record) else item.reason for item in items] == [1, "nested too deeply", 2]


def test_odd_but_readable_json_is_kept_byte_for_byte() -> None:
    lines = [
        b'{"a":NaN,"b":-Infinity}',
        b'{"a":1,"a":2}',
        b'{"a":"\xff\xfe"}',
        b'{"a":"\\ud800"}',
        b'{"a":1e2,"b":0.10}',
        b'{"a":"tab\there"}',
    ]
    items = read(b"\n".join(lines))
    assert [item.raw for item in items if isinstance(item, Record)] == lines
    assert items[1].value == {"a": 2}  # type: ignore[union-attr]


def test_a_byte_order_mark_is_no_part_of_the_first_record() -> None:
    assert [item.raw for item in read(b'\xef\xbb\xbf{"a":1}\n', size=2) if isinstance(item, Record)] == [b'{"a":1}']


def test_an_unclosed_quote_costs_one_row_of_csv() -> None:
    items = list(read_csv([b'a,b\n1,"open\n2,two\n3,three\n']))
    assert [item.value for item in items if isinstance(item, Record)][-2:] == [{"a": "2", "b": "two"}, {"a": "3", "b": "three"}]


def test_a_quote_inside_a_csv_field_that_is_not_quoted_swallows_no_row() -> None:
    """A size in inches, say: the rows up to the next such quote are rows of their own."""
    good = b"".join(b"%d,good\n" % number for number in range(2, 400))
    items = list(read_csv([b'id,name\n1,5" disk\n' + good + b'400,6" disk\n']))
    assert [item.line for item in items if isinstance(item, Record)] == list(range(2, 402))


def test_a_quoted_csv_field_may_run_on_behind_a_field_with_a_quote_in_it() -> None:
    for sign in (",", ";", "\t", "；"):
        text = 'id,a,b\n1,x"y,"runs\non"\n2,"a""","b\n"",""c"\n3,"",d\n'.replace(",", sign)
        assert values(list(read_csv([text.encode()], sign))) == [
            {"id": "1", "a": 'x"y', "b": "runs\non"},
            {"id": "2", "a": 'a"', "b": f'b\n"{sign}"c'},
            {"id": "3", "b": "d"},
        ]


def test_a_csv_row_with_the_wrong_number_of_fields_is_rejected() -> None:
    items = list(read_csv([b"a,b\n1,2\n1,2,3\n,4\n"]))
    assert [item.value if isinstance(item, Record) else item.reason for item in items] == [
        {"a": "1", "b": "2"},
        "3 fields where the header names 2",
        {"b": "4"},
    ]


@given(
    st.lists(
        st.lists(st.text(st.characters(blacklist_characters="\r", blacklist_categories=("Cs",)), min_size=1), min_size=2, max_size=2),
        min_size=1,
    ),
    cuts,
)
def test_csv_cells_come_back_whatever_they_hold(rows: list[list[str]], size: int) -> None:
    import csv
    import io

    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows([["a", "b"], *rows])
    items = list(read_csv(chunked(out.getvalue(), size)))
    assert values(items) == [dict(zip("ab", row, strict=True)) for row in rows]
