"""Layers: what was built for earlier snapshots serves on, and several segments answer as one log."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import opener
from events import batch, event, events
from hypothesis import given
from hypothesis import strategies as st
from reference import Reference
from stores import flip
from waiting import soon

from auditlib.engine.embedded import build, cover
from auditlib.engine.embedded.cover import TAKEN_IN, Run
from auditlib.log import AuditLog
from auditlib.store import FileEntry, publish
from auditlib.view import View

ALL = View(tab="team", rows=100)
open_embedded = opener("embedded")


def segments(cache: Path) -> dict[str, int]:
    """The segments there are, with the inode of each."""
    return {path.name: path.stat().st_ino for path in cache.glob("*/segment-*")}


def ids(log: AuditLog, view: View = ALL) -> list[str]:
    found: list[str] = log.events(view)["event_id"].to_pylist()
    return found


@pytest.fixture
def layered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every opening that finds something new builds a segment for it alone."""
    monkeypatch.setattr(cover, "TAKEN_IN", 0)


# -- which segments ---------------------------------------------------------------------------------


def entries(rows: list[int]) -> list[FileEntry]:
    return [
        FileEntry(
            path=f"f{number}.parquet", sha256=f"{number:064x}", bytes=1, rows=count, schema_sha256="0" * 64, min_time=None, max_time=None
        )
        for number, count in enumerate(rows)
    ]


def grown(rows: list[int], most: int) -> Iterator[tuple[list[FileEntry], list[Run], set[str]]]:
    """The runs after each file that is added, and which of them are new."""
    present: set[str] = set()
    for count in range(1, len(rows) + 1):
        files = entries(rows[:count])
        runs = cover.cover(files, "form", present, lambda name: True)
        names = {run.name for run in runs}
        yield files, runs, names - present
        present = names


@given(st.lists(st.integers(0, 50), min_size=1, max_size=40))
def test_runs_cover_every_file_once_and_in_order(rows: list[int]) -> None:
    for files, runs, _ in grown(rows, 10**9):
        assert [number for run in runs for number in range(run.first, run.last)] == list(range(len(files)))
        assert sum(run.rows for run in runs) == sum(rows[: len(files)])


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60))
def test_each_run_but_the_last_is_several_times_the_one_after_it(rows: list[int]) -> None:
    for _, runs, _ in grown(rows, 10**9):
        assert all(before.rows >= TAKEN_IN * after.rows for before, after in pairwise(runs))


def test_a_year_of_daily_snapshots_leaves_few_segments_and_merges_each_event_a_few_times() -> None:
    built, most = 0, 0
    for _, runs, new in grown([10_000, *[27] * 365], 10**9):
        built += sum(run.rows for run in runs if run.name in new)
        most = max(most, len(runs))
    assert most <= 6
    assert built - 10_000 <= 6 * (10_000 + 365 * 27)


def test_a_run_has_no_more_rows_than_can_be_built_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cover, "MOST_ROWS", 100)
    runs = cover.cover(entries([60, 30, 30, 150, 1, 99, 1]), "form", [], lambda name: True)
    assert [(run.first, run.last, run.rows) for run in runs] == [(0, 2, 90), (2, 3, 30), (3, 4, 150), (4, 6, 100), (6, 7, 1)]
    again = cover.cover(entries([60, 30, 30, 150, 1, 99, 1, 5]), "form", [run.name for run in runs], lambda name: True)
    assert [(run.first, run.last) for run in again] == [(0, 2), (2, 3), (3, 4), (4, 6), (6, 8)]


def test_a_segment_whose_seal_is_broken_is_built_anew_and_the_ones_before_it_serve_on() -> None:
    files = entries([100, 20, 4])
    runs = cover.cover(files[:1], "form", [], lambda name: True)
    runs += cover.cover(files[:2], "form", [run.name for run in runs], lambda name: True)[1:]
    names = [run.name for run in runs]
    assert [run.name for run in cover.cover(files, "form", names, lambda name: True)][:2] == names
    assert cover.cover(files, "form", names, lambda name: name == names[0])[0].name == names[0]
    assert not {run.name for run in cover.cover(files, "form", names, lambda name: name == names[0])} & {names[1]}
    assert not {run.name for run in cover.cover(files, "another form", names, lambda name: True)} & set(names)


