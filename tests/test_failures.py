"""What is shown and logged where something fails that nobody foresaw: one sentence with a number, and the place in the code."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from browser.serving import Server
from events import batch, events
from streaming import stream_to
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from auditlib.store import publish
from pages import log_lines

ROOT = Path(__file__).resolve().parents[1]
WORDS = "the words of an error: a cookie, a name"
SENTENCE = re.compile(
    r"Something went wrong on our side\. Reload the page; if it stays, tell whoever runs this server the number ([0-9a-f]{8})\."
)

APP = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import streamlit as st
from starlette.middleware import Middleware
from starlette.responses import StreamingResponse
from starlette.routing import Route
from pages.door import Door
from pages.server import Gate, report_error, routes

async def fail(request):
    raise ValueError({WORDS!r})

async def half(request):
    async def parts():
        yield b"the first half"
        raise ValueError({WORDS!r})
    return StreamingResponse(parts())

own = [*routes(), Route("/fails", fail), Route("/fails-half", half)]
app = st.App("page.py", routes=own, middleware=[Middleware(Gate), Middleware(Door)], on_script_error=report_error)
"""
PAGE = f"""
import streamlit as st
from auditlib.errors import EngineBusyError

def fail():
    try:
        raise KeyError({WORDS!r})
    except KeyError as error:
        raise ValueError({WORDS!r}) from error

@st.fragment
def part():
    if "fragment" in st.query_params:
        fail()

st.button("Fail", on_click=fail, key="fail")
part()
if "page" in st.query_params:
    fail()
if "known" in st.query_params:
    raise EngineBusyError("Too many questions at once")
"""


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server as ours is, with a page and routes that fail."""
    folder = tmp_path_factory.mktemp("failing")
    publish(folder / "store", [batch(events(3))], name="few")
    (folder / "app.py").write_text(APP)
    (folder / "page.py").write_text(PAGE)
    with Server(folder / "store", folder / "server", app=str(folder / "app.py")) as running:
        yield running


def shown(received: list[bytes]) -> list[str]:
    """The alerts of a page; nothing else of an error may be in its messages."""
    assert not any(each in message for message in received for each in (WORDS.encode(), b"Traceback", b"ValueError", str(ROOT).encode()))
    deltas = [message.delta.new_element for message in map(ForwardMsg.FromString, received) if message.WhichOneof("type") == "delta"]
    assert not [each for each in deltas if each.WhichOneof("type") == "exception"]
    return [each.alert.body for each in deltas if each.WhichOneof("type") == "alert"]


def is_logged(number: str, server: Server, place: str) -> None:
    """The log has the number, the kind and the place, and not a word of the error."""
    entry = server.log().partition(f"Unexpected error {number}")[2]
    assert "ValueError, raised in" in entry
    assert re.search(rf"{place}", entry)
    assert WORDS not in server.log()


@pytest.mark.parametrize("where", ["page", "fragment"])
def test_a_page_that_fails_shows_one_sentence_with_a_number_to_be_found_in_the_log(where: str, failing: Server) -> None:
    with stream_to(failing.port) as stream:
        (told,) = shown(stream.run("", [(where, "1")]))
    found = SENTENCE.fullmatch(told)
    assert found
    is_logged(found[1], failing, r"page\.py:\d+ fail\n")
    assert "KeyError, raised in" in failing.log()


def test_a_fragment_and_a_callback_that_fail_by_themselves_do_so_too(failing: Server) -> None:
    with stream_to(failing.port) as stream:
        received = stream.run("", [])
        assert shown(received) == []
        raw = b"".join(received).decode("latin-1")
        pressed, partly = BackMsg(), BackMsg()
        pressed.rerun_script.widget_states.widgets.add(id=re.findall(r"\$\$ID-[\w-]+-fail", raw)[0], trigger_value=True)
        (told,) = shown(stream.run("", [], pressed))
        assert SENTENCE.fullmatch(told)
        partly.rerun_script.fragment_id = next(each for each in (ForwardMsg.FromString(one).delta.fragment_id for one in received) if each)
        (told,) = shown(stream.run("", [("fragment", "1")], partly))
        assert SENTENCE.fullmatch(told)


def test_an_error_of_the_library_is_its_own_sentence(failing: Server) -> None:
    with stream_to(failing.port) as stream:
        assert shown(stream.run("", [("known", "1")])) == ["Too many questions at once"]


def test_a_route_that_fails_answers_500_in_one_sentence_with_every_header(failing: Server) -> None:
    answer = requests.get(f"{failing.base}/fails", headers={"Cookie": "a=b"})
    assert answer.status_code == 500
    found = SENTENCE.fullmatch(answer.text)
    assert found
    is_logged(found[1], failing, r"app\.py:\d+ fail\n")
    fine = requests.get(f"{failing.base}/healthz").headers
    for name in ("content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy", "permissions-policy"):
        assert answer.headers[name] == fine[name]


def test_a_route_that_fails_half_way_breaks_off_and_shows_no_more(failing: Server) -> None:
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(f"{failing.base}/fails-half")
    assert WORDS not in failing.log()


def test_errors_that_come_from_each_other_in_a_circle_are_told_once() -> None:
    one, other = ValueError(WORDS), KeyError(WORDS)
    one.__cause__, other.__cause__ = other, one
    assert log_lines.places(one) == "ValueError, raised in\nKeyError, raised in"


def test_a_record_without_an_error_is_left_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("audit_logs").error("plain %s", "words", exc_info=True)
    assert caplog.messages == ["plain words"]
