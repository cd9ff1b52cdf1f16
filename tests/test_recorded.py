"""What was recorded with an event, as a page gets it: the text, masked, and where its bytes are."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from events import batch, event

from auditlib.log import open_log
from auditlib.store import publish
from pages import downloads, recorded


def test_on_a_full_disk_metadata_is_shown_and_not_offered_for_download(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path / "s", [batch([event(0, metadata='{"password":"hunter2","n":1e2}')])], name="day")
    log = open_log(tmp_path / "s")
    found = log.event("ev-000000")
    assert recorded.details(log, found)["url"]

    def full(suffix: str) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(downloads, "new_file", full)
    monkeypatch.setattr(downloads, "_texts", {})
    shown = recorded.details(log, found)
    assert (shown["url"], shown["text"], shown["secrets"]) == ("", '{"password":"••••••","n":1e2}', 1)
    log.close()
