"""Opening: a lake table found to be whole, and an engine over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from auditlib.engine.lake.connection import SIDES, Connection, connect
from auditlib.engine.lake.head import Published, published
from auditlib.engine.lake.people import Directory
from auditlib.engine.lake.query import LakeEngine
from auditlib.engine.lake.questions import Questions
from auditlib.engine.serving import Progress
from auditlib.errors import LakeError
from auditlib.store import configured

if TYPE_CHECKING:
    import ibis.expr.types as ir


def open_lake(url: str, table: str, progress: Progress | None = None) -> LakeEngine:
    """An engine over the lake table of a name or place, asked through a URL.

    `progress` is called with a stage. Raises LakeError as `connect` and `published` do, and where the table does not hold
    what its head says (`reason="partial"`) or compares ids in an order that is not that of their bytes (`reason="order"`);
    ChainError, PinError and SigningError as a store's chain does.
    """
    report = progress or (lambda stage, done, total: None)
    report("Connecting", 0, 3)
    connection = connect(url, table)
    try:
        return opened(connection, table, report)
    except BaseException:
        connection.close()
        raise


def opened(connection: Connection, table: str, report: Progress) -> LakeEngine:
    """An engine over a connection; see `open_lake`. Of a place only its last name is ever said."""
    questions, name = Questions(connection), table.rstrip("/").rpartition("/")[2]
    report("Reading the head", 1, 3)
    try:
        head, people, events = (connection.table(side) for side in SIDES)
    except LakeError:
        raise
    except Exception as error:  # each driver has kinds of its own
        raise LakeError(
            f"{connection.title} has no such lake table as {name!r}: publish it with `lake publish`", table=name, reason="missing"
        ) from error
    found = published(questions.ask(head), name, f"{connection.title}, {table}", configured())
    report("Reading people", 2, 3)
    known = questions.ask(people.filter(people.snapshot <= found.head.seq))
    engine = LakeEngine(connection, questions, events, head, found, Directory(known))
    _check_whole(questions, connection, events, found)
    _check_order(questions, connection, events)
    return engine


def _check_whole(questions: Questions, connection: Connection, events: ir.Table, found: Published) -> None:
    held = questions.ask(events.filter(events.snapshot <= found.head.seq).aggregate(n=ibis._.count()))["n"][0].as_py()
    if held != found.head.events:
        raise LakeError(
            f"{connection.title} holds {held:,} events of the table, but its head says {found.head.events:,}; "
            "try again when publishing has ended, or publish it again",
            reason="partial",
        )


def _check_order(questions: Questions, connection: Connection, events: ir.Table) -> None:
    """Pages are ordered by id, so an engine must compare texts byte by byte, as all others do."""
    empty = events.event_id.substr(0, 0)
    first, second, third = (empty + text for text in ("a", "B", "A"))
    rows = questions.ask(events.select(is_odd=(first < second) | (first == third)).limit(1)).to_pylist()
    if rows and rows[0]["is_odd"]:
        raise LakeError(f"{connection.title} orders ids by a language, not by bytes: give event_id the collation C", reason="order")
