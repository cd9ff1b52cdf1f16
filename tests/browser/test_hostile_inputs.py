"""The hostile inputs against one running server: its doors, its websocket, and every parameter of a link."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hostile import COOKIES, IDS, LINKS, MESSAGES, METADATA, NAMES, PARAMETERS, REQUESTS, VALUES, Hostile, publish_hostile
from streaming import Stream, link_of, stream_to
from websockets.exceptions import ConnectionClosed

from auditlib.view import View
from browser.serving import ROOT, Server

pytestmark = pytest.mark.browser

TRACES = (b"Traceback", b"site-packages", b"Something went wrong", str(ROOT).encode(), b"in-clear")
EVENTS = len(NAMES) + len(IDS) + len(METADATA) + 2


def named(rows: list[Hostile]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("given", rows, ids=[row.what for row in rows])


@pytest.fixture(scope="module")
def hostile_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("hostile")
    with Server(publish_hostile(folder / "store"), folder / "server") as running:
        with stream_to(running.port) as first:
            first.run("audit", [])
        yield running
        assert [secret for secret in ("in-clear", "hunter2", "_streamlit_user=", "Cookie:") if secret in running.log()] == []


@pytest.fixture(scope="module")
def stream(hostile_server: Server) -> Iterator[Stream]:
    """The one connection on which all links are opened."""
    with stream_to(hostile_server.port) as opened:
        yield opened


def answer(server: Server, head: str) -> bytes:
    """What a server answers to a request as it goes over the line, until it has nothing more to say."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
        line.sendall(head.encode("latin-1") + b"\r\nConnection: close\r\n\r\n")
        received = b""
        with suppress(ConnectionResetError):
            while piece := line.recv(1 << 16):
                received += piece
        return received


def shows_a_page(received: list[bytes]) -> str:
    """The whole page of a run, of which nothing is a trace, and which says how many events it shows."""
    whole = b"".join(received)
    assert [trace for trace in TRACES if trace in whole] == []
    found = re.search(rb"\d+\xe2\x80\x93\d+\*{0,2} of \d+", whole)
    assert found, whole[-2_000:]
    return found.group().decode()


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_every_parameter_takes_any_value_and_ends_in_a_page(parameter: str, stream: Stream) -> None:
    for pairs in [*([(parameter, value)] for value in VALUES), [(parameter, value) for value in VALUES]]:
        shown = shows_a_page(stream.run("audit", pairs))
        view = View.from_pairs([pair for pair in pairs if pair[1]], tz="Europe/Berlin")
        if not view.clauses and not view.start and view.tab == "interviews":
            assert shown.endswith(f"of {EVENTS}"), (pairs, shown)


@named(LINKS)
def test_a_hostile_link_ends_in_a_page_that_keeps_what_is_good_in_it(given: Hostile, stream: Stream) -> None:
    rows = str((10, 20)[LINKS.index(given) % 2])
    received = stream.run("audit", [(given.more, given.text), ("rows", rows)])
    shows_a_page(received)
    ignored = given.outcome == "refused" or given.more == "rows"
    assert (b"Part of this link was ignored" in b"".join(received)) == ignored
    assert f"rows={rows}" in (link_of(received) or f"rows={rows}") or given.more == "rows"


@named(LINKS)
def test_a_hostile_link_of_explore_ends_in_a_page(given: Hostile, stream: Stream) -> None:
    whole = b"".join(stream.run("explore", [(given.more, given.text), ("show", "sql")]))
    assert [trace for trace in TRACES if trace in whole] == []
    assert b"Change the filters" in whole


@named(REQUESTS)
def test_a_hostile_request_gets_a_plain_answer(given: Hostile, hostile_server: Server) -> None:
    received = answer(hostile_server, given.text)
    status = received[9:12].decode() if received else "none"
    assert status in given.more.split(), received[:300]
    assert [trace for trace in (*TRACES, b"root:x:0:0", b"st.App(") if trace in received] == []
    assert hostile_server.health()["status"] == "ok"


@named(COOKIES)
def test_a_hostile_cookie_makes_nobody_and_breaks_nothing(given: Hostile, hostile_server: Server) -> None:
    cookie = given.text.encode("utf-8").decode("latin-1")
    received = answer(hostile_server, f"GET /export/guess HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}")
    assert received[9:12].decode() in ("404", "431", "400"), received[:300]
    assert [trace for trace in TRACES if trace in received] == []


@named(MESSAGES)
def test_a_hostile_message_ends_at_most_its_own_connection(given: Hostile, hostile_server: Server, stream: Stream) -> None:
    with stream_to(hostile_server.port) as own:
        own.send(given.text.encode("latin-1"))
        with suppress(ConnectionClosed):
            shows_a_page(own.run("audit", []))
    assert shows_a_page(stream.run("audit", [("rows", "10")])).endswith(f"of {EVENTS}")
