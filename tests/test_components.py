"""The components' sources: nothing that could run data as code, scripts that parse, JSON kept as it was written."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from auditlib import vocabulary
from pages.ui import drawing

UI = Path(drawing.__file__).parent.parent
FOLDERS = sorted(page.parent for page in UI.glob("*/*.html"))
SOURCES = sorted(file for file in UI.glob("*/*") if file.suffix in {".html", ".css", ".js"})
SVG_NAMESPACE = "http://www.w3.org/2000/svg"
MARKUP = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|document\.write|\beval\b|new Function|srcdoc")
OUTSIDE = re.compile(r"https?:|\W//\w[\w-]*\.\w|@import|@font-face|url\(|\bfetch\(|XMLHttpRequest|WebSocket|\bimport\s*[({\"']")
NODE = shutil.which("node")

needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")
names = pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.name)
folders = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)

LEXICAL = """
import { readFileSync } from "node:fs"
const closing = { "{": "}", "[": "]" }
const written = (node) => node.items
  ? node.open + node.items.map((item) => (item.key === null ? "" : item.key + ":") + written(item)).join(",") + closing[node.open]
  : node.text
const answers = JSON.parse(readFileSync(0, "utf8")).map((text) => {
  const tree = treeOf(text)
  let depth = 0
  for (let node = tree; node?.items; node = node.items[0]) depth += 1
  return {
    tokens: [...tokens(text)].map((token) => [token.kind, token.text]),
    seen: seen(text).map(([plain, escape]) => escape || plain).join(""),
    tree: tree && (depth < 500 ? written(tree) : "deep"),
    depth,
  }
})
console.log(JSON.stringify(answers))
"""


def read_by_node(texts: list[str], folder: Path) -> list[dict[str, Any]]:
    module = folder / "lexical.mjs"
    module.write_text((UI / "drawing" / "json.js").read_text(encoding="utf-8") + LEXICAL, encoding="utf-8")
    done = subprocess.run([str(NODE), str(module)], input=json.dumps(texts), capture_output=True, text=True, check=True, timeout=60)
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


@names
def test_no_source_turns_text_into_markup_or_code(file: Path) -> None:
    assert MARKUP.findall(file.read_text(encoding="utf-8")) == []


@names
def test_no_source_asks_for_anything_from_elsewhere(file: Path) -> None:
    text = file.read_text(encoding="utf-8").replace(f'"{SVG_NAMESPACE}"', "").replace('fetch("./signed-in"', "")
    assert OUTSIDE.findall(text) == []


@names
def test_colours_come_from_the_theme_alone(file: Path) -> None:
    if file.suffix == ".css":
        assert re.findall(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsla?\(", file.read_text(encoding="utf-8")) == []


def test_every_glyph_of_the_vocabulary_is_drawn() -> None:
    shapes = (UI / "drawing" / "dom.js").read_text(encoding="utf-8")
    for action in vocabulary.ACTIONS.values():
        assert re.search(rf"^  {action.glyph}:", shapes, re.MULTILINE), action.glyph


def test_every_tone_of_the_vocabulary_has_its_badge() -> None:
    css = (UI / "drawing" / "base.css").read_text(encoding="utf-8")
    assert {action.tone for action in vocabulary.ACTIONS.values() if f".badge.{action.tone} {{" not in css} == {"gray"}


def test_both_components_are_registered_and_carry_their_payload() -> None:
    def page() -> None:
        from pages.ui.entry import entry
        from pages.ui.event_table import event_table

        def nothing() -> None: ...

        copied = {"on_reveal_change": nothing, "on_copied_change": nothing}
        heard = {"on_row_change": nothing, "on_open_change": nothing} | copied
        event_table(rows=[{"id": "e1"}], details={"e1": {"text": "{}"}}, open_ids=["e1"], current="", zone="UTC+1", **heard)
        entry(event={"id": "e1"}, seal="at=0&n=1", on_pivot_change=nothing, on_step_change=nothing, **copied)

    app = AppTest.from_function(page).run()
    assert not app.exception
    table, panel = (component.proto for component in app.get("bidi_component"))
    assert table.component_name.endswith("event_table")
    sent = json.loads(table.json)
    assert sent == {"rows": [{"id": "e1"}], "details": {"e1": {"text": "{}"}}, "open": ["e1"], "current": "", "zone": "UTC+1"}
    assert panel.component_name.endswith("entry")
    assert json.loads(panel.json) == {"id": "e1", "seal": "at=0&n=1"}
    assert list(app.session_state["events"]["open"]) == ["e1"]


@folders
@needs_node
def test_the_script_of_a_component_parses(folder: Path, tmp_path: Path) -> None:
    module = tmp_path / "component.mjs"
    module.write_text(drawing.script(folder), encoding="utf-8")
    done = subprocess.run([str(NODE), "--check", str(module)], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""


@needs_node
def test_numbers_and_repeated_keys_stay_as_they_were_written(tmp_path: Path) -> None:
    numbers = ["1e2", "1.0000000000000000001", "-0", "23456789012345678901234", "2"]
    text = f'{{"a":[{",".join(numbers[:4])}],"a":{numbers[4]},"__proto__":{{}},"":null}}'
    (answer,) = read_by_node([text], tmp_path)
    assert answer["tree"] == text
    assert [written for kind, written in answer["tokens"] if kind == "number"] == numbers
    assert [written for kind, written in answer["tokens"] if kind == "key"] == ['"a"', '"a"', '"__proto__"', '""']


@needs_node
def test_text_that_is_not_json_has_no_tree_and_loses_nothing(tmp_path: Path) -> None:
    broken = ["", " ", "{", '{"a"}', '{"a":1,}', "[1,]", "[1 2]", '["a":1]', "[}", "{]", "01", "NaN", "-", '"open', "{} {}"]
    broken += ["// x\n{}", "\ufeff{}", "tru", "trueish"]
    for text, answer in zip(broken, read_by_node(broken, tmp_path), strict=True):
        assert answer["tree"] is None, text
        assert "".join(written for _, written in answer["tokens"]) == text


@needs_node
def test_ten_thousand_levels_do_not_exhaust_the_stack(tmp_path: Path) -> None:
    (answer,) = read_by_node(["[" * 10_000 + "]" * 10_000], tmp_path)
    assert answer["depth"] == 10_000


@needs_node
def test_characters_that_cannot_be_seen_read_like_everywhere_else(tmp_path: Path) -> None:
    from auditlib.text import visible

    texts = ["a\u202eb", "\u200b", "\ufeffx", "\x00\x1b", "é 名", "\U000e0041", "line\nbreak\ttab"]
    texts += ["👩\u200d💻", "a\u200db", "👩\u200d", "❤\ufe0f", "a\ufe0f", "1\ufe0f", "a" + "\u0301" * 7, "\u2800\U0001d173\U0001bca0"]
    texts += [
        "".join(map(chr, range(first, first + 64))) for first in (0xA0, 0x300, 0x600, 0x1800, 0x2000, 0x2040, 0xFE00, 0xFFC0, 0x1F3F0)
    ]
    assert [answer["seen"] for answer in read_by_node(texts, tmp_path)] == [visible(text) for text in texts]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@needs_node
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(documents=st.lists(values, min_size=20, max_size=40), indent=st.sampled_from([None, 2]), ascii_only=st.booleans())
def test_any_json_is_read_back_exactly_as_written(documents: list[Any], indent: int | None, ascii_only: bool, tmp_path: Path) -> None:
    texts = [json.dumps(document, indent=indent, ensure_ascii=ascii_only) for document in documents]
    for document, text, answer in zip(documents, texts, read_by_node(texts, tmp_path), strict=True):
        assert "".join(written for _, written in answer["tokens"]) == text
        assert answer["tree"] == json.dumps(document, separators=(",", ":"), ensure_ascii=ascii_only)
        assert not any(kind == "other" for kind, _ in answer["tokens"])
