"""Questions: expressions put to a connection in turn, stopped when nobody waits for the answer, and given up in the end."""

from __future__ import annotations

import logging
import uuid
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from auditlib.engine.lake.connection import Connection, unreachable
from auditlib.engine.turns import Turns, check
from auditlib.errors import AuditError, LakeError

if TYPE_CHECKING:
    import ibis.expr.types as ir

LIMIT_SECONDS: Final = 300.0
PATIENCE_SECONDS: Final = 120.0
_MOST_WAITING: Final = 64
_LOOK_SECONDS: Final = 0.05
_LOG: Final = logging.getLogger("audit_logs")


class Questions:
    """Asks a connection; safe between threads."""

    def __init__(self, connection: Connection, limit: float = LIMIT_SECONDS) -> None:
        self._connection, self._limit = connection, limit
        self._turns = Turns(connection.at_once, _MOST_WAITING, PATIENCE_SECONDS)

    def ask(self, expression: ir.Table) -> pa.Table:
        """The answer as an Arrow table.

        Raises LakeError where nobody answers (`reason="unreachable"`) or it takes too long (`slow`), SupersededError where
        whoever asked no longer waits, EngineBusyError where too many do.
        """
        tag = f"audit-{uuid.uuid4().hex}"
        answers: SimpleQueue[pa.Table | BaseException] = SimpleQueue()
        with self._turns.turn():
            Thread(target=self._run, args=(expression, tag, answers), name="ask-lake", daemon=True).start()
            try:
                answer = self._awaited(answers)
            except AuditError:
                Thread(target=self._interrupt, args=(tag,), name="stop-lake", daemon=True).start()
                raise
        if isinstance(answer, BaseException):
            check()
            _LOG.warning("%s did not answer", self._connection.title, exc_info=answer)
            raise unreachable(self._connection.title, answer) from answer
        return answer

    def _awaited(self, answers: SimpleQueue[pa.Table | BaseException]) -> pa.Table | BaseException:
        until = monotonic() + self._limit
        while monotonic() < until:
            with suppress(Empty):
                return answers.get(timeout=_LOOK_SECONDS)
            check()
        raise LakeError(
            f"{self._connection.title} took longer than {self._limit:.0f} seconds; ask for a shorter range of dates", reason="slow"
        )

    def _run(self, expression: ir.Table, tag: str, answers: SimpleQueue[pa.Table | BaseException]) -> None:
        try:
            answers.put(self._connection.run(expression, tag))
        except BaseException as error:  # whatever it is belongs to whoever waits
            answers.put(error)

    def _interrupt(self, tag: str) -> None:
        with suppress(Exception):  # it could only be stopped sooner
            self._connection.interrupt(tag)
