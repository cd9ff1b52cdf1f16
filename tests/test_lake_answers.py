"""Answers of lakes: a cluster or server says of every view what a plain reading of the snapshot files says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import lakes
import pytest
import test_engine_answers as every_engine
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import Reference
from test_engine_answers import QUIET, Case, compare, odd_store

from auditlib.access.principal import AT_THE_MACHINE
from auditlib.engine.lake import ranks
from auditlib.engine.lake.load import load_lake
from auditlib.engine.lake.opening import opened
from auditlib.engine.lake.questions import Questions
from auditlib.errors import LakeError, NotFoundError
from auditlib.log import AuditLog
from auditlib.view import ORDERS, View

pytest.importorskip("ibis", reason="the extra lake is not installed")
__all__ = ["odd_store"]


@pytest.fixture(scope="module")
def odd_lake(odd_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lakes.published(odd_store, tmp_path_factory.mktemp("odd-lake"))


@pytest.fixture(scope="module")
def demo_lake(demo_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lakes.published(demo_store, tmp_path_factory.mktemp("demo-lake"))


@pytest.fixture(scope="module")
def sail() -> Iterator[str]:
    with lakes.sail() as url:
        yield url


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with lakes.postgres() as url:
        yield url


def shown_by_postgres(reference: Reference) -> Reference:
    """What a reference must say where NUL cannot be stored."""
    for event in reference.events:
        event.update({name: value.replace("\x00", "\u2400") for name, value in event.items() if isinstance(value, str)})
    return reference


def asked(server: str, url: str, lake: Path, store: Path) -> AuditLog:
    """A published lake, opened by the way of a server."""
    match server:
        case "postgres":
            table = lake.name.replace("-", "_")
            load_lake(str(lake), url, table)
            return lakes.opened(url, table, store)
        case "chdb":
            pytest.importorskip("chdb")
            return AuditLog(opened(lakes.ChdbConnection(lake), lake.name, lambda stage, done, total: None), AT_THE_MACHINE, store)
    return lakes.opened(url, lake, store)


@pytest.fixture(
    scope="module", params=["postgres-demo", "postgres-odd", "sail-odd", pytest.param("sail-demo", marks=pytest.mark.long), "chdb-odd"]
)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    server, name = request.param.split("-")
    store, lake = (request.getfixturevalue(f"{name}_{each}") for each in ("store", "lake"))
    log = asked(server, "" if server == "chdb" else request.getfixturevalue(server), lake, store)
    reference = Reference(store)
    yield Case(log, shown_by_postgres(reference) if server == "postgres" else reference)
    log.close()


@given(data=st.data())
@settings(max_examples=8, deadline=None, suppress_health_check=QUIET)
def test_every_view_is_answered_as_a_plain_reading_of_the_files_answers_it(case: Case, data: st.DataObject) -> None:
    compare(case, data.draw(case.views()), data)


@pytest.mark.long
@given(data=st.data())
@settings(max_examples=500, deadline=None, suppress_health_check=QUIET)
def test_hundreds_of_views_are_answered_as_a_plain_reading_answers_them(case: Case, data: st.DataObject) -> None:
    compare(case, data.draw(case.views()), data)


def test_batches_are_the_matches_in_order_with_every_column_as_recorded(case: Case) -> None:
    for link in ("tab=team&q=a&rows=10&page=2", "ip=10.0.0.0/8&order=oldest"):
        every_engine.test_batches_are_the_matches_in_order_with_every_column_as_recorded(case, link)


def test_spark_is_asked_from_a_process_without_a_main_file(sail: str, odd_lake: Path) -> None:
    code = f"from auditlib.engine.lake.opening import open_lake; print(open_lake({sail!r}, {str(odd_lake)!r}).head.events)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, int(done.stdout)) == (0, lakes.opened(sail, odd_lake, odd_lake).head.events), done.stderr


def test_people_and_spans_are_those_of_every_engine(case: Case) -> None:
    every_engine.test_people_are_found_by_any_part_of_name_email_and_id(case)
    every_engine.test_someone_in_several_parts_is_not_counted_twice(case)
    every_engine.test_a_kind_of_people_a_column_without_a_facet_and_a_bucket_of_no_width_are_refused(case)


def test_an_event_carries_its_snapshot_its_conflicts_and_its_metadata(case: Case) -> None:
    renamed = [event for event in case.reference.events if event["conflicts"]]
    for expected in [*case.reference.events[:3], *renamed[:6], case.reference.events[-1]]:
        event = case.log.event(expected["event_id"])
        assert (event.snapshot, event.conflicts, event.metadata) == (expected["snapshot"], expected["conflicts"], expected["metadata"])
    assert case.log.head.duplicates == case.reference.duplicates > 0
    for ident in ("nope", "", "'; DROP TABLE events;--", "\x00"):
        with pytest.raises(NotFoundError, match="No event"):
            case.log.event(ident)


@pytest.mark.parametrize("order", ORDERS)
def test_deep_pages_are_found_by_counting_ever_shorter_stretches(case: Case, order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "FEW", 1)
    view = View(tab="team", order=order, rows=20)
    expected = [event["event_id"] for event in case.reference.matches(view)]
    pages = -(-len(expected) // 20)
    for number in {2, pages // 2, pages - 1, pages}:
        page = case.log.page(view.on_page(max(1, number)), metadata=False)
        assert [event.event_id for event in page.events] == expected[page.first - 1 : page.last]


def test_what_was_asked_before_is_not_asked_again(case: Case) -> None:
    view = View(tab="team").having("action", "updated")
    first = case.log.page(view, metadata=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Questions, "ask", lambda self, expression: pytest.fail("it was asked again"))
        assert case.log.page(view, metadata=False) == first
        assert case.log.total(view) == first.total


def test_a_server_that_orders_ids_by_a_language_is_refused(postgres: str, odd_lake: Path, odd_store: Path) -> None:
    import psycopg

    load_lake(str(odd_lake), postgres, "by_language")
    with psycopg.connect(postgres) as connection:
        connection.execute('ALTER TABLE by_language ALTER COLUMN event_id TYPE text COLLATE "en-x-icu"')
    with pytest.raises(LakeError, match="orders ids by a language, not by bytes"):
        lakes.opened(postgres, "by_language", odd_store)
