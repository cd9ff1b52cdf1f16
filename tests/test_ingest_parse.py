"""Parsing for the import: quicker ways that must give exactly what the plain ones give."""

from __future__ import annotations

import json
import random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditlib.ingest import instants
from auditlib.ingest.listed import GivenBackError, Listed, read_listed
from auditlib.ingest.parse import elements, value_of
from auditlib.ingest.paths import Path
from auditlib.ingest.places import Places
from auditlib.ingest.reader import Record, Reject, read_document

WRAPPER = frozenset({"Records"})
PLAIN = json.JSONDecoder(strict=False)

scalars = st.none() | st.booleans() | st.integers() | st.integers(-(2**80), 2**80) | st.floats() | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4), max_leaves=12
)
numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
pieces = st.sampled_from((
    "{", "}", "[", "]", ",", ":", '"a"', '"b"', '"\\ud800"', '"\\ud83d\\ude00"', '"\\u0000"', '"\x01"', '"\\q"', '"', "\\", "NaN",
    "-Infinity",     "-0", "-0.0", "1e400", "-1E-400", "01", "1.", "+1", "18446744073709551616", "123456789012345678901234567890", "true",
    "nul",
    " ", "\n",     "\x0b",     "\ufeff", "é", "\x00",
))  # fmt: skip


def plainly(raw: bytes) -> Any:
    """What the standard parser says, as something that can be compared: numbers by their spelling, keys in their order."""
    try:
        text = raw.decode("utf-8", "surrogateescape")
        value, end = PLAIN.raw_decode(text)
        return "more text" if end != len(text) else repr(value)
    except (ValueError, RecursionError) as error:
        return "more text" if str(error).startswith("More text") else str(error).split(":")[0]


def quickly(raw: bytes) -> Any:
    try:
        return repr(value_of(raw))
    except (ValueError, RecursionError) as error:
        return "more text" if str(error).startswith("More text") else str(error).split(":")[0]


@given(values, st.booleans())
def test_a_written_value_is_read_as_the_standard_parser_reads_it(value: object, plain: bool) -> None:
    raw = json.dumps(value, ensure_ascii=plain).encode("utf-8", "surrogatepass")
    assert quickly(raw) == plainly(raw)


@given(numbers)
@example("0.1000000000000000055511151231257827021181583404541015625")
@example("9007199254740993.0")
@example("2.2250738585072011e-308")
@example("123456789012345678901234")
@example("1.7976931348623159e308")
def test_a_number_is_read_to_the_last_digit_as_the_standard_parser_reads_it(number: str) -> None:
    assert quickly(number.encode()) == plainly(number.encode())


@given(st.lists(pieces, max_size=12).map("".join).map(lambda text: text.strip(" \t\r\n").encode()))
@example(b'{"a":1,"b":2,"a":3}')
@example(b"[" * 100_000)
def test_odd_and_broken_text_is_judged_as_the_standard_parser_judges_it(raw: bytes) -> None:
    assert quickly(raw) == plainly(raw)


@given(st.binary(max_size=20))
def test_bytes_that_are_not_utf8_are_kept_as_surrogate_escapes(data: bytes) -> None:
    raw = b'{"a":"' + data.replace(b'"', b"").replace(b"\\", b"") + b'"}'
    assert quickly(raw) == plainly(raw)


keys = st.sampled_from(("a", "A", "user_id", "userId", "UserID", "b", "c", "-", "_", "", "d.e"))
records = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys | st.text(max_size=2), inner, max_size=5), max_leaves=15
)
paths = st.sampled_from((
    "a", "A", "userId", "user_id", "b", "a.b", "a.userId", "a.b.c", "a[0]", "a[1].b", "a[b=1].c", "a[b=x]", "[0].a", "'d.e'", "'-'",
    "c[0][0].a",
))  # fmt: skip


@given(st.lists(records, max_size=4), st.lists(paths, min_size=1, max_size=8))
def test_all_places_of_a_record_are_what_each_path_finds(several: list[Any], wanted: list[str]) -> None:
    places = Places()
    asked = [(places.number(Path(path)), Path(path)) for path in wanted]
    for record in several:
        found = places.found(record)
        assert [found[number] for number, _ in asked] == [path.find(record) for _, path in asked]


