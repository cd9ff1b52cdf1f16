"""Evidence bundles: what they hold, that they are the same for the same question, and that they say what is missing."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from bundles import forged, unpacked
from events import batch, event, events
from stores import flip

from auditlib.errors import DamagedFileError, ExportError, NotFoundError
from auditlib.evidence.bundle import Bundle, save_bundle
from auditlib.evidence.contents import EXCERPT_SCHEMA
from auditlib.evidence.exports import export
from auditlib.evidence.selection import Selection
from auditlib.log import AuditLog, open_log
from auditlib.schema import COLUMNS, SCHEMA
from auditlib.store import FolderSource, publish, read_chain
from auditlib.store.signing import SigningKey, generate
from auditlib.view import View

LINK = "tab=team&action=updated"
TOOLS = ("sh", "sha256sum", "cut", "sort", "comm", "cat", "tr", "echo", "unzip", "openssl")

Make = Callable[..., tuple[Bundle, Path]]


@pytest.fixture
def make(demo_log: AuditLog, tmp_path: Path) -> Make:
    """Saves a bundle of a link; gives what was made and where."""

    def made(link: str = LINK, name: str = "bundle.zip", log: AuditLog = demo_log, **options: Any) -> tuple[Bundle, Path]:
        path = tmp_path / name
        chosen = options.pop("chosen", ())
        return save_bundle(log, Selection(View.from_link(link), chosen), path, **{"exporter": "Ada"} | options), path

    return made


# -- what is inside ------------------------------------------------------------------------------------


def test_a_bundle_holds_the_events_the_question_and_the_whole_proof(make: Make, demo_log: AuditLog, tmp_path: Path) -> None:
    made, path = make(report=True)
    files = unpacked(path)
    chain = read_chain(FolderSource(demo_log.store))
    names = [f"manifests/{manifest.seq:08d}.json" for manifest in chain.manifests] + [f"data/{entry.path}" for entry in chain.files]
    assert list(files) == ["events.jsonl", "events.csv", *names, "report.html", "query.json", "VERIFY.md", "SHA256SUMS"]
    for name in names:
        assert files[name] == (demo_log.store / name).read_bytes()
    for name, key in (("events.jsonl", "jsonl"), ("events.csv", "csv")):
        export(demo_log.batches(View.from_link(LINK)), tmp_path / "out", key, {})
        assert files[name] == (tmp_path / "out").read_bytes()
    assert (made.events, made.total, made.kind) == (72, 72, "record")


def test_the_metadata_is_the_recorded_text_to_the_byte(demo_log: AuditLog, make: Make) -> None:
    _, path = make("tab=team")
    records = [json.loads(line) for line in unpacked(path)["events.jsonl"].decode("utf-8", "surrogatepass").split("\n")[:-1]]
    assert [tuple(record) for record in records] == [COLUMNS] * len(records)
    ids = [record["event_id"] for record in records]
    assert demo_log.metadata(ids) == {record["event_id"]: record["metadata"] for record in records}


def test_the_bundle_says_what_was_asked_of_which_record_by_whom(make: Make, demo_log: AuditLog) -> None:
    made, path = make(f"{LINK}&page=2&event=x&at=0123abcd&n=3", zone="Europe/Berlin")
    query = json.loads(unpacked(path)["query.json"])
    head = demo_log.head
    assert query["link"] == "/audit?tab=team&action=updated"
    assert query["sentence"] == "Team events where action is Updated, newest first."
    assert query["head"] == {"log_id": head.log_id, "seq": head.seq, "sha256": head.digest}
    assert (query["zone"], query["exporter"], query["total"], query["events"]) == ("Europe/Berlin", "Ada", 72, 72)
    assert (query["complete"], query["quarantined"], query["truncated"], query["parquet"]) == (True, {}, "", "record")
    assert query["export"]["id"] == made.export_id
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", query["export"]["made_at"])
    assert "lossy" in query["files"]["events.csv"]


def test_the_same_question_gives_the_same_bundle_but_for_id_and_time(make: Make) -> None:
    (one, first), (two, second) = make(name="a.zip", report=True), make(name="b.zip", report=True)
    assert one.content_sha256 == two.content_sha256
    assert one.export_id != two.export_id
    before, after = unpacked(first), unpacked(second)
    differing = {name for name in before if before[name] != after[name]}
    assert list(before) == list(after)
    assert differing == {"query.json", "report.html", "SHA256SUMS"}
    queries = [json.loads(files["query.json"]) for files in (before, after)]
    assert [query.pop("export").keys() for query in queries] == [{"id", "made_at"}] * 2
    assert queries[0] == queries[1]


def test_chosen_events_are_bundled_newest_first_whatever_the_link(make: Make, demo_log: AuditLog) -> None:
    ids = demo_log.events(View(tab="team"))["event_id"].to_pylist()
    chosen = (ids[40], ids[3], ids[-1], ids[3])
    made, path = make("q=nothing", chosen=chosen)
    records = [json.loads(line) for line in unpacked(path)["events.jsonl"].splitlines()]
    assert [record["event_id"] for record in records] == [ids[3], ids[40], ids[-1]]
    assert records == [demo_log.event(event_id).to_record() for event_id in (ids[3], ids[40], ids[-1])]
    query = json.loads(unpacked(path)["query.json"])
    assert (query["chosen"], query["sentence"]) == (sorted(set(chosen)), "3 chosen events.")
    assert made.total == 3
    with pytest.raises(NotFoundError, match="No event 'gone'"):
        make(name="other.zip", chosen=("gone",))


def test_large_records_give_the_files_that_hold_the_events_or_an_excerpt(make: Make, demo_log: AuditLog) -> None:
    link = "tab=team&from=2026-11-01&to=2026-11-30&tz=UTC"
    expected = demo_log.events(View.from_link(link))
    everything = sum(entry.bytes for entry in read_chain(FolderSource(demo_log.store)).files)
    for kind, limit in (("files", everything - 1), ("excerpt", 0)):
        made, path = make(link, f"{kind}.zip", whole_bytes=limit)
        assert made.kind == kind
        files = unpacked(path)
        table = pq.read_table(io.BytesIO(files["excerpt.parquet"])).cast(EXCERPT_SCHEMA)
        assert table.select(COLUMNS).cast(SCHEMA) == expected
        data = {name for name in files if name.startswith("data/")}
        named = set(table["snapshot_file"].to_pylist())
        assert data == ({f"data/{name}" for name in named} if kind == "files" else set())
        for record in table.to_pylist()[:50]:
            row = pq.read_table(demo_log.store / "data" / record["snapshot_file"]).slice(record["snapshot_row"], 1).to_pylist()[0]
            assert row["metadata"] == record["metadata"]
            assert record["event_id"].startswith(row["event_id"])
        text = files["VERIFY.md"].decode()
        assert ("not** in here" in text) == (kind == "excerpt")
        for entry in read_chain(FolderSource(demo_log.store)).files:
            assert (f"    {entry.sha256}  {entry.path}\n" in text) == (kind == "excerpt" and entry.path in named)


def test_a_full_bundle_says_what_it_leaves_out(make: Make) -> None:
    made, path = make(most_events=10, report=True)
    assert (made.events, made.total) == (10, 72)
    files = unpacked(path)
    assert len(files["events.jsonl"].splitlines()) == 10
    sentence = "The 62 events after the first 10 are left out."
    assert json.loads(files["query.json"])["truncated"] == sentence
    for name in ("VERIFY.md", "report.html"):
        assert sentence in files[name].decode()


def test_a_quarantined_snapshot_is_stated_and_left_out(store: Path, make: Make) -> None:
    flip(store / "data" / "day-1.parquet", 2000)
    log = open_log(store)
    _, path = make("tab=team", log=log, report=True)
    files = unpacked(path)
    query = json.loads(files["query.json"])
    assert query["complete"] is False
    assert query["quarantined"] == {"2": log.head.quarantined[2]}
    assert [name for name in files if name.startswith("data/")] == ["data/day-0.parquet", "data/day-2.parquet"]
    for name in ("VERIFY.md", "report.html"):
        assert "snapshot 2 is quarantined" in files[name].decode()
    log.close()


# -- the report ----------------------------------------------------------------------------------------

HOSTILE = '<img src=x onerror=alert(1)></pre><script>alert("x")</script>&amp; \u202egnp.exe'


def test_the_report_is_plain_html_with_every_text_escaped(tmp_path: Path, cache: Path, make: Make) -> None:
    row = event(
        1, **dict.fromkeys(("actor_name", "summary", "resource_id", "metadata", "user_agent"), HOSTILE), actor_role="member",
        changes=json.dumps([{"field": HOSTILE, "before": HOSTILE, "after": None}]),
    )  # fmt: skip
    publish(tmp_path / "s", [batch([row, event(2, actor_role="member", metadata="x" * 9_000)])], name="one")
    log = open_log(tmp_path / "s")
    _, path = make("tab=team", log=log, report=True, exporter=HOSTILE)
    report = unpacked(path)["report.html"].decode()
    assert "<script" not in report
    assert "<img" not in report
    assert "\u202e" not in report
    assert "&lt;script&gt;" in report
    assert "default-src &#x27;none&#x27;" in report or "default-src 'none'" in report
    assert set(re.findall(r"(?:src|href)=", report.split("<body>")[0])) == set()
    assert "… (and 5,000 more characters, in events.jsonl)" in report
    log.close()


# -- writing -------------------------------------------------------------------------------------------


def test_a_bundle_is_never_written_over_a_file_and_leaves_no_half_of_one(make: Make, tmp_path: Path) -> None:
    (tmp_path / "kept.zip").write_text("mine")
    with pytest.raises(ExportError, match=r"kept\.zip exists already and is never overwritten"):
        make(name="kept.zip")

    def stop(stage: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(name="half.zip", progress=stop)
    with pytest.raises(ExportError, match="The bundle could not be written: No such file or directory"):
        make(name="no/such/folder.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["kept.zip"]
    assert (tmp_path / "kept.zip").read_text() == "mine"


def test_progress_tells_each_stage_to_its_end(make: Make) -> None:
    told: dict[str, tuple[int, int]] = {}
    make(report=True, progress=lambda stage, done, total: told.update({stage: (done, total)}))
    assert set(told) == {"Reading events", "Writing events", "Writing the table", "Copying snapshots", "Writing the report"}
    assert all(done == total for done, total in told.values())


def test_a_snapshot_changed_since_it_was_opened_stops_the_bundle(store: Path, make: Make, tmp_path: Path) -> None:
    log = open_log(store)
    flip(store / "data" / "day-2.parquet", 2000)
    with pytest.raises(DamagedFileError):
        make("tab=team", log=log)
    assert not (tmp_path / "bundle.zip").exists()
    log.close()


# -- checked without us --------------------------------------------------------------------------------


@pytest.fixture
def plain_shell(tmp_path: Path) -> Callable[[Path, str], subprocess.CompletedProcess[str]]:
    """Runs shell blocks in a folder where nothing but the named tools can be found."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"{name} is not on this machine")
        (tools / name).symlink_to(found)

    def run(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(tools / "sh"), "-e", "-c", script], cwd=folder, env={"PATH": str(tools)}, capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture(scope="module")
