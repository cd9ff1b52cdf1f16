"""Many visitors on one server: each is answered, nobody sees an error, the health check answers, and who leaves leaves nothing behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import pytest

from auditlib import demo
from auditlib.store import publish
from benchmarks.machine import Held, held
from benchmarks.serving import Served, served
from benchmarks.visitor import Visitor
from benchmarks.visits import LINKS, Pulse, Told, at_once, in_turn, pulse, visit

SPARED = ("--server.disconnectedSessionTTL", "1")
"""A session is not kept for a browser that may come back, so that a test need not wait for two minutes."""

MILLION = 1_000_000
ENDLESS = "SELECT levenshtein(repeat('a', 200000), repeat('b', 200000))"

Serve = Callable[[int], Served]


@pytest.fixture(scope="module")
def serve(demo_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Servers on a small history, or one of so many events, that have shown every page that visitors look at."""
    with ExitStack() as running:
        known: dict[int, Served] = {}

        def start(events: int) -> Served:
            if events not in known:
                folder = tmp_path_factory.mktemp("load")
                store = published(folder / "store", events) if events else demo_store
                settings = {"AUDIT_CACHE": str(folder / "cache"), "AUDIT_STATE": str(folder / "state")}
                known[events] = running.enter_context(served(store, settings, *SPARED))
                assert looked(known[events], list(LINKS)).faults == []
            return known[events]

        yield start


def published(store: Path, events: int) -> Path:
    for snapshot in demo.snapshots(events, 7):
        publish(store, snapshot.batches, name=snapshot.name, created=snapshot.created, log_id=demo.log_id(events, 7))
    return store


def looked(server: Served, links: list[str]) -> Told:
    """What one visitor's look at links came to."""
    told = Told()
    visit(server.port, links, told)
    return told


def rested(server: Served) -> Held:
    """What a server holds once sessions whose browsers are gone are over; the next visitor sees them off."""
    time.sleep(1.5)
    assert looked(server, [""]).faults == []
    time.sleep(0.5)
    return held(server.process)


def said(felt: Pulse, after: Held) -> str:
    return f"slowest health check {max(felt.seconds, default=0):.3f} s, {after}"


@pytest.mark.parametrize(
    ("visitors", "events"), [(20, 0), pytest.param(20, MILLION, marks=pytest.mark.long), pytest.param(50, MILLION, marks=pytest.mark.long)]
)
def test_visitors_who_all_ask_at_once_are_all_answered(visitors: int, events: int, serve: Serve) -> None:
    server = serve(events)
    at_once(server.port, visitors, 1)
    before = held(server.process)
    with pulse(server) as felt:
        told = at_once(server.port, visitors, 4)
    slowest = max(seconds for each in told for seconds in each.seconds)
    print(f"{visitors} visitors: slowest run {slowest:.2f} s, {said(felt, held(server.process))}")
    assert [fault for each in told for fault in each.faults] + felt.faults == []
    assert [len(each.seconds) for each in told] == [4] * visitors
    assert felt.seconds
    assert held(server.process).memory < 1.5 * before.memory


@pytest.mark.parametrize(("comings", "events"), [(100, 0), pytest.param(1_000, MILLION, marks=pytest.mark.long)])
def test_whoever_comes_and_goes_leaves_no_memory_thread_or_file_behind(comings: int, events: int, serve: Serve) -> None:
    server = serve(events)
    assert in_turn(server.port, max(50, comings // 3), 10).faults == []
    before = rested(server)
    with pulse(server) as felt:
        told = in_turn(server.port, comings, 10)
    after = rested(server)
    print(f"{comings} comings: {before} → {said(felt, after)}")
    assert told.faults + felt.faults == []
    assert len(told.seconds) == comings
    assert after.memory <= 1.1 * before.memory
    assert after.files <= 1.1 * before.files
    assert after.threads <= 1.1 * before.threads + 2


def test_whoever_asks_and_never_reads_costs_little_and_keeps_nobody_waiting(serve: Serve) -> None:
    server = serve(0)
    before = held(server.process)
    with Visitor(server.port) as deaf:
        for page in range(1, 60):
            deaf.ask(f"page={page}")
        assert looked(server, list(LINKS)).faults == []
        assert held(server.process).memory < before.memory + (64 << 20)


@pytest.mark.long
def test_heavy_queries_of_ten_people_leave_pages_and_health_checks_answered(serve: Serve) -> None:
    server = serve(MILLION)
    with ExitStack() as visitors, pulse(server) as felt:
        heavy = [visitors.enter_context(Visitor(server.port)) for _ in range(10)]
        for each in heavy:
            each.ask(urlencode({"sql": ENDLESS}), "explore")
        pages = looked(server, list(LINKS))
    assert pages.faults + felt.faults == []
    assert len(felt.seconds) > 0
