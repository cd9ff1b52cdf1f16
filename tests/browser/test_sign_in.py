"""Signing in with a real identity provider and a real browser: who gets in, for how long, and what is left when they are out."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from identity import CLIENT_SECRET, COOKIE_SECRET, PEOPLE, Provider, sign_in
from playwright.sync_api import Browser, BrowserContext, expect
from waiting import soon

from browser.audit_page import AuditPage
from browser.conftest import DESK, PATIENCE_MS
from browser.serving import Server
from browser.test_export import prepare
from pages.ui import text

pytestmark = pytest.mark.browser

LINK = "tab=team&q=e&action=updated&action=%21deleted&rows=20&event=no-such-event"
HOURS = 3_600


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with Provider(tmp_path_factory.mktemp("provider")) as running:
        yield running


@pytest.fixture(scope="module")
def server(provider: Provider, small_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with sign-in, which asks the provider again each second; its log holds no secret at the end."""
    folder = tmp_path_factory.mktemp("signed-in")
    server = Server(small_store, folder, settings={"AUDIT_RECHECK_SECONDS": "1"})
    server.options = provider.secrets(folder, server.base)
    with server:
        yield server
        for secret in (COOKIE_SECRET, CLIENT_SECRET, "_streamlit_user", "Bearer", "eyJ"):
            assert secret not in server.log()


class Guest:
    """A browser of its own: the page in it, and how it signs in."""

    def __init__(self, context: BrowserContext, server: Server, provider: Provider) -> None:
        context.set_default_timeout(PATIENCE_MS)
        context.route(lambda url: urlsplit(url).hostname not in ("localhost", "127.0.0.1"), lambda route: route.abort())
        self.context, self.base, self.provider = context, server.base, provider
        self.audit = AuditPage(context.new_page(), server.base)

    def sign_in(self, person: str, link: str = "") -> AuditPage:
        """Opens a link signed out, and goes the whole way through the provider."""
        page = self.audit.page
        page.goto(f"{self.base}/audit?{link}".removesuffix("?"))
        expect(self.audit.text).to_contain_text(text.SIGN_IN_NEEDED)
        self.press("Sign in")
        page.wait_for_url(f"{self.provider.base}/**")
        page.get_by_role("button", name=person, exact=True).first.click()
        page.wait_for_url(f"{self.base}/audit**")
        return self.audit

    def hold(self, cookie: str) -> AuditPage:
        """Holds the cookies of a `Cookie` header."""
        pairs = (part.split("=", 1) for part in cookie.split("; "))
        self.context.add_cookies([{"name": name, "value": value, "url": self.base} for name, value in pairs])
        return self.audit

    def press(self, label: str) -> None:
        self.audit.page.get_by_role("button", name=label, exact=True).click()

    def look_again(self) -> None:
        """The browser's window comes to the front."""
        self.audit.page.evaluate("window.dispatchEvent(new Event('focus'))")

    def is_told(self, sentence: str) -> None:
        """Waits until the page says no more than this."""
        expect(self.audit.text).to_contain_text(sentence)
        expect(self.audit.rows).to_have_count(0)
        expect(self.audit.page.locator(".st-key-navigation")).to_have_count(0)


@pytest.fixture
def guest(browser: Browser, server: Server, provider: Provider) -> Iterator[Callable[[], Guest]]:
    opened: list[BrowserContext] = []

    def start() -> Guest:
        opened.append(browser.new_context(**DESK))
        return Guest(opened[-1], server, provider)

    yield start
    for context in opened:
        context.close()


def test_owners_and_admins_sign_in_and_arrive_at_the_link_they_opened(guest: Callable[[], Guest]) -> None:
    visiting = guest()
    for person in ("olga", "adam"):
        audit = visiting.sign_in(person, LINK)
        expect(audit.sidebar).to_contain_text(f"Signed in as {PEOPLE[person]['name']}")
        expect(audit.page.locator(".st-key-navigation")).to_contain_text("Admin")
        audit.has_chips("Search “e”", "Action Updated", "Action not Deleted")
        assert urlsplit(audit.page.url).query.startswith(LINK.split("&event")[0])
        visiting.context.clear_cookies()


def test_everyone_else_is_told_that_it_is_for_admins_and_may_sign_out(guest: Callable[[], Guest]) -> None:
    visiting = guest()
    for person in ("cora", "mel", "candy"):
        visiting.sign_in(person, LINK)
        visiting.is_told(text.ADMINS_ONLY)
        visiting.press("Sign out")
        visiting.audit.page.wait_for_url(f"{visiting.provider.base}/oauth2/end_session**")
    visiting.audit.page.goto(f"{visiting.base}/explore")
    visiting.is_told(text.SIGN_IN_NEEDED)


