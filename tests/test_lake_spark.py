"""A lake on Spark: a standalone master, two workers and Spark Connect answer as the embedded engine does, also when one is killed.

`make test-lake` runs it: the cluster takes a quarter of a minute to start, and Spark half a gigabyte of disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import lakes
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import Reference
from test_engine_answers import QUIET, Case, compare, odd_store

from auditlib.log import AuditLog, open_log
from auditlib.view import View
from benchmarks.history import store as write_history
from benchmarks.questions import questions
from benchmarks.spark import Cluster, NoSpark, cluster

pytestmark = [pytest.mark.long, pytest.mark.lake]

EVENTS = 1_000_000
__all__ = ["odd_store"]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("history") / "store"
    write_history(store, EVENTS)
    return store


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    try:
        with cluster(tmp_path_factory.mktemp("spark")) as started:
            yield started
    except NoSpark as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def embedded(history: Path) -> Iterator[AuditLog]:
    log = open_log(history)
    yield log
    log.close()


@pytest.fixture(scope="module")
def lake(history: Path, spark: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuditLog]:
    log = lakes.opened(spark.url, lakes.published(history, tmp_path_factory.mktemp("lake")), history)
    yield log
    log.close()


@pytest.fixture(scope="module")
def case(odd_store: Path, spark: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    log = lakes.opened(spark.url, lakes.published(odd_store, tmp_path_factory.mktemp("odd-lake")), odd_store)
    yield Case(log, Reference(odd_store))
    log.close()


@given(data=st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=QUIET)
def test_every_view_is_answered_as_a_plain_reading_of_the_files_answers_it(case: Case, data: st.DataObject) -> None:
    compare(case, data.draw(case.views()), data)


def test_a_million_events_are_answered_as_the_embedded_engine_answers_them(embedded: AuditLog, lake: AuditLog, spark: Cluster) -> None:
    assert lake.head.events == embedded.head.events == EVENTS
    assert lake.head.digest == embedded.head.digest
    for number, question in enumerate(questions(embedded._engine)):
        if question.kind == "page":
            compare_pages(embedded, lake, question.link)
        elif question.kind == "facet":
            view = View.from_link(question.link)
            assert lake.facet(view, question.of[0]) == embedded.facet(view, question.of[0]), question.key
        elif question.kind == "histogram":
            view, minutes = View.from_link(question.link), int(question.of[0])
            assert lake.histogram(view, bucket_minutes=minutes) == embedded.histogram(view, bucket_minutes=minutes), question.key
        elif question.kind == "suggest":
            assert lake.suggest(question.of[0], question.of[1]) == embedded.suggest(question.of[0], question.of[1])  # type: ignore[arg-type]
        elif question.kind == "event":
            for event_id in question.of[:3]:
                assert lake.event(event_id) == embedded.event(event_id)
        if number == 20:
            spark.kill_worker()


def test_with_one_worker_left_it_still_answers(embedded: AuditLog, lake: AuditLog, spark: Cluster) -> None:
    assert len(spark.workers) == 1
    lake._engine.forget()
    compare_pages(embedded, lake, "tab=team&q=a&from=2026-01-01&to=2026-03-31&tz=Europe/Berlin")


def compare_pages(embedded: AuditLog, lake: AuditLog, link: str) -> None:
    ours, theirs = (log.page(View.from_link(link), metadata=False) for log in (embedded, lake))
    assert (theirs.total, theirs.first, theirs.last, theirs.without_time) == (ours.total, ours.first, ours.last, ours.without_time), link
    assert [event.event_id for event in theirs.events] == [event.event_id for event in ours.events], link
