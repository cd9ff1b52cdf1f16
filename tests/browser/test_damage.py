"""A record that is not whole, or not there: said on the page, the rest served, and nothing of the machine told."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from events import batch, events
from playwright.sync_api import expect

from auditlib.store import publish
from browser.audit_page import AuditPage
from browser.conftest import Reader
from browser.serving import Server

pytestmark = pytest.mark.browser


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Three snapshots of 10, 20 and 30 events."""
    for number, (count, first) in enumerate(((10, 0), (20, 10), (30, 30)), 1):
        publish(tmp_path / "store", [batch(events(count, first))], name=f"part-{number}")
    return tmp_path / "store"


def tells_nothing_of_the_machine(audit: AuditPage, store: Path) -> None:
    seen = audit.page.content()
    for secret in (str(store), str(store.parent), "/site-packages/", "Traceback", ".py"):
        assert secret not in seen.replace(".pyc", ""), secret


def flip(file: Path, place: int) -> None:
    recorded = bytearray(file.read_bytes())
    recorded[place] ^= 1
    file.chmod(0o644)
    file.write_bytes(recorded)


def test_a_flipped_byte_in_one_of_three_files_is_named_and_the_rest_is_served(
    store: Path, serve: Callable[..., Server], reader: Reader
) -> None:
    damaged = store / "data" / "part-2.parquet"
    flip(damaged, damaged.stat().st_size // 2)
    server = serve(store)
    audit = reader(server).open("rows=100")
    expect(audit.damage).to_contain_text("The record is incomplete.")
    expect(audit.damage).to_contain_text("Snapshot 2 is quarantined: part-2.parquet")
    audit.has_range("1–40 of 40 (incomplete)")
    assert {int(event.removeprefix("ev-")) for event in audit.ids()} == {*range(10), *range(30, 60)}
    expect(audit.sidebar).to_contain_text("2/3 verified, 1 quarantined")
    assert server.health()["quarantined"] == 1
    tells_nothing_of_the_machine(audit, store)
    audit.choose_tab("Team")
    expect(audit.damage).to_contain_text("part-2.parquet")
    audit.has_range("0–0 of 0 (incomplete)")


def test_a_missing_file_is_named_and_the_rest_is_served(store: Path, serve: Callable[..., Server], reader: Reader) -> None:
    (store / "data" / "part-3.parquet").unlink()
    audit = reader(serve(store)).open()
    expect(audit.damage).to_contain_text("Snapshot 3 is quarantined: part-3.parquet")
    audit.has_range("1–30 of 30 (incomplete)")


def test_a_broken_chain_keeps_the_last_verified_state_and_says_so(store: Path, serve: Callable[..., Server], reader: Reader) -> None:
    manifest = store / "manifests" / "00000002.json"
    manifest.chmod(0o644)
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"created": "2026-01-01T00:00:00Z"}))
    audit = reader(serve(store)).open()
    expect(audit.damage).to_contain_text("Newer snapshots are refused; the last verified state is shown.")
    audit.has_range("1–10 of 10 (incomplete)")
    tells_nothing_of_the_machine(audit, store)


@pytest.mark.parametrize("kind", ["nothing", "an empty folder", "a file"])
def test_where_no_store_is_the_page_says_so_and_offers_to_try_again(
    kind: str, store: Path, serve: Callable[..., Server], reader: Reader, tmp_path: Path
) -> None:
    place = tmp_path / "elsewhere"
    if kind == "a file":
        place.write_text("no store")
    elif kind == "an empty folder":
        place.mkdir()
    server = serve(place)
    audit = reader(server)
    audit.page.goto(f"{audit.base}/audit")
    again = audit.page.get_by_role("button", name="Try again")
    expect(again).to_be_visible()
    expect(audit.page.get_by_test_id("stAlert")).to_contain_text("store")
    tells_nothing_of_the_machine(audit, place)
    assert server.health()["status"] != "ok"
    if place.is_file():
        place.unlink()
    shutil.copytree(store, place, dirs_exist_ok=True)
    again.click()
    audit.has_range("1–50 of 60")


def test_events_that_arrive_while_the_page_is_open_are_offered_and_shown_on_request(
    store: Path, serve: Callable[..., Server], reader: Reader
) -> None:
    audit = reader(serve(store)).open("rows=10")
    audit.has_range("1–10 of 60")
    publish(store, [batch(events(5, 60))], name="part-4")
    audit.press("Next")
    expect(audit.text).to_contain_text("New events have arrived.")
    audit.has_range("11–20 of 60")
    audit.press("Refresh")
    audit.has_range("11–20 of 65")
    expect(audit.text).not_to_contain_text("New events have arrived.")
    audit.press("Previous")
    audit.has_range("1–10 of 65")
    assert audit.ids()[0] == "ev-000064"


def test_a_file_changed_after_it_was_loaded_is_never_shown_as_recorded(store: Path, serve: Callable[..., Server], reader: Reader) -> None:
    audit = reader(serve(store)).open("rows=100")
    audit.has_range("1–60 of 60")
    damaged = store / "data" / "part-3.parquet"
    flip(damaged, damaged.stat().st_size // 2)
    audit.rows.nth(0).get_by_role("button", name="Metadata").click()
    expect(audit.page.locator("#metadata-0 .card")).to_contain_text("part-3.parquet")
    expect(audit.page.locator("#metadata-0 .line")).to_have_count(0)
    audit.rows.nth(45).get_by_role("button", name="Metadata").click()
    expect(audit.page.locator("#metadata-45 .line").first).to_be_visible()
    tells_nothing_of_the_machine(audit, store)
