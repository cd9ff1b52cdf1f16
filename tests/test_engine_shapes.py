"""Shapes: what a question may touch, whatever the size of the log; speed follows from it, and noise does not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from events import batch, events

from auditlib.engine.duckdb import opening as second
from auditlib.engine.duckdb.query import DuckDBEngine
from auditlib.engine.embedded import opening
from auditlib.engine.embedded.haystack import Haystack
from auditlib.engine.embedded.matches import Bitmap, Sorted
from auditlib.engine.embedded.query import EmbeddedEngine
from auditlib.store import publish
from auditlib.view import View

EVENTS = 6_000
"""Enough that the arrays of positions are mapped rather than read; see `arrays.READ_BYTES`."""


class Untouched(dict[str, Any]):
    """Stands for the columns of a segment: whoever looks at the values of events fails."""

    def __missing__(self, name: str) -> Any:
        raise AssertionError(f"the events' {name} was looked at")

    def get(self, name: str, default: Any = None) -> Any:
        return self[name]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of one snapshot, every event of which is on both tabs."""
    store = tmp_path_factory.mktemp("many") / "s"
    publish(store, [batch(events(EVENTS, actor_role="member"))], name="all", log_id="acme")
    return store


@pytest.fixture
def embedded(many: Path) -> Iterator[EmbeddedEngine]:
    engine = opening.open_engine(many)
    yield engine
    engine.close()


@pytest.fixture
def duckdb(many: Path) -> Iterator[DuckDBEngine]:
    engine = second.open_engine(many)
    yield engine
    engine.close()


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The needles that are looked for in texts from now on."""
    found: list[bytes] = []
    find = Haystack.find

    def noted(haystack: Haystack, needle: bytes, start: int = 0) -> int:
        found.append(needle)
        return find(haystack, needle, start)

    monkeypatch.setattr(Haystack, "find", noted)
    return found


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize("number", [1, 2, 41, 80])
def test_a_page_takes_its_own_positions_and_no_others(
    embedded: EmbeddedEngine, searches: list[bytes], monkeypatch: pytest.MonkeyPatch, number: int, order: str
) -> None:
    taken: list[int] = []
    take = Sorted.take

    def noted(matches: Sorted, start: int, stop: int) -> Any:
        taken.append(stop - start)
        return take(matches, start, stop)

    def refused(*_: object) -> Any:
        raise AssertionError("every match was looked at")

    monkeypatch.setattr(Sorted, "take", noted)
    for kind in (Sorted, Bitmap):
        monkeypatch.setattr(kind, "all", refused)
    assert len(embedded.page(View(tab="team", order=order, page=number)).events) == 50
    assert sum(taken) == 50
    assert searches == []


@pytest.mark.parametrize(
    "link",
    ["", "tab=team", "tab=team&action=updated", "tab=team&actor=U1", "tab=team&from=2026-05-01&to=2026-06-01&tz=Asia/Kolkata"],
)
def test_a_tab_a_value_and_a_range_are_slices_of_files(embedded: EmbeddedEngine, searches: list[bytes], link: str) -> None:
    (segment,) = embedded._layers.segments
    segment.codes = Untouched()
    view = View.from_link(link)
    total = embedded.total(view)
    (matches,) = embedded._matching(view).matches
    assert isinstance(matches, Sorted)
    assert matches.nbytes == 0
    assert len(matches.take(0, EVENTS)) == total
    assert searches == []


def test_counts_of_a_whole_tab_look_at_no_event(embedded: EmbeddedEngine, searches: list[bytes]) -> None:
    (segment,) = embedded._layers.segments
    segment.codes = Untouched()
    assert sum(count.events for count in embedded.facet(View(tab="team"), "action", limit=50)) == EVENTS
    assert searches == []


def test_a_search_without_a_match_looks_once_through_the_names_and_once_through_the_ids(
    embedded: EmbeddedEngine, searches: list[bytes]
) -> None:
    (segment,) = embedded._layers.segments
    segment.codes = Untouched()
    assert embedded.total(View(tab="team").having("q", "Nobody")) == 0
    assert searches == [b"nobody", b"nobody"]


def test_matches_of_a_view_are_found_once_for_all_its_pages(embedded: EmbeddedEngine, searches: list[bytes]) -> None:
    view = View(tab="team").having("q", "e")
    total = embedded.total(view)
    before = len(searches)
    for number in (1, 2, 3):
        assert embedded.page(view.on_page(number)).total == total
    embedded.histogram(view, bucket_minutes=60)
    assert len(searches) == before
    embedded.forget()
    embedded.total(view)
    assert len(searches) > before


@pytest.mark.parametrize("number", [1, 80])
def test_the_second_engine_asks_twice_for_a_page_by_ranges_of_positions(
    duckdb: DuckDBEngine, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    asked: list[tuple[str, Any]] = []
    rows = duckdb._rows

    def noted(sql: str, parameters: object = ()) -> list[Any]:
        asked.append((sql, parameters))
        return rows(sql, parameters)

    monkeypatch.setattr(duckdb, "_rows", noted)
    assert len(duckdb.page(View(tab="team", page=number)).events) == 50
    assert len(asked) == 2
    for sql, parameters in asked:
        plan = rows(f"EXPLAIN {sql}", parameters)[0][1].replace(" ", "")
        assert re.search(r"Filters:.*pos[<>]=\d", plan, re.DOTALL), plan
    assert np.ptp(asked[1][1][2]) == 49