# -- what they answer -------------------------------------------------------------------------------


def test_a_new_snapshot_is_built_alone_and_what_was_there_stays(store: Path, cache: Path) -> None:
    open_embedded(store).close()
    before = segments(cache)
    publish(store, [batch(events(2, 50, actor_role="member"))], name="day-3")
    stages: dict[str, int] = {}
    log = open_embedded(store, progress=lambda stage, done, total: stages.__setitem__(stage, total))
    assert stages["Reading events"] == 2
    assert before.items() < segments(cache).items()
    assert len(segments(cache)) == 2
    assert log.total(ALL) == 11
    log.close()


def test_a_reader_keeps_the_head_it_has_while_a_newer_one_is_opened(store: Path, cache: Path) -> None:
    log = open_embedded(store)
    first = log.page(ALL.on_page(1))
    publish(store, [batch(events(40, 50, actor_role="member"))], name="day-3")
    newer = open_embedded(store)
    assert newer.total(ALL) == 49
    assert log.has_newer()
    assert log.page(ALL) == first
    assert ids(log) == [each.event_id for each in first.events]
    log.close()
    newer.close()


@pytest.mark.usefixtures("layered")
def test_layers_that_overlap_in_time_and_tie_answer_as_one_log(tmp_path: Path, cache: Path) -> None:
    random.seed(5)
    start = datetime(2026, 5, 4, tzinfo=UTC)
    for number in range(6):
        rows = [
            event(
                100 * number + place,
                event_id=f"{random.randrange(16**8):08x}-{number}",
                occurred_at=random.choice([None, start, start + timedelta(minutes=random.randrange(40))]),
                action=random.choice(["updated", "created"]),
                actor_role="member",
            )
            for place in range(random.choice([1, 30, 60]))
        ]
        publish(tmp_path / "s", [batch(rows)], name=f"part-{number}", log_id="acme")
        log = open_embedded(tmp_path / "s")
        reference = Reference(tmp_path / "s")
        for view in (ALL, View(tab="team", order="oldest"), ALL.having("action", "updated"), ALL.having("q", "e")):
            expected = [each["event_id"] for each in reference.matches(view)]
            assert ids(log, view) == expected
            for place, event_id in enumerate(expected):
                assert log.position(view, event_id) == place
                assert log.event_at(view, place) == event_id
        log.close()
    assert len(segments(cache)) == 6


