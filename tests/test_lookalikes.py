"""Look-alikes: people whose names read the same are told apart, and letters of another script are named."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlib.lookalikes import odd_letters, skeleton, tags
from auditlib.text import parted, shown_line, visible


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Anna", "\u0410nna"),
        ("Anna", "Ann\u0430"),
        ("Anna", "\uff21nna"),
        ("Anna", "An\u200bna"),
        ("Anna", "Anna\ufe0f"),
        ("Anna Lee", "Anna\u00a0 Lee "),
        ("Zo\u00eb", "Zoe\u0308"),
        ("Amanda", "Arnanda"),
        ("Bill", "BiIl"),
        ("B0b", "Bob"),
        ("Pope", "\u0420\u043e\u0440\u0435"),
        ("Nova", "\u039dov\u03b1"),
    ],
)
def test_names_of_the_same_look_have_one_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(("one", "other"), [("Anna", "Anne"), ("Zoe", "Zo\u00eb"), ("Ann", "ann"), ("\u674e", "\u6728\u5b50"), ("", "a")])
def test_names_that_can_be_told_apart_have_two(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Anna Keller", ""),
        ("Zo\u00eb M\u00fcller-\u0141uk", ""),
        ("\u0410nna Keller", "Cyrillic \u0410"),
        ("Anna Kell\u0435r", "Cyrillic \u0435"),
        ("\u0391nna", "Greek \u0391"),
        ("\u0421\u0430\u0440\u0430", "Cyrillic \u0421\u0430\u0440"),
        ("\u0418\u0432\u0430\u043d \u041f\u0435\u0442\u0440\u043e\u0432", ""),
        ("\u0395\u03bb\u03ad\u03bd\u03b7", ""),
        ("\u674e \u5c0f\u9f8d Lee", ""),
        ("\uc774\uc11c\uc5f0", ""),
        ("Ann \u0627\u062d\u0645\u062f", ""),
        ("\u0410\u0391", "Cyrillic \u0410, Greek \u0391"),
        ("", ""),
    ],
)
def test_letters_that_may_mislead_are_named_with_their_script(name: str, said: str) -> None:
    assert odd_letters(name) == said


def test_people_of_the_same_look_are_told_apart_by_their_ids_and_others_by_nothing() -> None:
    people = [("U1", "Anna"), ("U2", "\u0410nna"), ("U1", "Anna"), ("U3", "Bob"), ("U3", "Bob "), ("", "Cy"), ("U4", "Cy")]
    assert tags(people) == {("U1", "Anna"): "U1", ("U2", "\u0410nna"): "U2 · Cyrillic \u0410", ("U4", "Cy"): "U4"}


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_two_people_whose_names_read_the_same_get_tags_of_their_own(one: str, other: str) -> None:
    found = tags([("U1", one), ("U2", other)])
    if skeleton(one) == skeleton(other):
        assert found["U1", one].startswith("U1")
        assert found["U2", other].startswith("U2")
    assert all(shown_line(tag) for tag in found.values())


SHOWN_FORMATS = {0x0600, 0x0601, 0x0602, 0x0603, 0x0604, 0x0605, 0x06DD, 0x070F, 0x0890, 0x0891, 0x08E2, 0x110BD, 0x110CD}
"""Characters of category Cf that have a shape of their own (Unicode's property Prepended_Concatenation_Mark)."""


def test_every_format_and_control_character_of_unicode_is_written_out() -> None:
    kinds = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    left = {code for code in range(0x110000) if unicodedata.category(chr(code)) in kinds and visible(chr(code)) == chr(code)}
    assert left == {0x09, 0x0A} | SHOWN_FORMATS


@pytest.mark.parametrize("text", ["\U0001f469\u200d\U0001f4bb", "\u2764\ufe0f", "1\ufe0f\u20e3", "e\u0302\u0301", "\U0001f44d\U0001f3fd"])
def test_pictures_and_letters_of_several_characters_stay_whole(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u200db", "a\\u200db"),
        ("a\ufe0f", "a\\ufe0f"),
        ("e\u0301\u0301\u0301\u0301", "e\u0301\u0301\u0301\\u0301"),
        ("a\u2800b", "a\\u2800b"),
        ("\U0001f3f4\U000e0067", "\U0001f3f4\\U000e0067"),
    ],
)
def test_the_same_characters_elsewhere_are_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(max_size=60))
def test_a_text_comes_back_from_its_pieces(text: str) -> None:
    pieces = parted(text)
    assert "".join(pieces) == text
    assert all(visible(piece) != piece for piece in pieces[1::2])
    assert len(pieces) % 2
