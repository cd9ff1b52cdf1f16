"""A deployment as `deploy/` and docs/deployment.md set it up: nginx with TLS in front, the unit, backup and restore of the state."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from ssl import SSLError

import pytest
import requests
from browser.serving import Server, free_port
from events import batch, events
from identity import Provider, sign_in
from proxy import NAME, ROOT, Proxy
from streaming import Stream, stream_to
from waiting import soon
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from auditlib import settings
from auditlib.log import open_log
from auditlib.store import publish
from pages import saved_queries
from pages.ui import text

ONCE = (
    "content-security-policy", "cross-origin-opener-policy", "permissions-policy", "referrer-policy", "server",
    "strict-transport-security", "x-content-type-options", "x-frame-options",
)  # fmt: skip
CLAIMED = {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "localhost", "X-Real-IP": "127.0.0.1", "Forwarded": "for=127.0.0.1"}
EVENT = [("event", "ev-000003")]
SHOWN = b"ev-000007"


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("few") / "store"
    publish(store, [batch(events(12))], name="few")
    return store


@contextmanager
def deployed(store: Path, folder: Path, options: Sequence[str] = (), provider: Provider | None = None) -> Iterator[Proxy]:
    """A server behind nginx, which knows the public name."""
    with Proxy(folder / "nginx") as proxy:
        sign_in_options = provider.secrets(folder, proxy.base) if provider else []
        with Server(store, folder / "app", options=["--server.allowedHosts", NAME, *options, *sign_in_options]) as server:
            yield proxy.start(server.port)


@pytest.fixture(scope="module")
def proxy(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """nginx in front of a server with sign-in."""
    folder = tmp_path_factory.mktemp("deployed")
    with Provider(folder) as provider, deployed(few, folder, provider=provider) as running:
        yield running


@pytest.fixture(autouse=True)
def _name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Finds the public name on this machine."""
    look = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *how, **more: look("127.0.0.1" if host == NAME else host, *how, **more))


@contextmanager
def stream_through(proxy: Proxy, **headers: str) -> Iterator[Stream]:
    """A WebSocket to the app over TLS."""
    with connect(
        f"wss://{NAME}:{proxy.tls}/_stcore/stream", ssl=proxy.trusting(), subprotocols=[Subprotocol("streamlit")],
        additional_headers={"Origin": proxy.base, **headers}, max_size=None,
    ) as opened:  # fmt: skip
        yield Stream(opened)


# -- nginx -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target", ["/", "/audit?q=Anna", "/healthz", "/nowhere", "/api/x", "/export/x", "/_stcore/metrics", "/_stcore/host-config"]
)
def test_every_header_arrives_once_through_the_proxy(target: str, proxy: Proxy) -> None:
    answer = proxy.ask(target)
    assert {name: len(answer.all(name)) for name in ONCE} == dict.fromkeys(ONCE, 1)
    assert answer.all("server") == ["nginx"]
    assert "frame-ancestors 'none'" in answer.all("content-security-policy")[0]


def test_a_websocket_through_the_proxy_brings_the_page_that_asks_for_sign_in(proxy: Proxy) -> None:
    with stream_through(proxy) as stream:
        brought = b"".join(stream.run("audit", EVENT))
    assert text.SIGN_IN_NEEDED.encode() in brought
    assert SHOWN not in brought


def test_whoever_signs_in_through_the_proxy_reads_the_log(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(proxy.certificate))
    browser, cookies = sign_in(proxy.base, "adam")
    assert {cookie.name for cookie in browser.cookies if cookie.domain == NAME and not cookie.secure} == set()
    with stream_through(proxy, Cookie=cookies.header()) as stream:
        assert SHOWN in b"".join(stream.run("audit", EVENT))
    assert proxy.ask("/signed-in", {"Cookie": cookies.header()}).status == 204
    assert proxy.ask("/signed-in").status == 401


def test_every_cookie_is_for_tls_alone(proxy: Proxy) -> None:
    answers = [proxy.ask(target) for target in ("/_stcore/health", "/sign-in?next=/audit")]
    answers.append(proxy.ask(answers[-1].all("location")[0]))
    cookies = [cookie for answer in answers for cookie in answer.all("set-cookie")]
    assert {cookie.partition("=")[0] for cookie in cookies} >= {"_streamlit_xsrf", "_streamlit_session", "audit_link"}
    assert [cookie for cookie in cookies if "; secure" not in cookie.lower()] == []


