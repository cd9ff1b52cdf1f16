"""The Audit Logs page as a person at a browser meets it: what can be seen on it, and what can be done."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from playwright.sync_api import Locator, Page, TimeoutError, expect

SETTLED = '[data-testid="stApp"][data-test-script-state="notRunning"][data-test-connection-state="CONNECTED"]'


class AuditPage:
    """A browser page on one server; `at` starts it."""

    def __init__(self, page: Page, base: str) -> None:
        self.page, self.base = page, base
        self.rows = page.locator("tr.row")
        self.cards = page.locator("tr.below .card")
        self.range = page.locator(".st-key-range p")
        self.panel = page.get_by_test_id("stDialog")
        self.sidebar = page.get_by_test_id("stSidebar")
        self.chips = page.locator('[class*="st-key-chip_"] button:visible p')
        self.problems = page.locator(".st-key-problems")
        self.damage = page.locator(".st-key-damage")
        self.nothing = page.locator(".st-key-nothing")
        self.search = page.get_by_role("searchbox", name="Search")
        self.text = page.locator("body")

    # -- what can be seen -------------------------------------------------------------------------

    def ids(self) -> list[str]:
        """The event ids of the rows, in order."""
        found: list[str] = self.rows.evaluate_all("lines => lines.map((line) => line.entry.row.id)")
        return found

    def has_link(self, query: str) -> None:
        """Waits until the address is exactly this view of the page, however its characters are escaped."""

        def read(url: str) -> tuple[str, list[tuple[str, str]]]:
            parts = urlsplit(url)
            return f"{parts.scheme}://{parts.netloc}{parts.path}", parse_qsl(parts.query, keep_blank_values=True)

        wanted = read(f"{self.base}/audit?{query}")
        with suppress(TimeoutError):
            self.page.wait_for_url(lambda url: read(url) == wanted)
        assert read(self.page.url) == wanted, self.page.url

    def has_ids(self, ids: Sequence[str]) -> None:
        """Waits until the rows are exactly these events, in order."""
        expect(self.rows).to_have_count(len(ids))
        assert self.ids() == list(ids)

    def has_range(self, words: str) -> None:
        """Waits until the line under the table reads like this."""
        expect(self.range).to_have_text(words)

    def has_chips(self, *words: str) -> None:
        """Waits until exactly these chips stand above the table."""
        expect(self.chips).to_have_text(list(words))

    # -- what can be done -------------------------------------------------------------------------

    def open(self, query: str = "") -> Self:
        """Opens a link afresh and waits until the whole page stands."""
        self.page.goto(f"{self.base}/audit?{query}" if query else f"{self.base}/audit")
        expect(self.range).to_be_visible(timeout=30_000)
        self.settle()
        first, last = (int(number.replace(",", "")) for number in re.findall(r"[\d,]+", self.range.inner_text())[:2])
        expect(self.rows).to_have_count(last - first + 1 if last else 0)
        return self

    def settle(self) -> Self:
        """Waits until no run of the page's script is under way."""
        expect(self.page.locator(SETTLED)).to_be_visible()
        return self

    def open_row(self, place: int) -> None:
        """Chooses a row; waits until its panel shows."""
        self.rows.nth(place).locator("td.when").click()
        expect(self.panel.locator(".entry header")).to_be_visible()

    def expand(self, place: int) -> Locator:
        """Opens a row in place; gives the card with its metadata."""
        row = self.rows.nth(place)
        row.get_by_role("button", name="Metadata").click()
        card = self.page.locator(f"#metadata-{place} .card")
        expect(card.locator(".bar")).to_be_visible()
        return card

    def choose_tab(self, label: str) -> None:
        """Chooses a tab by its name."""
        self.page.get_by_role("tab", name=label).click()
        expect(self.page.get_by_role("tab", name=label)).to_have_attribute("aria-selected", "true")

    def press(self, label: str) -> None:
        """Presses one of the page's own buttons."""
        self.page.get_by_role("button", name=label, exact=True).click()

    def choose_rows(self, number: int) -> None:
        """Chooses how many rows a page has."""
        self.page.get_by_role("combobox", name="Rows per page").click()
        self.pick(str(number))

    def pick(self, option: str) -> None:
        """Chooses from the list that is open."""
        choice = self.page.get_by_role("option", name=option, exact=True)
        choice.hover()  # the list still moves to its place as it opens
        choice.click()

    def drop_chip(self, words: str | re.Pattern[str]) -> None:
        """Presses the X of a chip."""
        self.page.locator('[class*="st-key-chip_"] button:visible').filter(has_text=words).click()

    def download(self, button: Locator, folder: Path) -> Path:
        """Presses a button that downloads; gives the saved file under the name it came with."""
        with self.page.expect_download() as waiting:
            button.click()
        target = folder / waiting.value.suggested_filename
        waiting.value.save_as(target)
        return target

    def clipboard(self) -> str:
        """What the clipboard holds."""
        return str(self.page.evaluate("navigator.clipboard.readText()"))
