"""Pages are drawn one at a time, oldest first, and whoever waits for something else lets the next one in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest
from waiting import soon

from auditlib.engine.turns import Turns, aside, asking
from pages.drawing import Place

ALWAYS: Callable[[], bool] = lambda: True  # noqa: E731


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as running:
        yield running


def draw(place: Place, name: str, noted: list[str]) -> None:
    with place.held():
        noted.append(name)


def queue(pool: ThreadPoolExecutor, place: Place, names: str, noted: list[str]) -> list[Future[None]]:
    """Pages to be drawn, each asked for once the one before waits."""
    asked = []
    for name in names:
        before = len(place._waiting)
        asked.append(pool.submit(draw, place, name, noted))
        soon(lambda before=before: len(place._waiting) > before)
    return asked


def test_one_page_is_drawn_at_a_time_in_the_order_asked(pool: ThreadPoolExecutor) -> None:
    place, noted = Place(), list[str]()
    with place.held():
        asked = queue(pool, place, "abc", noted)
        assert noted == []
    for each in asked:
        each.result(10)
    assert noted == ["a", "b", "c"]


def test_whoever_waits_for_something_else_lets_the_next_in_and_goes_on_before_later_ones(pool: ThreadPoolExecutor) -> None:
    place, noted, over = Place(), list[str](), Event()

    def second() -> None:
        with place.held():
            noted.append("second begins")
            over.wait(10)
            noted.append("second ends")

    with place.held() as given_up:
        later = pool.submit(second)
        soon(lambda: place._waiting)
        with given_up():
            assert soon(lambda: noted) == ["second begins"]
            third = queue(pool, place, "c", noted)
            pool.submit(lambda: soon(lambda: len(place._waiting) == 2) and over.set())
        noted.append("first goes on")
    for each in (later, *third):
        each.result(10)
    assert noted == ["second begins", "second ends", "first goes on", "c"]


def test_a_page_that_hangs_does_not_stop_the_others(pool: ThreadPoolExecutor) -> None:
    place, noted = Place(patience=0.05), list[str]()
    with place.held():
        draw(place, "a", noted)
        pool.submit(draw, place, "b", noted).result(10)
    assert noted == ["a", "b"]
    assert (place._inside, place._waiting) == (0, [])
    draw(place, "c", noted)


def test_a_page_that_fails_gives_its_place_back() -> None:
    place = Place()
    with pytest.raises(ValueError, match="drawn"), place.held() as given_up, given_up():
        raise ValueError("drawn badly")
    assert place._inside == 0


def test_the_place_is_given_up_while_a_question_is_answered_and_nowhere_else() -> None:
    place, turns, seen = Place(), Turns(), list[int]()
    with place.held() as given_up, asking("anna", ALWAYS, given_up):
        with turns.turn():
            seen.append(place._inside)
        seen.append(place._inside)
        with aside():
            seen.append(place._inside)
    with aside():
        pass
    assert seen == [0, 1, 0]
