"""Export: every match of the view as a file, made and fetched by one person only."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import requests
from bundles import unpacked
from playwright.sync_api import Locator, expect

from auditlib.evidence.bundle_check import verify_bundle
from auditlib.log import AuditLog
from auditlib.view import View
from browser.audit_page import AuditPage
from browser.serving import Server

pytestmark = pytest.mark.browser

LINK = "tab=team&action=updated&rows=10"


def csv_ids(content: bytes) -> list[str]:
    return [row["event_id"] for row in csv.DictReader(io.StringIO(content.decode(), newline=""))]


def jsonl_ids(content: bytes) -> list[str]:
    return [json.loads(line)["event_id"] for line in content.splitlines()]


def parquet_ids(content: bytes) -> list[str]:
    ids: list[str] = pq.read_table(io.BytesIO(content)).column("event_id").to_pylist()
    return ids


def prepare(audit: AuditPage, label: str, *, report: bool = False, only: str = "") -> Locator:
    """Asks for an export in a format, of a bundle with a report or of some events only; gives its download button."""
    audit.page.locator(".st-key-export button").first.click()
    audit.page.get_by_role("combobox", name="Format").click()
    audit.pick(label)
    audit.settle()
    for choice in filter(None, ["Add a report for printing" if report else "", only]):
        audit.page.get_by_text(choice).click()
        audit.settle()
    audit.press("Prepare file")
    button = audit.page.get_by_role("link", name=re.compile("Download"))
    expect(button).to_be_visible()
    return button


@pytest.mark.parametrize(
    ("label", "suffix", "read"),
    [
        ("CSV for spreadsheets", ".csv", csv_ids),
        ("JSON lines, lossless", ".jsonl", jsonl_ids),
        ("Parquet, lossless", ".parquet", parquet_ids),
    ],
)
def test_every_match_of_the_view_downloads_as(
    label: str, suffix: str, read: Callable[[bytes], list[str]], audit: AuditPage, served_log: AuditLog, tmp_path: Path
) -> None:
    audit.open(LINK)
    file = audit.download(prepare(audit, label), tmp_path)
    expected = served_log.events(View.from_link(LINK)).column("event_id").to_pylist()
    assert read(file.read_bytes()) == expected
    assert len(expected) > 10
    head = served_log.head
    assert re.fullmatch(rf"audit-team-head{head.seq}-{head.digest[:12]}-\d{{8}}T\d{{6}}Z\{suffix}", file.name)
    audit.has_link(LINK)


def test_an_export_is_offered_for_its_own_view_only_and_to_nobody_elsewhere(audit: AuditPage, server: Server) -> None:
    audit.open(LINK)
    button = prepare(audit, "JSON lines, lossless")
    address = f"{server.base}/export/{(button.get_attribute('href') or '').rpartition('/')[2]}"
    answer = requests.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["cache-control"] == "no-store"
    for header in ({"X-Forwarded-For": "203.0.113.9"}, {"Host": "elsewhere.test"}):
        assert requests.get(address, headers=header).status_code == 401
    assert requests.get(address[:-1] + ("A" if address[-1] != "A" else "B")).status_code == 404
    audit.page.keyboard.press("Escape")
    audit.press("Next")
    audit.has_range("11–20 of 75")
    audit.page.locator(".st-key-export button").first.click()
    expect(audit.page.get_by_role("button", name="Prepare file")).to_be_visible()


def test_an_evidence_bundle_of_the_view_downloads_and_proves_itself(audit: AuditPage, served_log: AuditLog, tmp_path: Path) -> None:
    audit.open(LINK)
    file = audit.download(prepare(audit, "Evidence bundle", report=True), tmp_path)
    assert re.fullmatch(r"audit-team-head\d+-[0-9a-f]{12}-\d{8}T\d{6}Z\.zip", file.name)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    expect(audit.page.locator(".st-key-export, [data-testid=stPopoverBody]").get_by_text(digest)).to_be_visible()
    files = unpacked(file)
    assert jsonl_ids(files["events.jsonl"]) == served_log.events(View.from_link(LINK)).column("event_id").to_pylist()
    query = json.loads(files["query.json"])
    assert (query["exporter"], query["zone"], query["link"]) == ("local admin", "Europe/Berlin", "/audit?tab=team&action=updated&rows=10")
    assert "report.html" in files
    assert verify_bundle(file).ok
    audit.has_link(LINK)


def test_a_bundle_can_hold_only_what_is_open(audit: AuditPage, tmp_path: Path) -> None:
    audit.open(LINK)
    audit.expand(3)
    audit.expand(1)
    file = audit.download(prepare(audit, "Evidence bundle", only="Only what is open: 2 events"), tmp_path)
    assert sorted(jsonl_ids(unpacked(file)["events.jsonl"])) == sorted((audit.ids()[1], audit.ids()[3]))
    assert verify_bundle(file).ok


def test_an_empty_view_has_nothing_to_export(audit: AuditPage) -> None:
    audit.open("q=nothing-like-this")
    audit.page.locator(".st-key-export button").first.click()
    expect(audit.page.get_by_role("button", name="Prepare file")).to_be_disabled()