def test_a_role_that_is_taken_away_ends_the_page_that_is_open_and_giving_it_back_opens_it(
    guest: Callable[[], Guest], provider: Provider
) -> None:
    visiting = guest()
    visiting.sign_in("olga").settle()
    expect(visiting.audit.rows).not_to_have_count(0)
    provider.set_roles("olga", ["member"])
    try:
        time.sleep(1.1)
        visiting.audit.page.get_by_role("tab", name="Team").click()
        visiting.is_told(text.ADMINS_ONLY)
    finally:
        provider.set_roles("olga", PEOPLE["olga"]["roles"])
    time.sleep(1.1)
    visiting.audit.open()


def test_signing_out_in_one_tab_empties_the_others_and_a_deleted_cookie_empties_the_page(guest: Callable[[], Guest]) -> None:
    visiting = guest()
    visiting.sign_in("adam").settle()
    other = visiting.context.new_page()
    other.goto(f"{visiting.base}/integrity")
    other.get_by_role("button", name="Sign out", exact=True).click()
    other.wait_for_url(f"{visiting.provider.base}/**")
    visiting.look_again()
    visiting.is_told(text.SIGN_IN_NEEDED)

    visiting.sign_in("adam").settle()
    expect(visiting.audit.rows).not_to_have_count(0)
    visiting.context.clear_cookies()
    visiting.look_again()
    visiting.is_told(text.SIGN_IN_NEEDED)


@pytest.mark.parametrize(
    "soon_over",
    [
        lambda now: {"exp": now + 4},
        lambda now: {"iat": now + 4 - 12 * HOURS, "auth_time": now + 4 - 12 * HOURS, "exp": now + HOURS},
    ],
    ids=["token", "session"],
)
def test_a_sign_in_that_ends_while_the_page_is_open_ends_the_page(
    soon_over: Callable[[float], dict[str, Any]], guest: Callable[[], Guest], server: Server
) -> None:
    _, held = sign_in(server.base, "adam")
    visiting = guest()
    audit = visiting.hold(held.header(**soon_over(time.time())))
    audit.page.goto(f"{server.base}/integrity")
    expect(audit.sidebar).to_contain_text("Signed in as Adam Admin")
    time.sleep(4)
    visiting.look_again()
    visiting.is_told(text.SIGN_IN_ENDED)
    visiting.press("Sign in")
    audit.page.wait_for_url(f"{visiting.provider.base}/oauth2/authorize**")


# -- downloads ---------------------------------------------------------------------------------------------


def fetched(address: str, cookie: str = "") -> requests.Response:
    return requests.get(address, headers={"Cookie": cookie} if cookie else {}, allow_redirects=False)


def cookie_of(visiting: Guest) -> str:
    return "; ".join(f"{each['name']}={each['value']}" for each in visiting.context.cookies(visiting.base))


def test_a_download_is_for_its_person_while_their_session_lasts(guest: Callable[[], Guest], server: Server) -> None:
    adam, olga = guest(), guest()
    addresses = []
    for visiting, person in ((adam, "adam"), (olga, "olga")):
        visiting.sign_in(person, "tab=team").settle()
        href = prepare(visiting.audit, "CSV for spreadsheets").get_attribute("href")
        addresses.append(f"{server.base}/{str(href).removeprefix('./')}")
    mine, hers = fetched(addresses[0], cookie_of(adam)), fetched(addresses[1], cookie_of(olga))
    assert mine.status_code == hers.status_code == 200
    assert len(mine.content) == len(hers.content)
    assert mine.headers["cache-control"] == "no-store"
    assert re.fullmatch(r'attachment; filename="[A-Za-z0-9.-]+\.csv"', mine.headers["content-disposition"])
    assert fetched(addresses[0], cookie_of(olga)).status_code == 404
    assert fetched(addresses[1], cookie_of(adam)).status_code == 404
    assert fetched(addresses[0]).status_code == 401
    _, candy = sign_in(server.base, "candy")
    assert fetched(addresses[0], candy.header()).status_code == 403

    kept = cookie_of(adam)
    adam.press("Sign out")
    adam.audit.page.wait_for_url(f"{adam.provider.base}/**")
    assert fetched(addresses[0], kept).status_code == 401
    assert fetched(addresses[0], sign_in(server.base, "adam")[1].header()).status_code == 404
    assert fetched(addresses[1], cookie_of(olga)).status_code == 200
    olgas = cookie_of(olga)
    olga.audit.page.close()
    assert soon(lambda: fetched(addresses[1], olgas).status_code == 404)
    assert soon(lambda: list((server.folder / "cache").glob("downloads-*/*.csv")) == [])
