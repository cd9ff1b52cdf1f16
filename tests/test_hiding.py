"""Why an event cannot be seen: exactly the filters it does not meet, and the nearest view that shows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Open
from events import batch, event
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference import Reference, holds
from stores import flip

from auditlib import vocabulary
from auditlib.errors import NotFoundError
from auditlib.log import AuditLog
from auditlib.store import publish
from auditlib.view import View

CLAUSES = (
    ("action", "updated"), ("action", "created"), ("outcome", "failure"), ("type", "interview_booking"), ("type", "application"),
    ("q", "recording"), ("ip", "10.0.0.0/8"), ("changed", "status"),
)  # fmt: skip


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_filters_named_are_those_the_event_does_not_meet(demo_log: AuditLog, demo_reference: Reference, data: st.DataObject) -> None:
    wanted = data.draw(st.sampled_from(demo_reference.events))
    view = View(tab=data.draw(st.sampled_from(list(vocabulary.TABS))))
    for parameter, value in data.draw(st.lists(st.sampled_from(CLAUSES), max_size=4)):
        view = view.having(parameter, value, excluded=data.draw(st.booleans()))
    if data.draw(st.booleans()):
        view = view.between("2026-10-01", "2026-10-31", "Asia/Kolkata")
    found = demo_log.hiding(view, wanted["event_id"])
    here = view.on_tab(found.tab) if found.tab else view
    asked = {clause.parameter for clause in here.clauses} | ({"from"} if here.span() else set())
    expected = {each for each in asked if not holds(here.predicate(ignoring=asked - {each}), wanted)}
    assert set(found.filters) == expected
    assert found.is_hidden is (wanted not in demo_reference.matches(view))
    shown = demo_log.page(found.relaxed, metadata=False)
    assert wanted["event_id"] in [each.event_id for each in shown.events]
    assert found.has_time is (wanted["occurred_at"] is not None)


def test_an_event_on_the_other_tab_is_said_to_be_there(open_store: Open, tmp_path: Path, cache: Path) -> None:
    publish(tmp_path / "s", [batch([event(1, resource_type="application", actor_role="admin")])], name="one")
    log = open_store(tmp_path / "s")
    found = log.hiding(View(), "ev-000001")
    assert (found.tab, found.filters, found.relaxed.tab) == ("team", (), "team")
    assert not log.hiding(View(tab="team"), "ev-000001").is_hidden
    log.close()


def test_an_event_that_is_not_there_may_be_in_a_snapshot_that_is_quarantined(open_store: Open, store: Path) -> None:
    with pytest.raises(NotFoundError, match=r"No event 'ev-999999' in this log$"):
        open_store(store).hiding(View(), "ev-999999")
    flip(store / "data" / "day-1.parquet", 300)
    with pytest.raises(NotFoundError, match=r"in this log; one snapshot is quarantined and may hold it$"):
        open_store(store).hiding(View(), "ev-000004")
