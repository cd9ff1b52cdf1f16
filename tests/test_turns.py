"""Turns: a bounded number of questions at once, a fair queue, and an end to what nobody waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event
from time import sleep

import pytest

from auditlib.engine.turns import Turns, asking, check
from auditlib.errors import EngineBusyError, SupersededError

ALWAYS: Callable[[], bool] = lambda: True  # noqa: E731


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(32) as running:
        yield running


def ask(turns: Turns, name: str, noted: list[str], is_waiting: Callable[[], bool] = ALWAYS) -> None:
    with asking(name, is_waiting), turns.turn():
        noted.append(name)


def queue(pool: ThreadPoolExecutor, turns: Turns, names: str, noted: list[str]) -> list[Future[None]]:
    """Questions of these askers, each asked once the one before waits."""
    asked = []
    for count, name in enumerate(names, 1):
        asked.append(pool.submit(ask, turns, name, noted))
        while sum(map(len, turns._waiting.values())) < count:
            sleep(0.001)
    return asked


def test_no_more_than_so_many_are_under_way(pool: ThreadPoolExecutor) -> None:
    turns, under_way, most = Turns(at_once=3), [0], [0]

    def question() -> None:
        with turns.turn():
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
            sleep(0.01)
            under_way[0] -= 1

    for asked in [pool.submit(question) for _ in range(24)]:
        asked.result()
    assert most == [3]


def test_whoever_asks_much_waits_behind_whoever_asks_little(pool: ThreadPoolExecutor) -> None:
    turns, noted = Turns(at_once=1), list[str]()
    with turns.turn():
        asked = queue(pool, turns, "aaaabcb", noted)
    for each in asked:
        each.result()
    assert "".join(noted) == "abcabaa"


def test_where_too_many_wait_the_next_is_told_so_at_once(pool: ThreadPoolExecutor) -> None:
    turns, noted = Turns(at_once=1, most_waiting=2), list[str]()
    with turns.turn():
        asked = queue(pool, turns, "ab", noted)
        with pytest.raises(EngineBusyError, match="Too many questions are waiting"):
            ask(turns, "c", noted)
    for each in asked:
        each.result()
    ask(turns, "c", noted)
    assert noted == ["a", "b", "c"]


def test_a_turn_that_does_not_come_in_time_is_given_up_and_the_place_is_not_lost() -> None:
    turns = Turns(at_once=1, patience=0.05)
    with turns.turn(), pytest.raises(EngineBusyError, match="Too many questions are being answered"):
        ask(turns, "late", [])
    assert not turns._waiting
    ask(turns, "next", noted := [])
    assert noted == ["next"]


def test_a_question_that_was_replaced_leaves_the_queue() -> None:
    turns = Turns(at_once=1)
    with turns.turn(), pytest.raises(SupersededError, match="replaced by a newer one"):
        ask(turns, "gone", [], lambda: False)
    assert not turns._waiting


def test_a_question_under_way_is_interrupted_once_nobody_waits_for_it() -> None:
    turns, waits, interrupted = Turns(), [True], Event()
    with asking("page", lambda: waits[0]), turns.turn(interrupted.set):
        check()
        assert not interrupted.is_set()
        waits[0] = False
        assert interrupted.wait(10)
        with pytest.raises(SupersededError):
            check()
    check()


def test_a_question_that_fails_gives_its_place_back() -> None:
    turns = Turns(at_once=2)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError), turns.turn():
            raise ZeroDivisionError
    with ExitStack() as both:
        for _ in range(2):
            both.enter_context(turns.turn())
