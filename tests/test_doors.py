"""Every door of a server with sign-in, tried by who may not read: pages, fragments, components, routes, the WebSocket's handshake."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from browser.serving import Server
from events import batch, events
from identity import CLIENT_SECRET, COOKIE_SECRET, DAY, PEOPLE, Cookies, Provider, sign_in
from streaming import stream_to
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from waiting import soon
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from auditlib.store import publish
from pages.door import admitted
from pages.ui import text

DATA = (b"ev-000007", b"Ada Admin", b"BK0000", b"event_table")
"""What only someone who may read the log is sent."""
METADATA = '"number"'
EVENT = [("event", "ev-000003")]
HOURS = 3_600
REFUSALS = (text.SIGN_IN_NEEDED, text.SIGN_IN_ENDED, text.ADMINS_ONLY)


@dataclass(frozen=True, slots=True)
class House:
    """A server with sign-in, and what its people's browsers hold."""

    server: Server
    provider: Provider
    people: dict[str, Cookies]

    def headers(self, cookie: str = "", **more: str) -> dict[str, str]:
        return {"Origin": self.server.base, **({"Cookie": cookie} if cookie else {}), **more}

    def run(self, headers: dict[str, str], page: str = "audit", asked: BackMsg | None = None) -> list[bytes]:
        """What a WebSocket with these headers is sent when it asks for a page."""
        with stream_to(self.server.port, **headers) as stream:
            return stream.run(page, EVENT, asked)

    def get(self, path: str, headers: dict[str, str], method: str = "GET") -> requests.Response:
        return requests.request(method, self.server.base + path, headers=headers, allow_redirects=False, timeout=30)

    def holds(self, name: str) -> str:
        """The `Cookie` header of someone by the name of what is wrong with it."""
        adam, candy, now = self.people["adam"], self.people["candy"], time.time()
        holders: dict[str, Callable[[], str]] = {
            "reader": adam.header,
            "nobody": str,
            "rubbish": lambda: "_streamlit_user=x.y.z; _streamlit_user_tokens=",
            **{person: self.people[person].header for person in ("cora", "mel", "candy")},
            "forged": lambda: candy.header(secret="guessed", roles=["admin"]),
            "rotated_secret": lambda: adam.header(secret="the-cookie-secret-before-this-one"),
            "expired": lambda: adam.header(exp=now - 1),
            "no_expiry": lambda: adam.header(exp=None),
            "odd_expiry": lambda: adam.header(exp="never"),
            "old_session": lambda: adam.header(iat=now - 13 * HOURS, auth_time=now - 13 * HOURS, exp=now + HOURS),
            "old_password": lambda: adam.header(auth_time=now - 13 * HOURS),
            "never_issued": lambda: adam.header(iat=None, auth_time=None),
            "issued_tomorrow": lambda: adam.header(iat=now + DAY, auth_time=now + DAY, exp=now + 2 * DAY),
            "31_days_old": lambda: adam.header(age=31 * DAY + 60),
            "other_origin": lambda: adam.header(origin="http://localhost:1"),
            "not_logged_in": lambda: adam.header(is_logged_in=False),
            "chunk_missing": lambda: adam.header(chunks=3),
            "no_token": lambda: adam.header(without_tokens=True),
            "another_persons_token": lambda: Cookies(adam.claims, candy.tokens).header(),
            "invented_token": lambda: Cookies(adam.claims, {"access_token": "invented"}).header(),
        }
        return holders[name]()


ENDED = ("expired", "no_expiry", "odd_expiry", "old_session", "old_password", "never_issued", "issued_tomorrow")
UNKNOWN = ("nobody", "rubbish", "forged", "rotated_secret", "31_days_old", "other_origin", "not_logged_in", "chunk_missing")
REFUSED = ("no_token", "another_persons_token", "invented_token")
STRANGERS = {
    **dict.fromkeys(UNKNOWN, text.SIGN_IN_NEEDED),
    **dict.fromkeys((*ENDED, *REFUSED), text.SIGN_IN_ENDED),
    **dict.fromkeys(("cora", "mel", "candy"), text.ADMINS_ONLY),
}