@pytest.mark.parametrize("claimed", [{}, CLAIMED], ids=["plain", "claims to be local"])
def test_without_sign_in_nobody_behind_the_proxy_is_local_admin(claimed: dict[str, str], few: Path, tmp_path: Path) -> None:
    with deployed(few, tmp_path) as proxy, stream_through(proxy, **claimed) as stream:
        brought = b"".join(stream.run("audit", EVENT))
        assert text.LOCAL_ONLY.encode() in brought
        assert SHOWN not in brought
        assert proxy.ask("/healthz", claimed).status == 200


def test_another_host_is_refused_by_the_proxy_and_by_the_server_itself(proxy: Proxy) -> None:
    assert proxy.ask("/audit", {"Host": "evil.test"}).status == 421
    with pytest.raises(SSLError, match="UNRECOGNIZED_NAME"):
        proxy.connected("evil.test")
    for host, status in (("evil.test", 421), (f"{NAME}.evil.test", 421), (NAME, 200)):
        assert requests.get(f"http://127.0.0.1:{proxy.app}/audit", headers={"Host": host}).status_code == status
    assert requests.get(f"http://127.0.0.1:{proxy.app}/healthz", headers={"Host": "10.0.0.7"}).status_code == 200
    for headers in ({"Host": "evil.test", "Origin": "https://evil.test"}, {"Host": NAME, "Origin": "https://evil.test"}):
        with pytest.raises(InvalidStatus), stream_to(proxy.app, **headers):
            raise AssertionError("it was let in")


