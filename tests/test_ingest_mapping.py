"""The language of mappings: what each rule reads, and what a mistake in one is told."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_samples import import_text

from auditlib.errors import FormatError
from auditlib.ingest import Format, load_mapping
from auditlib.ingest.columns import STEPS, column
from auditlib.ingest.instants import UNITS, clock
from auditlib.ingest.mapping import Events
from auditlib.ingest.paths import Path as RecordPath
from auditlib.ingest.places import Places
from auditlib.ingest.spec import CHANGE_SHAPES, SECTIONS
from auditlib.ingest.words import action_key, snake, type_key
from auditlib.schema import ACTION_KEY, TYPE_KEY
from auditlib.times import from_micros

LANGUAGE = (Path(__file__).parents[1] / "docs/formats.md").read_text("utf-8")
HEAD = 'title = "T"\ndescription = "D"\n'
RECORD = {"a": {"b": [{"c": "first"}, {"c": 2}]}, "X-Id": "7", "list": [{"name": "u", "value": "v"}], "d.e": {"f": "dotted"}, "n": None}


def mapping(folder: Path, text: str) -> Format:
    path = folder / "mine.toml"
    path.write_text(HEAD + text)
    return load_mapping(path)


def imported(folder: Path, text: str, *records: Any) -> list[dict[str, Any]]:
    rows, summary = import_text(folder, mapping(folder, text), "\n".join(map(json.dumps, records)))
    assert not summary.rejected, summary.reasons
    return rows


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.b[0].c", "first"),
        ("a.b[1].c", 2),
        ("a.b[2].c", None),
        ("list[name=u].value", "v"),
        ("list[name=w].value", None),
        ("'d.e'.f", "dotted"),
        ("n", None),
        ("n.m", None),
        ("a.b.c", None),
        ("x-id", "7"),
        ("xId", "7"),
        ("A.B[0].C", "first"),
    ],
)
def test_a_path_finds_exactly_or_in_another_spelling(path: str, found: object) -> None:
    assert RecordPath(path).find(RECORD) == found


def test_the_exact_key_wins_then_the_same_letters_then_the_same_letters_without_underscores() -> None:
    assert RecordPath("userId").find({"user_id": 1, "userid": 2, "userId": 3}) == 3
    assert RecordPath("userId").find({"user_id": 1, "userid": 2}) == 2
    assert RecordPath("userId").find({"user_id": 1}) == 1
    assert RecordPath("userId").find({"userId": None, "userid": 2}) is None


@given(st.recursive(st.none() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v), max_leaves=8))
def test_a_path_never_fails_whatever_the_record(record: object) -> None:
    for path in ("a", "a.b", "a[0]", "a[b=c].d", "[0].a"):
        RecordPath(path).find(record)


@pytest.mark.parametrize("path", ["", ".a", "a.", "a..b", "a[", "a[x]", "a]", "a'b", "a b.[0"])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(FormatError, match="is no path; expected"):
        RecordPath(path)


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("host", "db.example.com"),
        (["missing", "host"], "db.example.com"),
        ("{host}:{number}", "db.example.com:7"),
        (["{host}:{missing}", "number"], "7"),
        ({"path": "host", "before": "."}, "db"),
        ({"path": "host", "after": "."}, "com"),
        ({"path": "url", "part": 2}, "users"),
        ({"path": "url", "part": 9}, None),
        ({"path": "text", "first_line": True}, "One"),
        ({"path": "text", "pattern": "T(w.)"}, "wo"),
        ({"path": "dash", "except": ["-"]}, None),
        ([{"path": "dash", "except": ["-"]}, {"value": "x"}], "x"),
        ({"path": "kind", "table": {"USER": "person"}}, "person"),
        ({"path": "kind", "as": "k"}, "k"),
        ({"path": "missing", "as": "k"}, None),
        ({"text": "{kind}.{number}", "before": "."}, "User"),
        ("yes", "true"),
        ("float", "1.5"),
        ("empty", None),
        ("object", None),
    ],
)
def test_a_column_rule_reads_text(rule: object, found: str | None) -> None:
    event = {
        "host": "db.example.com", "number": 7, "url": "/v2/users/1", "text": "\nOne\nTwo", "dash": "-", "kind": "User",
        "yes": True, "float": 1.5, "empty": "", "object": {"a": 1},
    }  # fmt: skip
    places = Places()
    read = column(rule, "here", places)
    assert read(places.found(event)) == found


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-01T09:00:00Z", (9, 0, 0, 0)),
        ("2026-03-01 09:00:00", (9, 0, 0, 0)),
        ("2026-03-01T09:00", (9, 0, 0, 0)),
        ("2026-03-01T11:30:00.5+02:30", (9, 0, 0, 500_000)),
        ("2026-03-01T09:00:00.123456789Z", (9, 0, 0, 123_456)),
        ("2026-03-01 09:00:00.1 UTC", (9, 0, 0, 100_000)),
        ("2026-03-01T04:00:00-0500", (9, 0, 0, 0)),
        ("2026-03-01T10:00:00+01", (9, 0, 0, 0)),
        ("1772355600", (9, 0, 0, 0)),
        (1772355600, (9, 0, 0, 0)),
        (1772355600.25, (9, 0, 0, 250_000)),
        ("1772355600.25", (9, 0, 0, 250_000)),
        (1772355600123, (9, 0, 0, 123_000)),
        (1772355600123456, (9, 0, 0, 123_456)),
        ("1772355600123456789", (9, 0, 0, 123_456)),
    ],
)
def test_times_are_read_in_every_usual_spelling(text: object, instant: tuple[int, int, int, int]) -> None:
    micros = clock(zone=ZoneInfo("UTC"))(text)
    assert micros is not None
    assert from_micros(micros) == datetime(2026, 3, 1, *instant, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "redacted",
        "",
        " ",
        "2026-03-01",
        "09:00",
        "2026-02-30T00:00:00Z",
        "2026-03-01T25:00:00Z",
        0,
        12,
        -1,
        True,
        None,
        {},
        [],
        1e30,
        10**30,
    ],
)
def test_what_is_no_time_is_none(text: object) -> None:
    assert clock(zone=ZoneInfo("UTC"))(text) is None


def test_a_time_without_a_zone_is_read_in_the_mapping_s_zone_or_not_at_all() -> None:
    berlin = clock(zone=ZoneInfo("Europe/Berlin"))("2026-03-01 10:00:00")
    assert berlin is not None
    assert from_micros(berlin) == datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert clock(zone=None)("2026-03-01 10:00:00") is None
    assert clock(zone=None)("2026-03-01 10:00:00Z") is not None


def test_units_and_patterns_of_a_mapping_are_honoured() -> None:
    assert clock("s")(5) == 5_000_000
    assert clock("ms")("1772355600") is not None
    day = clock(zone=ZoneInfo("UTC"), patterns=("%d.%m.%Y %H:%M",))("01.03.2026 09:00")
    assert day is not None
    assert from_micros(day) == datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("word", "verb", "key"),
    [
        ("CreateVolume", "first", "created"), ("v1.compute.instances.insert", "last", "created"), ("PutObject", "first", "created"),
        ("user.lifecycle.create", "last", "created"), ("member_removed", "last", "deleted"), ("RenameFile", "first", "updated"),
        ("GetUser", "first", "viewed"), ("AttachRolePolicy", "first", "granted"), ("DetachRolePolicy", "first", "revoked"),
        ("AssumeRole", "first", "assume_role"), ("user.session.start", "last", "user_session_start"),
        ("Reset user password.", "first", "reset_user_password"),
        ("Add member to group", "first", "created"), ("CREATE", "none", "create"),
        ("ログイン", "first", "unknown"), ("Änderung", "none", "anderung"),
        ("google.cloud.run.v1.Services.CreateService", "first", "created"), ("x" * 300, "first", "x" * 128),
    ],
)  # fmt: skip
def test_the_verb_rule_reads_a_word(word: str, verb: str, key: str) -> None:
    assert action_key(word, verb) == key


@given(st.text(min_size=1))
def test_keys_are_always_keys(word: str) -> None:
    assert re.fullmatch(ACTION_KEY, action_key(word, "either"))
    assert re.fullmatch(ACTION_KEY, snake(word))
    assert re.fullmatch(TYPE_KEY, type_key(word))


@pytest.mark.parametrize(
    ("rule", "record", "changes"),
    [
        (
            'shape = "list"\npath = "mods"\nfield = "Name"\nbefore = "OldValue"\nafter = "NewValue"\ndecode = true',
            {"mods": [{"Name": "a", "OldValue": "[\"x\"]", "NewValue": "[y"}, {"Name": "b", "NewValue": 2}, {"OldValue": 1}, "no"]},
            [{"field": "a", "before": ["x"], "after": "[y"}, {"field": "b", "after": 2}],
        ),
        (
            'shape = "pair"\nfield = "name"\nbefore = "OLD_VALUE"\nafter = "NEW_VALUE"',
            {"name": "quota", "OLD_VALUE": "1", "NEW_VALUE": "2"},
            [{"field": "quota", "before": "1", "after": "2"}],
        ),
        (
            'shape = "keys"\npath = "changes"\nbeside = ["issue"]',
            {"changes": {"title": {"from": "old"}, "gone": {"from": None, "to": "x"}}, "issue": {"title": "new"}},
            [{"field": "title", "before": "old", "after": "new"}, {"field": "gone", "before": None, "after": "x"}],
        ),
        (
            'shape = "keys"\npath = "changes"',
            {"changes": {"status": ["open", "done"]}},
            [{"field": "status", "before": "open", "after": "done"}],
        ),
        (
            'shape = "prefix"\nprefix = "old_"',
            {"old_role": "a", "role": "b", "old_x": 1},
            [{"field": "role", "before": "a", "after": "b"}, {"field": "x", "before": 1}],
        ),
        (
            'shape = "objects"\nbefore = "was"\nafter = "now"',
            {"was": {"a": 1, "b": 2, "c": 3}, "now": {"a": 1, "b": 5, "d": 6}},
            [{"field": "b", "before": 2, "after": 5}, {"field": "c", "before": 3}, {"field": "d", "after": 6}],
        ),
        ('shape = "objects"\nafter = "now"', {"now": {"a": 1}}, [{"field": "a", "after": 1}]),
        (
            'shape = "prose"\npath = "text"\npattern = "(?P<field>[^:]+): from (?P<before>\\\\w+) to (?P<after>\\\\w+)"',
            {"text": "Passcode: from On to Off"},
            [{"field": "Passcode", "before": "On", "after": "Off"}],
        ),
    ],
)  # fmt: skip
def test_changes_are_read_from_every_shape(tmp_path: Path, rule: str, record: dict[str, Any], changes: list[dict[str, Any]]) -> None:
    rows = imported(tmp_path, f'[columns]\naction_raw = "what"\n[[changes]]\n{rule}', {"what": "x", **record}, {"what": "y"})
    assert json.loads(rows[0]["changes"]) == changes
    assert rows[1]["changes"] is None


def test_a_list_in_a_record_becomes_an_event_for_each_item(tmp_path: Path) -> None:
    text = '[events]\nexplode = "events"\n[columns]\nsource_event_id = "id"\naction_raw = ["@item.name", "name"]'
    rows = imported(tmp_path, text, {"id": 1, "events": [{"name": "a"}, {"name": "b"}]}, {"id": 2, "events": []}, {"id": 3, "name": "c"})
    assert [(row["source_event_id"], row["action_raw"]) for row in rows] == [("1", "a"), ("1", "b"), ("2", None), ("3", "c")]
    assert len({row["event_id"] for row in rows}) == 4
    assert rows[0]["metadata"] == rows[1]["metadata"]


def test_an_event_inside_an_envelope_is_cut_out_as_written(tmp_path: Path) -> None:
    text = '[events]\ninner = ["log"]\n[columns]\naction_raw = "do"'
    path = tmp_path / "sample"
    rows, _ = import_text(
        tmp_path, mapping(tmp_path, text), '{"log":{"do":"first"}, "x" : [1, {"log":3}], "log" : { "do":"go" , "n":1.0}}\n'
    )
    assert (rows[0]["action_raw"], rows[0]["metadata"]) == ("go", '{ "do":"go" , "n":1.0}')
    assert path.read_text().endswith('{ "do":"go" , "n":1.0}}\n')


def test_json_inside_a_string_is_looked_into_and_kept_as_the_string(tmp_path: Path) -> None:
    text = '[events]\ninner = ["AuditData"]\n[columns]\naction_raw = ["Operation", "Operations"]'
    rows = imported(tmp_path, text, {"AuditData": '{"Operation":"x"}'}, {"AuditData": "{broken", "Operations": "y"})
    assert [row["action_raw"] for row in rows] == ["x", "y"]
    assert json.loads(rows[0]["metadata"]) == {"AuditData": '{"Operation":"x"}'}


def test_outcomes_come_from_conditions_then_words_then_the_rest(tmp_path: Path) -> None:
    text = (
        '[columns]\naction_raw = "do"\n[action.table]\nlogin = "signed_in"\n[outcome]\ndenied = ["code=403"]\nfailure = ["error"]\n'
        'word = "result"\ntable = { OK = "success" }\notherwise = "failure"'
    )
    events = [{"code": 403, "error": "x"}, {"error": "x"}, {"result": "ok"}, {}]
    rows = imported(tmp_path, text, *({"do": "login", **event} for event in events))
    assert [row["outcome"] for row in rows] == ["denied", "failure", "success", "failure"]
    assert [row["action"] for row in rows] == ["sign_in_failed", "sign_in_failed", "signed_in", "sign_in_failed"]


def test_the_worked_example_of_the_documentation_reads_its_sample(tmp_path: Path) -> None:
    sample, text = re.findall(r"```(?:toml)?\n(.*?)```", LANGUAGE, re.DOTALL)[:2]
    (tmp_path / "doors.toml").write_text(text)
    format = load_mapping(tmp_path / "doors.toml")
    rows, summary = import_text(tmp_path, format, sample + "later;Ivo;Door forced;D-2;\n")
    assert (format.key, format.title) == ("doors", "Door system")
    assert summary.without_time == 1
    assert rows[0] | {"event_id": ""} == {
        **dict.fromkeys(rows[0]),
        "event_id": "", "occurred_at": datetime(2026, 7, 1, 6, 30, tzinfo=UTC), "source": "door", "actor_name": "Ana Kovač",
        "action": "viewed", "action_raw": "Access granted", "resource_type": "door", "resource_id": "D-1",
        "summary": "Ana Kovač: Access granted at D-1", "related": '{"site":"Split"}', "source_file": "sample", "source_row": 1,
        "metadata": "01.07.2026 08:30:00;Ana Kovač;Access granted;D-1;Split",
    }  # fmt: skip
    assert (rows[1]["action"], rows[1]["occurred_at"], rows[1]["related"]) == ("door_forced", None, None)


def test_the_documentation_names_every_word_of_the_language() -> None:
    for word in (*SECTIONS, *CHANGE_SHAPES, *STEPS, *UNITS, *Events._fields, "beside", "decode", "removed", "otherwise"):
        assert re.search(rf"\b{word}\b", LANGUAGE), word


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[columns", "is no TOML"),
        ("[colums]", "has 'colums', which is not known here. Did you mean 'columns'?"),
        ('[columns]\nactor_nam = "a"', "has 'actor_nam', which is not known here. Did you mean 'actor_name'?"),
        ('[columns]\nevent_id = "a"', "has 'event_id', which is not known here."),
        ('[columns]\nactor_name = "a..b"', "[columns] actor_name: 'a..b' is no path"),
        ("[columns]\nactor_name = 3", "[columns] actor_name is 3; expected a path"),
        ("[columns]\nactor_name = []", "[columns] actor_name is an empty list"),
        ('[columns]\nactor_name = "{a"', "expected each brace to hold a path"),
        ('[columns]\nactor_name = { path = "a", upper = true }', "has 'upper'; expected path, text, value"),
        ('[columns]\nactor_name = { before = "." }', "has no beginning; expected one of path, text, value"),
        ('[columns]\nactor_name = { path = "a", pattern = "(" }', "expected a regular expression"),
        ('[columns]\nactor_name = { path = "a", pattern = "b" }', "expected a group in parentheses"),
        ('[columns]\nactor_name = { path = "a", part = 0 }', "expected a number from 1"),
        ('[time]\nunit = "weeks"', "[time] unit is 'weeks'; expected auto, s, ms, us, ns."),
        ('[time]\nzone = "Mars/Base"', "[time] zone is 'Mars/Base'; expected an IANA zone"),
        ('[events]\nkind = "xml"', "[events] kind is 'xml'; expected json, csv"),
        ('[events]\ndelimiter = ";;"', "expected one character"),
        ('[action]\nverb = "middle"', "[action] verb is 'middle'; expected first, last, either, none."),
        ('[action.table]\nx = "Not A Key"', "[action.table] x is 'Not A Key'; expected text that matches"),
        ('[outcome]\notherwise = "fine"', "expected success, failure, denied"),
        ('[[changes]]\nshape = "round"', "[[changes]] shape is 'round'; expected list, pair"),
        ('[[changes]]\nshape = "list"\npath = "a"', "of shape list has no field"),
        ('[[changes]]\nshape = "objects"', "has neither before nor after"),
        ('[[changes]]\nshape = "keys"\npath = "a"\nfrom = "x"', "has 'from', which is not known here."),
        ('[changes]\nshape = "keys"', "expected one table for each rule"),
        ('code = "os"', "code is 'os'; expected livekit."),
        ('source = "A B"', "source is 'A B'; expected text that matches"),
        ('order = "1"', "order is '1'; expected a number"),
    ],
)
def test_a_mistake_in_a_mapping_is_told_with_its_place(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(FormatError) as caught:
        mapping(tmp_path, text)
    assert sentence in caught.value.message
    assert caught.value.message.startswith("mine.toml")


def test_a_mapping_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    for name in ("missing.toml", "", "binary.toml"):
        with pytest.raises(FormatError, match="expected a TOML file"):
            load_mapping(tmp_path / name)
    (tmp_path / "bare.toml").write_text('title = "T"')
    with pytest.raises(FormatError, match=r"bare.toml has no description"):
        load_mapping(tmp_path / "bare.toml")