def open_house(folder: Path, provider: Provider) -> Server:
    publish(folder / "store", [batch(events(12))], name="few")
    server = Server(folder / "store", folder / "server", settings={"AUDIT_RECHECK_SECONDS": "1"})
    server.options = provider.secrets(folder, server.base)
    return server


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with Provider(tmp_path_factory.mktemp("provider")) as running:
        yield running


@contextmanager
def house(folder: Path, provider: Provider) -> Iterator[House]:
    """A house whose log holds no secret at the end."""
    with open_house(folder, provider) as server:
        people = {person: sign_in(server.base, person)[1] for person in ("adam", "candy", "mel", "cora")}
        yield House(server, provider, people)
        secrets = [value for held in people.values() for value in held.tokens.values()]
        for secret in (COOKIE_SECRET, CLIENT_SECRET, METADATA, "Ada Admin", *secrets):
            assert secret not in server.log()
        assert "_streamlit_user=" not in server.log()


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[House]:
    """A server that nobody has read the log of; until its health is asked for it has not opened it."""
    with house(tmp_path_factory.mktemp("cold"), provider) as running:
        assert not (running.server.folder / "cache").exists()
        yield running


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[House]:
    """A server on which a reader has the log open."""
    with (
        house(tmp_path_factory.mktemp("warm"), provider) as running,
        stream_to(running.server.port, **running.headers(running.holds("reader"))) as stream,
    ):
        stream.run("audit", EVENT)
        assert running.server.health()["head"]
        yield running


@pytest.fixture(params=["cold", "warm"])
def place(request: pytest.FixtureRequest) -> House:
    found: House = request.getfixturevalue(request.param)
    return found


def texts(received: list[bytes]) -> list[str]:
    """The plain texts of a page."""
    elements = [message.delta.new_element for message in map(ForwardMsg.FromString, received) if message.WhichOneof("type") == "delta"]
    return [element.text.body for element in elements if element.WhichOneof("type") == "text"]


def is_sent_nothing(received: list[bytes], refusal: str) -> None:
    assert [sign for sign in DATA if any(sign in each for each in received)] == []
    assert texts(received) == [refusal]


# -- people and their cookies ------------------------------------------------------------------------------


def test_what_a_reader_is_sent_would_be_noticed(warm: House) -> None:
    received = warm.run(warm.headers(warm.holds("reader")))
    assert [sign for sign in DATA if not any(sign in each for each in received)] == []
    assert texts(received) == []
    assert warm.get("/signed-in", {"Cookie": warm.holds("reader")}).status_code == 204
    assert warm.get("/export/guess", {"Cookie": warm.holds("reader")}).status_code == 404


@pytest.mark.parametrize("who", STRANGERS)
def test_whoever_may_not_read_is_sent_nothing_and_told_why(who: str, place: House) -> None:
    headers = place.headers(place.holds(who))
    is_sent_nothing(place.run(headers), STRANGERS[who])
    for path in ("/signed-in", "/export/guess"):
        answer = place.get(path, headers)
        assert (answer.status_code, answer.text) == (403 if STRANGERS[who] == text.ADMINS_ONLY else 401, "Admins only")
        assert answer.headers["cache-control"] == "no-store"


def test_a_role_taken_away_and_given_back_counts_in_a_session_that_is_open(warm: House) -> None:
    _, olga = sign_in(warm.server.base, "olga")
    with stream_to(warm.server.port, **warm.headers(olga.header())) as stream:
        assert any(b"event_table" in each for each in stream.run("audit", []))
        warm.provider.set_roles("olga", ["member"])
        assert soon(lambda: texts(stream.run("audit", [])) == [text.ADMINS_ONLY])
        assert warm.get("/export/guess", {"Cookie": olga.header()}).status_code == 403
        warm.provider.set_roles("olga", PEOPLE["olga"]["roles"])
        assert soon(lambda: texts(stream.run("audit", [])) == [])
        warm.provider.set_roles("olga", None)
        assert soon(lambda: texts(stream.run("audit", [])) == [text.ADMINS_ONLY])
        warm.provider.set_roles("olga", PEOPLE["olga"]["roles"])
        warm.provider.revoke("olga")
        assert soon(lambda: texts(stream.run("audit", [])) == [text.SIGN_IN_ENDED])


