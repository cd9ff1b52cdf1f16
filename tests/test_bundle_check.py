"""Checking bundles: what is as it was made passes, and whatever was altered, forged or packed to do harm is named."""

from __future__ import annotations

import io
import json
import os
import random
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bundles import forged, packed, unpacked
from events import batch, events
from hypothesis import given
from hypothesis import strategies as st
from stores import flip
from typer.testing import CliRunner

from auditlib.cli import app
from auditlib.errors import BundleError
from auditlib.evidence.archive import NAME, ArchiveWriter, Member, pieces, read_archive
from auditlib.evidence.bundle import save_bundle
from auditlib.evidence.bundle_check import BundleReport, Finding, verify_bundle
from auditlib.evidence.contents import left_out
from auditlib.evidence.guide import guide
from auditlib.evidence.selection import Selection
from auditlib.log import AuditLog, open_log
from auditlib.store import FolderSource, publish, read_chain
from auditlib.store.acceptance import Policy
from auditlib.store.signing import generate
from auditlib.view import View

ROOT = Path(__file__).resolve().parents[1]
TEAM = View(tab="team")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of nine events in three snapshots, with a report; not to be changed."""
    folder = tmp_path_factory.mktemp("small")
    for number in range(3):
        publish(folder / "s", [batch(events(3, 3 * number, actor_role="member"))], name=f"day-{number}", log_id="acme")
    log = open_log(folder / "s")
    save_bundle(log, Selection(TEAM), folder / "bundle.zip", exporter="Ada", report=True)
    log.close()
    return folder / "bundle.zip"


def words(report: BundleReport) -> dict[str, str]:
    return {finding.check: finding.state for finding in report.findings}


def damage(path: Path, policy: Policy | None = None) -> str:
    """The sentence of the one bad finding, which is the last."""
    report = verify_bundle(path, policy)
    assert not report.ok
    assert report.exit_code == 1
    *before, last = report.findings
    assert last.state == "bad"
    assert all(finding.state != "bad" for finding in before)
    return last.sentence


# -- what is good ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("link", ["tab=team", "", "tab=team&order=oldest&action=updated", "q=nothing+like+this"])
def test_a_whole_bundle_gives_the_same_events_again(link: str, demo_log: AuditLog, tmp_path: Path) -> None:
    save_bundle(demo_log, Selection(demo_log.view(link)), tmp_path / "b.zip", exporter="Ada", report=True)
    report = verify_bundle(tmp_path / "b.zip")
    assert words(report) == dict.fromkeys(("files", "chain"), "good") | {"signatures": "open"} | dict.fromkeys(
        ("snapshots", "events", "table", "words"), "good"
    )
    assert report.exit_code == 0


def test_files_and_excerpts_say_what_they_cannot_show(demo_log: AuditLog, tmp_path: Path) -> None:
    everything = sum(entry.bytes for entry in read_chain(FolderSource(demo_log.store)).files)
    view = View.from_link("tab=team&from=2026-11-01&to=2026-11-30&tz=UTC")
    for name, limit, open_checks in (("files", everything - 1, {"completeness"}), ("excerpt", 0, {"snapshots", "events"})):
        path = tmp_path / f"{name}.zip"
        assert save_bundle(demo_log, Selection(view), path, exporter="Ada", whole_bytes=limit).kind == name
        report = verify_bundle(path)
        assert report.ok
        assert {check for check, state in words(report).items() if state == "open"} == open_checks | {"signatures"}


def test_events_under_names_of_ours_are_found_where_they_were_recorded(demo_log: AuditLog, tmp_path: Path) -> None:
    """Duplicates, and two events that claim one id, come through with their places."""
    for limit in (64 << 20, 0):
        path = tmp_path / f"all-{limit}.zip"
        save_bundle(demo_log, Selection(TEAM), path, exporter="Ada", whole_bytes=limit)
        assert verify_bundle(path).ok
        assert b"~" in b"".join(line[:160] for line in unpacked(path)["events.jsonl"].splitlines())


def test_chosen_events_and_full_bundles_are_derived_again(demo_log: AuditLog, tmp_path: Path) -> None:
    ids = tuple(demo_log.events(TEAM)["event_id"].to_pylist()[5:25:4])
    save_bundle(demo_log, Selection(View(), ids), tmp_path / "chosen.zip", exporter="Ada")
    save_bundle(demo_log, Selection(TEAM), tmp_path / "full.zip", exporter="Ada", most_events=100)
    assert verify_bundle(tmp_path / "chosen.zip").ok
    report = verify_bundle(tmp_path / "full.zip")
    assert report.ok
    assert "after the first 100 are left out" in report.findings[-1].sentence


def test_a_gap_of_the_record_is_told_and_is_no_damage_of_the_bundle(store: Path, tmp_path: Path) -> None:
    flip(store / "data" / "day-1.parquet", 2000)
    log = open_log(store)
    save_bundle(log, Selection(TEAM), tmp_path / "b.zip", exporter="Ada")
    log.close()
    report = verify_bundle(tmp_path / "b.zip")
    assert report.ok
    assert report.findings[-1].sentence.startswith("Snapshot 2 was quarantined when the bundle was made: day-1.parquet")


def test_checking_pins_nothing_and_leaves_nothing_behind(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AUDIT_STATE", "AUDIT_CACHE", "TMPDIR"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "TMPDIR"))
    assert verify_bundle(small).ok
    assert [list((tmp_path / name).iterdir()) for name in ("AUDIT_STATE", "AUDIT_CACHE", "TMPDIR")] == [[], [], []]


# -- signatures and pins --------------------------------------------------------------------------------


def test_signatures_are_checked_by_the_configured_key_alone(tmp_path: Path, cache: Path, small: Path) -> None:
    key = generate()
    publish(tmp_path / "s", [batch(events(3, actor_role="member"))], name="one", key=key)
    log = open_log(tmp_path / "s")
    save_bundle(log, Selection(TEAM), tmp_path / "b.zip", exporter="Ada")
    log.close()
    assert words(verify_bundle(tmp_path / "b.zip"))["signatures"] == "open"
    assert words(verify_bundle(tmp_path / "b.zip", Policy(keys=(key.public,))))["signatures"] == "good"
    assert "signature" in damage(tmp_path / "b.zip", Policy(keys=(generate().public,)))
    assert "not signed" in damage(small, Policy(keys=(key.public,)))


def test_the_head_that_someone_noted_must_be_in_the_chain(small: Path) -> None:
    head = json.loads(unpacked(small)["query.json"])["head"]["sha256"]
    assert verify_bundle(small, Policy(pin=head)).ok
    assert "does not hold the head" in damage(small, Policy(pin="0" * 64))


# -- what was altered -----------------------------------------------------------------------------------


def test_one_byte_altered_anywhere_is_noticed(small: Path, tmp_path: Path) -> None:
    raw = small.read_bytes()
    chance = random.Random(7)
    with small.open("rb") as file:
        heads = [place for member in read_archive(file).values() for place in (member.header + chance.randrange(30), member.start)]
    tail = range(len(raw) - 100, len(raw))
    for place in [*heads, *tail, *(chance.randrange(len(raw)) for _ in range(150))]:
        altered = bytearray(raw)
        altered[place] ^= 1 << chance.randrange(8)
        (tmp_path / "altered.zip").write_bytes(altered)
        assert damage(tmp_path / "altered.zip"), place


@pytest.mark.parametrize("change", [lambda raw: raw[:-1], lambda raw: raw + b"\0", lambda raw: raw[: len(raw) // 2], lambda raw: raw[4:]])
def test_a_bundle_cut_or_continued_is_noticed(change: Callable[[bytes], bytes], small: Path, tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_bytes(change(small.read_bytes()))
    assert "not an evidence bundle as it was written" in damage(tmp_path / "b.zip")


def without_the_second(files: dict[str, bytes]) -> None:
    files["events.jsonl"] = b"".join(files["events.jsonl"].splitlines(keepends=True)[::2])


def with_another_actor(files: dict[str, bytes]) -> None:
    files["events.jsonl"] = files["events.jsonl"].replace(b"Ada Admin", b"Eve Admin", 1)


def with_another_cell(files: dict[str, bytes]) -> None:
    files["events.csv"] = files["events.csv"].replace(b"Ada Admin", b"Eve Admin", 1)


def with_another_total(files: dict[str, bytes]) -> None:
    files["query.json"] = files["query.json"].replace(b'"total": 9', b'"total": 8')


def with_another_question(files: dict[str, bytes]) -> None:
    files["query.json"] = files["query.json"].replace(b"/audit?tab=team", b"/audit?action=approved")


def without_a_manifest(files: dict[str, bytes]) -> None:
    del files["manifests/00000002.json"]


def without_the_newest_manifest(files: dict[str, bytes]) -> None:
    del files["manifests/00000003.json"], files["data/day-2.parquet"]


def without_a_snapshot_file(files: dict[str, bytes]) -> None:
    del files["data/day-1.parquet"]


def with_a_snapshot_file_of_another_name(files: dict[str, bytes]) -> None:
    files["data/day-9.parquet"] = files["data/day-1.parquet"]


def with_two_files_swapped(files: dict[str, bytes]) -> None:
    files["data/day-0.parquet"], files["data/day-1.parquet"] = files["data/day-1.parquet"], files["data/day-0.parquet"]


def with_another_guide(files: dict[str, bytes]) -> None:
    files["VERIFY.md"] = files["VERIFY.md"].replace(b"sha256sum --check", b"true sha256sum --check")


def with_another_report(files: dict[str, bytes]) -> None:
    files["report.html"] = files["report.html"].replace(b"Ada Admin", b"Eve Admin", 1)


def with_a_newer_format(files: dict[str, bytes]) -> None:
    files["query.json"] = files["query.json"].replace(b"auditlib-bundle/1", b"auditlib-bundle/2")


def with_a_quarantine_that_was_none(files: dict[str, bytes]) -> None:
    query = json.loads(files["query.json"])
    files["query.json"] = json.dumps(query | {"quarantined": {"2": "day-1.parquet is damaged"}}).encode()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (with_another_actor, "events.jsonl differs from the Parquet files at line 1"),
        (without_the_second, "events.jsonl differs from the Parquet files at line 2"),
        (with_another_cell, "events.csv does not say the same as events.jsonl"),
        (with_another_total, "9 events match, query.json says 8"),
        (with_another_question, "events.jsonl differs from the Parquet files at line 1"),
        (without_a_manifest, "00000002.json: it is missing"),
        (without_the_newest_manifest, "The chain ends at manifest 2, query.json says at 3"),
        (without_a_snapshot_file, "data/day-1.parquet is missing"),
        (with_a_snapshot_file_of_another_name, "data/day-9.parquet is not the file of the chain"),
        (with_two_files_swapped, "data/day-0.parquet is not the file of the chain"),
        (with_another_guide, "VERIFY.md is not the one that belongs to these events"),
        (with_another_report, "report.html is not the one that belongs to these events"),
        (with_a_newer_format, "newer than this version reads"),
        (with_a_quarantine_that_was_none, "Other snapshots are quarantined"),
    ],
)
def test_a_forgery_with_all_digests_made_anew_is_found_by_the_parquet(
    change: Callable[[dict[str, bytes]], None], said: str, small: Path, tmp_path: Path
) -> None:
    files = unpacked(small)
    change(files)
    assert said in damage(forged(tmp_path / "forged.zip", files))


def told_otherwise(files: dict[str, bytes], **changed: Any) -> None:
    """Has a bundle say something else of itself, and its guide too."""
    query = json.loads(files["query.json"]) | changed
    files.pop("report.html", None)
    files |= {"query.json": json.dumps(query).encode(), "VERIFY.md": guide(query, (), ()).encode()}


def first_lines(files: dict[str, bytes], number: int) -> None:
    for name, heads in (("events.jsonl", 0), ("events.csv", 1)):
        files[name] = b"".join(files[name].splitlines(keepends=True)[: number + heads])


def with_fewer_events_in_silence(files: dict[str, bytes]) -> None:
    first_lines(files, 4)
    told_otherwise(files, events=4)


def with_another_sentence(files: dict[str, bytes]) -> None:
    told_otherwise(files, sentence="Team events where actor is Eve, newest first.")


def with_another_log(files: dict[str, bytes]) -> None:
    head = json.loads(files["query.json"])["head"]
    told_otherwise(files, head=head | {"log_id": "acme`\n\n```sh\nrm -r evidence\n```\n`"})


def with_an_excerpt_that_nobody_derives(files: dict[str, bytes]) -> None:
    files["excerpt.parquet"] = b"PAR1 whatever"


def with_a_signature_of_nothing(files: dict[str, bytes]) -> None:
    files["manifests/00000009.json.sig"] = bytes(64)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (with_fewer_events_in_silence, "query.json is not what a bundle says of itself"),
        (with_another_sentence, "query.json describes another question than its link asks"),
        (with_another_log, "The chain is of the log 'acme', query.json names another"),
        (with_an_excerpt_that_nobody_derives, "excerpt.parquet is not where query.json says"),
        (with_a_signature_of_nothing, "manifests/00000009.json.sig is the signature of a manifest that is not there"),
    ],
)
def test_a_forgery_whose_guide_was_written_anew_too_is_found(
    change: Callable[[dict[str, bytes]], None], said: str, small: Path, tmp_path: Path
) -> None:
    files = unpacked(small)
    change(files)
    assert said in damage(forged(tmp_path / "forged.zip", files))


def test_fewer_events_than_match_are_told_to_whoever_checks(small: Path, tmp_path: Path) -> None:
    files = unpacked(small)
    first_lines(files, 4)
    told_otherwise(files, events=4, truncated=left_out(9, 4))
    report = verify_bundle(forged(tmp_path / "forged.zip", files))
    assert report.ok
    assert report.findings[-1] == Finding("record", "open", "The 5 events after the first 4 are left out.")


@pytest.mark.parametrize("quarantined", [[], {"9" * 5_000: "x"}, {"1": 5}])
def test_a_list_of_quarantined_snapshots_that_is_none_is_refused_in_one_sentence(quarantined: Any, small: Path, tmp_path: Path) -> None:
    files = unpacked(small)
    query = json.loads(files["query.json"]) | {"quarantined": quarantined, "version": "0.0.1"}
    files["query.json"] = json.dumps(query).encode()
    assert damage(forged(tmp_path / "forged.zip", files)) == "query.json is not what a bundle says of itself"


def test_the_words_of_another_version_are_left_open(small: Path, tmp_path: Path) -> None:
    files = unpacked(small)
    files["query.json"] = re.sub(rb'"version": "[^"]*"', b'"version": "0.0.1"', files["query.json"])
    files["VERIFY.md"] += b"Other words.\n"
    report = verify_bundle(forged(tmp_path / "b.zip", files))
    assert report.ok
    assert words(report)["words"] == "open"


def test_an_excerpt_that_says_other_than_its_files_is_found(small: Path, store: Path, tmp_path: Path) -> None:
    log = open_log(store)
    everything = sum(entry.bytes for entry in read_chain(FolderSource(store)).files)
    view = TEAM.between("2026-11-01T09:00", "2026-11-01T09:03", "UTC")
    save_bundle(log, Selection(view), tmp_path / "b.zip", exporter="Ada", whole_bytes=everything - 1)
    log.close()
    files = unpacked(tmp_path / "b.zip")
    assert "excerpt.parquet" in files
    (tmp_path / "excerpt.parquet").write_bytes(files["excerpt.parquet"])
    table = pq.read_table(tmp_path / "excerpt.parquet")
    for column, values, said in (
        ("snapshot_row", [1, 0, 2], "day-0.parquet"),
        ("snapshot_row", [0, 1, 3_000_000], "names rows that their files do not have"),
        ("snapshot_file", ["day-1.parquet"] * 3, "day-1.parquet"),
        ("snapshot_file", ["../x.parquet"] * 3, "names a file that is not in the chain"),
        ("event_id", ["ev-000002", "other", "ev-000000"], "calls the event ev-000001 of its snapshot file other"),
    ):
        number = table.schema.get_field_index(column)
        pq.write_table(table.set_column(number, table.schema.field(column), pa.array(values)), tmp_path / "changed.parquet")
        altered = files | {"excerpt.parquet": (tmp_path / "changed.parquet").read_bytes()}
        assert said in damage(forged(tmp_path / "forged.zip", altered)), (column, values)


def test_what_is_no_parquet_is_told_in_one_sentence(small: Path, tmp_path: Path) -> None:
    files = unpacked(small)
    query = json.loads(files["query.json"]) | {"parquet": "excerpt"}
    files = {name: raw for name, raw in files.items() if not name.startswith("data/")}
    files |= {"query.json": json.dumps(query).encode(), "excerpt.parquet": b"PAR1 and nothing"}
    said = damage(forged(tmp_path / "forged.zip", files))
    assert said.startswith("The events cannot be derived from the Parquet files")
    assert str(tmp_path) not in said


# -- what is packed to do harm --------------------------------------------------------------------------


class Loose(ArchiveWriter):
    """Writes members under any name."""

    def place(self, name: str, raw: bytes) -> None:
        header = self._file.tell()
        member = Member(name, zipfile.crc32(raw), len(raw), header)  # type: ignore[attr-defined]
        self._file.write(member.local() + raw)
        self._members.append(member)


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/cron.d/x", "data/../../x", "data\\x", "a\x00b", "manifests/", "x/y.json", "C:evil", "-rf"]
)
def test_a_name_that_leads_elsewhere_is_refused_and_nothing_is_written(name: str, small: Path, tmp_path: Path) -> None:
    path = tmp_path / "in" / "evil.zip"
    path.parent.mkdir()
    with path.open("wb") as file:
        writer = Loose(file)
        for known, raw in unpacked(small).items():
            writer.place(known, raw)
        writer.place(name, b"evil")
        writer.finish()
    before = sorted(tmp_path.rglob("*"))
    assert "which no bundle has" in damage(path)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_name_that_stands_twice_is_refused(small: Path, tmp_path: Path) -> None:
    with (tmp_path / "twice.zip").open("wb") as file:
        writer = Loose(file)
        for name, raw in [*unpacked(small).items(), ("events.jsonl", b"other")]:
            writer.place(name, raw)
        writer.finish()
    assert "it holds events.jsonl twice" in damage(tmp_path / "twice.zip")


def test_a_file_that_no_bundle_has_is_refused(small: Path, tmp_path: Path) -> None:
    assert "extra.txt" in damage(forged(tmp_path / "b.zip", unpacked(small) | {"extra.txt": b"x"}))


def test_links_compression_and_bombs_are_refused(small: Path, tmp_path: Path) -> None:
    files = unpacked(small)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("events.jsonl", b"0" * (64 << 20))
    assert (tmp_path / "bomb.zip").stat().st_size < 100_000
    assert "is compressed or encrypted" in damage(tmp_path / "bomb.zip")
    raw = packed(tmp_path / "link.zip", files).read_bytes()
    entry = raw.rindex(b"PK\1\2")
    (tmp_path / "link.zip").write_bytes(raw[: entry + 38] + struct.pack("<L", 0o120777 << 16) + raw[entry + 42 :])
    assert "its directory" in damage(tmp_path / "link.zip")
    with zipfile.ZipFile(tmp_path / "foreign.zip", "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    assert "is not as a bundle is written" in damage(tmp_path / "foreign.zip")


def test_a_bundle_that_claims_more_than_it_has_is_refused(small: Path, tmp_path: Path) -> None:
    raw = small.read_bytes()
    (tmp_path / "b.zip").write_bytes(raw[:18] + struct.pack("<2L", 0xFFFFFFF0, 0xFFFFFFF0) + raw[26:])
    assert "events.jsonl ends early" in damage(tmp_path / "b.zip")


@given(files=st.dictionaries(st.from_regex(NAME, fullmatch=True), st.binary(max_size=300), max_size=6))
def test_any_files_come_back_from_an_archive_that_others_can_read_too(files: dict[str, bytes]) -> None:
    file = io.BytesIO()
    writer = ArchiveWriter(file)
    for name, raw in files.items():
        writer.add(name, raw)
    writer.finish()
    members = read_archive(file)
    assert {name: b"".join(pieces(file, member)) for name, member in members.items()} == files
    with zipfile.ZipFile(file) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == files
    for cut in (1, 10, 21):
        with pytest.raises(BundleError):
            read_archive(io.BytesIO(file.getvalue()[:-cut]))


def test_the_archive_gives_back_what_was_written(tmp_path: Path) -> None:
    files = {"events.jsonl": b"", "data/a.parquet": bytes(range(256)) * 9_000, "query.json": b"{}"}
    with packed(tmp_path / "a.zip", files).open("rb") as file:
        members = read_archive(file)
        assert {name: member.size for name, member in members.items()} == {name: len(raw) for name, raw in files.items()}
    assert unpacked(tmp_path / "a.zip") == files
    with pytest.raises(BundleError, match="another CRC-32"), (tmp_path / "a.zip").open("rb") as file:
        list(pieces(file, replace(members["data/a.parquet"], crc=1)))


# -- on the command line --------------------------------------------------------------------------------


def test_the_commands_make_a_bundle_and_check_it(store: Path, tmp_path: Path) -> None:
    run: Callable[..., Any] = CliRunner().invoke
    path = tmp_path / "b.zip"
    done = run(app, ["bundle", "tab=team", "--store", str(store), "--output", str(path), "--report", "--exporter", "Ada"])
    assert done.exit_code == 0
    digest, name = done.stdout.split()
    assert (len(digest), name) == (64, str(path))
    assert "9 events, head 3:" in done.stderr
    done = run(app, ["verify", str(path)])
    assert done.exit_code == 0
    assert "verified  events        The same question gives the same 9 events" in done.stdout
    done = run(app, ["verify", str(path), "--json"])
    assert json.loads(done.stdout)["ok"] is True
    flip(path, 5_000)
    done = run(app, ["verify", str(path)])
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-1] == "The bundle is not good."
    done = run(app, ["bundle", "x=1", "--store", str(store), "--output", str(tmp_path / "one.zip"), "--event", "ev-000001"])
    assert "1 event, head 3:" in done.stderr
    assert "Ignored x='1'" in done.stderr


def test_the_commands_that_the_document_shows_do_what_it_says(demo_store: Path, tmp_path: Path) -> None:
    section = (ROOT / "docs" / "integrity.md").read_text(encoding="utf-8").split("\n## Evidence bundles\n", 1)[1]
    (block,) = re.findall(r"^```console\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    (tmp_path / "store").symlink_to(demo_store)
    places = {"PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        done = subprocess.run(command, shell=True, cwd=tmp_path, env=os.environ | places, capture_output=True, text=True, check=False)
        assert done.stdout == shown, command