def signed_store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SigningKey]:
    """A store of two signed snapshots, and its key."""
    store, key = tmp_path_factory.mktemp("signed") / "store", generate()
    for number in range(2):
        publish(store, [batch(events(5, 5 * number, actor_role="member"))], name=f"day-{number}", log_id="acme", key=key)
    return store, key


def guide_blocks(path: Path) -> str:
    return "\n".join(re.findall(r"^```sh\n(.*?)^```$", unpacked(path)["VERIFY.md"].decode(), re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("limit", [64 << 20, 0], ids=["whole", "excerpt"])
def test_the_commands_of_the_guide_check_a_bundle_without_this_project(
    limit: int, signed_store: tuple[Path, SigningKey], make: Make, plain_shell: Any, tmp_path: Path
) -> None:
    store, key = signed_store
    log = open_log(store)
    made, path = make("tab=team", log=log, report=True, whole_bytes=limit)
    assert made.kind == ("record" if limit else "excerpt")
    script = guide_blocks(path)
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "publisher.pem").write_bytes(key.public.pem)
    shutil.copy(path, folder / "bundle.zip")
    done = plain_shell(folder, script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    shutil.rmtree(folder / "evidence")
    (folder / "publisher.pem").write_bytes(generate().public.pem)
    done = plain_shell(folder, script)
    assert done.returncode != 0
    assert "manifests/00000001.json.sig is not good" in done.stdout
    log.close()


def test_the_commands_of_the_guide_notice_what_was_altered(make: Make, plain_shell: Any, tmp_path: Path) -> None:
    _, path = make()
    script = guide_blocks(path)
    raw = path.read_bytes()
    members = zipfile.ZipFile(path).infolist()
    for number, member in enumerate(members):
        folder = tmp_path / f"desk-{number}"
        folder.mkdir()
        place = member.header_offset + 30 + len(member.filename) + member.file_size // 2
        (folder / "bundle.zip").write_bytes(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
        done = plain_shell(folder, script)
        assert done.returncode != 0, member.filename
        shutil.rmtree(folder)


def test_the_commands_of_the_guide_notice_a_chain_that_was_written_anew(store: Path, make: Make, plain_shell: Any, tmp_path: Path) -> None:
    """Someone drops the newest manifest and its events, and writes the sums anew: the head is then another."""
    log = open_log(store)
    _, path = make("tab=team", log=log)
    script = guide_blocks(path)
    folder = tmp_path / "desk"
    folder.mkdir()
    files = unpacked(path)
    del files["manifests/00000003.json"], files["data/day-2.parquet"]
    forged(folder / "bundle.zip", files)
    done = plain_shell(folder, script)
    assert done.returncode != 0
    assert "the last manifest is not the head" in done.stdout
    log.close()


def test_unzip_finds_nothing_to_complain_about(make: Make) -> None:
    _, path = make()
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {(info.date_time, info.compress_type, info.external_attr >> 16) for info in archive.infolist()} == {
            ((1980, 1, 1, 0, 0, 0), zipfile.ZIP_STORED, 0o100644)
        }
    done = subprocess.run(["unzip", "-t", str(path)], capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0
    assert "No errors detected" in done.stdout
