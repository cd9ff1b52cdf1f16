"""Attacks on the SQL desk: each is refused, fails, or is stopped; nothing is changed, nothing leaks, and the next query is answered."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sql_attacks import ATTACKS, Outcome

from auditlib.errors import QueryError, QueryRefusedError, QueryTimeoutError
from auditlib.log import AuditLog, open_log
from auditlib.sandbox import pool
from auditlib.view import View

MARKER = "a-secret-of-this-machine"
MOST_RESIDENT_GROWTH = 400 << 20


@dataclass
class Range:
    """What is attacked, and what must stay as it is."""

    log: AuditLog
    folder: Path
    places: dict[str, str]
    children: list[pool.Child]

    def digest(self) -> dict[str, str]:
        """Every file below the folder."""
        return {
            str(path): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "" for path in sorted(self.folder.rglob("*"))
        }


@pytest.fixture(scope="module")
def target(demo_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Range]:
    folder = tmp_path_factory.mktemp("sql")
    (folder / "secret.txt").write_text(MARKER)
    children: list[pool.Child] = []

    class Watched(pool.Child):
        def __init__(self, database: int, *, masked: bool) -> None:
            super().__init__(database, masked=masked)
            children.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDIT_SECRET_MARKER", MARKER)
        patch.setenv("AUDIT_CACHE", str(folder / "cache"))
        patch.setattr(pool, "Child", Watched)
        (folder / "store").symlink_to(demo_store)
        log = open_log(folder / "store")
        log.prepare_sql()
        places = {
            "file": str(folder / "secret.txt"),
            "data": str(next((demo_store / "data").iterdir())),
            "cache": str(next((folder / "cache").glob("*/sql-*.duckdb"))),
            "new": str(folder / "new"),
        }
        yield Range(log, folder, places, children)
        log.close()
    assert all(child.process.poll() is not None for child in children)


def outcome(log: AuditLog, text: str, seconds: float) -> tuple[Outcome, str]:
    """What comes of a query, and everything that is told of it."""
    try:
        result = log.sql(text, timeout=seconds, max_rows=1_000, owner="attacker")
    except QueryRefusedError as error:
        return "refused", str(error)
    except QueryTimeoutError as error:
        return "timeout", str(error)
    except QueryError as error:
        return ("memory" if error.reason == "memory" else "error"), str(error)
    return ("truncated" if result.truncated else "harmless"), f"{result.truncated} {result.table.slice(0, 20).to_pylist()}"


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_changes_nothing_tells_nothing_and_hinders_nobody(target: Range, name: str) -> None:
    text, expected = ATTACKS[name]
    before, held = target.digest(), resident()
    for word, place in target.places.items():
        text = text.replace("{" + word + "}", place)
    found, told = outcome(target.log, text, 1.0 if expected == "timeout" else 60.0)
    reached_first = ("timeout", "memory") if expected == "timeout" else (expected,)
    assert found in reached_first, told
    own = text if found == "harmless" else ""
    for secret in (MARKER, str(target.folder), str(Path.home()), "/proc/", "Traceback"):
        assert secret not in told or secret in own
    if expected in ("timeout", "memory"):
        asked = [child for child in target.children if child.person == "local"]
        assert asked[-1].process.returncode is not None
        with pytest.raises(ProcessLookupError):
            os.kill(asked[-1].process.pid, 0)
    assert target.log.sql("SELECT count(*) AS n FROM events", owner="attacker").table["n"].to_pylist() == [target.log.head.events]
    assert target.log.total(View()) > 0
    assert target.digest() == before
    assert resident() - held < MOST_RESIDENT_GROWTH


def test_there_are_more_than_ninety_attacks() -> None:
    assert len(ATTACKS) > 90
