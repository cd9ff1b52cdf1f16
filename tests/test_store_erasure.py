"""Erasure: a person is replaced wherever the record names the person, and nobody and nothing else is."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Open
from events import batch, event, events
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stores import flip, run_killed

from auditlib.errors import DamagedFileError, NotAStoreError, PublishError
from auditlib.schema import COLUMNS, SCHEMA
from auditlib.store import FolderSource, Policy, accept, publish, read_chain, verify_store
from auditlib.store.erasure import Erasure, erase
from auditlib.store.pseudonym import Eraser
from auditlib.store.signing import generate
from auditlib.view import View

ALIAS = "erased-0123456789ab"
PERSON, NAME, EMAIL = "TM12345", "Zoë O'Brien", "zoe.obrien@example.test"


def rows_of(store: Path) -> list[dict[str, Any]]:
    """The events of the record in the order of publishing."""
    files = read_chain(FolderSource(store)).kept
    return [row for entry in files for row in pq.read_table(store / "data" / entry.path).to_pylist()]


def erased(row: dict[str, Any], person: str = PERSON, names: tuple[str, ...] = (NAME, EMAIL)) -> dict[str, Any]:
    """An event after the person was replaced in it by a fixed alias."""
    after, _ = Eraser(person, names, ALIAS).rewrite(batch([row]))
    return dict(after.to_pylist()[0])


@pytest.fixture
def store(tmp_path: Path, cache: Path) -> Path:
    """Two snapshots that name the person and one between them that does not; all on both tabs."""
    person = {"actor_id": PERSON, "actor_name": NAME, "actor_email": EMAIL, "actor_role": "member"}
    other = {"actor_role": "member"}
    publish(tmp_path / "s", [batch([event(0, **person), event(1, **other)])], name="one", log_id="acme")
    publish(tmp_path / "s", [batch([event(2, **other)])], name="two")
    publish(tmp_path / "s", [batch([event(3, **other, summary=f"Asked by {NAME}"), event(4, **other)])], name="three")
    return tmp_path / "s"


def test_the_files_that_name_the_person_are_replaced_and_the_chain_says_so(store: Path) -> None:
    before = rows_of(store)
    seen: list[tuple[str, int]] = []
    done = erase(store, PERSON, "request 7", progress=lambda stage, size: seen.append((stage, size)))
    assert re.fullmatch(r"erased-[0-9a-f]{12}", done.alias)
    assert ([entry.path for entry in done.replaced], done.events, done.names, done.unlinked) == (["one.parquet", "three.parquet"], 2, 2, 2)
    assert done.manifest is not None
    assert done.manifest.extra == {
        "replaces": [{"path": entry.path, "reason": "request 7", "sha256": entry.sha256} for entry in done.replaced]
    }
    assert [entry.rows for entry in done.manifest.files] == [2, 2]
    assert sum(size for _, size in seen) == 2 * sum(entry.bytes for entry in (*done.replaced, read_chain(FolderSource(store)).kept[0]))
    after = {row["event_id"]: row for row in rows_of(store)}
    assert sorted(after) == [row["event_id"] for row in before]
    assert (after["ev-000000"]["actor_id"], after["ev-000000"]["actor_name"], after["ev-000000"]["actor_email"]) == (done.alias,) * 3
    assert after["ev-000003"]["summary"] == f"Asked by {done.alias}"
    assert [after[row["event_id"]] == row for row in before] == [False, True, True, False, True]
    report = verify_store(store)
    assert (report.ok, report.unlisted) == (True, ())
    assert [file.state for file in report.files] == ["replaced", "verified", "replaced", "verified", "verified"]
    assert str(report.files[0].sentence).startswith("one.parquet was replaced after an erasure on 20")


def test_nothing_of_the_person_is_left_in_the_store(store: Path) -> None:
    erase(store, PERSON, "request 7")
    text = json.dumps(rows_of(store), default=str) + "".join(path.read_text() for path in (store / "manifests").iterdir())
    assert all(word not in text for word in (PERSON, "Zo", "Brien", EMAIL))


def test_the_rest_is_served_and_the_person_cannot_be_found(open_store: Open, store: Path) -> None:
    everything = View(tab="team", rows=100)
    log = open_store(store)
    assert [person.name for person in log.suggest("actor", "zoë")] == [NAME]
    log.close()
    done = erase(store, PERSON, "request 7")
    log = open_store(store)
    assert (log.total(everything), log.head.complete, log.head.snapshots) == (5, True, 2)
    assert log.suggest("actor", "zoë") == []
    assert [item.event_id for item in log.page(View.from_link("tab=team&q=erased")).events] == ["ev-000000"]
    assert log.event("ev-000000").actor_id == done.alias
    assert list(log.head.retired) == [1, 3]
    log.close()


def test_a_person_nobody_names_leaves_the_store_as_it_was(store: Path) -> None:
    before = {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    done = erase(store, "TM99999", "request 8")
    assert (done.manifest, done.replaced, done.events, done.unlinked) == (None, (), 0, 0)
    assert {path: path.read_bytes() for path in store.rglob("*") if path.is_file()} == before


def test_each_erasure_has_another_alias(tmp_path: Path) -> None:
    aliases = set()
    for name in ("a", "b"):
        publish(tmp_path / name, [batch(events(1))], name="day", log_id="acme")
        aliases.add(erase(tmp_path / name, "p-1", "request 7").alias)
    assert len(aliases) == 2


def test_the_record_after_an_erasure_can_be_erased_from_again_and_signed(store: Path) -> None:
    erase(store, PERSON, "request 7")
    key = generate()
    done: Erasure = erase(store, "p-1", "request 8", key=key)
    assert done.events == 4
    assert done.manifest is not None
    assert accept(FolderSource(store), Policy()).signature(done.manifest.seq).state == "unchecked"
    assert {row["actor_id"] for row in rows_of(store)} > {done.alias}
    assert verify_store(store).ok


# -- what is replaced, and what is not ----------------------------------------------------------------


def test_each_slot_of_the_person_is_replaced_with_what_names_it() -> None:
    row = erased(
        event(
            interviewer_id=PERSON, interviewer_name=NAME, candidate_id=PERSON, candidate_name="Z.",
            resource_type="candidate", resource_id=PERSON, resource_name="Zoë", related=json.dumps({"candidate": PERSON, "booking": "BK1"}),
        )
    )  # fmt: skip
    assert {name for name, value in row.items() if value == ALIAS} == {
        "interviewer_id", "interviewer_name", "candidate_id", "candidate_name", "resource_id", "resource_name",
    }  # fmt: skip
    assert json.loads(row["related"]) == {"candidate": ALIAS, "booking": "BK1"}
    assert (row["actor_id"], row["actor_name"]) == ("p-1", "Ada Admin")


@pytest.mark.parametrize(
    "text",
    [
        f"by {NAME}.",
        f"by {NAME.upper()}, again",
        f"({NAME})",
        f"by {unicodedata.normalize('NFD', NAME)}!",
        f"mail to {EMAIL.title()};",
        f"<{EMAIL}>",
        f"https://example.test/people/{PERSON}?tab=1",
        f"{PERSON}",
    ],
)
def test_text_that_names_the_person_is_replaced(text: str) -> None:
    summary = erased(event(summary=text))["summary"]
    assert ALIAS in summary
    assert not any(word in summary.lower() for word in ("brien", "tm12345"))


@pytest.mark.parametrize(
    "text",
    [
        f"{PERSON}6", f"x{PERSON}", f"{PERSON}-2", f"A-{PERSON}", f"{NAME}s", f"Enzo{NAME}", f"x.{EMAIL}", f"{EMAIL}.au", f"{EMAIL}x",
        "Zoë", "O'Brien", "example.test",
    ],
)  # fmt: skip
def test_text_that_only_looks_like_it_stays(text: str) -> None:
    row = event(summary=text, metadata=json.dumps({"text": text}))
    assert erased(row) == row


def test_a_namesake_keeps_the_name_beside_another_id() -> None:
    row = event(actor_id="TM777", actor_name=NAME, interviewer_id="TM777", interviewer_name=NAME, resource_id="TM777", resource_name=NAME)
    assert erased(row) == row
    assert erased(event(actor_id=None, actor_name=NAME))["actor_name"] == ALIAS


def test_event_ids_addresses_and_words_of_the_vocabulary_stay() -> None:
    row = event(event_id=PERSON, ip="192.0.2.1", user_agent=f"Agent {PERSON}", tenant=PERSON, action="updated")
    assert erased(row) == row


json_leaves = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.sampled_from([PERSON, NAME, EMAIL, f"of {NAME}\n{PERSON}"])
)
json_values = st.recursive(
    json_leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4), max_leaves=12
)


def replaced(value: Any) -> Any:
    """What a JSON value should be after the erasure, worked out on the value itself."""
    if isinstance(value, list):
        return [replaced(each) for each in value]
    if isinstance(value, dict):
        return {key: replaced(each) for key, each in value.items()}
    return (
        {PERSON: ALIAS, NAME: ALIAS, EMAIL: ALIAS, f"of {NAME}\n{PERSON}": f"of {ALIAS}\n{ALIAS}"}.get(value, value)
        if isinstance(value, str)
        else value
    )


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=150)
@given(json_values, st.booleans(), st.sampled_from([None, 2]))
def test_json_is_replaced_value_by_value_however_it_is_escaped(value: Any, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "replace").decode()
    row = erased(event(metadata=text, changes=json.dumps([{"field": "x", "before": value}]).replace("\\ud", "?")))
    assert json.loads(row["metadata"]) == replaced(json.loads(text))


@pytest.mark.parametrize("inner", [json.dumps, lambda value: json.dumps(value, ensure_ascii=False)])
def test_json_within_json_is_replaced_and_stays_json(inner: Any) -> None:
    metadata = json.dumps({"body": inner({"by": NAME, "of": [EMAIL, PERSON, "é"]})})
    assert json.loads(json.loads(erased(event(metadata=metadata))["metadata"])["body"]) == {"by": ALIAS, "of": [ALIAS, ALIAS, "é"]}


def test_metadata_that_is_no_json_is_replaced_as_text() -> None:
    assert erased(event(metadata=f"{{broken: {NAME}, {PERSON}"))["metadata"] == f"{{broken: {ALIAS}, {ALIAS}"


def test_an_id_that_is_a_number_becomes_a_string_in_json_and_no_other_number_is_touched() -> None:
    value = {"user": 7001234, "users": [7001234, 17001234, 7001234.5, -7001234], "text": "7001234 of 70012345", "n": "x: 7001234, y"}
    after = json.loads(erased(event(metadata=json.dumps(value)), "7001234", ())["metadata"])
    assert after == {
        "user": ALIAS, "users": [ALIAS, 17001234, 7001234.5, -7001234], "text": f"{ALIAS} of 70012345", "n": f"x: {ALIAS}, y",
    }  # fmt: skip


def test_what_is_too_short_is_replaced_only_where_it_is_all_of_a_value() -> None:
    value = {"id": "7", "name": "Al", "text": "Al has 7 of 7", "n": 7}
    row = erased(event(actor_id="7", actor_name="Al", summary="Al has 7", metadata=json.dumps(value)), "7", ("Al",))
    assert (row["actor_id"], row["actor_name"], row["summary"]) == (ALIAS, ALIAS, "Al has 7")
    assert json.loads(row["metadata"]) == {"id": ALIAS, "name": ALIAS, "text": "Al has 7 of 7", "n": ALIAS}


@pytest.mark.parametrize("name", ["王芳", "이서연", "สมชาย ใจดี", "נועה פרץ", "Ľubica", "Ærø Ås"])
def test_names_of_every_script_are_found_in_running_text(name: str) -> None:
    text = f"由{name}更新" if name in ("王芳", "สมชาย ใจดี") else f"by {name}, today"
    row = erased(event(actor_id=PERSON, actor_name=name, summary=text, metadata=json.dumps({"by": text})), names=(name,))
    assert row["summary"] == text.replace(name, ALIAS)
    assert json.loads(row["metadata"]) == {"by": text.replace(name, ALIAS)}


def test_the_reason_may_not_name_the_person(store: Path) -> None:
    for reason in (f"asked for by {NAME}", f"{PERSON} wrote", "from ZOE.OBRIEN@example.test"):
        with pytest.raises(PublishError, match="The reason names the person"):
            erase(store, PERSON, reason)
    assert read_chain(FolderSource(store)).head.seq == 3


# -- files that others wrote, damage, and crashes -----------------------------------------------------


def test_files_of_other_layouts_and_with_search_text_are_rewritten_without_it(tmp_path: Path) -> None:
    rows = batch([event(0, actor_id=PERSON, actor_name=NAME)]).append_column("search_text", pa.array([f"{NAME.lower()} admin"]))
    publish(tmp_path, [rows], name="day")
    erase(tmp_path, PERSON, "request 7")
    (entry,) = read_chain(FolderSource(tmp_path)).kept
    table = pq.read_table(tmp_path / "data" / entry.path)
    assert table.column_names == list(COLUMNS)
    assert table.schema.equals(SCHEMA, check_metadata=False)


def test_a_file_of_many_batches_keeps_its_rows_and_their_order(tmp_path: Path) -> None:
    rows = [event(number, actor_id=PERSON if number % 5000 == 0 else "p-1", actor_name=NAME) for number in range(12_000)]
    publish(tmp_path, [batch(rows)], name="day", rows_per_file=7000)
    done = erase(tmp_path, PERSON, "request 7")
    assert (done.events, [entry.rows for entry in done.manifest.files]) == (3, [7000, 5000])  # type: ignore[union-attr]
    assert [row["event_id"] for row in rows_of(tmp_path)] == [row["event_id"] for row in rows]


def test_a_damaged_file_stops_the_erasure_before_anything_is_published(store: Path) -> None:
    flip(store / "data" / "two.parquet", 300)
    with pytest.raises(DamagedFileError, match=r"two\.parquet"):
        erase(store, PERSON, "request 7")
    assert read_chain(FolderSource(store)).head.seq == 3
    assert sorted(path.name for path in (store / "data").iterdir()) == ["one.parquet", "three.parquet", "two.parquet"]


def test_nobody_is_erased_from_no_store_or_without_an_id(store: Path, tmp_path: Path) -> None:
    with pytest.raises(NotAStoreError):
        erase(tmp_path / "nowhere", PERSON, "request 7")
    with pytest.raises(PublishError, match="has no id"):
        erase(store, " ", "request 7")


ERASING = """
from pathlib import Path
from auditlib.store.erasure import erase
sys.addaudithook(kill_before)
erase(Path(sys.argv[3]), "TM12345", "request 7")
"""


@pytest.mark.parametrize("step", [1, 2, 4, 5, 6, 8, 10, 11])
def test_whoever_is_killed_while_erasing_leaves_a_whole_chain_and_the_next_run_finishes(store: Path, step: int) -> None:
    run_killed(ERASING, step, "os.link os.remove", store)
    report = verify_store(store)
    assert report.ok
    assert sum(file.rows for file in report.files if file.state == "verified") == 5
    done = erase(store, PERSON, "request 7")
    assert (done.manifest is None) == (len(report.snapshots) == 4)
    assert verify_store(store).unlisted == ()
    assert all(PERSON not in json.dumps(row, default=str) for row in rows_of(store))
    assert len(list((store / "data").iterdir())) == 3
