"""Recording: what people at a browser do with the record, told to the ledger before they get it."""

from __future__ import annotations

import atexit
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread
from time import monotonic
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote, urlencode

import streamlit as st
from starlette.requests import Request
from streamlit.runtime.scriptrunner_utils.script_run_context import get_script_run_ctx

from auditlib import settings
from auditlib.access import subjects
from auditlib.access.entries import Entry
from auditlib.access.ledger import Ledger, ledger_folder
from auditlib.access.principal import AT_THE_MACHINE, Principal
from auditlib.access.refusals import Refusals
from auditlib.access.rotation import rotate
from auditlib.errors import AuditError, LedgerError, SupersededError
from auditlib.log import AuditLog
from auditlib.store import sha256_bytes
from pages import opening
from pages.sign_in import current_principal
from pages.ui import session

SHORT_SESSION: Final = 8
"""So many characters of a session's id tell sessions apart; the whole of it is nobody's business."""
MOST_LINK: Final = 8_000
MOST_SQL_BYTES: Final = 64 << 10
"""Longer links, and queries, which nobody answers, are recorded in part."""

_NONE: Final[Mapping[str, Any]] = MappingProxyType({})
_LOG: Final = logging.getLogger("audit_logs")
_refusals: Final = Refusals()
_lock: Final = Lock()
_ledgers: dict[Path, Ledger] = {}
_failure = ""


@dataclass(frozen=True, slots=True)
class Recorder:
    """Who does something, from where, with which log, at which link; can be used on any thread."""

    who: Principal | None
    log: AuditLog | None = None
    link: str = ""
    ip: str = ""
    agent: str = ""
    session: str = ""

    def record(
        self, action: str, *, event_id: str = "", link: str = "", count: int | None = None, detail: Mapping[str, Any] = _NONE
    ) -> None:
        """Tells the ledger, and returns once it is on the disk.

        `link` is what was asked, by default where the person is; `event_id` the one event it is about, `count` how many
        events or rows there are, `detail` what else belongs to the action. Raises LedgerError where it cannot be written:
        what was asked must then be refused.
        """
        asked = link or self.link
        _write(self._entry(action, asked, event_id=event_id, related=self._related(event_id, asked), count=count, detail=detail))

    def refused(self) -> None:
        """Tells the ledger that the person was refused; repeats are counted. What cannot be written changes nothing."""
        why = "has no role that may read" if self.who else "not signed in"
        entry = self._entry("denied", self.link, related={}, count=1, detail={"why": why})
        _write_all(_refusals.admit(entry, monotonic()))

    def _entry(self, action: str, link: str, **known: Any) -> Entry:
        known["event"] = known.pop("event_id", "")
        head = self.log.bound_to(AT_THE_MACHINE).head.digest if self.log else ""
        if len(link) > MOST_LINK:
            known["detail"] = {**known["detail"], "link_sha256": _sha256(link)}
            link = link[:MOST_LINK]
        return Entry(action=action, who=self.who, ip=self.ip, agent=self.agent[:500], session=self.session, head=head, link=link, **known)

    def _related(self, event_id: str, link: str) -> dict[str, str]:
        if not event_id:
            return subjects.of_link(link)
        try:
            return subjects.of_event(self.log.bound_to(AT_THE_MACHINE).event(event_id, metadata=False)) if self.log else {}
        except SupersededError:
            raise
        except AuditError:  # that it was read is told all the same
            return {}


def recorder(log: AuditLog | None = None) -> Recorder:
    """The recorder of the running session, for a log, or for the one that it reads."""
    context = get_script_run_ctx()
    return Recorder(
        current_principal(),
        log or session.shown_log(),
        _here(),
        st.context.ip_address or "",
        st.context.headers.get("User-Agent") or "",
        context.session_id[:SHORT_SESSION] if context else "",
    )


def record(action: str, *, event_id: str = "", link: str = "", count: int | None = None, detail: Mapping[str, Any] = _NONE) -> None:
    """Tells the ledger what the person of the running session does; see `Recorder.record`."""
    recorder().record(action, event_id=event_id, link=link, count=count, detail=detail)


def note(action: str, *, event_id: str = "", link: str = "", count: int | None = None, detail: Mapping[str, Any] = _NONE) -> bool:
    """Tells the ledger what the person sees; where it cannot be written, viewing goes on, and `failure` says why. Whether it was."""
    try:
        record(action, event_id=event_id, link=link, count=count, detail=detail)
    except LedgerError:
        return False
    return True


def of_request(request: Request, who: Principal | None, link: str, session_id: str = "") -> Recorder:
    """The recorder of a plain request by a person; `link` is the address without what is secret in it."""
    ip = request.client.host if request.client else ""
    return Recorder(who, opening.newest_log(), link, ip, request.headers.get("user-agent", ""), session_id[:SHORT_SESSION])


def link_to(page: str, pairs: Sequence[tuple[str, str]]) -> str:
    """The link of a page with parameters, as the ledger writes links."""
    query = urlencode(pairs, safe=":/!,@~", quote_via=quote)
    return f"/{page}?{query}" if query else f"/{page}"


def failure() -> str:
    """Why the last entry could not be written; empty where it could."""
    return _failure


def ledger() -> Ledger:
    """The ledger of the store of the settings."""
    folder = ledger_folder(settings.store())
    with _lock:
        return _ledgers.setdefault(folder, Ledger(folder))


def moved_to_snapshots() -> None:
    """Moves what the ledger has into its snapshot store, counts of refusals first; raises LedgerError."""
    _write_all(_refusals.rest())
    rotate(ledger())


def sql_detail(sql: str, **more: Any) -> dict[str, Any]:
    """What the ledger keeps of a query: its text, or the beginning of one that is too long, and the SHA-256 of its UTF-8."""
    whole = len(sql.encode("utf-8", "surrogatepass")) <= MOST_SQL_BYTES
    return {"sql": sql if whole else sql[:MOST_LINK], "sql_sha256": _sha256(sql), **({} if whole else {"cut": True}), **more}


def _write(entry: Entry) -> None:
    global _failure
    try:
        full = ledger().append(entry)
    except AuditError as error:
        if not _failure:
            _LOG.error("%s", error)
        _failure = str(error)
        raise LedgerError(f"This is refused, since it cannot be recorded. {error}", **error.values) from None
    _failure = ""
    if full:
        Thread(target=_move, name="ledger", daemon=True).start()


def _write_all(entries: list[Entry]) -> None:
    for entry in entries:
        try:
            _write(entry)
        except LedgerError:
            return


def _move() -> None:
    try:
        rotate(ledger())
    except AuditError as error:  # it is tried again at the next full journal, and when the ledger is read
        _LOG.error("%s", error)


def _sha256(text: str) -> str:
    return sha256_bytes(text.encode("utf-8", "surrogatepass"))


def _here() -> str:
    return link_to(session.page(), [(name, value) for name in st.query_params for value in st.query_params.get_all(name)])


atexit.register(lambda: _write_all(_refusals.rest()))
