"""Labels: text from data reads the same in Markdown as it was, and is never markup."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from auditlib.demo.pitfalls import NAMES
from auditlib.errors import NotAStoreError
from auditlib.text import shown_line
from auditlib.view import Chip
from pages.ui import text
from pages.ui.chips import words

PARTING = "\u200b"
"""What keeps an address from becoming a link."""
LINK = re.compile(r"(https?://|www\.)[-.\w]|[-.\w+]@[-\w]", re.IGNORECASE)
"""What Streamlit's Markdown turns into a link even after escapes are read (mdast-util-gfm-autolink-literal)."""


def inline(markdown: str) -> list[Token]:
    parsed = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(f"x {markdown}")
    assert [token.type for token in parsed] == ["paragraph_open", "inline", "paragraph_close"]
    return parsed[1].children or []


def read(markdown: str) -> str:
    return "".join(token.content for token in inline(markdown)).removeprefix("x").removeprefix(" ")


def test_an_error_tells_a_browser_the_last_name_of_a_place_on_the_machine_alone() -> None:
    error = NotAStoreError("/srv/log files/events is no store: /srv/log files/events/x is a link", path="/srv/log files/events", seq=3)
    assert read(text.told(error)) == "events is no store: events/x is a link"


@given(st.text(max_size=60))
@example("![](http://evil.test/x.png)")
@example("https://evil.test www.evil.test someone@evil.test <https://evil.test>")
@example(":material/lock: :red[urgent] :smile: $x^2$ ~~gone~~ **bold** `code` &amp; <b>")
@example("# title\n- item\n1. one\n> quote\n---\n| a | b |\n|---|---|")
@example("\\*kept\\* C:\\Users")
def test_any_text_reads_in_markdown_as_it_stands_and_is_no_markup(value: str) -> None:
    label = text.label(value, 200)
    assert read(label).replace(PARTING, "") == shown_line(value, 200)
    assert {token.type for token in inline(label)} <= {"text", "text_special"}
    assert not LINK.search(read(label))


@given(st.text(alphabet=":[]$`~*_<>@/.hwtps()!\\", max_size=40))
def test_every_mark_that_could_mean_something_is_escaped(value: str) -> None:
    assert not re.search(r"(?<!\\)(?:\\\\)*[:\[\]$`~*_<>@!()/.]", re.sub(r"\\[!-/:-@\[-`{-~]", "", text.label(value)))


@pytest.mark.parametrize("name", NAMES)
def test_every_hostile_name_of_the_demo_reads_as_it_is(name: str) -> None:
    assert read(text.label(NAMES[name], 60)).replace(PARTING, "") == shown_line(NAMES[name], 60)


def test_a_label_is_one_line_and_short() -> None:
    assert text.label(" a\n\n# b\tc\n") == r"a↵↵\# b c"
    assert len(shown_line("x" * 500, 80)) == len(text.label("x" * 500)) == 80


def test_counts_and_sentences_agree_in_number() -> None:
    assert text.count(1) == "1 event"
    assert text.count(12_482) == "12,482 events"
    assert text.left_out(1) == "1 matching event has no usable time and is in no range of days."
    assert text.left_out(2) == "2 matching events have no usable time and are in no range of days."
    assert text.joined(0) == "There are no events here yet"
    assert text.joined(2) == "Nothing matches these two filters together"
    assert text.joined(7) == "Nothing matches these 7 filters together"


def test_chips_of_people_of_the_same_look_are_told_apart() -> None:
    active = [
        Chip("actor", "U1", "Actor", "Anna"),
        Chip("candidate", "!U2", "Candidate", "not \u0410nna"),
        Chip("actor", "U3", "Actor", "Bob"),
        Chip("q", "Anna", "Search", "“Anna”"),
        Chip("from", "2026-01-01", "Dates", "from 1 Jan", incomplete=True),
    ]
    assert list(words(active).values()) == [
        ":gray[Actor] Anna :gray[U1]",
        ":gray[Candidate] not \u0410nna :gray[U2 · Cyrillic \u0410]",
        ":gray[Actor] Bob",
        ":gray[Search] “Anna”",
        "Dates from 1 Jan",
    ]
