"""Evidence bundles for people at a browser: made in the background, one a session, two at a time in all."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import BoundedSemaphore, Event, Thread
from typing import Final

from streamlit.runtime.scriptrunner import add_script_run_ctx, get_script_run_ctx

from auditlib.access.principal import require_reader
from auditlib.errors import AuditError
from auditlib.evidence.bundle import WHOLE_BYTES, write_bundle
from auditlib.evidence.exports import export_name
from auditlib.evidence.selection import Selection
from auditlib.log import AuditLog
from auditlib.store import sha256_descriptor
from auditlib.view import View
from pages import downloads
from pages.recording import Recorder
from pages.ui.export import Asked, ReadyExport

AT_ONCE: Final = 2
_slots: Final = BoundedSemaphore(AT_ONCE)


class _Stopped(Exception):
    """The person cancelled."""


@dataclass(slots=True)
class Bundling:
    """One bundle being made for one person: how far it is, and how it ended.

    `what` is the word for it in the name of its file. A finished one is `ready`, has an `error`, or neither where it was cancelled.
    """

    log: AuditLog
    view: View
    zone: str
    asked: Asked
    recorder: Recorder
    what: str
    stage: str = "Waiting for other bundles"
    done: int = 0
    total: int = 0
    ready: ReadyExport | None = None
    error: AuditError | None = None
    finished: Event = field(default_factory=Event)
    stopped: Event = field(default_factory=Event)

    def start(self) -> Bundling:
        """Makes the bundle on a thread of its own, for the session that is running."""
        thread = Thread(target=self._run, name="evidence-bundle", daemon=True)
        if context := get_script_run_ctx(suppress_warning=True):
            add_script_run_ctx(thread, context)
        thread.start()
        return self

    def _run(self) -> None:
        try:
            while not _slots.acquire(timeout=0.2):
                self._advance(self.stage, 0, 0)
            try:
                self.ready = self._made()
            finally:
                _slots.release()
        except AuditError as error:
            self.error = error
        except _Stopped:
            pass
        finally:
            self.finished.set()
            downloads.withdraw_abandoned()

    def _made(self) -> ReadyExport:
        person, head = require_reader(self.log.principal), self.log.head
        name = export_name(self.what, head.seq, head.digest, datetime.now(UTC), incomplete=not head.complete, suffix=".zip")
        path = downloads.new_file(".zip")
        try:
            with path.open("w+b") as file:
                exporter = person.name if person.name == person.id or person.local else f"{person.name} ({person.id})"
                made = write_bundle(
                    self.log,
                    Selection(self.view, self.asked.only),
                    file,
                    exporter=exporter,
                    zone=self.zone,
                    report=self.asked.report,
                    progress=self._advance,
                    whole_bytes=0 if self.asked.excerpt else WHOLE_BYTES,
                )
                file.flush()
                digest = sha256_descriptor(file.fileno())
            self._record(name, made.events, path.stat().st_size, digest)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        token = downloads.offer(path, name, "application/zip", person)
        left_out = f"Only the first {made.events:,} of {made.total:,} events are inside." if made.events < made.total else ""
        return ReadyExport(self.view, token, name, path.stat().st_size, digest, left_out)

    def _record(self, name: str, count: int, size: int, digest: str) -> None:
        """Tells the ledger before the bundle is offered: once, or for each event of it where they were chosen one by one."""
        detail = {"name": name, "format": "bundle", "bytes": size, "sha256": digest}
        for event_id in self.asked.only or ("",):
            self.recorder.record("exported", event_id=event_id, count=count, detail=detail)

    def _advance(self, stage: str, done: int, total: int) -> None:
        self.stage, self.done, self.total = stage, done, total
        if self.stopped.is_set():
            raise _Stopped
