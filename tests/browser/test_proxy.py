"""A real browser that reaches the app through nginx and TLS: it signs in, reads, and keeps no cookie that could travel in the clear."""

from __future__ import annotations

from pathlib import Path

import pytest
from events import batch, events
from identity import Provider
from playwright.sync_api import Browser
from proxy import Proxy
from test_deployment import deployed

from auditlib.store import publish
from browser.audit_page import AuditPage
from browser.conftest import DESK

pytestmark = pytest.mark.browser


def signed_in(browser: Browser, proxy: Proxy, provider: Provider, errors: list[str]) -> AuditPage:
    """The page of a link that someone opened, after the whole way through sign-in."""
    page = browser.new_context(ignore_https_errors=True, **DESK).new_page()
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    page.goto(f"{proxy.base}/audit?tab=team&rows=20")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{provider.base}/**")
    page.get_by_role("button", name="adam", exact=True).first.click()
    page.wait_for_url(f"{proxy.base}/audit**")
    return AuditPage(page, proxy.base)


def test_a_browser_signs_in_through_the_proxy_and_reads(browser: Browser, tmp_path: Path) -> None:
    publish(tmp_path / "store", [batch(events(12, actor_role="member"))], name="few")
    errors: list[str] = []
    with Provider(tmp_path) as provider, deployed(tmp_path / "store", tmp_path, provider=provider) as proxy:
        audit = signed_in(browser, proxy, provider, errors)
        audit.has_range("1–12 of 12")
        assert "tab=team&rows=20" in audit.page.url
        held = [cookie for cookie in audit.page.context.cookies() if cookie.get("domain") == "audit.elsewhere.test"]
        audit.page.context.close()
    assert held
    assert [cookie.get("name") for cookie in held if not cookie.get("secure")] == []
    assert [line for line in errors if "Content Security Policy" in line or "WebSocket" in line] == []
