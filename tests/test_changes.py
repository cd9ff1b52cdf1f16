"""Changes: before and after as people compare them, from texts of every kind."""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditlib.changes import LONGEST_COMPARED, FieldChange, Part, change_line, field_changes
from auditlib.event import changes_of, related_ids


def one(**entry: Any) -> FieldChange:
    (change,) = field_changes(json.dumps([{"field": "status", **entry}]))
    return change


def shown(parts: tuple[Part, ...] | None) -> str | None:
    """The text of a side, its marked stretches in brackets."""
    return None if parts is None else "".join(f"[{part.text}]" if part.marked else part.text for part in parts)


@pytest.mark.parametrize(
    ("before", "after", "left", "right"),
    [
        ("scheduled", "confirmed", "[scheduled]", "[confirmed]"),
        ("Meeting on 3 May at 10:00", "Meeting on 4 May at 10:00", "Meeting on [3] May at 10:00", "Meeting on [4] May at 10:00"),
        ("same", "same", "same", "same"),
        ("", "x", "[empty text]", "[x]"),
        (None, False, "[null]", "[false]"),
        (1, 1.50, "[1]", "[1.5]"),
        ([1, "a", "b"], ["a", 1, "c"], "1\na\n[b]", "a\n1\n[c]"),
        (["a", "a"], ["a"], "a\n[a]", "a"),
        ([], ["a"], "empty list", "[a]"),
        ({"a": 1}, {"a": 2}, '{"a": [1]}', '{"a": [2]}'),
        ({"a": [True, None, "x"]}, {}, '[{"a": [true, null, "x"]}]', "[{}]"),
        ("x" * (LONGEST_COMPARED + 1), "x", f"[{'x' * (LONGEST_COMPARED + 1)}]", "[x]"),
    ],
)
def test_only_what_differs_is_marked(before: Any, after: Any, left: str, right: str) -> None:
    change = one(before=before, after=after)
    assert (shown(change.before), shown(change.after)) == (left, right)


def test_numbers_keep_the_spelling_in_which_they_were_recorded() -> None:
    (change,) = field_changes('[{"field":"n","before":1e2,"after":[1.0000000000000000001,-0,12345678901234567890123,NaN]}]')
    assert shown(change.before) == "[1e2]"
    assert shown(change.after) == "[[1.0000000000000000001, -0, 12345678901234567890123, NaN]]"


def test_a_side_that_was_not_recorded_is_none_and_null_is_not() -> None:
    assert (one(after=1).before, shown(one(after=1).after)) == (None, "[1]")
    assert (shown(one(before=None).before), one(before=None).after) == ("[null]", None)
    assert (one().before, one().after) == (None, None)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "null",
        "[]",
        "{}",
        "5",
        "no json",
        '{"field":"a"}',
        '[1,null,"x",[],{}]',
        '[{"field":7}]',
        '[{"nofield":"a"}]',
        "[" * 9_999,
    ],
)
def test_what_is_no_list_of_fields_has_no_changes(text: str | None) -> None:
    assert field_changes(text) == ()
    assert changes_of(text) == []
    assert change_line(text) == ""


def test_values_nested_deeper_than_can_be_drawn_raise_nothing() -> None:
    for depth in (100, 400, 900, 5_000):
        deep = "[" * depth + "]" * depth
        assert len(field_changes(f'[{{"field":"a","before":1,"after":{{"x":{deep}}}}}]')) in (0, 1)


def test_long_lists_are_compared_item_by_item() -> None:
    items = list(range(20_000))
    change = one(before=items, after=items[::-1])
    assert change.before is not None
    assert not any(part.marked for part in change.before)


@pytest.mark.parametrize(
    ("field", "label"),
    [("start_at", "Start at"), ("startAt", "Start At"), ("status", "Status"), ("", ""), ("_", "_"), ("ID", "ID"), ("é", "É")],
)
def test_a_field_reads_as_words(field: str, label: str) -> None:
    assert FieldChange(field, None, None).label == label


@pytest.mark.parametrize(
    ("entries", "line"),
    [
        ([{"field": "status", "before": "scheduled", "after": "confirmed"}], "Status scheduled → confirmed"),
        ([{"field": "status", "after": "a\n b"}, {"field": "x"}], "Status a b, +1 field"),
        ([{"field": "status", "before": "a"}, {"field": "x"}, {"field": "y"}], "Status a removed, +2 fields"),
    ],
)
def test_a_change_is_told_in_one_line(entries: list[Any], line: str) -> None:
    assert change_line(json.dumps(entries)) == line


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(before=VALUES, after=VALUES)
@settings(max_examples=120, deadline=None)
def test_both_sides_are_whole_and_unmarked_parts_agree(before: Any, after: Any) -> None:
    change = one(before=before, after=after)
    assert change.before
    assert change.after
    if isinstance(before, str) and before and isinstance(after, str) and after:
        assert "".join(part.text for part in change.before) == before
        assert "".join(part.text for part in change.after) == after
        assert [part.text for part in change.before if not part.marked] == [part.text for part in change.after if not part.marked]
    same = shown(change.before) == shown(change.after) and not any(part.marked for part in change.before)
    assert same or json.dumps(before) != json.dumps(after)


@given(text=st.text())
def test_any_text_of_changes_or_related_ids_is_read_without_an_error(text: str) -> None:
    field_changes(text)
    change_line(text)
    related_ids(text)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ('{"booking":"BK1","campaign":12}', {"booking": "BK1", "campaign": "12"}),
        ('{"a":"","b":null,"c":true,"d":1.5,"e":{"id":1},"f":["x"]}', {}),
        ("[]", {}),
        ("booking=BK1", {}),
        (None, {}),
    ],
)
def test_related_ids_are_texts_and_whole_numbers(text: str | None, ids: dict[str, str]) -> None:
    assert related_ids(text) == ids


def test_instants_are_told_in_the_zone_of_the_viewer_and_only_what_differs_is_marked() -> None:
    slot = {"field": "slot", "before": "2026-11-23T16:30:00Z", "after": "2026-11-25T15:00:05+00:00"}
    (told,) = field_changes(json.dumps([slot]), ZoneInfo("Europe/Berlin"))
    assert shown(told.before) == "[23] Nov 2026, [17:30]"
    assert shown(told.after) == "[25] Nov 2026, [16:00:05]"
    (as_recorded,) = field_changes(json.dumps([slot]))
    assert (shown(as_recorded.before) or "").replace("[", "").replace("]", "") == slot["before"]


@pytest.mark.parametrize("value", ["2026-11-23", "2026-13-23T16:30:00Z", "9999-12-31T23:59:59Z", "16:30"])
def test_what_is_no_instant_or_has_no_place_in_the_zone_stays_as_recorded(value: str) -> None:
    (told,) = field_changes(json.dumps([{"field": "slot", "after": value}]), ZoneInfo("Pacific/Kiritimati"))
    assert shown(told.after) == f"[{value}]"
