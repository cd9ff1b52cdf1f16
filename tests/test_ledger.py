"""The ledger: what is written stays, in one chain, whoever is killed or whatever is full; and what it becomes as a log."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stores import child, flip, overwrite, run_killed

from auditlib.access import ledger as writing
from auditlib.access import subjects
from auditlib.access.entries import Entry, Tail, follow, header, opened, read
from auditlib.access.history import batch
from auditlib.access.ledger import Ledger, first_of, journals, ledger_folder
from auditlib.access.principal import AT_THE_MACHINE, Principal, may_read_ledger
from auditlib.access.proof import LedgerReport, is_ledger, lines, verify_ledger
from auditlib.access.refusals import FURTHER, MOST_TOLD, WINDOW_SECONDS, Refusals
from auditlib.access.rotation import rotate
from auditlib.errors import LedgerError
from auditlib.log import open_log
from auditlib.store.acceptance import configured
from auditlib.store.canonical import canonical
from auditlib.store.digest import NO_DIGEST, sha256_bytes
from auditlib.store.erasure import erase
from auditlib.store.retention import retire
from auditlib.view import View
from auditlib.vocabulary import ACTIONS

ANN = Principal("ann@example.test", "Ann", frozenset({"admin", "member"}))
TEAM = View(tab="team")

APPEND = """
import sys
from pathlib import Path
from auditlib.access.entries import Entry
from auditlib.access.ledger import Ledger
from auditlib.access.rotation import rotate
ledger = Ledger(Path(sys.argv[-1]))
"""


@pytest.fixture
def ledger(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """An empty ledger, in a state folder of its own."""
    monkeypatch.setenv("AUDIT_STATE", str(tmp_path / "state"))
    return Ledger(ledger_folder(tmp_path / "store"))


def opening(number: int) -> Entry:
    event, booking = f"ev-{number}", {"booking": f"BK{number}"}
    return Entry(action="opened", who=ANN, head="ab" * 32, link="/audit", session="0a1b2c3d", event=event, related=booking)


def written(ledger: Ledger, count: int) -> Ledger:
    for number in range(count):
        ledger.append(opening(number))
    return ledger


def numbers(folder: Path) -> list[int]:
    return [read(line)["seq"] for line in lines(folder)]


def journal(ledger: Ledger) -> Path:
    return journals(ledger.folder)[-1]


def whole(ledger: Ledger, count: int) -> LedgerReport:
    """The report on a ledger that must hold exactly so many entries, in one chain."""
    report = verify_ledger(ledger.folder)
    assert (report.ok, report.problems, report.end.seq) == (True, [], count)
    assert numbers(ledger.folder) == list(range(1, count + 1))
    return report


# -- entries and their lines ---------------------------------------------------------------------------


def test_an_entry_is_one_canonical_line_that_names_the_digest_of_the_line_before(ledger: Ledger) -> None:
    written(ledger, 2)
    first, one, two = journal(ledger).read_bytes().splitlines(keepends=True)
    assert first == canonical({"format": "auditlib-ledger/1", "prev": NO_DIGEST, "seq": 1})
    assert (read(one)["prev"], read(two)["prev"]) == (sha256_bytes(first), sha256_bytes(one))
    said = json.loads(two)
    assert datetime.now(UTC).timestamp() - datetime.fromisoformat(said.pop("at")).timestamp() < 60
    assert said == {
        "seq": 2,
        "prev": sha256_bytes(one),
        "action": "opened",
        "who": {"id": "ann@example.test", "name": "Ann", "roles": ["admin", "member"], "local": False},
        "head": "ab" * 32,
        "link": "/audit",
        "event": "ev-1",
        "related": {"booking": "BK1"},
        "session": "0a1b2c3d",
    }


PEOPLE = st.builds(Principal, st.text(max_size=20), st.text(max_size=20), st.frozensets(st.text(max_size=9), max_size=3), st.booleans())


@given(
    st.builds(
        Entry,
        action=st.sampled_from(sorted(ACTIONS)),
        who=st.none() | PEOPLE,
        ip=st.text(max_size=20),
        link=st.text(st.characters(), max_size=60),
        event=st.text(max_size=20),
        related=st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=3),
        count=st.none() | st.integers(0, 2**40),
        detail=st.dictionaries(st.text(max_size=9), st.none() | st.integers(-5, 5) | st.text(st.characters(), max_size=60), max_size=3),
    )
)
@settings(max_examples=60, deadline=None)
def test_any_entry_is_read_back_from_its_line_and_is_an_event_of_the_schema(entry: Entry) -> None:
    at, prev = datetime(2026, 11, 24, 10, 0, 0, 5, tzinfo=UTC), "cd" * 32
    line = canonical(entry.to_record(7, at, prev))
    assert read(line) == entry.to_record(7, at, prev)
    assert follow(Tail(6, prev), line) == Tail(7, sha256_bytes(line))
    (event,) = batch([line]).to_pylist()
    assert (event["event_id"], event["action"], event["occurred_at"]) == ("ledger-000000000007", entry.action, at)
    assert f"{event['metadata']}\n".encode() == line


@pytest.mark.parametrize("line", [b"", b"{}\n", b"null\n", b'{"seq":1}\n', b"\xff\n", b'{"format": "auditlib-ledger/1"}\n'])
def test_a_line_that_no_ledger_writes_is_refused_in_a_sentence(line: bytes) -> None:
    with pytest.raises(LedgerError, match="damaged"):
        read(line)
    with pytest.raises(LedgerError, match="damaged"):
        opened(line)


def test_a_journal_of_a_newer_version_is_refused_as_newer() -> None:
    line = header(Tail(4, "ab" * 32)).replace(b"ledger/1", b"ledger/2")
    with pytest.raises(LedgerError, match=r"has format 'auditlib-ledger/2', newer than this version reads"):
        opened(line)


# -- the chain -----------------------------------------------------------------------------------------


def test_a_change_of_any_byte_or_the_loss_of_any_line_is_found(ledger: Ledger) -> None:
    written(ledger, 4)
    path = journal(ledger)
    raw = path.read_bytes()
    end = whole(ledger, 4).end.digest
    for place in range(0, len(raw) - 1, 19):
        flip(path, place)
        report = verify_ledger(ledger.folder)
        assert not report.ok or report.end.digest != end, place
        overwrite(path, raw)
    kept = raw.splitlines(keepends=True)
    for missing in range(4):
        overwrite(path, b"".join(kept[:missing] + kept[missing + 1 :]))
        assert not verify_ledger(ledger.folder).ok
    for swapped in range(1, 4):
        overwrite(path, b"".join([*kept[:swapped], kept[swapped + 1], kept[swapped], *kept[swapped + 2 :]]))
        assert not verify_ledger(ledger.folder).ok
    overwrite(path, b"".join(kept[:-1]))
    assert verify_ledger(ledger.folder).end.digest != end


@pytest.mark.parametrize("key", ["seq", "prev", "at", "action", "who", "head", "link", "event", "related", "session"])
def test_a_field_that_was_changed_and_spelled_anew_breaks_the_chain_behind_it(ledger: Ledger, key: str) -> None:
    written(ledger, 3)
    path = journal(ledger)
    kept = path.read_bytes().splitlines(keepends=True)
    other = {"seq": 9, "prev": "0" * 64, "at": "2026-01-01T00:00:00.000000Z", "who": None, "related": {}}
    overwrite(path, b"".join([*kept[:2], canonical({**json.loads(kept[2]), key: other.get(key, "other")}), kept[3]]))
    report = verify_ledger(ledger.folder)
    assert report.exit_code == 1
    assert any("The ledger breaks at entry" in problem for problem in report.problems)


def test_a_torn_last_line_is_kept_aside_told_and_followed_by_the_next_entry(ledger: Ledger) -> None:
    written(ledger, 2)
    with journal(ledger).open("ab") as file:
        file.write(b'{"action":"opened","at":"2026-')
    assert verify_ledger(ledger.folder).notes == [f"{journal(ledger).name} ends with 30 bytes of a line that was never finished."]
    Ledger(ledger.folder).append(opening(2))
    (torn,) = ledger.folder.glob("torn-*")
    assert torn.read_bytes() == b'{"action":"opened","at":"2026-'
    assert whole(ledger, 4).notes == [f"A line that a crash had cut is kept in {torn.name}."]
    told = json.loads(list(lines(ledger.folder))[2])
    assert (told["action"], told["who"], told["detail"]) == ("recovered", None, {"bytes": 30, "kept": torn.name})
    ledger.append(opening(3))
    whole(ledger, 5)


def test_blocks_of_zeros_behind_the_last_line_are_a_torn_line_too(ledger: Ledger) -> None:
    written(ledger, 1)
    with journal(ledger).open("ab") as file:
        file.write(bytes(100_000))
    ledger.append(opening(1))
    whole(ledger, 3)
    assert next(ledger.folder.glob("torn-*")).read_bytes() == bytes(100_000)


def test_nothing_is_added_behind_a_last_line_that_is_damaged(ledger: Ledger) -> None:
    written(ledger, 2)
    raw = journal(ledger).read_bytes()
    overwrite(journal(ledger), raw[:-3] + b"x" + raw[-2:])
    with pytest.raises(LedgerError, match="A line of the ledger is damaged"):
        Ledger(ledger.folder).append(opening(2))
    assert len(journal(ledger).read_bytes()) == len(raw)


def test_nothing_is_added_where_entries_were_cut_off_that_this_process_wrote(ledger: Ledger) -> None:
    written(ledger, 3)
    first, *entries = journal(ledger).read_bytes().splitlines(keepends=True)
    overwrite(journal(ledger), first + entries[0])
    with pytest.raises(LedgerError, match="The ledger was cut: it ends with entry 1, and entry 3 was written"):
        ledger.append(opening(3))
    overwrite(journal(ledger), b"".join((first, *entries)))
    ledger.append(opening(3))
    whole(ledger, 4)


def test_the_names_of_new_folders_are_on_the_disk_before_an_entry_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: set[int] = set()
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.add(os.fstat(fd).st_ino), fsync(fd)))
    Ledger(tmp_path / "state" / "ledger" / "key").append(opening(0))
    assert {folder.stat().st_ino for folder in (tmp_path, tmp_path / "state", tmp_path / "state" / "ledger")} <= synced


# -- several writers, killed ones, full disks ------------------------------------------------------------


def test_processes_and_threads_that_write_at_once_make_one_chain(ledger: Ledger) -> None:
    script = APPEND + "for n in range(60): ledger.append(Entry(action='viewed', count=n, session=sys.argv[1]))"
    writers = [child(script, name, ledger.folder) for name in ("a", "b")]
    written(ledger, 60)
    for writer in writers:
        _, error = writer.communicate(timeout=60)
        assert writer.returncode == 0, error
    whole(ledger, 180)
    by = [json.loads(line)["session"] for line in lines(ledger.folder)]
    assert {name: by.count(name) for name in by} == {"a": 60, "b": 60, "0a1b2c3d": 60}


def killed(ledger: Ledger, script: str, after: float) -> None:
    """Runs a script until it has been at it for so long, and kills it."""
    process = child(APPEND + "print(flush=True)\n" + script, ledger.folder)
    assert process.stdout
    process.stdout.readline()
    time.sleep(after)
    process.kill()
    process.communicate()


@pytest.mark.parametrize("moment", [pytest.param(moment, marks=[pytest.mark.long] if moment >= 2 else []) for moment in range(40)])
def test_whoever_is_killed_while_writing_leaves_a_chain_that_goes_on(ledger: Ledger, moment: int) -> None:
    killed(ledger, "while True: ledger.append(Entry(action='viewed', link='/audit?' + 'x' * 3000))", random.Random(moment).uniform(0, 0.08))
    ledger.append(opening(1))
    report = verify_ledger(ledger.folder)
    assert report.ok, report.problems
    assert numbers(ledger.folder) == list(range(1, report.end.seq + 1))


STEPS = {8: "data linked", 14: "published"}
"""Steps of a rotation, before which it is killed; the ordinary suite tries those that are named."""


@pytest.mark.parametrize("step", [pytest.param(step, marks=[] if step in STEPS else [pytest.mark.long]) for step in range(1, 15)])
def test_whoever_is_killed_while_rotating_loses_and_doubles_nothing(ledger: Ledger, step: int) -> None:
    written(ledger, 5)
    rotate(ledger)
    written(ledger, 6)
    script = APPEND + "sys.addaudithook(kill_before)\nrotate(ledger)"
    run_killed(script, step, "os.link os.remove os.rename os.chmod", ledger.folder)
    assert numbers(ledger.folder) == list(range(1, 12))
    ledger.append(opening(11))
    assert rotate(ledger) == (1 if step > 8 else 7)
    whole(ledger, 12)
    log = open_log(ledger.store, engine="embedded")
    assert log.total(TEAM) == 12
    log.close()


LIMITED = (
    APPEND
    + """
