"""Turning a page: the browser is sent the list, keeps the rest of the page, and restyles no more than what changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocket, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from browser.audit_page import AuditPage
from pages.ui import style

pytestmark = pytest.mark.browser

LIST = {"audit_event_table", "markdown", "selectbox", "button"}
"""What the table and the line under it are made of."""


class Drawn:
    """What a browser page is told to draw: the name of a component, else the kind of the element."""

    def __init__(self, page: Page) -> None:
        self.what: set[str] = set()
        page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._note)

    def _note(self, frame: bytes | str) -> None:
        told = ForwardMsg.FromString(frame if isinstance(frame, bytes) else frame.encode())
        if told.WhichOneof("type") == "delta" and told.delta.WhichOneof("type") == "new_element":
            element = told.delta.new_element
            kind = str(element.WhichOneof("type"))
            self.what.add(element.bidi_component.component_name if kind == "bidi_component" else kind)


def test_turning_a_page_draws_the_list_and_nothing_else(reader: Callable[[], AuditPage]) -> None:
    audit = reader()
    drawn = Drawn(audit.page)
    audit.open("action=updated&rows=10")
    assert drawn.what > LIST
    first = audit.ids()
    for page, range_shown in ((2, "11–20"), (3, "21–30")):
        drawn.what.clear()
        audit.press("Next")
        audit.has_link(f"action=updated&rows=10&page={page}")
        expect(audit.range).to_contain_text(range_shown)
        audit.settle()
        assert drawn.what == LIST
    audit.page.go_back()
    audit.page.go_back()
    expect(audit.range).to_contain_text("1–10 of")
    assert audit.ids() == first


def test_the_export_menu_knows_after_a_turn_that_the_open_rows_are_gone(reader: Callable[[], AuditPage]) -> None:
    audit = reader().open("rows=10")
    menu, only = audit.page.locator(".st-key-export button").first, audit.page.get_by_text("Only what is open")
    menu.click()
    audit.page.get_by_role("combobox", name="Format").click()
    audit.pick("Evidence bundle")
    audit.settle()
    menu.click()
    audit.expand(0)
    menu.click()
    expect(only).to_have_text("Only what is open: 1 event")
    menu.click()
    audit.press("Next")
    expect(audit.range).to_contain_text("11–20")
    menu.click()
    expect(audit.page.get_by_text("Leave the snapshot files out")).to_be_visible()
    expect(only).to_have_count(0)


def test_no_rule_of_the_style_looks_for_a_part_of_a_class() -> None:
    """A browser restyles everything below each element whose class changes where some rule does, and at each run all of them change."""
    css = Path(style.__file__).with_name("style.css").read_text(encoding="utf-8")
    assert re.findall(r"\[class.?=", css) == []