def test_whoever_signed_out_is_nobody_in_every_session_and_so_is_a_copy_of_the_cookie(warm: House) -> None:
    browser, held = sign_in(warm.server.base, "adam")
    headers = warm.headers(held.header())
    with stream_to(warm.server.port, **headers) as stream:
        assert texts(stream.run("audit", [])) == []
        browser.get(f"{warm.server.base}/auth/logout", allow_redirects=False)
        assert texts(stream.run("audit", [])) == [text.SIGN_IN_ENDED]
    is_sent_nothing(warm.run(headers), text.SIGN_IN_ENDED)
    assert warm.get("/export/guess", headers).status_code == 401
    assert texts(warm.run(warm.headers(warm.holds("reader")))) == []


def test_pages_keep_nothing_in_the_caches_that_streamlit_shares() -> None:
    sources = (Path(__file__).parents[1] / "pages").rglob("*.py")
    assert [source.name for source in sources if re.search(r"cache_(data|resource)", source.read_text(encoding="utf-8"))] == []


# -- what is asked over a WebSocket -------------------------------------------------------------------------


def asking(**wanted: Any) -> BackMsg:
    asked = BackMsg()
    for name, value in wanted.items():
        setattr(asked.rerun_script, name, value)
    return asked


@pytest.fixture(scope="module")
def seen(warm: House) -> dict[str, set[str]]:
    """The hashes of pages, and the ids of fragments and widgets, that a reader's browser is told."""
    received = [message for page in ("audit", "explore", "integrity") for message in warm.run(warm.headers(warm.holds("reader")), page)]
    raw = b"\n".join(received).decode("latin-1")
    pages = [page for message in map(ForwardMsg.FromString, received) for page in message.navigation.app_pages]
    fragments = {message.delta.fragment_id for message in map(ForwardMsg.FromString, received)} - {""}
    found = {"hashes": {page.page_script_hash for page in pages}, "fragments": fragments, "widgets": set(re.findall(r"\$\$ID-[\w-]+", raw))}
    assert all(found.values())
    return found


@pytest.mark.parametrize("who", ["nobody", "candy"])
def test_no_page_hash_page_name_fragment_or_widget_opens_anything(who: str, warm: House, seen: dict[str, set[str]]) -> None:
    headers, refusal = warm.headers(warm.holds(who)), STRANGERS[who]
    for page in ("audit", "explore", "integrity", "ledger", "", "home", "nowhere", "../app", "audit.py", "/audit", "audit\x00"):
        is_sent_nothing(warm.run(headers, page), refusal)
    for script in (*seen["hashes"], "0" * 32, "x"):
        is_sent_nothing(warm.run(headers, "", asking(page_script_hash=script)), refusal)
    for fragment in (*seen["fragments"], "0" * 32):
        is_sent_nothing(warm.run(headers, "audit", asking(fragment_id=fragment, is_auto_rerun=True)), refusal)
    asked = BackMsg()
    for widget in seen["widgets"]:
        asked.rerun_script.widget_states.widgets.add(id=widget, trigger_value=True)
    is_sent_nothing(warm.run(headers, "integrity", asked), refusal)


def test_a_link_is_refused_alike_whether_or_not_anything_is_there(warm: House) -> None:
    def told(query: list[tuple[str, str]]) -> list[tuple[str, bytes]]:
        with stream_to(warm.server.port, **warm.headers(warm.holds("candy"))) as stream:
            messages = map(ForwardMsg.FromString, stream.run("audit", query))
        return [(message.WhichOneof("type"), message.delta.SerializeToString()) for message in messages if message.HasField("delta")]

    there = told([("event", "ev-000003"), ("q", "Ada")])
    assert there
    assert there == told([("event", "no-such-event"), ("q", "nobody")])


def test_of_who_may_not_read_a_message_asks_for_the_page_and_nothing_else() -> None:
    asked = asking(page_name="audit", query_string="q=a", fragment_id="f", is_auto_rerun=True)
    asked.rerun_script.widget_states.widgets.add(id="$$ID-verify", trigger_value=True)
    raw = asked.SerializeToString()
    assert admitted(raw, may_read=True) == raw
    taken = admitted(raw, may_read=False)
    assert taken is not None
    assert BackMsg.FromString(taken) == asking(page_name="audit", query_string="q=a")


