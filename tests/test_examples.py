"""The example notebook: its cells run in order, and its answers are those that reading the files event by event gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from events import event
from reference import Event, Reference

from auditlib.engine.base import Count, Counts, EventPage
from auditlib.event import AuditEvent, changes_of, related_ids
from auditlib.log import AuditLog
from auditlib.view import View

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "examples" / "investigation.ipynb"
RUN = """
import ast, json, sys
names, drawn = {}, []
for number, cell in enumerate(json.load(open(sys.argv[1], encoding="utf-8"))["cells"]):
    if cell["cell_type"] == "code":
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, f"cell {number}", "exec"), names)
        value = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names) if last else None
        if hasattr(value, "_repr_html_"):
            drawn.append(value._repr_html_())
print(json.dumps({"answers": [names[f"answer_{number}"] for number in (1, 2, 3)], "drawn": drawn}))
"""


@pytest.fixture(scope="module")
def ran(demo_store: Path) -> dict[str, Any]:
    environment = os.environ | {"AUDIT_STORE": str(demo_store), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", RUN, str(NOTEBOOK)]
    done = subprocess.run(command, cwd=NOTEBOOK.parent, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def asked(reference: Reference, **columns: str) -> list[Event]:
    """The events with these values, newest first."""
    return [each for each in reference.events if all(each[name] == value for name, value in columns.items())]


def test_it_tells_whether_a_recording_started(ran: dict[str, Any], demo_reference: Reference) -> None:
    failed = [each for each in asked(demo_reference, action="recording_failed") if "booking" in related_ids(each["related"])]
    booking = related_ids(failed[0]["related"])["booking"]
    around = [each for each in demo_reference.events if related_ids(each["related"]).get("booking") == booking]
    starts = [each["event_id"] for each in around if each["action"] == "recording_started"]
    ends = [[each["action"], each["event_id"]] for each in around if each["action"] in ("recording_completed", "recording_failed")]
    assert ran["answers"][0] == {"booking": booking, "started": starts[::-1], "ended": ends[::-1]}
    assert ends


def test_it_tells_who_marked_the_candidate(ran: dict[str, Any], demo_reference: Reference) -> None:
    marked = asked(demo_reference, action="marked_no_show")
    candidate = next(each["candidate_id"] for each in marked if each["candidate_id"])
    theirs = asked(demo_reference, action="marked_no_show", candidate_id=candidate)[::-1]
    assert ran["answers"][1] == {
        "candidate": candidate,
        "who": [each["actor_id"] for each in theirs],
        "events": [each["event_id"] for each in theirs],
    }


def test_it_tells_who_changed_the_status_and_from_what_to_what(ran: dict[str, Any], demo_reference: Reference) -> None:
    def status(each: Event) -> list[dict[str, Any]]:
        return [change for change in changes_of(each["changes"]) if change["field"] == "status"]

    changed = [each for each in asked(demo_reference, resource_type="application") if status(each)]
    often = Counter(each["resource_id"] for each in changed)
    found = ran["answers"][2]
    assert often[found["application"]] == max(often.values())
    ours = [each for each in changed if each["resource_id"] == found["application"]][::-1]
    assert [(event_id, actor) for event_id, actor, _, _ in found["changes"]] == [(each["event_id"], each["actor_id"]) for each in ours]
    assert len({before for _, _, before, _ in found["changes"]}) > 1


def test_the_links_in_it_ask_nothing_in_vain(demo_log: AuditLog) -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    links = [part.split('\\"')[0] for part in text.split("http://localhost:8501")[1:]]
    assert len(links) == 3
    for link in links:
        view = demo_log.view(link)
        assert not view.problems
        assert demo_log.total(view)


def test_it_holds_no_output_and_no_error(ran: dict[str, Any]) -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells if cell["cell_type"] == "code")
    assert len(ran["drawn"]) >= 6


class Tags(HTMLParser):
    """The elements and the text of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not attrs
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\u202e"


def test_what_a_notebook_draws_is_text_whatever_was_recorded(demo_log: AuditLog) -> None:
    view = View(tab="team").having("q", HOSTILE[:60]).having("resource", f"application:{HOSTILE}")
    columns = {"actor_name": HOSTILE, "action": "<b>x</b>", "resource_type": "<i>", "resource_id": HOSTILE, "summary": HOSTILE}
    page = EventPage(view, (AuditEvent(**event(1, **columns)),), 1, 1, 1, True)
    counts = Counts([Count(HOSTILE, 1_000), Count(None, 1)])
    for shown in (view, page, counts, demo_log.head):
        drawn = Tags(shown._repr_html_())
        assert drawn.tags <= {"table", "thead", "tbody", "tr", "th", "td", "p", "i"}
        assert "\u202e" not in drawn.text
    assert HOSTILE[:-1] in Tags(page._repr_html_()).text
    assert "1–1 of 1 (incomplete)" in Tags(page._repr_html_()).text
    assert "1,000" in Tags(counts._repr_html_()).text


def test_counts_over_time_are_drawn_with_their_times(demo_log: AuditLog) -> None:
    counts = demo_log.histogram(View(), bucket_minutes=24 * 60)
    assert isinstance(counts, Counts)
    assert str(counts[0].start) in Tags(counts._repr_html_()).text
