"""The Explore page's ready questions, link, desk and charts: every answer equals counting event by event."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from events import batch, event
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference import Event, Reference
from test_engine_answers import Case

from auditlib.errors import CacheError, QueryStoppedError
from auditlib.log import AuditLog, open_log
from auditlib.store import publish
from auditlib.view import View
from pages import exploring, saved_queries
from pages.saved_queries import SavedQuery
from pages.ui.explore import cells, charts
from pages.ui.explore.link import LONGEST, SQL, Exploration
from pages.ui.explore.parameters import examples, parameters
from pages.ui.explore.questions import BY, PER, QUESTIONS, step

QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia")
MOVED = ("2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-04-05", "2026-10-04")
"""Days on which the clock of one of the zones is moved, by half an hour on Lord Howe Island."""


@pytest.fixture(scope="module")
def case(demo_log: AuditLog, demo_reference: Reference) -> Case:
    return Case(demo_log, demo_reference)


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """Events every 23 minutes around the days on which clocks are moved, some without a time."""
    store = tmp_path_factory.mktemp("moved") / "store"
    starts = [datetime.fromisoformat(day).replace(tzinfo=UTC) - timedelta(hours=14) for day in MOVED]
    times = [start + timedelta(minutes=23 * number) for start in starts for number in range(130)]
    made = [event(number, occurred_at=at, action=("created", "updated")[number % 2]) for number, at in enumerate([*times, None, None])]
    publish(store, [batch(made)], name="a", log_id="acme")
    log = open_log(store)
    yield Case(log, Reference(store))
    log.close()


def answer(log: AuditLog, key: str, view: View, zone: str = "UTC", by: str = "", per: str = "day") -> list[dict[str, Any]]:
    text = QUESTIONS[key].write(view, ZoneInfo(zone), by, per)
    rows: list[dict[str, Any]] = log.sql(text, masked=True).table.to_pylist()
    return rows


def floor(at: datetime | None, zone: str, per: str) -> date | None:
    """The day, the Monday or the first of the month of an instant in a zone."""
    if at is None:
        return None
    day = at.astimezone(ZoneInfo(zone)).date()
    return day if per == "day" else day - timedelta(days=day.weekday()) if per == "week" else day.replace(day=1)


def check_who(case: Case, view: View, zone: str, per: str) -> None:
    found = {(row["actor_id"], row["action"], row[per]): row["events"] for row in answer(case.log, "who", view, zone, per=per)}
    matches = case.reference.matches(view)
    assert found == Counter((each["actor_id"], each["action"], floor(each["occurred_at"], zone, per)) for each in matches)


def check_hours(case: Case, view: View, zone: str) -> None:
    expected: Counter[tuple[int | None, int | None]] = Counter()
    for each in case.reference.matches(view):
        wall = each["occurred_at"].astimezone(ZoneInfo(zone)) if each["occurred_at"] else None
        expected[(wall.isoweekday(), wall.hour) if wall else (None, None)] += 1
    assert {(row["weekday"], row["hour"]): row["events"] for row in answer(case.log, "hours", view, zone)} == expected


def key_of(by: str, each: Event) -> Any:
    return each[BY[by].key]


# -- the ready questions -----------------------------------------------------------------------------


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=QUIET)
def test_every_ready_question_counts_what_the_view_matches(case: Case, data: st.DataObject) -> None:
    check_counts(case, data)


@pytest.mark.long
@given(data=st.data())
@settings(max_examples=400, deadline=None, suppress_health_check=QUIET)
def test_every_ready_question_counts_what_hundreds_of_views_match(case: Case, data: st.DataObject) -> None:
    check_counts(case, data)


def check_counts(case: Case, data: st.DataObject) -> None:
    view, zone, per = data.draw(case.views()), data.draw(st.sampled_from(ZONES)), data.draw(st.sampled_from(PER))
    by = data.draw(st.sampled_from(list(BY)))
    check_who(case, view, zone, per)
    check_hours(case, view, zone)
    matches = case.reference.matches(view)
    pairs = {(row["actor_id"], row["action"]): row["events"] for row in answer(case.log, "pivot", view)}
    assert pairs == Counter((each["actor_id"], each["action"]) for each in matches)

    groups: defaultdict[Any, list[Event]] = defaultdict(list)
    for each in matches:
        groups[key_of(by, each)].append(each)
    rare = answer(case.log, "rare", view, by=by)
    assert {row[BY[by].key]: row["events"] for row in rare} == {key: len(found) for key, found in groups.items()}
    assert [row["events"] for row in rare] == sorted(map(len, groups.values()))
    seen = answer(case.log, "seen", view, by=by)
    for row in seen:
        times = [each["occurred_at"] for each in groups.pop(row[BY[by].key]) if each["occurred_at"]]
        assert (row["first_seen"], row["last_seen"]) == (min(times, default=None), max(times, default=None))
        if times:
            assert case.reference.by_id[row["event_id"]]["occurred_at"] == min(times)
    assert not groups


@given(data=st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=QUIET)
def test_movers_are_both_periods_counted_apart(case: Case, data: st.DataObject) -> None:
    view, by = data.draw(case.views()), data.draw(st.sampled_from(list(BY)))
    days = sorted(data.draw(st.lists(st.dates(date(2026, 9, 20), date(2026, 11, 25)), min_size=2, max_size=2)))
    view = view.between(days[0].isoformat(), days[1].isoformat(), data.draw(st.sampled_from(ZONES)))
    earlier = view.previous()
    assert earlier
    now = Counter(key_of(by, each) for each in case.reference.matches(view))
    before = Counter(key_of(by, each) for each in case.reference.matches(earlier))
    rows = answer(case.log, "movers", view, by=by)
    assert {row[BY[by].key]: (row["this_period"], row["period_before"]) for row in rows} == {
        key: (now[key], before[key]) for key in now | before
    }
    changes = [abs(row["change"]) for row in rows]
    assert changes == sorted(changes, reverse=True)


@pytest.mark.parametrize("zone", ZONES)
def test_days_and_hours_are_those_of_the_zone_when_clocks_are_moved(moved: Case, zone: str) -> None:
    check_hours(moved, View(), zone)
    for per in PER:
        check_who(moved, View(), zone, per)
    for day in MOVED:
        view = View().between(day, day, zone)
        check_hours(moved, view, zone)
        (found,) = {row["day"] for row in answer(moved.log, "who", view, zone)}
        assert found == date.fromisoformat(day)


def test_a_ready_question_reads_as_a_person_would_write_it() -> None:
    view = View.from_link("action=updated&from=2026-11-12&to=2026-11-19&tz=Asia/Kolkata")
    assert QUESTIONS["movers"].write(view, ZoneInfo("Asia/Kolkata"), "actor", "") == (
        "SELECT actor_id, max(actor_name) AS actor,\n"
        "  count(*) FILTER (occurred_at >= TIMESTAMPTZ '2026-11-11 18:30:00+00'"
        " AND occurred_at < TIMESTAMPTZ '2026-11-19 18:30:00+00') AS this_period,\n"
        "  count(*) FILTER (occurred_at >= TIMESTAMPTZ '2026-11-03 18:30:00+00'"
        " AND occurred_at < TIMESTAMPTZ '2026-11-11 18:30:00+00') AS period_before,\n"
        "  this_period - period_before AS change\n"
        "FROM events\n"
        "WHERE resource_type IN ('interview_booking', 'video_session', 'recording', 'evaluation')\n"
        "  AND action = 'updated'\n"
        "  AND occurred_at >= TIMESTAMPTZ '2026-11-03 18:30:00+00' AND occurred_at < TIMESTAMPTZ '2026-11-19 18:30:00+00'\n"
        "GROUP BY actor_id\n"
        "ORDER BY abs(change) DESC, this_period DESC, actor_id"
    )


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ((None, None), "month"),
        (("2026-11-01", "2026-11-30"), "day"),
        (("2026-06-01", "2026-11-30"), "week"),
        (("2024-01-01", "2026-11-30"), "month"),
    ],
)
def test_the_step_of_time_fits_the_range(bounds: tuple[str | None, str | None], expected: str) -> None:
    assert step(View().between(*bounds, "UTC")) == expected


# -- charts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", list(QUESTIONS))
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_chart_writes_its_values_out_and_none_is_hidden_behind_colour(case: Case, key: str, theme: str) -> None:
    view = View(tab="team").between("2026-10-01", "2026-11-19", "Europe/Berlin")
    by = QUESTIONS[key].by
    rows = answer(case.log, key, view, "Europe/Berlin", by, "week")
    spec = charts.chart(key, rows, by, "week", theme)
    assert spec
    assert all(value["words"] for value in spec["data"]["values"])
    marks = [layer["mark"] for layer in spec["layer"]]
    assert "text" in [mark["type"] for mark in marks]
    assert {mark["color"] for mark in marks} <= {"#868E9A", "#1A1D23" if theme == "light" else "#E8EAED"}
    assert len({value["line"] for value in spec["data"]["values"]}) <= charts.MOST_LINES
    json.dumps(spec)


def test_columns_are_named_by_what_they_span_and_turned_only_where_there_are_many() -> None:
    def axis(firsts: list[date], per: str) -> dict[str, Any]:
        rows = [{"actor_id": "p1", "actor": "Ann", "action": "created", per: first, "events": 1} for first in firsts]
        spec = charts.chart("who", rows, "", per, "light")
        assert spec
        found: dict[str, Any] = spec["encoding"]["x"]
        return found

    weeks = axis([date(2026, 9, 21), date(2026, 9, 28)], "week")
    assert (weeks["sort"], weeks["axis"]["labelAngle"]) == (["21 – 27 Sep", "28 Sep – 4 Oct"], 0)
    days = axis([date(2026, 9, day) for day in range(1, 31)], "day")
    assert (days["sort"][0], days["axis"]["labelAngle"]) == ("1 Sep", -40)


def test_people_of_one_name_stay_apart_and_what_cannot_be_seen_is_shown() -> None:
    rows: list[dict[str, Any]] = [
        {"actor_id": "p1", "actor": "Ann", "action": "created", "events": 2},
        {"actor_id": "p2", "actor": "Ann", "action": "created", "events": 1},
        {"actor_id": "p3", "actor": "<img src=x> \u202eA", "action": "new.thing", "events": 1},
        {"actor_id": None, "actor": None, "action": "created", "events": 1},
        {"actor_id": "p4", "actor": "\u0410nn", "action": "created", "events": 1},
        {"actor_id": "constructor", "actor": None, "action": "created", "events": 1},
    ]
    spec = charts.chart("pivot", rows, "", "", "light")
    assert spec
    lines = [value["line"] for value in spec["data"]["values"]]
    assert lines[:4] == ["Ann (p1)", "Ann (p2)", "<img src=x> \\u202eA", "none recorded"]
    assert lines[4:] == ["\u0410nn (p4 · Cyrillic \u0410)", '"constructor"']


def test_nothing_is_drawn_of_nothing() -> None:
    assert charts.chart("hours", [], "", "", "light") is None
    assert charts.two_columns("bar", ["a"], [None], ("x", "y")) is None
    spec = charts.two_columns("line", ["a", None], [1, 2.5], ("image", "n"))
    assert spec
    assert spec["data"]["values"] == [{"x": "a", "y": 1}, {"x": "none recorded", "y": 2.5}]
    assert {each["title"] for each in spec["encoding"]["tooltip"]} == {"At", "Value"}


# -- the link ----------------------------------------------------------------------------------------


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(data=st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=QUIET)
def test_a_link_is_read_as_it_was_written(case: Case, data: st.DataObject) -> None:
    view = data.draw(case.views())
    given = data.draw(st.dictionaries(st.from_regex(r"[a-z]\w{0,8}", fullmatch=True), TEXT, max_size=3))
    asked = Exploration(
        view.on_page(1).sized(50),
        show=data.draw(st.sampled_from([*QUESTIONS])),
        by=data.draw(st.sampled_from(["", *BY])),
        per=data.draw(st.sampled_from(["", *PER])),
    )
    if data.draw(st.booleans()):
        asked = asked.asking(data.draw(TEXT.filter(bool)), given.items())
    again = Exploration.from_pairs(asked.to_pairs(), tz=None, actions=case.log.actions)
    assert not [problem for problem in again.problems if problem.parameter not in ("from", "to")]
    assert again == asked


def test_a_link_of_the_page_of_events_is_one_of_this_page_too() -> None:
    pairs = [("tab", "team"), ("action", "updated"), ("page", "3"), ("rows", "20")]
    asked = Exploration.from_pairs(pairs, tz=None, actions=())
    assert asked.view.without("action").tab == "team"
    assert asked.to_pairs() == [("tab", "team"), ("action", "updated")]
    assert Exploration.from_pairs([], tz=None, actions=()).to_pairs() == []


def test_what_a_link_cannot_get_is_said() -> None:
    asked = Exploration.from_pairs([("show", "pie"), ("by", "x"), ("colour", "red"), ("sql", "x" * LONGEST)], tz=None, actions=())
    assert (asked.show, asked.by, asked.sql) == (SQL, "", "")
    assert [problem.parameter for problem in asked.problems] == ["colour", "show", "by", "sql"]
    assert asked.problems[1].startswith("Ignored show='pie': expected one of who, pivot")


def test_a_query_too_long_for_a_link_stays_out_of_it() -> None:
    asked = Exploration(View()).asking("SELECT '" + "ä" * 1_000 + "'")
    assert asked.is_too_long
    assert asked.to_pairs() == [("show", "sql")]


# -- the desk ----------------------------------------------------------------------------------------


def test_parameters_are_found_where_they_are_code() -> None:
    sql = "SELECT $b, '$no', \"$no\", $a -- $no\n, $$ $no $$, x->>'$.no', /* $no */ $b::INT, a$no"
    assert parameters(sql) == ("b", "a")
    assert Exploration(View()).asking(sql, [("a", "")]).missing == ("b",)


def test_the_examples_are_those_of_the_documentation_and_are_answered(demo_log: AuditLog) -> None:
    found = examples()
    assert [each.title for each in found][:2] == ["Did the recording start?", "Which recordings began and never ended?"]
    for example in found:
        assert set(parameters(example.sql)) == {name for name, _ in example.parameters}
        assert len(demo_log.sql(example.sql, parameters=dict(example.parameters), masked=True).columns) > 1, example.title


def test_cells_are_numbers_where_a_browser_holds_them_and_visible_text_otherwise() -> None:
    assert cells.column([1, None, Decimal(3), 2.5]) == [1, None, 3, 2.5]
    assert cells.column([1, 1 << 60]) == ["1", str(1 << 60)]
    assert cells.column([True, None]) == ["True", None]
    at = datetime(2026, 11, 1, 9, tzinfo=UTC)
    assert cells.column([at, at.replace(microsecond=5)]) == ["2026-11-01 09:00:00Z", "2026-11-01 09:00:00.000005Z"]
    assert cells.column(["a\u202eb\nc", b"\x00", ["x", at]]) == ["a\\u202eb↵c", "00", '["x", "2026-11-01 09:00:00Z"]']
    table = pa.Table.from_arrays([pa.array([1]), pa.array(["x"])], names=["n", "n"])
    assert cells.columns(table) == {"c0": [1], "c1": ["x"]}
    assert cells.names(table) == {"c0": "n", "c1": "n"}


def test_a_query_of_a_browser_that_is_gone_is_stopped(demo_log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    class Sessions:
        left = 5

        def is_active_session(self, session: str) -> bool:
            self.left -= session == "gone"
            return self.left > 0

    sessions = Sessions()
    monkeypatch.setattr(exploring, "get_instance", lambda: sessions)
    endless = "SELECT levenshtein(repeat('a', 200000), repeat('b', 200000))"
    asking = exploring.Asking(demo_log, exploring.Query(endless, (), 10, ""), "gone")
    asking._run()
    assert isinstance(asking.error, QueryStoppedError)
    assert (asking.result, asking.is_over) == (None, True)
    sessions.left = 5
    answered = exploring.Asking(demo_log, exploring.Query("SELECT $x AS x WHERE $x = ''", (("x", "1"),), 10, ""), "there")
    answered._run()
    assert answered.result is not None
    assert len(answered.result) == 0


def test_a_browser_that_left_while_the_events_were_prepared_takes_nobodys_turn(demo_log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exploring, "get_instance", lambda: SimpleNamespace(is_active_session=lambda session: False))
    turns: list[str] = []
    monkeypatch.setattr(AuditLog, "sql", lambda log, text, **how: turns.append(text))
    asking = exploring.Asking(demo_log, exploring.Query("SELECT 1", (), 10, ""), "gone")
    asking._run()
    assert (turns, asking.result, asking.error, asking.is_over) == ([], None, None, True)


def test_secrets_are_dots_on_the_page(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path / "s", [batch([event(1, metadata='{"password":"hunter2"}')])], name="a", log_id="acme")
    log = open_log(tmp_path / "s")
    monkeypatch.setattr(exploring, "get_instance", lambda: SimpleNamespace(is_active_session=lambda session: True))
    asking = exploring.Asking(log, exploring.Query("SELECT metadata FROM events", (), 10, ""), "there")
    asking._run()
    assert asking.result is not None
    assert "hunter2" not in str(asking.result.table.to_pylist())
    assert exploring.preparation() == ("", 0, 0)
    log.close()


# -- saved queries -----------------------------------------------------------------------------------


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUDIT_STATE", str(tmp_path / "state"))
    return tmp_path / "state" / saved_queries.FILE


def test_saved_queries_are_a_persons_own_and_only_ever_added_to(state: Path) -> None:
    assert saved_queries.saved("anna") == []
    one, other = SavedQuery("b", "SELECT '\u2028', $x", (("x", "1"),)), SavedQuery("A", "SELECT 1", ())
    saved_queries.save("anna", one)
    saved_queries.save("anna", other)
    saved_queries.save("ben", SavedQuery("b", "SELECT 2", ()))
    assert saved_queries.saved("anna") == [other, one]
    before = state.read_bytes()
    saved_queries.save("anna", SavedQuery("b", "SELECT 3", ()))
    saved_queries.forget("anna", "A")
    assert [query.sql for query in saved_queries.saved("anna")] == ["SELECT 3"]
    assert [query.sql for query in saved_queries.saved("ben")] == ["SELECT 2"]
    assert state.read_bytes().startswith(before)
    assert state.stat().st_mode & 0o777 == 0o600


def test_a_line_that_was_never_finished_costs_that_query_alone(state: Path) -> None:
    saved_queries.save("anna", SavedQuery("a", "SELECT 1", ()))
    with state.open("ab") as file:
        file.write(b'{"format":"auditlib-quer')
    saved_queries.save("anna", SavedQuery("b", "SELECT 2", ()))
    assert [query.name for query in saved_queries.saved("anna")] == ["a", "b"]


def test_saved_queries_of_a_newer_version_are_refused(state: Path) -> None:
    state.parent.mkdir()
    state.write_text('{"format":"auditlib-queries/2","person":"anna"}\n', encoding="utf-8")
    with pytest.raises(CacheError, match="expected auditlib-queries/1"):
        saved_queries.saved("anna")


def test_a_state_folder_that_cannot_be_written_is_said(state: Path) -> None:
    state.parent.parent.joinpath("state").write_bytes(b"")
    with pytest.raises(CacheError, match="The query could not be kept"):
        saved_queries.save("anna", SavedQuery("a", "SELECT 1", ()))
