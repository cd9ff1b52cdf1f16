"""Crashes while a store is loaded: whoever is killed, or has no room on the disk, leaves nothing half-true behind."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import ENGINES, opener
from events import batch, event
from stores import MOMENTS, child

from auditlib.log import AuditLog
from auditlib.store import publish
from auditlib.view import View

ALL = View(tab="team", rows=100)
LOADING = """
import resource, sys
from importlib import import_module
from pathlib import Path
from auditlib.errors import AuditError
open_engine = import_module(f"auditlib.engine.{sys.argv[2]}.opening").open_engine
if sys.argv[3] != "0":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
print("ready", flush=True)
try:
    open_engine(Path(sys.argv[1]))
    print("opened")
except AuditError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that takes a while to load: 20,000 events in four snapshots."""
    store = tmp_path_factory.mktemp("large")
    for number in range(4):
        rows = [event(5000 * number + place, actor_role="member", summary=f"Event {place % 97}") for place in range(5000)]
        publish(store, [batch(rows)], name=f"part-{number}", log_id="large")
    return store


def answers(log: AuditLog) -> tuple[Any, ...]:
    """What a log says of everything, in a form that can be compared; the log is closed."""
    page = log.page(ALL)
    said = (page.total, [item.to_record() for item in page.events], log.facet(ALL, "action"), log.histogram(ALL), log.head.complete)
    log.close()
    return said


@pytest.fixture(scope="module")
def expected(large: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, ...]]:
    """The answers of each engine after a clean load."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDIT_CACHE", str(tmp_path_factory.mktemp("clean")))
        return {name: answers(opener(name)(large)) for name in ENGINES}


def assert_sound(large: Path, cache: Path, name: str, expected: dict[str, tuple[Any, ...]]) -> None:
    """The next opening answers as after a clean load, and nothing unfinished is left."""
    assert answers(opener(name)(large)) == expected[name]
    assert [path.name for path in cache.rglob(".build-*")] == []
    kept = sorted(path.name for path in cache.rglob("*"))
    assert answers(opener(name)(large)) == expected[name]
    assert sorted(path.name for path in cache.rglob("*")) == kept


@pytest.mark.parametrize("moment", MOMENTS)
def test_whoever_is_killed_at_any_moment_of_a_load_leaves_nothing_half_true(
    large: Path, cache: Path, expected: dict[str, tuple[Any, ...]], moment: int
) -> None:
    name = ENGINES[moment % len(ENGINES)]
    process = child(LOADING, large, name, "0")
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    time.sleep(random.Random(moment).uniform(0, 0.8))
    process.kill()
    process.communicate()
    assert_sound(large, cache, name, expected)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("room", [1_000, 100_000])
def test_a_disk_that_is_full_during_a_load_is_one_sentence_and_a_retry_works(
    large: Path, cache: Path, expected: dict[str, tuple[Any, ...]], name: str, room: int
) -> None:
    out, err = child(LOADING, large, name, str(room)).communicate(timeout=60)
    assert err == b""
    ready, said = out.decode().splitlines()
    assert ready == "ready"
    assert said.startswith("CacheError ")
    assert str(cache) not in said
    assert_sound(large, cache, name, expected)