import resource
from auditlib.errors import LedgerError
ledger.append(Entry(action="viewed"))
size = max(path.stat().st_size for path in ledger.folder.iterdir() if path.is_file())
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 300, resource.RLIM_INFINITY))
for attempt in range(2):
    try:
        ledger.append(Entry(action="exported", link="x" * 2000))
    except LedgerError as error:
        print(error, error.reason)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
ledger.append(Entry(action="opened"))
"""
)


def test_a_disk_that_is_full_is_one_sentence_and_leaves_the_ledger_as_it_was(ledger: Ledger) -> None:
    process = child(LIMITED, ledger.folder)
    said, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    assert said.decode().splitlines() == ["The ledger cannot be written: File too large disk"] * 2
    whole(ledger, 2)
    assert [json.loads(line)["action"] for line in lines(ledger.folder)] == ["viewed", "opened"]


def test_a_folder_that_cannot_be_written_is_one_sentence_without_a_path(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    with pytest.raises(LedgerError, match=r"^The ledger cannot be written: ") as refused:
        ledger.append(opening(0))
    assert str(tmp_path) not in str(refused.value)
    assert not is_ledger(ledger.folder)


def test_an_entry_that_is_far_too_large_is_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="cannot be recorded: expected at most 524,288"):
        ledger.append(Entry(action="queried", detail={"sql": "x" * 600_000}))
    written(ledger, 1)
    whole(ledger, 1)


def test_an_entry_does_not_wait_for_ever_for_another_process(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    written(ledger, 1)
    hold = "import fcntl, sys\nheld = open(sys.argv[1] + '/.lock')\nfcntl.flock(held, fcntl.LOCK_EX)\nprint(flush=True)\nsys.stdin.read()"
    holder = child(hold, ledger.folder)
    assert holder.stdout
    holder.stdout.readline()
    monkeypatch.setattr(writing, "PATIENCE_SECONDS", 0.05)
    with pytest.raises(LedgerError, match="held by another process"):
        ledger.append(opening(1))
    holder.communicate()
    ledger.append(opening(1))
    whole(ledger, 2)


def test_the_ledger_is_for_its_owner_alone(ledger: Ledger) -> None:
    written(ledger, 1)
    assert ledger.folder.stat().st_mode & 0o777 == 0o700
    assert journal(ledger).stat().st_mode & 0o777 == 0o600


# -- rotation --------------------------------------------------------------------------------------------


def test_entries_move_into_snapshots_byte_for_byte_and_the_chain_goes_on(ledger: Ledger) -> None:
    assert rotate(written(ledger, 3)) == 3
    before = list(lines(ledger.folder))
    written(ledger, 2)
    report = whole(ledger, 5)
    assert list(lines(ledger.folder))[:3] == before
    assert report.store is not None
    (manifest,) = report.store.chain.manifests
    assert manifest.extra["ledger"] == {"first": 1, "last": 3, "prev": NO_DIGEST, "digest": sha256_bytes(before[-1])}
    assert opened(journal(ledger).read_bytes().splitlines(keepends=True)[0]) == Tail(3, sha256_bytes(before[-1]))
    assert rotate(ledger) == 2
    assert rotate(ledger) == 0
    whole(ledger, 5)
    assert len(journals(ledger.folder)) == 1


def test_a_journal_that_is_full_is_followed_by_the_next_one(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "ENTRIES_A_JOURNAL", 4)
    assert [ledger.append(opening(number)) for number in range(9)] == [False, False, False, True] * 2 + [False]
    assert [first_of(path) for path in journals(ledger.folder)] == [1, 5, 9]
    whole(ledger, 9)
    assert rotate(ledger) == 9
    whole(ledger, 9)


def test_those_who_rotate_at_once_move_each_entry_once(ledger: Ledger) -> None:
    written(ledger, 20)
    script = APPEND + "for _ in range(5):\n    ledger.append(Entry(action='viewed'))\n    rotate(ledger)"
    movers = [child(script, ledger.folder) for _ in range(2)]
    for mover in movers:
        _, error = mover.communicate(timeout=60)
        assert mover.returncode == 0, error
    whole(ledger, 30)
    assert pq.read_table(ledger.store / "data", columns=["event_id"]).num_rows == 30


def test_a_journal_that_was_changed_is_never_published(ledger: Ledger) -> None:
    written(ledger, 3)
    ledger.seal()
    flip(journals(ledger.folder)[0], 400)
    with pytest.raises(LedgerError):
        rotate(ledger)
    assert not (ledger.store / "manifests").exists() or not list((ledger.store / "manifests").glob("*.json"))
    assert len(journals(ledger.folder)) == 2


def test_a_snapshot_that_was_changed_or_taken_away_is_found(ledger: Ledger) -> None:
    rotate(written(ledger, 3))
    rotate(written(ledger, 3))
    whole(ledger, 6)
    (ledger.store / "manifests" / "00000002.json").rename(ledger.folder / "away")
    report = verify_ledger(ledger.folder)
    assert report.store is not None
    assert "The chain ends at manifest 00000001.json, but 00000002.json was accepted on" in str(report.store.problem)
    assert report.problems == [f"{journal(ledger).name} does not follow entry 3."]
    written(ledger, 1)
    with pytest.raises(LedgerError, match="does not follow entry 3 of the ledger"):
        rotate(ledger)
    (ledger.folder / "away").rename(ledger.store / "manifests" / "00000002.json")
    flip(next((ledger.store / "data").iterdir()), 300)
    assert verify_ledger(ledger.folder).exit_code == 1


def test_where_the_journal_was_taken_away_the_chain_goes_on_behind_the_snapshots(ledger: Ledger) -> None:
    rotate(written(ledger, 3))
    end = verify_ledger(ledger.folder).end
    journal(ledger).unlink()
    Ledger(ledger.folder).append(opening(3))
    assert opened(journal(ledger).read_bytes().splitlines(keepends=True)[0]) == end
    whole(ledger, 4)
    overwrite(next((ledger.store / "manifests").iterdir()), b"{}\n")
    journal(ledger).unlink()
    with pytest.raises(LedgerError, match="The snapshots of the ledger cannot be relied on"):
        ledger.append(opening(4))


def test_a_journal_of_other_entries_in_the_place_of_published_ones_is_no_leftover(ledger: Ledger) -> None:
    rotate(written(ledger, 3))
    other = written(Ledger(ledger.folder.with_name("other")), 2)
    shutil.copy(journal(other), ledger.folder)
    name = journal(other).name
    assert verify_ledger(ledger.folder).problems == [f"{name} does not follow entry 3.", f"{journal(ledger).name} does not follow entry 2."]
    with pytest.raises(LedgerError, match=f"The journal {name} does not follow entry 3 of the ledger"):
        rotate(ledger)
    assert (ledger.folder / name).exists()


def test_what_retention_took_is_told_and_the_chain_goes_on_behind_it(ledger: Ledger) -> None:
    rotate(written(ledger, 3))
    written(ledger, 2)
    retire(ledger.store, datetime(2100, 1, 1, tzinfo=UTC), "Retention: one year", policy=configured(ledger.store))
    report = verify_ledger(ledger.folder)
    assert (report.ok, report.end.seq) == (True, 5)
    assert "Entries 1 to 3 are not there as written: ledger-000000000000001.parquet was retired by policy" in report.notes[0]
    assert numbers(ledger.folder) == [4, 5]
    assert rotate(ledger) == 2
    log = open_log(ledger.store, engine="embedded")
    assert log.total(TEAM) == 2
    log.close()


def test_a_person_who_was_erased_is_gone_from_the_snapshots_and_the_chain_goes_on_behind_them(ledger: Ledger) -> None:
    rotate(written(ledger, 3))
    rotate(written(ledger, 2))
    erase(ledger.store, "ann@example.test", "Request 12", policy=configured(ledger.store))
    ledger.append(Entry(action="viewed"))
    report = verify_ledger(ledger.folder)
    assert (report.ok, report.end.seq) == (True, 6)
    assert [note.partition(":")[0] for note in report.notes] == [
        "Entries 1 to 3 are not there as written",
        "Entries 4 to 5 are not there as written",
    ]
    assert numbers(ledger.folder) == [1, 2, 3, 4, 5, 6]
    assert b"ann@example.test" not in b"".join(lines(ledger.folder))


def test_keys_and_heads_of_publishers_are_not_asked_of_the_ledger(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_PUBLIC_KEY", "ab" * 32)
    monkeypatch.setenv("AUDIT_PIN", "cd" * 32)
    rotate(written(ledger, 3))
    log = open_log(ledger.store, engine="embedded")
    assert log.total(TEAM) == 3
    log.close()
    assert configured(tmp_path / "store").keys != ()
    assert configured(ledger.store).keys == ()


# -- as a log --------------------------------------------------------------------------------------------


@pytest.fixture
def read_back(ledger: Ledger) -> Iterator[Callable[[str], list[str]]]:
    """The entries that a link finds: what each is about and its summary."""
    entries = [
        Entry(
            action="viewed",
            who=ANN,
            link="/audit?candidate=C1&resource=interview_booking:BK9",
            related=subjects.of_link("?candidate=C1&resource=interview_booking:BK9"),
            count=12,
        ),
        opening(4),
        Entry(action="exported", who=ANN, link="/audit", count=3, detail={"name": "audit.csv", "format": "csv", "bytes": 9}),
        Entry(action="downloaded", who=ANN, link="/export", detail={"name": "audit.csv", "bytes": 9}),
        Entry(action="queried", who=AT_THE_MACHINE, link="/explore", detail={"sql": "SELECT\n 1", "sql_sha256": "e" * 64}),
        Entry(action="denied", ip="203.0.113.9", link="/ledger", count=3, detail={"why": "a page"}),
    ]
    for entry in entries:
        ledger.append(entry)
    rotate(ledger)
    log = open_log(ledger.store, engine="embedded")
    yield lambda link: [
        f"{event.action} {event.resource_type}:{event.resource_id} {event.summary}"
        for event in log.page(log.view(f"tab=team&{link}")).events
    ]
    log.close()


@pytest.mark.parametrize(
    ("link", "found"),
    [
        ("related=event:ev-4", ["opened audit_event:ev-4 /audit"]),
        ("resource=audit_event:ev-4", ["opened audit_event:ev-4 /audit"]),
        ("related=booking:BK4", ["opened audit_event:ev-4 /audit"]),
        ("related=booking:BK9", ["viewed audit_log:/audit 12 events: /audit?candidate=C1&resource=interview_booking:BK9"]),
        ("related=candidate:C1", ["viewed audit_log:/audit 12 events: /audit?candidate=C1&resource=interview_booking:BK9"]),
        ("resource=export:audit.csv", ["downloaded export:audit.csv audit.csv", "exported export:audit.csv 3 events: audit.csv"]),
        ("actor=local", [f"queried query:{'e' * 64} SELECT 1"]),
        ("outcome=denied&ip=203.0.113.0/24", ["denied audit_log:/ledger 3 times: a page"]),
        ("actor=ann@example.test&action=exported", ["exported export:audit.csv 3 events: audit.csv"]),
    ],
)
def test_one_filter_finds_who_read_what(read_back: Callable[[str], list[str]], link: str, found: list[str]) -> None:
    assert read_back(link) == found


def test_subjects_come_from_an_event_and_from_the_filters_of_a_link(demo_log: object) -> None:
    assert subjects.of_link("/audit?resource=video_session:S1&related=campaign:CP1&candidate=!C2&actor=U1&q=x&nonsense=1") == {
        "session": "S1",
        "campaign": "CP1",
        "actor": "U1",
    }
    assert subjects.of_link("/ledger") == subjects.of_link("") == {}


def test_only_those_who_may_read_the_log_and_have_a_role_for_it_read_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = Principal("o", "O", frozenset({"owner"}))
    assert may_read_ledger(ANN)
    assert may_read_ledger(owner)
    assert not may_read_ledger(None)
    assert not may_read_ledger(Principal("c", "C", frozenset({"campaign_manager"})))
    monkeypatch.setenv("AUDIT_LEDGER_ROLES", "Owner")
    assert may_read_ledger(owner)
    assert not may_read_ledger(ANN)
    assert may_read_ledger(AT_THE_MACHINE)
    monkeypatch.setenv("AUDIT_ROLES", "admin")
    assert not may_read_ledger(owner)


# -- refusals --------------------------------------------------------------------------------------------


def refusal(number: int = 0, ip: str = "203.0.113.9") -> Entry:
    return Entry(action="denied", ip=ip, link=f"/page-{number}", detail={"why": "a page"})


def test_a_refusal_is_told_at_once_and_its_repeats_are_counted() -> None:
    refusals = Refusals()
    assert [entry.count for entry in refusals.admit(refusal(), 0.0)] == [1]
    assert [refusals.admit(refusal(), float(second)) for second in range(1, 100)] == [[]] * 99
    told = refusals.admit(refusal(), WINDOW_SECONDS)
    assert [(entry.count, dict(entry.detail)) for entry in told] == [(99, {"why": "a page", "repeats": True}), (1, {"why": "a page"})]
    refusals.admit(refusal(), WINDOW_SECONDS + 1)
    assert [entry.count for entry in refusals.rest()] == [1]
    assert refusals.rest() == []


def test_a_scanner_cannot_fill_the_ledger() -> None:
    refusals = Refusals()
    told = [entry for number in range(20_000) for entry in refusals.admit(refusal(number, f"203.0.113.{number % 250}"), number / 200)]
    assert len(told) == MOST_TOLD + 1
    assert told[-1].detail == {"why": FURTHER}
    assert sum(entry.count or 0 for entry in refusals.rest()) == 20_000 - len(told)


# -- commands --------------------------------------------------------------------------------------------


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "auditlib", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1], check=False)


def test_verify_takes_a_ledger_and_names_what_is_damaged(ledger: Ledger) -> None:
    rotate(written(ledger, 3))
    written(ledger, 2)
    done = run("verify", ledger.folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "verified     ledger-000000000000001.parquet  3 events",
        "journal      journal-000000000000004.jsonl  2 events",
        f"head         {verify_ledger(ledger.folder).end.digest}  entry 5",
        "5 entries form one chain.",
    ]
    flip(journal(ledger), 250)
    done = run("verify", ledger.folder, "--json")
    assert done.returncode == 1
    assert "journal-000000000000004.jsonl: " in json.loads(done.stdout)["problems"][0]


def test_the_ledger_of_a_store_is_written_out_as_its_lines(ledger: Ledger, tmp_path: Path) -> None:
    assert "Nothing was recorded yet" in run("ledger", "--store", tmp_path / "store").stderr
    rotate(written(ledger, 3))
    written(ledger, 2)
    done = run("ledger", "--store", tmp_path / "store")
    assert done.stdout.encode() == b"".join(lines(ledger.folder))
    assert str(ledger.folder) in done.stderr
    run("ledger", "--store", tmp_path / "store", "--output", tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_bytes() == b"".join(lines(ledger.folder))
    assert run("query", "tab=team", "--store", ledger.store, "--count").stdout == "3\n"