def test_the_host_of_a_whole_address_is_the_one_that_counts(proxy: Proxy) -> None:
    with proxy.connected() as channel:
        channel.sendall(f"GET https://{NAME}/audit HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n".encode())
        assert channel.recv(100).startswith(b"HTTP/1.1 200")
    with proxy.connected() as channel:
        channel.sendall(f"GET https://evil.test/audit HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode())
        assert channel.recv(100).startswith(b"HTTP/1.1 421")


def test_the_link_is_not_repeated_to_whoever_comes_without_tls(proxy: Proxy) -> None:
    answer = requests.get(f"http://127.0.0.1:{proxy.plain}/audit?q=Anna", headers={"Host": NAME}, allow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (301, f"https://{NAME}/")


def test_large_bodies_and_headers_are_refused_and_a_large_sign_in_is_not(proxy: Proxy) -> None:
    assert proxy.ask("/healthz", method="POST", body=b"x" * 70_000).status == 413
    assert proxy.ask("/healthz", {"Cookie": "a=" + "x" * 40_000}).status == 400
    assert proxy.ask("/healthz", {"Cookie": "a=" + "x" * 20_000}).status == 200


def test_whoever_sends_too_slowly_is_cut_off(proxy: Proxy) -> None:
    with proxy.connected() as channel:
        channel.sendall(b"GET /audit HTTP/1.1\r\nHost: ")
        channel.settimeout(20)
        assert channel.recv(100) in (b"", b"HTTP/1.1 408 Request Time-out\r\n")


def test_no_log_of_the_proxy_holds_what_was_looked_for_also_while_the_app_is_down(proxy: Proxy, tmp_path: Path) -> None:
    proxy.ask("/audit?q=Annabelle", {"Referer": f"{proxy.base}/audit?q=Annabelle"})
    assert soon(lambda: '"GET /audit" 200' in proxy.logged())
    assert "Annabelle" not in proxy.logged()
    with Proxy(tmp_path) as alone:
        assert alone.start(free_port()).ask("/audit?q=Annabelle").status == 502
        assert soon(lambda: '"GET /audit" 502' in alone.logged())
        assert "Annabelle" not in alone.logged()


# -- the server's own limits -------------------------------------------------------------------------------


def test_a_message_beyond_the_limit_ends_its_connection_and_no_other(proxy: Proxy) -> None:
    with stream_through(proxy) as other, stream_through(proxy) as stream:
        with pytest.raises(ConnectionClosed) as closed:
            stream.run("audit", [("q", "x" * 1_100_000)])
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
        assert other.run("audit", [])


def test_the_server_listens_on_loopback_and_takes_no_file(proxy: Proxy) -> None:
    answers = requests.put(f"http://127.0.0.1:{proxy.app}/_stcore/upload_file/a/b", data=b"x", headers={"Host": NAME})
    assert answers.status_code == 404
    listening = Path("/proc/net/tcp").read_text().splitlines()[1:] + Path("/proc/net/tcp6").read_text().splitlines()[1:]
    ours = {line.split()[1] for line in listening if line.split()[3] == "0A" and line.split()[1].endswith(f":{proxy.app:04X}")}
    assert ours == {f"0100007F:{proxy.app:04X}"}


# -- systemd -----------------------------------------------------------------------------------------------


def test_the_unit_is_valid_and_little_is_left_open_to_it(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        pytest.skip("systemd is not on this machine")
    unit = (ROOT / "deploy" / "audit-logs.service").read_text(encoding="utf-8")
    file = tmp_path / "audit-logs.service"
    file.write_text(unit.replace("/opt/audit-logs/.venv/bin/python", sys.executable), encoding="utf-8")
    verified = subprocess.run([analyze, "verify", str(file)], capture_output=True, text=True)
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
    rated = subprocess.run([analyze, "security", "--offline=true", "--threshold=20", str(file)], capture_output=True, text=True)
    assert rated.returncode == 0, rated.stdout


def test_the_unit_sets_only_what_there_is() -> None:
    unit = (ROOT / "deploy" / "audit-logs.service").read_text(encoding="utf-8")
    assert set(re.findall(r"AUDIT_\w+", unit)) <= set(re.findall(r"^AUDIT_\w+", settings.__doc__ or "", re.MULTILINE))


# -- backup and restore ------------------------------------------------------------------------------------


def run_block(heading: str, places: dict[str, str]) -> None:
    """Runs the commands below a heading of the document, on other places, without those that speak to systemd."""
    document = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    block = re.findall(r"^```sh\n(.*?)^```$", document.split(f"# {heading}\n", 1)[1], re.MULTILINE | re.DOTALL)[0]
    commands = "".join(line for line in block.splitlines(keepends=True) if not line.startswith(("systemctl", "chown")))
    for written, own in places.items():
        assert written in commands, written
        commands = commands.replace(written, own)
    done = subprocess.run(["sh", "-eu", "-c", commands], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_backup_of_the_state_is_restored_with_its_pins_and_what_people_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state, copies, store = tmp_path / "state", tmp_path / "copies", tmp_path / "store"
    copies.mkdir()
    state.mkdir(mode=0o700)
    monkeypatch.setenv("AUDIT_STATE", str(state))
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))
    for number in range(2):
        publish(store, [batch(events(3, 3 * number))], name=f"day-{number}")
    open_log(store).close()
    saved_queries.save("anna", saved_queries.SavedQuery("mine", "SELECT 1", ()))
    before = {path.relative_to(state): (path.read_bytes(), path.stat().st_mode) for path in state.rglob("*") if path.is_file()}
    run_block("Backup", {"/var/lib/audit-logs": str(state), "/var/backups": str(copies)})
    backup = next(copies.glob("*.tar.gz"))
    shutil.rmtree(state)
    run_block("Restore", {"/var/lib/audit-logs": str(state), "/var/backups/audit-logs-2026-11-24.tar.gz": str(backup)})
    after = {path.relative_to(state): (path.read_bytes(), path.stat().st_mode) for path in state.rglob("*") if path.is_file()}
    assert after == before
    assert state.stat().st_mode & 0o777 == 0o700
    assert [query.name for query in saved_queries.saved("anna")] == ["mine"]
    (store / "manifests" / "00000002.json").unlink()
    assert open_log(store).head.problem


def test_a_backup_can_be_read_by_its_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    run_block("Backup", {"/var/lib/audit-logs": str(tmp_path / "state"), "/var/backups": str(tmp_path)})
    assert next(tmp_path.glob("*.tar.gz")).stat().st_mode & 0o777 == 0o600
