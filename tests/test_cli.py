"""The command line: results on standard output, messages on standard error, one clear line and exit 2 for what is wrong."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from events import batch, event, events
from reference import Reference

from auditlib import cli
from auditlib.evidence.exports import FORMATS
from auditlib.log import AuditLog
from auditlib.store import publish
from auditlib.view import View

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it wrote."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Any:
    """Runs `python -m auditlib` with arguments, in this process."""

    def command(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["auditlib", *map(str, arguments)])
        capfdbinary.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        sys.stdout.flush()
        sys.stderr.flush()
        out, err = capfdbinary.readouterr()
        return Done(int(ended.value.code or 0), out, err.decode())

    return command


def process(*arguments: str | Path) -> Done:
    done = subprocess.run([sys.executable, "-m", "auditlib", *map(str, arguments)], cwd=ROOT, capture_output=True, check=False)
    return Done(done.returncode, done.stdout, done.stderr.decode())


def one_line_of_trouble(done: Done) -> str:
    """The line a failed command wrote: one, without a trace, and nothing on standard output."""
    assert (done.code, done.out) == (2, b"")
    assert "Traceback" not in done.err
    (line,) = done.err.splitlines()
    assert line.startswith("Error: ")
    return line


@pytest.fixture
def damaged(demo_store: Path, tmp_path: Path) -> Path:
    """A copy of the demo store with one damaged file of three."""
    store = tmp_path / "damaged"
    shutil.copytree(demo_store, store)
    path = sorted((store / "data").glob("*.parquet"))[1]
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(raw)
    return store


# -- demo, verify, formats, describe ------------------------------------------------------------------


def test_a_demo_store_is_the_same_bytes_for_the_same_arguments(run: Any, tmp_path: Path) -> None:
    for name in ("a", "b"):
        done = run("demo", "--store", tmp_path / name, "--events", 300, "--seed", 3, "--days", 30)
        assert (done.code, done.out) == (0, b"")
        assert done.err == f"Published 300 events in 3 snapshots to {tmp_path / name}.\n"
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(files) == 7
    assert all((tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes() for path in files)


def test_a_demo_is_not_published_over_another(run: Any, tmp_path: Path) -> None:
    arguments = ("demo", "--store", tmp_path / "s", "--events", 100, "--days", 10)
    assert run(*arguments).code == 0
    assert "exists already" in one_line_of_trouble(run(*arguments))


def test_verify_names_every_file_and_ends_with_zero_when_all_is_well(run: Any, demo_store: Path) -> None:
    done = run("verify", demo_store)
    assert (done.code, done.err) == (0, "")
    lines = done.text.splitlines()
    assert [line.split()[0] for line in lines] == ["verified"] * 3 + ["head", "3"]
    assert lines[3].endswith("  snapshot 3, pinned; 3 not signed")
    assert lines[-1] == "3 of 3 files verified, 3 snapshots in the chain."
    report = json.loads(run("verify", demo_store, "--json").out)
    assert (report["ok"], len(report["files"]), report["problem"]) == (True, 3, None)
    assert report["head"]["sha256"] == lines[3].split()[1]


def test_verify_ends_with_one_and_names_the_damage(run: Any, damaged: Path) -> None:
    done = run("verify", damaged)
    assert done.code == 1
    assert [line.split()[0] for line in done.text.splitlines()[:3]] == ["verified", "damaged", "verified"]
    assert "has the SHA-256" in done.text.splitlines()[1]
    (damaged / "manifests" / "00000002.json").unlink()
    (damaged / "data" / "extra.parquet").write_bytes(b"")
    done = run("verify", damaged)
    assert done.code == 1
    assert any(line.startswith("refused") and "00000002.json" in line for line in done.text.splitlines())
    assert any(line.startswith("unlisted") and "extra.parquet" in line for line in done.text.splitlines())


def test_formats_are_listed_one_a_line_key_first(run: Any) -> None:
    done = run("formats")
    keys = [line.split()[0] for line in done.text.splitlines()]
    assert done.code == 0
    assert {"platform", "livekit", "cloudtrail"} <= set(keys)
    assert len(keys) == len(set(keys))


def test_describe_says_what_a_link_asks_and_what_would_be_ignored(run: Any) -> None:
    done = run("describe", "https://host/audit?tab=team&action=updatd&q=%E2%80%AEx")
    assert (done.code, done.err) == (0, "")
    assert done.text.splitlines() == [
        "Team events where search is “\\u202ex”, newest first, page 1 at 50 rows a page.",
        "Ignored action='updatd': no such action. Did you mean 'updated'?",
    ]


# -- ingest -------------------------------------------------------------------------------------------


def test_ingest_publishes_one_snapshot_and_counts(run: Any, tmp_path: Path, demo_log: AuditLog) -> None:
    source = tmp_path / "events.jsonl"
    assert run("query", "rows=10", "--store", demo_log._store, "--format", "jsonl", "--output", source).code == 0  # type: ignore[attr-defined]
    with source.open("a") as file:
        file.write("no json\n")
    done = run("ingest", "platform", source, "--store", tmp_path / "s", "--rejects", tmp_path / "rejects.jsonl")
    assert done.code == 0
    counts = dict(line.rsplit(maxsplit=1) for line in done.text.splitlines()[:6])
    assert counts == {"snapshot": "1", "read": "11", "published": "10", "duplicates": "0", "without time": "0", "rejected": "1"}
    assert run("query", "", "--store", tmp_path / "s", "--count").out == b"10\n"
    assert len((tmp_path / "rejects.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize("arguments", [("nope", "x"), ("platform", "missing.jsonl"), ("platform", "-", "--mapping", "missing.toml")])
def test_ingest_says_what_it_cannot_read(run: Any, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    one_line_of_trouble(run("ingest", *arguments, "--store", tmp_path / "s"))


# -- query --------------------------------------------------------------------------------------------

LINKS = ("", "tab=team&q=a&rows=10&page=3", "https://host/audit?order=oldest&rows=20", "page=999999", "q=nobody at all")


@pytest.mark.parametrize("link", LINKS)
def test_query_lists_exactly_the_pages_events_in_its_order(run: Any, demo_store: Path, demo_log: AuditLog, link: str) -> None:
    done = run("query", link, "--store", demo_store, "--format", "jsonl")
    assert (done.code, done.err) == (0, "")
    expected = [item.to_record() for item in demo_log.page(demo_log.view(link)).events]
    assert [json.loads(line) for line in done.text.split("\n")[:-1]] == expected


@pytest.mark.parametrize("link", LINKS)
def test_all_lists_every_match_and_count_gives_the_total_as_bare_digits(
    run: Any, demo_store: Path, demo_log: AuditLog, demo_reference: Reference, link: str
) -> None:
    expected = [event["event_id"] for event in demo_reference.matches(demo_log.view(link))]
    done = run("query", link, "--store", demo_store, "--format", "jsonl", "--all")
    assert [json.loads(line)["event_id"] for line in done.text.split("\n")[:-1]] == expected
    done = run("query", link, "--store", demo_store, "--count")
    assert (done.code, done.out, done.err) == (0, f"{len(expected)}\n".encode(), "")


@pytest.mark.parametrize("key", list(FORMATS))
def test_a_result_goes_to_standard_output_or_to_a_file_alike(run: Any, demo_store: Path, tmp_path: Path, key: str) -> None:
    arguments = ("query", "tab=team&q=a", "--store", demo_store, "--format", key)
    shown = run(*arguments)
    done = run(*arguments, "--output", tmp_path / "out")
    assert (shown.code, done.code, done.out) == (0, 0, b"")
    assert (tmp_path / "out").read_bytes() == shown.out
    if key == "parquet":
        table = pq.read_table(pa.BufferReader(shown.out))
        assert table.num_rows == 50
        assert table.schema.metadata[b"audit_logs.link"] == b"/audit?tab=team&q=a"


def test_a_table_has_one_line_an_event(run: Any, demo_store: Path) -> None:
    done = run("query", "rows=10", "--store", demo_store)
    assert len(done.text.splitlines()) == 10


def test_what_a_link_cannot_get_is_said_on_standard_error(run: Any, demo_store: Path, demo_log: AuditLog) -> None:
    done = run("query", "action=updatd&rows=7", "--store", demo_store, "--count")
    assert done.out == f"{demo_log.total(View())}\n".encode()
    assert done.err.splitlines() == [
        "Ignored action='updatd': no such action. Did you mean 'updated'?",
        "Ignored rows='7': expected one of 10, 20, 50, 100; 50 is used.",
    ]


def test_a_damaged_store_answers_from_the_rest_and_says_incomplete(run: Any, damaged: Path, demo_reference: Reference) -> None:
    done = run("query", "tab=team", "--store", damaged, "--count")
    left = sum(event["snapshot"] != 2 for event in demo_reference.matches(View(tab="team")))
    assert (done.code, done.out) == (0, f"{left}\n".encode())
    assert done.err.startswith("The record is incomplete: snapshot 2 is quarantined: ")
    (damaged / "manifests" / "00000003.json").write_text("{}")
    done = run("query", "tab=team", "--store", damaged, "--count")
    assert done.code == 0
    assert "The record is incomplete: The chain breaks at manifest 00000003.json" in done.err


# -- keys, retention, erasure -------------------------------------------------------------------------


def test_a_store_is_signed_retired_from_and_erased_from_by_commands(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    key, public, store = tmp_path / "k.pem", tmp_path / "p.pem", tmp_path / "s"
    made = run("keygen", "--private", key, "--public", public).text.split()
    assert [len(word) for word in made] == [16, 64]
    publish(store, [batch([event(0, actor_id="TM1", actor_name="Zoë Day")])], name="new", log_id="acme")
    publish(store, [batch([event(1, occurred_at=datetime(2020, 1, 1, tzinfo=UTC))])], name="old")
    assert run("sign", "--store", store, "--key", key).text == f"Signed 2 manifests with {made[0]}; 0 were signed already.\n"
    monkeypatch.setenv("AUDIT_SIGNING_KEY", str(key))
    monkeypatch.setenv("AUDIT_PUBLIC_KEY", made[1])
    assert run("query", "", "--store", store, "--count").out == b"2\n"
    assert [path for path in cache.rglob("*") if path.is_file()]
    done = run("retire", "--before", "2021-01-01", "--reason", "five years", "--store", store)
    assert done.text.splitlines()[-1] == "Retired 1 file with 1 event; removed 1 file from the data folder."
    done = run("erase", "--person", "TM1", "--reason", "request 7", "--store", store)
    assert re.fullmatch(
        r"replaced      new\.parquet  1 event\n1 event named the person, by id or by 1 name: erased-[0-9a-f]{12} now\.\n", done.text
    )
    assert [path for path in cache.rglob("*") if path.is_file()] == []
    done = run("verify", store)
    assert (done.code, [line.split()[0] for line in done.text.splitlines()]) == (0, ["replaced", "retired", "verified", "head", "1"])
    assert done.text.splitlines()[-2].endswith("snapshot 4, pinned; 4 signed")
    assert "No event names this person" in run("erase", "--person", "TM1", "--reason", "request 7", "--store", store).text


# -- wrong use ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Missing command"),
        (("nope",), "No such command 'nope'"),
        (("query",), "Missing argument 'LINK'"),
        (("query", "", "--nope"), "No such option: --nope"),
        (("query", "", "--format", "xls"), "'xls' is not one of 'table', 'json', 'jsonl', 'csv', 'parquet'"),
        (("describe", "https://host/story?q=a"), "expected one of the Audit Logs page"),
        (("query", "", "--store", "no/such/store"), "is not a snapshot store"),
        (("query", "", "--store", __file__), "is not a snapshot store"),
        (("verify", "no/such/store"), "is not a snapshot store"),
        (("verify", __file__), "is not a snapshot store"),
        (("verify", str(ROOT)), "is not a snapshot store"),
        (("sign", "--store", str(ROOT)), "No key is given: expected --key FILE or AUDIT_SIGNING_KEY"),
        (("demo", "--store", "nowhere", "--key", "no.key"), "The key file 'no.key' cannot be read"),
        (("keygen", "--private", __file__, "--public", "new.pub"), "exists already and is never written over"),
        (("keygen", "--public", "new.pub"), "Missing option '--private'"),
        (("retire", "--before", "yesterday", "--reason", "x"), "Invalid value for '--before'"),
        (("retire", "--before", "2026-11-01"), "Missing option '--reason'"),
        (("retire", "--before", "2026-11-01", "--reason", "x", "--store", "no/such/store"), "is not a snapshot store"),
        (("erase", "--person", "U1", "--reason", "x", "--store", "no/such/store"), "is not a snapshot store"),
        (("demo", "--events", "0"), "Invalid value for '--events'"),
        (("demo", "--events", "many"), "Invalid value for '--events'"),
        (("demo", "--days", "-1"), "Invalid value for '--days'"),
        (("demo", "--events", "10", "--store", f"{__file__}/x"), "Not a directory"),
    ],
)
def test_wrong_use_is_one_clear_line_and_exit_two(run: Any, arguments: tuple[str, ...], said: str) -> None:
    assert said in one_line_of_trouble(run(*arguments))


def test_a_link_of_another_page_is_one_clear_line(run: Any, demo_store: Path) -> None:
    assert "expected one of the Audit Logs page" in one_line_of_trouble(run("query", "https://host/story?q=a", "--store", demo_store))


def test_an_output_that_cannot_be_written_is_one_clear_line(run: Any, demo_store: Path, tmp_path: Path) -> None:
    for output in (tmp_path / "no" / "x", tmp_path, Path("/dev/full")):
        assert "could not be written" in one_line_of_trouble(run("query", "", "--store", demo_store, "--output", output))
    assert list(tmp_path.iterdir()) == []


def test_a_store_whose_first_manifest_is_broken_is_one_clear_line(run: Any, tmp_path: Path) -> None:
    publish(tmp_path / "s", [batch(events(1))], name="one")
    path = tmp_path / "s" / "manifests" / "00000001.json"
    path.chmod(0o644)
    path.write_text("{}")
    assert "breaks at manifest 00000001.json" in one_line_of_trouble(run("query", "", "--store", tmp_path / "s"))
    assert run("verify", tmp_path / "s").code == 1


# -- as a process -------------------------------------------------------------------------------------


def test_the_same_holds_for_a_real_process(demo_store: Path, demo_log: AuditLog) -> None:
    done = process("query", "tab=team", "--store", demo_store, "--count")
    assert (done.code, done.out, done.err) == (0, f"{demo_log.total(View(tab='team'))}\n".encode(), "")
    assert "No such option" in one_line_of_trouble(process("query", "", "--nope"))
    help_text = process("--help")
    assert help_text.code == 0
    assert all(command in help_text.text for command in ("demo", "ingest", "formats", "verify", "query", "describe"))


def test_a_reader_that_stops_early_gets_no_trace(demo_store: Path) -> None:
    arguments = [sys.executable, "-m", "auditlib", "query", "tab=team", "--all", "--format", "jsonl", "--store", str(demo_store)]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reader:
        assert reader.stdout
        assert reader.stderr
        reader.stdout.readline()
        reader.stdout.close()
        assert reader.stderr.read() == b""
        assert reader.wait() == cli.BROKEN_PIPE


@pytest.mark.parametrize("command", [("demo", "--events", "10", "--store", ""), ("verify", " "), ("query", "rows=10", "--store", "")])
def test_a_store_without_a_name_is_refused_and_is_not_this_folder(
    command: tuple[str, ...], run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "The place of the store is an empty text" in one_line_of_trouble(run(*command))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["query rows=10", "query rows=10 --count", "verify"])
def test_a_closed_standard_output_gets_no_trace(command: str, demo_store: Path) -> None:
    verb, *rest = command.split()
    place = [str(demo_store)] if verb == "verify" else ["--store", str(demo_store)]
    shell = ["sh", "-c", '"$@" >&-', "sh", sys.executable, "-m", "auditlib", verb, *rest, *place]
    done = subprocess.run(shell, cwd=ROOT, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
