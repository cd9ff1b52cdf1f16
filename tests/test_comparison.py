"""Links that check themselves: the head and total they were copied with, beside those of today."""

from __future__ import annotations

from pathlib import Path

import pytest
from events import batch, events
from stores import flip

from auditlib.engine.comparison import Comparison
from auditlib.log import AuditLog, open_log
from auditlib.store import publish
from auditlib.view import View


def copied(log: AuditLog, link: str = "tab=team", length: int = 12) -> str:
    """A link as it is copied with its proof."""
    return f"{link}&at={log.head.digest[:length]}&n={log.total(View.from_link(link))}"


def compared(log: AuditLog, link: str) -> Comparison:
    found = log.compare(View.from_link(link))
    assert found is not None
    return found


def test_a_link_without_head_and_total_compares_nothing(demo_log: AuditLog) -> None:
    assert demo_log.compare(View()) is None


@pytest.mark.parametrize("length", [8, 12, 64])
def test_the_same_record_gives_the_same_events(length: int, demo_log: AuditLog) -> None:
    found = compared(demo_log, copied(demo_log, "tab=team&action=updated", length))
    assert (found.same, found.then, found.now, found.seq, found.newer) == (True, 72, 72, demo_log.head.seq, 0)
    assert found.sentence == "Same 72 events ✔"


def test_either_of_the_two_is_compared_alone(demo_log: AuditLog) -> None:
    total = demo_log.total(View(tab="team"))
    assert compared(demo_log, f"tab=team&at={demo_log.head.digest[:12]}").sentence == f"Same record ✔, {total:,} events match"
    assert compared(demo_log, f"tab=team&n={total}").sentence == f"Same {total:,} events ✔"
    assert compared(demo_log, "tab=team&n=1").sentence == f"{total:,} events now, 1 when the link was copied"
    link = f"tab=team&at={demo_log.head.digest[:12]}&n=1"
    assert compared(demo_log, link).sentence == f"{total:,} events now, 1 when the link was copied, though the record is the same"


def test_newer_snapshots_are_counted(store: Path) -> None:
    with_log = open_log(store)
    link, other = copied(with_log), copied(with_log, "tab=team&q=BK000001")
    with_log.close()
    for number in (3, 4):
        publish(store, [batch(events(1, 20 + number, actor_role="member"))], name=f"day-{number}")
    log = open_log(store)
    found = compared(log, link)
    assert (found.same, found.seq, found.newer) == (False, 3, 2)
    assert found.sentence == "11 events now, 9 when the link was copied: 2 newer snapshots since"
    found = compared(log, other)
    assert (found.same, found.newer) == (False, 2)
    assert found.sentence == "Still 1 event: 2 newer snapshots since"
    log.close()


def test_a_snapshot_that_is_not_in_the_chain_is_said(demo_log: AuditLog) -> None:
    found = compared(demo_log, "tab=team&at=0123456789ab&n=5")
    total = demo_log.total(View(tab="team"))
    assert (found.same, found.seq) == (False, 0)
    assert found.sentence == (
        f"{total:,} events now, 5 when the link was copied: the snapshot that was newest then, 0123456789ab, is no longer in the chain"
    )


def test_what_is_quarantined_since_explains_the_difference(store: Path) -> None:
    whole = open_log(store)
    link = copied(whole)
    whole.close()
    flip(store / "data" / "day-1.parquet", 2000)
    log = open_log(store)
    found = compared(log, link)
    assert not found.same
    assert found.sentence == "6 events now, 9 when the link was copied: 1 snapshot quarantined now"
    log.close()
