"""The hostile inputs against the parts that take them: each is refused in a sentence, or taken as plain text, and nothing is lost."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hostile import FILE_NAMES, HOSTILE, IDS, LINES, LINKS, MANIFESTS, METADATA, NAMES, PARAMETERS, VALUES, Hostile, publish_hostile
from ingest_samples import import_text

from auditlib import metadata
from auditlib.errors import ChainError
from auditlib.evidence.exports import FORMATS, export
from auditlib.log import AuditLog, open_log
from auditlib.store.manifest import FileEntry, Manifest, parse_manifest
from auditlib.text import shown_line, visible
from auditlib.view import View
from auditlib.view.filters import FILTERS

UNSEEN = re.compile("[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff]")


def named(rows: list[Hostile]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("given", rows, ids=[row.what for row in rows])


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> AuditLog:
    return open_log(publish_hostile(tmp_path_factory.mktemp("hostile") / "store"))


def test_the_hostile_inputs_are_more_than_two_hundred_and_each_is_another_one() -> None:
    assert len(HOSTILE) == len({(each.place, each.text, each.more) for each in HOSTILE}) > 200
    said = (Path(__file__).parents[1] / "docs" / "security.md").read_text(encoding="utf-8")
    assert f"{len(HOSTILE)} hostile inputs" in said
    assert f"{len(PARAMETERS) * len(VALUES)} more" in said


@named(LINKS)
def test_a_link_is_taken_as_text_or_refused_in_a_sentence(given: Hostile) -> None:
    tab = [("tab", "team")] if FILTERS.get(given.more) and FILTERS[given.more].tabs == {"team"} else []
    view = View.from_pairs([*tab, (given.more, given.text), ("outcome", "success")])
    problems = [problem for problem in view.problems if problem.verb != "Assumed"]
    assert bool(problems) == (given.outcome == "refused")
    assert not any(UNSEEN.search(problem) for problem in problems)
    assert View.from_link(view.to_query()) == view
    assert view.values("outcome") == ("success",) or given.more == "outcome"


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_any_value_of_any_parameter_is_a_view_and_said_where_it_is_not_taken(parameter: str) -> None:
    for pairs in [*([(parameter, value)] for value in VALUES), [(parameter, value) for value in VALUES]]:
        view = View.from_pairs(pairs, tz="Europe/Berlin")
        assert View.from_link(view.to_query(), tz="Europe/Berlin") == view
        assert all(len(problem) < 400 and not UNSEEN.search(problem) for problem in view.problems)
        assert view.problems or view != View() or pairs[0][1] == "0"


def test_each_hostile_name_id_and_metadata_is_an_event_that_is_served_byte_for_byte(log: AuditLog) -> None:
    every = log.events(View())
    assert every.num_rows == len(NAMES) + len(IDS) + len(METADATA) + 2
    assert set(every["actor_name"].to_pylist()) >= {each.text for each in NAMES}
    assert set(every["resource_id"].to_pylist()) >= {each.text for each in IDS}
    assert set(every["metadata"].to_pylist()) >= {each.text for each in METADATA}


@named(NAMES)
def test_a_hostile_name_is_found_by_its_text_and_shown_without_what_cannot_be_seen(given: Hostile, log: AuditLog) -> None:
    shown = shown_line(given.text, 120)
    assert not UNSEEN.search(shown)
    assert "\n" not in shown
    number = NAMES.index(given)
    view = View().having("actor", f"U{number}")
    assert [event.actor_name for event in log.page(view, metadata=False).events] == [given.text]
    if not FILTERS["q"].check(given.text):
        assert f"ev-{number:06d}" in log.events(View().having("q", given.text))["event_id"].to_pylist()


@named(IDS)
def test_a_hostile_id_is_a_filter_that_finds_its_event_or_is_refused_in_a_sentence(given: Hostile, log: AuditLog) -> None:
    number = f"ev-{200 + IDS.index(given):06d}"
    for parameter, value in (("resource", f"interview_booking:{given.text}"), ("actor", given.text), ("related", f"booking:{given.text}")):
        if FILTERS[parameter].check(value):
            assert re.search(r"[\x00-\x1f]", given.text) or len(value) > 512
        else:
            link = View().having(parameter, value).to_query()
            assert number in log.events(View.from_link(link))["event_id"].to_pylist(), link


@named(METADATA)
def test_hostile_metadata_has_its_flaw_told_and_its_secrets_masked(given: Hostile) -> None:
    assert (metadata.flaw(given.text) is not None) == (given.outcome == "flawed")
    shown, count = metadata.masked(given.text)
    assert "in-clear" not in shown
    assert bool(count) == ("in-clear" in given.text)
    assert not UNSEEN.search(visible(metadata.indented(shown)).replace("\n", ""))


GOOD = json.dumps({"event_id": "good", "source": "platform", "action": "updated", "resource_type": "report", "metadata": "{}"})


@named(LINES)
def test_a_hostile_line_is_published_or_rejected_and_takes_no_other_with_it(given: Hostile, tmp_path: Path) -> None:
    text = f"{GOOD}\n{given.text}\n{GOOD.replace('good', 'after')}\n"
    rows, summary = import_text(tmp_path, "platform", text.encode("utf-8", "surrogatepass"))
    assert {"good", "after"} <= {row["event_id"] for row in rows}
    assert (len(rows), sum(file.rejected for file in summary.files)) == ((3, 0) if given.outcome == "published" else (2, 1))


@named(MANIFESTS)
def test_a_hostile_manifest_is_refused_with_its_reason(given: Hostile) -> None:
    with pytest.raises(ChainError) as error:
        parse_manifest(given.text.encode("utf-8", "surrogatepass"))
    assert error.value.reason
    assert len(str(error.value)) < 500


@named(FILE_NAMES)
def test_a_hostile_file_name_in_a_manifest_is_refused(given: Hostile) -> None:
    entry = FileEntry(given.text, 1, 1, "0" * 64, "0" * 64, None, None)
    with pytest.raises(ChainError, match="path must match"):
        parse_manifest(Manifest(1, "acme", "2026-01-01T00:00:00Z", "0" * 64, (entry,)).to_bytes())


def test_a_hostile_store_leaves_by_every_format_with_each_of_its_events(log: AuditLog, tmp_path: Path) -> None:
    for key, kind in FORMATS.items():
        export(log.batches(View()), tmp_path / f"all{kind.suffix}", key, {"link": "/audit"})
    lines = (tmp_path / f"all{FORMATS['jsonl'].suffix}").read_text(encoding="utf-8").split("\n")
    ids = [json.loads(line).get("event_id") for line in lines if line]
    assert sorted(filter(None, ids)) == sorted(log.events(View())["event_id"].to_pylist())