def test_the_value_of_what_is_no_widget_is_left_out() -> None:
    asked = asking(page_name="audit")
    asked.rerun_script.widget_states.widgets.add(id="$$ID-a", trigger_value=True)
    asked.rerun_script.widget_states.widgets.add(id="$$STREAMLIT_INTERNAL_KEY_$$ID-table__events", json_value="[]")
    raw = asked.SerializeToString()
    asked.rerun_script.widget_states.widgets.add(id="nobody", trigger_value=True)
    assert admitted(asked.SerializeToString(), may_read=True) == raw


@pytest.mark.parametrize(
    "kind", ["clear_cache", "set_run_on_save", "load_git_info", "debug_shutdown_runtime", "debug_disconnect_websocket"]
)
def test_messages_that_no_page_needs_are_let_in_for_nobody(kind: str) -> None:
    raw = BackMsg(**{kind: True}).SerializeToString()
    assert admitted(raw, may_read=True) is None
    assert admitted(BackMsg(stop_script=True).SerializeToString(), may_read=False)
    uploads, installs = BackMsg(), BackMsg()
    uploads.file_urls_request.request_id = installs.backend_operation_request.request_id = "x"
    installs.backend_operation_request.install_skills.SetInParent()
    assert admitted(uploads.SerializeToString(), may_read=True) is admitted(installs.SerializeToString(), may_read=True) is None


def test_a_text_in_place_of_a_message_ends_the_connection(warm: House) -> None:
    with connect(f"ws://localhost:{warm.server.port}/_stcore/stream", additional_headers=warm.headers()) as socket_:
        socket_.send("SELECT * FROM events")
        with pytest.raises(ConnectionClosed):
            socket_.recv(30)


# -- where a connection comes from ---------------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["http://evil.test", "null", "http://localhost.evil.test", "file://", "http://audit.evil.test:8501"])
def test_a_page_of_another_origin_gets_no_connection(origin: str, warm: House) -> None:
    with pytest.raises(InvalidStatus) as refused:
        warm.run({**warm.headers(warm.holds("reader")), "Origin": origin})
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("origin", ["http://localhost:1", "http://127.0.0.1", None])
def test_a_page_of_another_port_or_no_page_at_all_is_nobodys(origin: str | None, warm: House) -> None:
    headers = {"Cookie": warm.holds("reader"), **({"Origin": origin} if origin else {})}
    is_sent_nothing(warm.run(headers), text.SIGN_IN_NEEDED)


def test_under_another_host_name_nobody_is_signed_in(warm: House) -> None:
    with (
        socket.create_connection(("127.0.0.1", warm.server.port)) as own,
        connect(
            f"ws://audit.evil.test:{warm.server.port}/_stcore/stream",
            sock=own,
            additional_headers={"Origin": f"http://audit.evil.test:{warm.server.port}", "Cookie": warm.holds("reader")},
        ) as socket_,
    ):
        socket_.send(asking(page_name="audit").SerializeToString())
        received: list[bytes] = []
        while not received or ForwardMsg.FromString(received[-1]).WhichOneof("type") != "script_finished":
            raw = socket_.recv(30)
            assert isinstance(raw, bytes)
            received.append(raw)
    is_sent_nothing(received, text.SIGN_IN_NEEDED)
    foreign = {"Host": f"audit.evil.test:{warm.server.port}", "Cookie": warm.holds("reader")}
    assert warm.get("/export/guess", foreign).status_code == 401


@pytest.mark.parametrize(
    "path", ["/_stcore/health", "/_stcore/host-config", "/healthz", "/export/guess", "/signed-in", "/audit", "/media/x.png"]
)
@pytest.mark.parametrize("method", ["OPTIONS", "GET"])
def test_no_other_origin_is_allowed_to_read_an_answer(method: str, path: str, warm: House) -> None:
    asked = {"Origin": "http://evil.test", "Access-Control-Request-Method": "GET", "Cookie": warm.holds("reader")}
    answer = warm.get(path, asked, method)
    assert [name for name in answer.headers if name.lower().startswith("access-control")] == []


# -- routes ------------------------------------------------------------------------------------------------------

