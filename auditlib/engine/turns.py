"""Turns: how many questions are worked on at once, who is next, and which nobody waits for any more.

Those who wait take turns: the next place goes to another asker than the last, and to each in the order
asked. Nobody can so keep the others out by asking much.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from time import monotonic
from typing import Final

from auditlib.errors import EngineBusyError, SupersededError

AT_ONCE: Final = 3
MOST_WAITING: Final = 64
PATIENCE_SECONDS: Final = 15.0
_LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: a name that tells askers apart, whether they still want an answer, and what they give up while they wait for one."""

    name: str = ""
    is_waiting: Callable[[], bool] = lambda: True
    aside: Callable[[], AbstractContextManager[None]] = nullcontext


_NOBODY: Final = Asker()
_asker: ContextVar[Asker] = ContextVar("asker", default=_NOBODY)


@contextmanager
def asking(name: str, is_waiting: Callable[[], bool], aside: Callable[[], AbstractContextManager[None]] = nullcontext) -> Iterator[None]:
    """Whatever this thread asks in the block is asked by someone of that name, for as long as they wait for it.

    While a question is being answered, `aside` holds: whoever has a place that others wait for gives it up meanwhile.
    """
    token = _asker.set(Asker(name, is_waiting, aside))
    try:
        yield
    finally:
        _asker.reset(token)


def aside() -> AbstractContextManager[None]:
    """Gives up, during a block that waits for something else, what the asker holds only while it works."""
    return _asker.get().aside()


def check() -> None:
    """Raises SupersededError where whoever asks no longer waits for the answer; long work calls it between its steps."""
    if not _asker.get().is_waiting():
        raise SupersededError("The question was replaced by a newer one")


@dataclass(slots=True, eq=False)
class _Ticket:
    called: Event = field(default_factory=Event)


class Turns:
    """At most `at_once` questions are under way; `most_waiting` wait for their turn, each for `patience` seconds."""

    def __init__(self, at_once: int = AT_ONCE, most_waiting: int = MOST_WAITING, patience: float = PATIENCE_SECONDS) -> None:
        self._free, self._most, self._patience = at_once, most_waiting, patience
        self._waiting: OrderedDict[str, deque[_Ticket]] = OrderedDict()
        self._lock = Lock()

    @contextmanager
    def turn(self, interrupt: Callable[[], None] | None = None) -> Iterator[None]:
        """One question; `interrupt` is called when whoever asked stops waiting for it.

        Raises EngineBusyError where too many wait, or the turn does not come in time, SupersededError where the
        asker stops waiting before it comes.
        """
        asker = _asker.get()
        with asker.aside():
            self._wait(asker)
            done = Event()
            try:
                if interrupt is not None and asker is not _NOBODY:
                    Thread(target=_watch, args=(asker, done, interrupt), name="watch-question", daemon=True).start()
                yield
            finally:
                done.set()
                with self._lock:
                    self._free += 1
                    self._call()

    def _wait(self, asker: Asker) -> None:
        ticket = _Ticket()
        with self._lock:
            if sum(map(len, self._waiting.values())) >= self._most:
                raise EngineBusyError("Too many questions are waiting; please try again in a moment")
            self._waiting.setdefault(asker.name, deque()).append(ticket)
            self._call()
        until = monotonic() + self._patience
        while not ticket.called.wait(_LOOK_SECONDS):
            if monotonic() > until:
                self._leave(asker, ticket, EngineBusyError("Too many questions are being answered at once; please try again in a moment"))
            elif not asker.is_waiting():
                self._leave(asker, ticket, SupersededError("The question was replaced by a newer one"))

    def _leave(self, asker: Asker, ticket: _Ticket, why: Exception) -> None:
        """Gives up waiting, unless the turn has just come."""
        with self._lock:
            if ticket.called.is_set():
                return
            mine = self._waiting[asker.name]
            mine.remove(ticket)
            if not mine:
                del self._waiting[asker.name]
        raise why

    def _call(self) -> None:
        """Calls those whose turn it is; the lock is held."""
        while self._free and self._waiting:
            name, tickets = self._waiting.popitem(last=False)
            tickets.popleft().called.set()
            if tickets:
                self._waiting[name] = tickets
            self._free -= 1


def _watch(asker: Asker, done: Event, interrupt: Callable[[], None]) -> None:
    while not done.wait(_LOOK_SECONDS):
        if not asker.is_waiting():
            interrupt()
            return
