"""Downloads: each for one person, under a name nobody can guess, for an hour, and gone when withdrawn."""

from __future__ import annotations

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from auditlib.access.principal import AT_THE_MACHINE, Principal
from pages import downloads
from pages.scratch import scratch_folder

ROOT = Path(__file__).resolve().parents[1]
ANN = Principal("ann@example.test", "Ann", frozenset({"admin"}))
BEN = Principal("ben@example.test", "Ben", frozenset({"owner"}))


@pytest.fixture
def file() -> Path:
    path = downloads.new_file(".csv")
    path.write_text("a,b\r\n")
    return path


def test_a_new_file_is_empty_and_readable_by_its_owner_alone() -> None:
    path = downloads.new_file(".json")
    assert path.read_bytes() == b""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.suffix == ".json"


def test_a_download_is_found_by_its_token_and_its_person_only(file: Path) -> None:
    token = downloads.offer(file, "a.csv", "text/csv", ANN)
    found = downloads.find(token, ANN)
    assert found is not None
    assert (found.path, found.name, found.mime) == (file, "a.csv", "text/csv")
    for nobody in (BEN, AT_THE_MACHINE, None):
        assert downloads.find(token, nobody) is None
    assert downloads.find(token + "x", ANN) is None
    assert len(token) >= 40


def test_a_person_who_lost_the_role_gets_nothing_more(file: Path) -> None:
    token = downloads.offer(file, "a.csv", "text/csv", ANN)
    assert downloads.find(token, Principal(ANN.id, ANN.name, frozenset({"member"}))) is None


def test_exports_of_equal_length_made_at_one_moment_are_each_for_their_own_person() -> None:
    people = [Principal(f"{number:02}@example.test", "", frozenset({"admin"})) for number in range(20)]

    def make(person: Principal) -> str:
        path = downloads.new_file(".csv")
        path.write_text(f"made for {person.id}")
        return downloads.offer(path, "audit.csv", "text/csv", person)

    with ThreadPoolExecutor(len(people)) as at_once:
        tokens = list(at_once.map(make, people))
    for person, token in zip(people, tokens, strict=True):
        found = downloads.find(token, person)
        assert found is not None
        assert found.path.read_text() == f"made for {person.id}"
        assert [other.id for other in people if downloads.find(token, other)] == [person.id]


def test_a_download_goes_with_the_browser_of_its_session(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browsers = {"adas"}
    monkeypatch.setattr(downloads, "_session", lambda: "adas")
    monkeypatch.setattr(downloads.runtime, "exists", lambda: True)
    monkeypatch.setattr(downloads.runtime, "get_instance", lambda: SimpleNamespace(is_active_session=browsers.__contains__))
    token, text = downloads.offer(file, "a.csv", "text/csv", ANN), downloads.offer_text("{}", "event-1.json", ANN)
    downloads.withdraw_abandoned()
    assert downloads.find(token, ANN)
    browsers.clear()
    assert downloads.find(token, ANN) is None
    downloads.withdraw_abandoned()
    assert not file.exists()
    browsers.add("adas")
    assert downloads.offer_text("{}", "event-1.json", ANN) != text


def test_a_withdrawn_download_is_gone_with_its_file(file: Path) -> None:
    token = downloads.offer(file, "a.csv", "text/csv", ANN)
    downloads.withdraw(token)
    downloads.withdraw(token)
    assert downloads.find(token, ANN) is None
    assert not file.exists()


def test_a_download_past_its_hour_is_gone_with_its_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = downloads.offer(file, "a.csv", "text/csv", ANN)
    now = downloads.time.monotonic()
    monkeypatch.setattr(downloads.time, "monotonic", lambda: now + downloads.LIFETIME_SECONDS + 1)
    assert downloads.find(token, ANN) is None
    downloads.offer(downloads.new_file(".csv"), "b.csv", "text/csv", ANN)
    assert not file.exists()


def test_the_same_text_keeps_its_address_and_another_persons_is_another() -> None:
    text = '{"lone":"\ud800","line":"a\r\nb"}'
    first = downloads.offer_text(text, "event-1.json", ANN)
    assert first == downloads.offer_text(text, "event-1.json", ANN)
    assert first.startswith("./export/")
    assert first != downloads.offer_text(text, "event-1.json", BEN)
    assert first != downloads.offer_text(text + " ", "event-1.json", ANN)
    found = downloads.find(first.rpartition("/")[2], ANN)
    assert found is not None
    assert found.path.read_bytes() == text.encode("utf-8", "surrogatepass")


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_has_stays(tmp_path: Path) -> None:
    script = f"""
from pathlib import Path
from pages.scratch import scratch_folder
folder = scratch_folder(Path({str(tmp_path)!r}), "downloads-")
(folder / "export.csv").write_text("a candidate's name")
print(folder, flush=True)
input()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        mine = scratch_folder(tmp_path, "downloads-")
        assert (left / "export.csv").exists()
        process.kill()
        process.wait()
    newer = scratch_folder(tmp_path, "downloads-")
    assert not left.exists()
    assert mine.is_dir()
    assert newer != mine