def test_objects_of_very_many_keys_and_shapes_are_read_too() -> None:
    places = Places()
    number = places.number(Path("userId"))
    for width in (1, 300):
        for start in range(5_000 // width):
            record = {f"k{key}": key for key in range(start, start + width)} | {"USER_ID": start}
            assert places.found(record)[number] == start


@given(st.sampled_from(("2026-07-01T08:30:00Z", "2026-07-01T08:30:00.123Z")), st.randoms(), st.integers(0, 3))
def test_the_commonest_spelling_of_a_time_is_no_other_instant_than_by_the_rule_for_all(
    text: str, chance: random.Random, changed: int
) -> None:
    letters = list(text)
    for _ in range(changed):
        letters[chance.randrange(len(letters))] = chance.choice("0123456789-:TZ.,+ W٣")
    text = "".join(letters)
    zone = ZoneInfo("UTC")
    match = instants._ISO.fullmatch(text.strip())
    assert instants.clock("auto", zone)(text) == (instants._iso(match, zone) if match else None)


def test_the_elements_of_a_list_are_as_written() -> None:
    assert elements(b' {"a" : 1 } ,\n [2 , 3],"x" ') == [b'{"a" : 1 }', b"[2 , 3]", b'"x"']
    assert elements(b"") == elements(b" ") == []
    for broken in (b'{"a":1},', b'{"a":1}]', b'{"a":', b"NaN", b'{"a":1}{"b":2}'):
        assert elements(broken) is None


# -- documents in blocks -----------------------------------------------------------------------------

elements_written = st.sampled_from((
    '{"id":1}', '{"id": 2, "s": "},{\\"id\\":"}', '{"id":3,"n":[{"id":4},{"id":5}]}', '{"id":\n6}', '{"other":7}', "8", "[9]",
    '{"id":1e400}',
    '{"id":NaN}', '{"id":}', '{"id":"\\ud800"}', '{"id":"\x01"}', '{"id":10', '{"id":"é"}', '{"Records":[{"id":11}]}', "}", "]", "]]",
))  # fmt: skip


def whole(text: bytes) -> list[Record | Reject]:
    return list(read_document([text], WRAPPER))


def told(item: Record | Reject) -> str:
    """A record, or where and why there is none: how much of its text is quoted depends on how much was at hand."""
    return repr(item if isinstance(item, Record) else item[:2])


def in_blocks(text: bytes, size: int, chunk: int) -> tuple[list[Record | Reject], int]:
    """The records by way of blocks as far as they are good, and how many were."""
    document = Listed(iter([text[at : at + chunk] for at in range(0, len(text), chunk)]), WRAPPER, size)
    cut, found, good = document.blocks(), list[Record | Reject](), 0
    for block in cut:
        try:
            found += list(read_listed(block))
            good += 1
        except GivenBackError:
            return found + list(document.rest([block, *cut])), good
    return found if document.is_cut else found + list(document.rest()), good


@given(
    st.lists(elements_written, max_size=12),
    st.sampled_from((",", ", ", " ,\n  ")),
    st.sampled_from((
        ("[", "]"), ('{"Records":[', "]}"), ('{ "Records" :\n[ ', " ]\n}\n"), ('{"Others":[', "]}"),
        ('{"Records":[', '],"more":[{"id":1}]}'), ("[", ""),
    )),
    st.integers(1, 60),
    st.integers(1, 60),
)  # fmt: skip
def test_a_document_in_blocks_gives_the_records_lines_and_rejects_of_the_whole(
    written: list[str], between: str, around: tuple[str, str], size: int, chunk: int
) -> None:
    text = f"{around[0]}{between.join(written)}{around[1]}".encode("utf-8", "surrogateescape")
    cut, _ = in_blocks(text, size, max(chunk, len(around[0]) + 8))
    assert [told(item) for item in cut] == [told(item) for item in whole(text)]


@pytest.mark.parametrize("around", [("[", "]"), ('{"Records":[', "]}")])
def test_a_long_document_of_good_records_is_cut_all_through(around: tuple[str, str]) -> None:
    written = [json.dumps({"id": number, "in": [{"of": 1}, {"of": 2}], "text": "},{"}, separators=(",", ":")) for number in range(2_000)]
    text = f"{around[0]}{','.join(written)}{around[1]}".encode()
    found, good = in_blocks(text, 4_000, 1_500)
    assert found == whole(text)
    assert good > 15


def test_a_document_without_a_place_to_cut_is_not_held_in_memory() -> None:
    chunks = iter([b'[{"a":' + b"1" * 1_000, *[b"1" * 1_000] * 100])
    assert list(Listed(chunks, WRAPPER, 1_000).blocks()) == []
    assert len(list(chunks)) > 80


@pytest.mark.parametrize("text", ['{"Records":[{"id":1}]],"a":1}', '{"Records":[],{"id":1}]}', '{"Records":[]]', '{"Records":[1],"a"]]}'])
def test_a_stray_bracket_is_told_and_passed(text: str) -> None:
    reasons = [item.reason for item in whole(text.encode()) if isinstance(item, Reject)]
    assert "not JSON: a bracket closes what none opened" in reasons
