"""People: everyone a lake table speaks of, read once and held in memory, so that they are found as one types."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from auditlib.engine.base import Person, PersonKind
from auditlib.text import fold


class Directory:
    """People by kind and id; the rows of the table are what each snapshot file says of them."""

    def __init__(self, rows: pa.Table) -> None:
        known = rows.group_by(["kind", "id", "name", "email"]).aggregate([("events", "sum"), ("newest", "max")])
        lines = (fold("\n".join(filter(None, row.values()))) for row in known.select(["name", "email", "id"]).to_pylist())
        self._known = known.append_column("folded", pa.array(lines, pa.string()))

    def suggest(self, kind: PersonKind, text: str, *, limit: int) -> list[Person]:
        """People whose name, e-mail or id contains the text; those that begin with it first, then by events."""
        needle = fold(text.strip())
        mine = self._known.filter(pc.field("kind") == kind)
        folded = mine["folded"]
        marked = mine.append_column("matched", pc.match_substring(folded, needle))
        marked = marked.append_column("begins", pc.starts_with(folded, needle))
        marked = marked.append_column("has_word", pc.match_substring(folded, f" {needle}"))
        found = marked.group_by("id").aggregate([("matched", "any"), ("begins", "any"), ("has_word", "any"), ("events_sum", "sum")])
        ranked = found.filter(pc.field("matched_any")).sort_by(
            [("begins_any", "descending"), ("has_word_any", "descending"), ("events_sum_sum", "descending"), ("id", "ascending")]
        )
        ids = ranked["id"][:limit]
        of_id: dict[str, list[dict[str, Any]]] = {}
        for row in mine.filter(pc.is_in(mine["id"], ids.combine_chunks())).to_pylist():
            of_id.setdefault(row["id"], []).append(row)
        return [_person(each, of_id[each]) for each in ids.to_pylist()]

    def person(self, person_id: str) -> Person | None:
        """The person of an id, of the kind they are in most often."""
        rows = self._known.filter(pc.field("id") == person_id).to_pylist()
        kinds = {row["kind"] for row in rows}
        parts = [_person(person_id, [row for row in rows if row["kind"] == kind]) for kind in sorted(kinds)]
        return max(parts, key=lambda person: person.events, default=None)


def _person(person_id: str, rows: list[dict[str, Any]]) -> Person:
    """A person of one kind, under the names recorded last."""
    newest = sorted(rows, key=lambda row: row["newest_max"], reverse=True)
    name, email = (_first(row[column] for row in newest) for column in ("name", "email"))
    return Person(person_id, name, email, sum(row["events_sum"] for row in rows))


def _first(values: Iterable[str | None]) -> str:
    return next((value for value in values if value is not None), "")