ROUTES = [
    ("GET", "/", 200),
    ("GET", "/audit?event=ev-000003", 200),
    ("GET", "/nowhere", 200),
    ("GET", "/healthz", 200),
    ("POST", "/healthz", 405),
    ("GET", "/_stcore/health", 200),
    ("GET", "/_stcore/host-config", 200),
    ("GET", "/_stcore/stream", 200),
    ("GET", "/_stcore/script-health-check", 404),
    ("GET", "/_stcore/metrics", 404),
    ("GET", "/_stcore/metrics?families=session_events", 404),
    ("PUT", "/_stcore/upload_file/session/file", 404),
    ("DELETE", "/_stcore/upload_file/session/file", 404),
    ("POST", "/_stcore/agent/run", 404),
    ("GET", "/_stcore/message?hash=x", 404),
    ("GET", "/_stcore/bidi-components/audit_entry/entry.js", 404),
    ("GET", "/media/" + "0" * 56 + ".csv", 404),
    ("GET", "/media/" + "0" * 56 + ".png", 404),
    ("GET", "/component/audit_entry/index.html", 404),
    ("GET", "/app/static/secrets.toml", 404),
    ("GET", "/static/../../secrets.toml", 200),
    ("GET", "/api/events", 404),
    ("GET", "/export/guess", 401),
    ("HEAD", "/export/guess", 401),
    ("DELETE", "/export/guess", 405),
    ("GET", "/signed-in", 401),
]


@pytest.mark.parametrize(("method", "path", "status"), ROUTES, ids=lambda value: str(value)[:40])
def test_a_route_tells_nobody_anything(method: str, path: str, status: int, place: House) -> None:
    answer = place.get(path, place.headers(), method)
    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "content-security-policy" in answer.headers
    assert not any(sign in answer.content for sign in (*DATA, COOKIE_SECRET.encode()))


# -- signing in ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["", "x", "default", "google", "../default", "eyJhbGciOiJub25lIn0.eyJwcm92aWRlciI6ImRlZmF1bHQifQ."])
def test_a_way_to_sign_in_that_is_not_ours_leads_to_the_start_page(way: str, warm: House) -> None:
    answer = warm.get(f"/auth/login?provider={way}", {})
    assert (answer.status_code, answer.headers["location"]) == (302, "/")


@pytest.mark.parametrize("way", ["", "default", "google", "//evil.test"])
def test_our_own_way_leads_to_a_provider_of_the_secrets(way: str, warm: House) -> None:
    answer = warm.get(f"/sign-in?provider={way}&next=/audit", {})
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("/auth/login?provider=")
    sent = warm.get(answer.headers["location"], {})
    assert sent.headers["location"].startswith(f"{warm.provider.base}/oauth2/authorize?")


@pytest.mark.parametrize(
    "link",
    [
        *(
            "//evil.test",
            "/\\evil.test",
            "https://evil.test",
            "javascript:alert(1)",
            "\\\\evil.test",
            "/auth/logout",
            "audit",
            "/audit%23x",
        ),
        *(
            "/%2F/evil.test",
            "/.evil.test",
            "/audit%0d%0aSet-Cookie:%20a=b",
            "/audit?q=%0d%0aX-A:%20b",
            "/audit?q=%20",
            "/" + "a" * 4_000,
            "",
        ),
    ],
)
def test_after_signing_in_nobody_is_led_elsewhere(link: str, warm: House) -> None:
    answer = warm.get(f"/sign-in?next={link}", {})
    assert "audit_link" not in answer.headers.get("set-cookie", "")
    assert "x-a" not in answer.headers


@pytest.mark.parametrize("kept", ["Ly9ldmlsLnRlc3Q=", "aHR0cDovL2V2aWwudGVzdA==", "%%%", "L2F1ZGl0DQpYOiB5", "", "L\u00e9"])
def test_a_forged_link_to_return_to_leads_to_the_start_page(kept: str, warm: House) -> None:
    answer = requests.get(f"{warm.server.base}/", headers={"Cookie": f"audit_link={kept}".encode("latin-1")}, allow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (302, "/")
    assert "Max-Age=0" in answer.headers["set-cookie"]


@pytest.mark.parametrize("query", ["error=%0d%0aForged%20line", "error=x&error_description=%0d%0aForged%20line", "state=x&code=y", ""])
def test_what_a_callback_says_leads_to_the_start_page_and_makes_no_line_of_its_own_in_the_log(query: str, warm: House) -> None:
    answer = warm.get(f"/oauth2callback?{query}", {})
    assert (answer.status_code, answer.headers["location"]) == (302, "/")
    assert re.search(r"^Forged", warm.server.log(), re.MULTILINE) is None
