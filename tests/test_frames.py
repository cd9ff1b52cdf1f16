"""What goes over the websocket: the path of the script is taken out, and nothing else is touched."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.types import Message, Receive, Scope, Send
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from pages.frames import Frames

ROUTER = str(Path(__file__).resolve().parents[1] / "pages" / "router.py")


def sent(message: Message, kind: str = "websocket") -> Message:
    """What of a message of the app reaches the browser."""
    received: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(message)

    async def keep(message: Message) -> None:
        received.append(message)

    async def nothing() -> Message:
        return {}

    with ThreadPoolExecutor(1) as thread:  # a driver of browsers keeps a loop running in the thread of the tests
        thread.submit(lambda: asyncio.run(Frames(app)({"type": kind}, nothing, keep))).result()
    (only,) = received
    return only


def test_of_the_path_of_the_script_a_browser_is_told_the_name_alone() -> None:
    said = ForwardMsg()
    said.new_session.name = "a session"
    said.new_session.main_script_path = ROUTER
    told = ForwardMsg.FromString(sent({"type": "websocket.send", "bytes": said.SerializeToString()})["bytes"])
    assert (told.new_session.main_script_path, told.new_session.name) == ("router.py", "a session")


def test_text_of_the_record_that_names_the_same_folder_stays_as_it_was_recorded() -> None:
    said = ForwardMsg()
    said.delta.new_element.text.body = f"deleted {ROUTER}"
    raw = said.SerializeToString()
    assert sent({"type": "websocket.send", "bytes": raw})["bytes"] == raw


@pytest.mark.parametrize("message", [{"type": "websocket.send", "text": ROUTER}, {"type": "websocket.close"}], ids=["text", "a close"])
def test_whatever_else_is_sent_goes_through(message: Message) -> None:
    assert sent(message) == message
    assert sent(message, "http") == message
