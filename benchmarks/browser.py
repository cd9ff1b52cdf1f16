"""The app in a real browser: from the start of the server to the first rows, and from the click on Next to the new rows painted."""

from __future__ import annotations

import json
import math
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.serving import ROOT, served

TURNS: Final = 12
READERS: Final = 20
CROWD_SECONDS: Final = 20
LINKS: Final = {"50 rows": "", "50 rows, one action, from page 40": "action=updated&page=40", "100 rows": "rows=100"}
_FIRST: Final = """() => {
    for (const host of document.querySelectorAll(".st-key-events *")) {
      const row = host.shadowRoot && host.shadowRoot.querySelector("tbody tr.row")
      if (row) return row.textContent
    }
    return ""
  }"""
_TURN: Final = f"""async () => {{
  const first = {_FIRST}
  const before = first(), start = performance.now()
  document.querySelector(".st-key-next button").click()
  await new Promise((done) => {{
    const look = () => (first() && first() !== before ? done() : requestAnimationFrame(look))
    look()
  }})
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))
  return performance.now() - start
}}"""


def browsed(store: Path, settings: Mapping[str, str]) -> dict[str, Any]:
    """All that is measured in the browser, in seconds; `missing` says why nothing is."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        return {"missing": "no Chromium was found"}
    from playwright.sync_api import Browser, sync_playwright

    def rows_of(browser: Browser, address: str) -> Any:
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.goto(address)
        page.wait_for_function(_FIRST, timeout=120_000)
        return page

    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        start = time.perf_counter()
        with served(store, settings) as server:
            address = f"http://localhost:{server.port}/audit"
            rows_of(browser, address).close()
            found: dict[str, Any] = {"start": time.perf_counter() - start, "turns": {}}
            for title, query in LINKS.items():
                page = rows_of(browser, f"{address}?{query}" if query else address)
                found["turns"][title] = _turns(page)
                page.close()
            page = rows_of(browser, address)
            crowd = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.clients", str(server.port), str(READERS), str(CROWD_SECONDS)],
                stdout=subprocess.PIPE,
                cwd=ROOT,
            )
            page.wait_for_timeout(5_000)
            beside = _turns(page)
            printed, _ = crowd.communicate()
            found["crowd"] = {"readers": READERS, "browser": beside, "clients": json.loads(printed)}
        browser.close()
    return found


def _turns(page: Any) -> dict[str, float]:
    """Turns to the next page: median and slowest from the click to the rows painted, and what of it the server took.

    The server's part is from the question sent to the last message received before the rows were there. Beside it, from the same on:
    `rows` is to the largest message, which brings the rows, `run` to the last of all.
    """
    page.locator(".st-key-next button:enabled").wait_for(timeout=120_000)
    page.wait_for_timeout(1_000)
    wire: list[tuple[str, float, int]] = []
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    for way in ("Sent", "Received"):
        session.on(
            f"Network.webSocketFrame{way}",
            lambda frame, way=way: wire.append((way, frame["timestamp"], len(frame["response"]["payloadData"]))),
        )
    turns: list[float] = []
    parts: dict[str, list[float]] = {"rows": [], "server": [], "run": []}
    for _ in range(TURNS):
        wire.clear()
        turns.append(page.evaluate(_TURN) / 1000)
        page.wait_for_timeout(300)
        asked, *later = [at for way, at, _ in wire if way == "Sent"]
        answered = {at - asked: size for way, at, size in wire if way == "Received" and asked <= at < min(later, default=math.inf)}
        parts["rows"].append(max(answered, key=lambda after: answered[after]))
        parts["server"].append(max(after for after in answered if after <= turns[-1]))
        parts["run"].append(max(answered))
    medians = {name: statistics.median(each) for name, each in parts.items()}
    return {"median": statistics.median(turns), "slowest": max(turns), **medians}
