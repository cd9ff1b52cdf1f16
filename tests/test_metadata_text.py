"""Metadata as text: told what is wrong with it, indented and masked without changing a recorded character."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditlib.demo.pitfalls import METADATA
from auditlib.metadata import MASK, flaw, indented, is_secret, masked

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8) | st.sampled_from(["token", "Password", "x_secret"]), inner, max_size=4)
    ),
    max_leaves=20,
)
ANY_TEXT = st.text() | st.text(alphabet='{}[]:,"\\ \n\t\u00a0tokenu0141é') | JSON.map(json.dumps)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a":1}', None),
        ("null", None),
        ("42", None),
        ("[]", None),
        ('"x"', None),
        ("  {}  ", None),
        (r'{"a":"\u0000\ud800"}', None),
        ('{"n":12345678901234567890123,"d":1.0000000000000000001,"z":-0,"e":1e2,"huge":1e999}', None),
        ('{"__proto__":1,"constructor":2,"":3}', None),
        ("", "invalid"),
        ("not json", "invalid"),
        ('{"a":1} trailing', "invalid"),
        ('{"a":1 /* note */}', "invalid"),
        ("\ufeff{}", "invalid"),
        ('{"a":', "invalid"),
        ("{'a':1}", "invalid"),
        ('{"a":NaN, "b"', "invalid"),
        ('{"a":NaN}', "not_finite"),
        ("[-Infinity]", "not_finite"),
        ('{"a":1,"a":NaN}', "not_finite"),
        ('{"a":1,"a":2}', "repeated_keys"),
        ('[{"a":{"b":1,"b":1}}]', "repeated_keys"),
        ("[" * 10_000 + "]" * 10_000, "deep"),
        ('{"a":' * 10_000 + "1" + "}" * 10_000, "deep"),
        ("1" * 10_000, None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_wrong_with_a_text_is_told(text: str, expected: str | None) -> None:
    assert flaw(text) == expected


def test_a_text_is_indented_with_every_token_as_recorded() -> None:
    text = '{"b":[1e2,1.0000000000000000001,-0, 12345678901234567890123],"a":{},"a":[ ],"s":"x, {y}: \\u0041\\"","n":NaN}'
    assert indented(text) == (
        '{\n  "b": [\n    1e2,\n    1.0000000000000000001,\n    -0,\n    12345678901234567890123\n  ],\n  "a": {},\n  "a": [],\n'
        '  "s": "x, {y}: \\u0041\\"",\n  "n": NaN\n}'
    )


@pytest.mark.parametrize("text", ["", "no json", '{"a":1} x', "[NaN 1", "[" * 10_000 + "]" * 10_000, "[" * 201 + "]" * 201])
def test_a_text_that_is_no_json_or_too_deep_comes_back_as_it_is(text: str) -> None:
    assert indented(text) == text


def test_two_hundred_levels_are_still_indented() -> None:
    assert indented("[" * 200 + "1" + "]" * 200).count("\n") == 400


def outside_strings(text: str) -> str:
    return "".join(
        token if token.startswith('"') else re.sub(r"\s", "", token) for token in re.findall(r'"(?:[^"\\]|\\.)*"|[^"]+', text, re.DOTALL)
    )


@given(value=JSON, spaces=st.sampled_from([None, 0, 1, "\t"]), plain=st.booleans())
@settings(max_examples=150, deadline=None)
def test_indentation_changes_only_white_space_outside_strings(value: Any, spaces: Any, plain: bool) -> None:
    text = json.dumps(value, indent=spaces, ensure_ascii=plain)
    assert outside_strings(indented(text)) == outside_strings(text)
    if text.count("NaN") + text.count("Infinity") == 0:
        assert json.loads(indented(text)) == json.loads(text)
        assert indented(text) == json.dumps(value, indent=2, ensure_ascii=plain)


@given(text=ANY_TEXT)
@settings(max_examples=150, deadline=None)
def test_no_text_is_too_odd_to_be_looked_at(text: str) -> None:
    flaw(text)
    assert outside_strings(indented(text)) == outside_strings(text) or text.count('"') % 2
    shown, count = masked(text)
    assert shown.count(MASK) - text.count(MASK) == count
    assert (count == 0) == (shown == text)


@pytest.mark.parametrize(("name", "text"), METADATA.items(), ids=list(METADATA))
def test_the_demos_odd_metadata_is_looked_at_without_an_error(name: str, text: str) -> None:
    assert flaw(text) in (None, "invalid", "deep", "repeated_keys", "not_finite")
    assert outside_strings(indented(text)) == outside_strings(text)
    assert (masked(text)[1] > 0) == (name == "secret_in_text")


# -- secrets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "userPassword",
        "X-Auth-Token",
        "access_token",
        "accessToken",
        "turnPassword",
        "hashed_token",
        "SECRET",
        "client-secret",
        "Authorization",
        "Set-Cookie",
        "credentials",
        "api_key",
        "apiKey",
        "X-API-KEY",
        "privateKey",
        "passcode",
        "signature",
        "otp",
        "passwd",
        "pwd",
    ],
)
def test_keys_that_look_like_secrets_are_secret(key: str) -> None:
    assert is_secret(key)


@pytest.mark.parametrize(
    "key", ["", "name", "status", "email", "id", "laptop", "passenger", "compass", "key", "signature_of", "pwd_reset_at", "__proto__"]
)
def test_other_keys_are_not(key: str) -> None:
    assert not is_secret(key)


@pytest.mark.parametrize(
    ("text", "shown", "count"),
    [
        ('{"a":1, "token" : "x y" ,"b":"z"}', '{"a":1, "token" : "••••••" ,"b":"z"}', 1),
        ('{"token":12345,"pin":1}', '{"token":"••••••","pin":1}', 1),
        ('{"token":null,"secret":"","otp":true}', '{"token":null,"secret":"","otp":true}', 0),
        (
            '{"credentials":{"user":"u","list":[1,{"x":"y"}]},"z":"z"}',
            '{"credentials":{"user":"••••••","list":["••••••",{"x":"••••••"}]},"z":"z"}',
            3,
        ),
        ('{"cookie":["a","b"],"c":"token"}', '{"cookie":["••••••","••••••"],"c":"token"}', 2),
        ('{"token":"a\\"b\\\\","x":1}', '{"token":"••••••","x":1}', 1),
        (r'{"pass\u0077ord":"x"}', r'{"pass\u0077ord":"••••••"}', 1),
        ('{"token":"cut in the mid', '{"token":"••••••"', 1),
        ('{"token":bare word}', '{"token":"••••••" "••••••"}', 2),
        ('note "password": "p", end', 'note "password": "••••••", end', 1),
        ('{"raw":"{\\"password\\":\\"p\\",\\"n\\":1}"}', '{"raw":"{\\"password\\":\\"••••••\\",\\"n\\":1}"}', 1),
        ('{"raw":"{\\"pin_token\\": 77}"}', '{"raw":"{\\"pin_token\\": \\"••••••\\"}"}', 1),
        (r'{"a":"{\"b\":\"{\\\"token\\\":\\\"t\\\"}\"}"}', r'{"a":"{\"b\":\"{\\\"token\\\":\\\"••••••\\\"}\"}"}', 1),
        (r'{"a":"C:\\temp\\new \u0022x"}', r'{"a":"C:\\temp\\new \u0022x"}', 0),
    ],
)
def test_values_under_secret_keys_are_masked_in_place_and_nothing_else_is_touched(text: str, shown: str, count: int) -> None:
    assert masked(text) == (shown, count)


@given(value=JSON, compact=st.booleans(), nested=st.integers(0, 3))
@settings(max_examples=150, deadline=None)
def test_masking_leaves_every_other_byte_and_the_json_whole(value: Any, compact: bool, nested: int) -> None:
    text = json.dumps(
        {"before": [1e2, "é"], "token": "t0p", "value": value}, ensure_ascii=False, separators=(",", ":") if compact else None
    )
    for _ in range(nested):
        text = json.dumps({"raw": text, "after": 1})
    shown, count = masked(text)
    assert count >= 1
    assert "t0p" not in shown
    assert isinstance(json.loads(shown), dict)
    pieces = re.split(rf'\\*"{MASK}\\*"', shown) if MASK not in text else []
    place = 0
    for piece in pieces:
        place = text.index(piece, place) + len(piece)
    assert not pieces or text.startswith(pieces[0])
    assert not pieces or text.endswith(pieces[-1])


@pytest.mark.parametrize(
    "text",
    [
        '"\\"token\\":\\"' + "\\" * 4_000 + "x",
        '{"a":"' + '\\"token\\":\\"' * 4_000 + '"}',
        '{"a":"' + '\\\\\\"' * 8_000,
        '{"token":' * 4_000,
        '"' * 20_000,
        "[" * 20_000,
        '{"' + "k" * 1_000_000 + '":1}',
        "{" + ",".join(f'"k{number}":{number}' for number in range(20_000)) + "}",
    ],
    ids=range(8),
)
def test_hostile_texts_are_masked_in_one_pass(text: str) -> None:
    shown, count = masked(text)
    assert (shown == text) == (count == 0)
    indented(text)