@pytest.mark.usefixtures("layered")
def test_a_deep_page_is_found_without_reading_the_pages_before_it(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        times = [datetime(2026, 5, 4, tzinfo=UTC) + timedelta(seconds=3 * place + number) for place in range(3_000)]
        rows = [event(3_000 * number + place, occurred_at=at, actor_role="member") for place, at in enumerate(times)]
        publish(tmp_path / "s", [batch(rows)], name=f"part-{number}", log_id="acme")
        log = open_embedded(tmp_path / "s")
    from auditlib.engine.embedded.layers import Layer

    looked = 0
    before = Layer.before

    def counted(layer: Layer, key: int, event_id: str) -> int:
        nonlocal looked
        looked += 1
        return before(layer, key, event_id)

    monkeypatch.setattr(Layer, "before", counted)
    page = log.page(View(tab="team", rows=10, page=450))
    assert [each.occurred_at for each in page.events] == sorted((each.occurred_at for each in page.events), reverse=True)  # type: ignore[type-var]
    assert page.first == 4_491
    assert looked < 100
    log.close()


@pytest.mark.usefixtures("layered")
def test_repeats_over_the_border_of_segments_are_dropped_renamed_and_marked(tmp_path: Path, cache: Path) -> None:
    store = tmp_path / "s"
    one = event(1, metadata='{"a":1}', actor_role="member", source_event_id="n1")
    two = event(2, metadata="{}", actor_role="member", source_event_id="n2")
    publish(store, [batch([one, two])], name="first", log_id="acme")
    open_embedded(store).close()
    publish(store, [batch([one, {**one, "metadata": '{"a":2}'}, {**two, "event_id": "other", "metadata": '{"b":2}'}])], name="second")
    open_embedded(store).close()
    publish(store, [batch([{**one, "metadata": '{"a":2}'}, {**one, "metadata": '{"a":3}'}, event(3, actor_role="member")])], name="third")
    log = open_embedded(store)
    reference = Reference(store)
    assert ids(log) == [each["event_id"] for each in reference.matches(ALL)]
    assert log.head.duplicates == reference.duplicates == 2
    marked = {each.event_id for each in log.page(ALL).events if each.conflicts}
    assert marked == {each["event_id"] for each in reference.events if each["conflicts"]}
    assert len(marked) == 5
    assert len(segments(cache)) == 3
    log.close()


@pytest.mark.usefixtures("layered")
def test_what_follows_a_snapshot_that_is_quarantined_later_is_built_anew(store: Path, cache: Path) -> None:
    publish(store, [batch(events(3, 0, actor_role="member") + events(1, 70, actor_role="member"))], name="day-3")
    for path in sorted((store / "manifests").glob("*.json"))[1:]:
        path.rename(path.with_suffix(".later"))
    log = open_embedded(store)
    for path in sorted((store / "manifests").glob("*.later")):
        path.rename(path.with_suffix(".json"))
        log.close()
        log = open_embedded(store)
    assert (log.total(ALL), log.head.duplicates) == (10, 3)
    log.close()
    flip(store / "data" / "day-0.parquet", 300)
    log = open_embedded(store)
    assert (log.total(ALL), log.head.duplicates, list(log.head.quarantined)) == (10, 0, [1])
    log.close()


# -- children ---------------------------------------------------------------------------------------


class Stopped(Exception):
    """Raised by a progress callback to end a build."""


@pytest.mark.parametrize("stage", ["Reading events", "Sorting and indexing events"])
def test_a_build_that_is_cancelled_leaves_no_child_and_no_half_segment(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    monkeypatch.setattr(build, "IN_PROCESS_BYTES", 0)
    monkeypatch.setattr("auditlib.engine.embedded.encode.IN_PROCESS_BYTES", 0)
    for number in range(2):
        publish(tmp_path / "s", [batch(events(50, 50 * number))], name=f"part-{number}", log_id="acme")

    def progress(now: str, done: int, total: int) -> None:
        if now == stage and done:
            raise Stopped

    with pytest.raises(Stopped):
        open_embedded(tmp_path / "s", progress=progress)
    assert not list(cache.glob("*/.build-*"))
    assert not segments(cache)
    log = open_embedded(tmp_path / "s")
    assert log.total(View()) == 100
    log.close()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked up in /proc")
def test_children_of_a_killed_process_end_with_it_and_the_next_opening_sweeps(tmp_path: Path, cache: Path) -> None:
    publish(tmp_path / "s", [batch(events(20_000))], name="part", log_id="acme")
    script = (
        "import auditlib.engine.embedded.build as b, auditlib.engine.embedded.encode as e; b.IN_PROCESS_BYTES = e.IN_PROCESS_BYTES = 0;"
        f"import auditlib; auditlib.open_log({str(tmp_path / 's')!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", script])
    children = soon(lambda: [child for path in Path(f"/proc/{process.pid}/task").glob("*/children") for child in path.read_text().split()])
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert children
    assert soon(lambda: not any(Path(f"/proc/{child}/cmdline").exists() for child in children))
    assert list(cache.glob("*/.build-*"))
    log = open_embedded(tmp_path / "s")
    assert log.total(View()) == 20_000
    assert not list(cache.glob("*/.build-*"))
    log.close()
