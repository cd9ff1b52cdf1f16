"""Queries of people at a browser: each on a thread of its own, to be watched, cancelled, and given up once the browser is gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from time import monotonic
from typing import Final

from streamlit.runtime import get_instance
from streamlit.runtime.scriptrunner_utils.script_run_context import get_script_run_ctx

from auditlib.errors import AuditError, LedgerError
from auditlib.log import AuditLog
from auditlib.sandbox.question import TIMEOUT, SqlResult
from pages.recording import record, sql_detail

SOON_SECONDS: Final = 0.5
"""So long a run of the page waits for an answer before it shows that it waits."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked: the text, the values of its parameters, how many rows at most, of which head."""

    text: str
    parameters: tuple[tuple[str, str], ...]
    max_rows: int
    head: str


@dataclass(slots=True)
class Asking:
    """One query being answered for one browser session: a `result`, an `error`, or neither where it was cancelled."""

    log: AuditLog
    query: Query
    session: str
    result: SqlResult | None = None
    error: AuditError | None = None
    started: float = field(default_factory=monotonic)
    finished: Event = field(default_factory=Event)
    stopped: Event = field(default_factory=Event)

    @property
    def is_over(self) -> bool:
        """Whether nobody needs to wait any more."""
        return self.finished.is_set() or self.stopped.is_set()

    @property
    def seconds(self) -> float:
        """How long it has been under way."""
        return monotonic() - self.started

    def _run(self) -> None:
        try:
            self.log.prepare_sql(_preparing.advance, masked=True)
            if self._is_unwanted():
                return
            parameters: Mapping[str, object] = dict(self.query.parameters)
            self.result = self.log.sql(
                self.query.text,
                parameters=parameters,
                timeout=TIMEOUT,
                max_rows=self.query.max_rows,
                masked=True,
                owner=self.session,
                stopped=self._is_unwanted,
            )
        except AuditError as error:
            self.error = error
        finally:
            self.finished.set()

    def _is_unwanted(self) -> bool:
        return self.stopped.is_set() or not get_instance().is_active_session(self.session)


class _Preparing:
    """How far the events are prepared for SQL; the same for all who wait for it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._said = ("", 0, 0)

    def advance(self, stage: str, done: int, total: int) -> None:
        with self._lock:
            self._said = (stage, done, total) if done < total else ("", 0, 0)

    @property
    def said(self) -> tuple[str, int, int]:
        with self._lock:
            return self._said


_preparing: Final = _Preparing()


def ask(log: AuditLog, query: Query) -> Asking:
    """Starts a query for the session that is running, once the ledger has it; an older one of the same session is stopped."""
    context = get_script_run_ctx()
    asking = Asking(log, query, context.session_id if context else "")
    try:
        record("queried", detail=sql_detail(query.text, parameters=dict(query.parameters), max_rows=query.max_rows))
    except LedgerError as error:
        asking.error = error
        asking.finished.set()
        return asking
    Thread(target=asking._run, name="explore", daemon=True).start()
    return asking


def preparation() -> tuple[str, int, int]:
    """The stage of preparing the events for SQL, and how much of how much is done; no stage where nothing is being prepared."""
    return _preparing.said
