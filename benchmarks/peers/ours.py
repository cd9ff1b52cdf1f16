"""Our own engines, asked like a peer; what they answer from must have been built before."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from auditlib import __version__
from auditlib.engine.base import Engine
from auditlib.times import to_micros
from auditlib.view import View
from benchmarks.peers import LIMIT, PEOPLE


class Ours:
    """One of our engines over a built cache."""

    keyset = True
    version = __version__

    def __init__(self, name: str) -> None:
        self._name = name
        self.title = {"embedded": "embedded", "duckdb": "our duckdb"}[name]
        self.setup = {
            "embedded": "the engine that serves: sorted positions in mapped files ([engine.md](engine.md)).",
            "duckdb": "our second engine: plain SQL over one table in the log's order, with positions for each tab.",
        }[name]

    def load(self, store: Path, folder: Path) -> None:
        module: Any = import_module(f"auditlib.engine.{self._name}.opening")
        self.engine: Engine = module.open_engine(store)

    def total(self, view: View) -> int:
        return self.engine.total(view)

    def page(self, view: View) -> list[str]:
        return [event.event_id for event in self.engine.page(view).events]

    def after(self, view: View, micros: int, event_id: str) -> list[str]:
        return self.page(view)

    def facet(self, view: View, column: str) -> list[tuple[str | None, int]]:
        return [(count.value, count.events) for count in self.engine.facet(view, column, limit=LIMIT)]

    def histogram(self, view: View, minutes: int) -> list[tuple[int, int]]:
        found = self.engine.histogram(view, bucket_minutes=minutes)
        return [(to_micros(count.start), count.events) for count in found if count.start]

    def suggest(self, kind: str, text: str) -> list[tuple[str, int]]:
        return [(person.id, person.events) for person in self.engine.suggest(kind, text, limit=PEOPLE)]  # type: ignore[arg-type]

    def event(self, event_id: str) -> str:
        assert self.engine.event(event_id)
        return self.engine.metadata([event_id])[event_id]

    def forget(self) -> None:
        self.engine.forget()

    def close(self) -> None:
        self.engine.close()
