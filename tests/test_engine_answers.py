"""Answers: every engine says of every view what a plain reading of the files says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from conftest import ENGINES, in_layers, opener
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odd_events import publish_odd
from reference import Event, Reference

from auditlib import vocabulary
from auditlib.errors import EngineError, NotFoundError
from auditlib.event import changes_of, related_ids
from auditlib.log import AuditLog
from auditlib.schema import COLUMNS, SCHEMA
from auditlib.times import to_micros
from auditlib.view import FILTERS, ORDERS, PAGE_SIZES, View

FACETS = {
    "action": ("action",), "actor_id": ("actor", "member"), "actor_name": ("actor", "member"), "resource_type": ("type",),
    "outcome": ("outcome",), "source": (), "ip": ("ip",), "actor_role": (),
}  # fmt: skip
NETWORKS = ("10.0.0.0/8", "10.0.0.1/32", "::ffff:10.0.0.0/120", "2001:db8::/32", "0.0.0.0/0", "::/0", "203.0.113.0/25", "fe80::/10")
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Pacific/Apia")
NEEDLES = ("%", "_", "'", '"', "\\", "ı", "σ", "é", " ", "zoë", "Interview Book", "nobody is called this")


@dataclass
class Case:
    """A log, its reference, and the values a view over it may ask for."""

    log: AuditLog
    reference: Reference

    @cached_property
    def values(self) -> dict[str, list[str]]:
        events = self.reference.events
        found: dict[str, set[str]] = {parameter: set() for parameter in FILTERS}
        for event in events:
            for parameter, column in _COLUMNS.items():
                found[parameter].add(event[column] or "")
            found["resource"].add(f"{event['resource_type']}:{event['resource_id'] or ''}")
            found["related"] |= {f"{kind}:{ident}" for kind, ident in related_ids(event["related"]).items()}
            found["changed"] |= {change["field"] for change in changes_of(event["changes"])}
        found["ip"] |= set(NETWORKS)
        found["changed"].add("7")
        found["related"] |= {"y:true", "z:1.5", "session:BK1"}
        return {parameter: sorted(value for value in asked if not FILTERS[parameter].check(value)) for parameter, asked in found.items()}

    @cached_property
    def texts(self) -> list[str]:
        columns = ("actor_name", "resource_id", "resource_type")
        labels = {vocabulary.resource_label(event["resource_type"]) for event in self.reference.events}
        return sorted({event[column] for event in self.reference.events for column in columns if event[column]} | labels)

    @cached_property
    def days(self) -> list[str]:
        return sorted(
            {event["occurred_at"].date().isoformat() for event in self.reference.events if event["occurred_at"]}
            - {"0001-01-01", "9999-12-31"}
        )

    def views(self) -> st.SearchStrategy[View]:
        return st.composite(self._view)()

    def _view(self, draw: Any) -> View:
        view = View(
            tab=draw(st.sampled_from(list(vocabulary.TABS))), order=draw(st.sampled_from(ORDERS)), rows=draw(st.sampled_from(PAGE_SIZES))
        )
        open_here = [parameter for parameter, rule in FILTERS.items() if view.tab in rule.tabs and parameter != "q"]
        for parameter in draw(st.lists(st.sampled_from(open_here), max_size=3)):
            values = draw(st.lists(st.sampled_from(self.values[parameter]), min_size=1, max_size=25 if draw(st.booleans()) else 2))
            excluded = draw(st.booleans())  # a value that starts with ! can be excluded by a link, but not asked for
            view = view.having(parameter, *(value for value in values if excluded or not value.startswith("!")), excluded=excluded)
        if draw(st.integers(0, 2)) == 0:
            text = draw(st.sampled_from(self.texts))
            start = draw(st.integers(0, len(text)))
            needle = draw(st.sampled_from([text[start : start + draw(st.integers(1, 9))], draw(st.sampled_from(NEEDLES))]))
            needle = needle.swapcase() if draw(st.booleans()) else needle
            if not FILTERS["q"].check(needle):
                view = view.having("q", needle)
        if draw(st.integers(0, 2)) == 0:
            bounds = sorted(draw(st.lists(st.sampled_from(self.days), min_size=2, max_size=2)))
            clock = draw(st.sampled_from(["", "", "T00:00", "T02:30", "T18:45"]))
            view = view.between(f"{bounds[0]}{clock}", bounds[1], draw(st.sampled_from(ZONES)))
        return view.on_page(draw(st.sampled_from([1, 1, 2, 3, 10**14])))


LAYERS = "layers"
"""The embedded engine over several segments that were built one after the other."""

_COLUMNS = {
    "action": "action", "interviewer": "interviewer_id", "candidate": "candidate_id", "member": "actor_id", "actor": "actor_id",
    "type": "resource_type", "outcome": "outcome", "ip": "ip",
}  # fmt: skip


@pytest.fixture(scope="module")
def odd_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish_odd(tmp_path_factory.mktemp("odd") / "store")


@pytest.fixture(
    scope="module", params=[(name, store) for name in (*ENGINES, LAYERS) for store in ("demo_store", "odd_store")], ids="-".join
)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    name, fixture = request.param
    store = request.getfixturevalue(fixture)
    log = in_layers(store, tmp_path_factory.mktemp(LAYERS)) if name == LAYERS else opener(name)(store)
    yield Case(log, request.getfixturevalue("demo_reference") if fixture == "demo_store" else Reference(store))
    log.close()


def ids(events: Any) -> list[str]:
    return [event["event_id"] if isinstance(event, dict) else event.event_id for event in events]


def compare(case: Case, view: View, data: st.DataObject) -> None:
    """Every answer of the engine about a view, against the reference's."""
    log, reference = case.log, case.reference
    expected = reference.matches(view)
    page = log.page(view, metadata=False)
    pages = max(1, -(-len(expected) // view.rows))
    number = min(view.page, pages)
    here = expected[(number - 1) * view.rows : number * view.rows]
    assert ids(page.events) == ids(here)
    assert (page.total, page.pages, page.view.page) == (len(expected), pages, number)
    assert (page.first, page.last) == ((number - 1) * view.rows + 1, (number - 1) * view.rows + len(here)) if here else (0, 0)
    assert page.without_time == reference.without_time(view)
    assert log.total(view) == len(expected)
    for event in [*here[:2], data.draw(st.sampled_from(reference.events))]:
        place = ids(expected).index(event["event_id"]) if event in expected else None
        assert log.position(view, event["event_id"]) == place
        if place is not None:
            assert log.event_at(view, place) == event["event_id"]
    assert log.event_at(view, len(expected)) is None
    column = data.draw(st.sampled_from(sorted(FACETS)))
    counts = log.facet(view, column, limit=100_000)
    assert {count.value: count.events for count in counts} == dict(reference.facet(view, column, FACETS[column]))
    assert [count.events for count in counts] == sorted((count.events for count in counts), reverse=True)
    minutes = data.draw(st.sampled_from([1, 7, 60, 1440]))
    bars, counted = log.histogram(view, bucket_minutes=minutes), reference.histogram(view, minutes)
    assert {max(start, -62_135_596_800_000_000): n for start, n in counted.items()} == {
        to_micros(bar.start): bar.events for bar in bars if bar.start
    }
    assert len(bars) == len(counted)
    compare_activity(log, view, expected, ZoneInfo(data.draw(st.sampled_from(ZONES))))


def compare_activity(log: AuditLog, view: View, expected: list[Event], tz: ZoneInfo) -> None:
    """The bars over the time of the matches, against counting them one by one."""
    times = [to_micros(event["occurred_at"]) for event in expected if event["occurred_at"] is not None]
    activity = log.activity(view, tz)
    if activity.buckets is None:
        assert not times
        return
    cut = activity.buckets
    counted = Counter(cut.of(at) for at in times)
    assert activity.counts == tuple(counted[number] for number in range(len(cut)))
    if view.span() is None:
        far = [at for at in times if not cut.edges[0] <= at < cut.edges[-1]]
        assert len(far) <= 2 * (1 + len(expected) // 1_000)
        assert not far or cut.edges[-1] - cut.edges[0] < max(times) - min(times)


def test_the_span_of_matches_can_leave_out_the_ends(case: Case) -> None:
    for view in (View(tab="team"), View(tab="team").having("action", "updated"), View().having("q", "nothing has this")):
        times = sorted(to_micros(event["occurred_at"]) for event in case.reference.matches(view) if event["occurred_at"])
        for skipped in (0, 1, 3, len(times) // 2):
            left = times[skipped : len(times) - skipped]
            assert case.log._engine.span(view, skipping=skipped) == ((left[0], left[-1]) if left else None)


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
def test_every_view_is_answered_as_a_plain_reading_of_the_files_answers_it(case: Case, data: st.DataObject) -> None:
    compare(case, data.draw(case.views()), data)


@pytest.mark.long
@given(data=st.data())
@settings(max_examples=4_000, deadline=None, suppress_health_check=QUIET)
def test_thousands_of_views_are_answered_as_a_plain_reading_answers_them(case: Case, data: st.DataObject) -> None:
    compare(case, data.draw(case.views()), data)


@given(data=st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=QUIET)
def test_a_link_answers_what_its_view_answers(case: Case, data: st.DataObject) -> None:
    view = data.draw(case.views())
    assert case.log.total(case.log.view(str(view))) == len(case.reference.matches(view))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("tab", list(vocabulary.TABS))
def test_paging_through_all_visits_every_event_exactly_once(case: Case, tab: str, order: str) -> None:
    for view in (View(tab=tab, order=order, rows=20), View(tab=tab, order=order, rows=10).having("q", "a")):
        seen: list[str] = []
        for number in range(1, case.log.page(view, metadata=False).pages + 1):
            seen += ids(case.log.page(view.on_page(number), metadata=False).events)
        assert seen == ids(case.reference.matches(view))
        assert len(seen) == len(set(seen)) == case.log.total(view)


def test_each_event_is_on_at_least_one_tab(case: Case) -> None:
    everywhere = set(ids(case.reference.matches(View()))) | set(ids(case.reference.matches(View(tab="team"))))
    assert everywhere == set(case.reference.by_id)
    assert case.log.head.events == len(case.reference.events)


def as_recorded(event: Event) -> Event:
    return {name: event[name] for name in COLUMNS}


@pytest.mark.parametrize("link", ["", "tab=team&order=oldest", "tab=team&q=a&rows=10&page=2", "ip=10.0.0.0/8", "q=nobody is called this"])
def test_batches_are_the_matches_in_order_with_every_column_as_recorded(case: Case, link: str) -> None:
    view = case.log.view(link)
    expected = [as_recorded(event) for event in case.reference.matches(view)]
    table = case.log.events(view)
    assert table.schema == SCHEMA
    assert table.to_pylist() == expected
    first = (view.page - 1) * view.rows
    page = pa.Table.from_batches(case.log.batches(view, whole=False), schema=SCHEMA)
    assert page.to_pylist() == expected[first : first + view.rows]
    assert [as_recorded({name: getattr(event, name) for name in COLUMNS}) for event in case.log.page(view).events] == page.to_pylist()


def test_an_event_carries_its_snapshot_its_conflicts_and_its_metadata(case: Case) -> None:
    events = case.reference.events
    spread = range(0, len(events), 1 + len(events) // 300)
    for expected in [event for number, event in enumerate(events) if event["conflicts"] or number in spread]:
        event = case.log.event(expected["event_id"])
        assert (event.snapshot, event.conflicts, event.metadata) == (expected["snapshot"], expected["conflicts"], expected["metadata"])
        assert event.to_record().keys() == dict.fromkeys(COLUMNS).keys()


def test_repeats_are_shown_once_and_counted(case: Case) -> None:
    assert case.log.head.duplicates == case.reference.duplicates > 0
    assert case.log.head.events == case.log.total(View(tab="team")) + case.log.total(View()) - sum(
        event["resource_type"] in vocabulary.INTERVIEW_TYPES and event["actor_role"] in vocabulary.TEAM_ROLES
        for event in case.reference.events
    )


def test_a_later_body_of_one_id_is_kept_beside_the_first_and_both_are_marked(case: Case) -> None:
    renamed = [event for event in case.reference.events if "~" in event["event_id"]]
    assert renamed
    for event in renamed:
        for ident in (event["event_id"], event["event_id"].split("~")[0]):
            assert case.log.event(ident).conflicts
        assert case.log.view(f"event={event['event_id']}").event == event["event_id"]


def test_an_unknown_event_is_said_to_be_unknown(case: Case) -> None:
    for ident in ("nope", "", "'; DROP TABLE events;--", "x" * 10_000, "\x00"):
        with pytest.raises(NotFoundError, match="No event"):
            case.log.event(ident)
        assert case.log.position(View(), ident) is None


def test_people_are_found_by_any_part_of_name_email_and_id(case: Case) -> None:
    for kind, column in (("interviewer", "interviewer"), ("candidate", "candidate"), ("actor", "actor")):
        counts = Counter(event[f"{column}_id"] for event in case.reference.events if event[f"{column}_id"])
        found = case.log.suggest(kind, "", limit=100_000)  # type: ignore[arg-type]
        assert {person.id: person.events for person in found} == counts
        for person in found[:5]:
            newest = next(
                (e[f"{column}_name"] for e in case.reference.events if e[f"{column}_id"] == person.id and e[f"{column}_name"] is not None),
                "",
            )
            assert person.name == newest
            assert person.id in {each.id for each in case.log.suggest(kind, person.id.upper(), limit=100_000)}  # type: ignore[arg-type]


def test_someone_in_several_parts_is_not_counted_twice(case: Case) -> None:
    counts = Counter(event["actor_id"] for event in case.reference.events if event["actor_role"] in vocabulary.TEAM_ROLES)
    for ident in filter(None, counts):
        asked = [event for event in case.reference.events if ident in (event["actor_id"], event["interviewer_id"], event["candidate_id"])]
        person = case.log.person(ident)
        assert person is not None
        assert counts[ident] <= person.events <= len(asked)


def test_a_kind_of_people_a_column_without_a_facet_and_a_bucket_of_no_width_are_refused(case: Case) -> None:
    with pytest.raises(NotFoundError, match="No people of kind 'owner': expected one of interviewer, candidate, member, actor"):
        case.log.suggest("owner", "a")  # type: ignore[arg-type]
    with pytest.raises(NotFoundError, match=r"No facet on 'metadata': expected one of .*action"):
        case.log.facet(View(), "metadata")
    with pytest.raises(EngineError, match="A bucket cannot span 0 minutes"):
        case.log.histogram(View(), bucket_minutes=0)
