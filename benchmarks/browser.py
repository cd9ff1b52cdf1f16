"""How long a page turn takes in a real browser: from the click on Next to the new rows painted."""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
TURNS: Final = 20
LINKS: Final = {"the tab": "", "one action, from page 40": "action=updated&page=40", "100 rows": "rows=100"}
_TURN: Final = """async () => {
  const first = () => {
    for (const host of document.querySelectorAll(".st-key-events *")) {
      const row = host.shadowRoot && host.shadowRoot.querySelector("tbody tr.row")
      if (row) return row.textContent
    }
    return ""
  }
  const before = first(), start = performance.now()
  document.querySelector(".st-key-next button").click()
  await new Promise((done) => {
    const look = () => (first() && first() !== before ? done() : requestAnimationFrame(look))
    look()
  })
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))
  return performance.now() - start
}"""


def page_turns(store: Path, cache: Path) -> list[str]:
    """The table of medians, or a line that says why there is none."""
    chromium = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
    if chromium is None:
        return ["Page turns in a browser: not measured, no Chromium was found."]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "AUDIT_STORE": str(store), "AUDIT_CACHE": str(cache), "AUDIT_ENGINE": "embedded"}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(f"http://localhost:{port}/healthz")
        return _measured(f"http://localhost:{port}/audit", chromium)
    finally:
        server.terminate()
        server.wait()


def _measured(address: str, chromium: str) -> list[str]:
    from playwright.sync_api import sync_playwright

    lines = ["| a page turn in the browser, milliseconds | median | slowest |", "| --- | --- | --- |"]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        for title, query in LINKS.items():
            page = browser.new_page(viewport={"width": 1440, "height": 1000})
            page.goto(f"{address}?{query}" if query else address)
            page.locator(".st-key-next button:enabled").wait_for(timeout=120_000)
            page.wait_for_timeout(1_000)
            turns = []
            for _ in range(TURNS):
                turns.append(page.evaluate(_TURN))
                page.wait_for_timeout(300)
            lines.append(f"| {title} | {statistics.median(turns):.0f} | {max(turns):.0f} |")
            page.close()
        browser.close()
    return lines


def _wait_for(address: str) -> None:
    for _ in range(150):
        try:
            urllib.request.urlopen(address, timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(address)
