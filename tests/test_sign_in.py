"""A sign-in: how long it counts, how it is ended, and what the identity provider has to say of it since."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stores import child

from auditlib.access import signed_out
from auditlib.access.principal import Principal
from auditlib.access.sign_in import SignIn
from auditlib.access.signed_out import is_signed_out, sign_out
from pages import provider
from pages.sign_in import Visitor, known, visitor

HOUR = 3_600.0


def signed_in(**claims: object) -> SignIn:
    """A sign-in of this moment, with other claims; None leaves one out."""
    now = time.time()
    all_claims = {"sub": "1", "name": "Ann", "roles": ["admin"], "iat": now, "exp": now + HOUR, "nonce": "n", **claims}
    return SignIn({name: value for name, value in all_claims.items() if value is not None}, "the-access-token")


# -- how long it counts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "counts_until"),
    [
        ({"iat": 1_000, "exp": 2_000}, 2_000),
        ({"iat": 1_000, "exp": 1e9}, 1_000 + 12 * HOUR),
        ({"iat": 2_000, "auth_time": 1_000, "exp": 1e9}, 1_000 + 12 * HOUR),
        ({"iat": 1_000, "auth_time": "then", "exp": 2_000}, None),
        ({"iat": 1_000, "exp": None}, None),
        ({"iat": 1_000, "exp": "2000"}, None),
        ({"iat": 1_000, "exp": True}, None),
        ({"iat": None, "exp": 1e9}, None),
        ({"iat": float("nan"), "exp": 1e9}, None),
        ({"iat": 1_000, "exp": float("nan")}, None),
    ],
)
def test_a_sign_in_counts_until_its_token_or_its_session_ends(claims: dict[str, object], counts_until: float | None) -> None:
    found = signed_in(**claims)
    if counts_until is None:
        assert not any(found.counts_at(moment) for moment in (0, 1_000, 1_500, 1e8))
    else:
        assert found.counts_at(float(str(claims["iat"])))
        assert found.counts_at(counts_until - 0.5)
        assert not found.counts_at(counts_until)


def test_a_sign_in_of_the_future_does_not_count_but_for_what_clocks_differ() -> None:
    assert signed_in(iat=1_030, exp=5_000).counts_at(1_000)
    assert not signed_in(iat=1_090, exp=5_000).counts_at(1_000)


@pytest.mark.parametrize(
    ("hours", "seconds"),
    [("1", HOUR), ("0.5", HOUR / 2), ("", 12 * HOUR), ("8h", 12 * HOUR), ("-1", 12 * HOUR), ("0", 12 * HOUR), ("inf", 12 * HOUR)],
)
def test_the_age_of_a_session_is_a_setting(monkeypatch: pytest.MonkeyPatch, hours: str, seconds: float) -> None:
    monkeypatch.setenv("AUDIT_SESSION_HOURS", hours)
    assert signed_in(iat=0, exp=1e9).until == seconds


def test_a_sign_in_says_nothing_of_its_access_token() -> None:
    assert "the-access-token" not in repr(signed_in())


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5)), st.dictionaries(st.text(max_size=5), st.text(max_size=5)))
def test_sign_ins_are_one_exactly_when_their_claims_are(one: dict[str, str], other: dict[str, str]) -> None:
    assert (SignIn(one).id == SignIn(other, "token").id) is (one == other)


SIGN_OUT = """
import json, sys
from auditlib.access.sign_in import SignIn
from auditlib.access.signed_out import sign_out
sign_out(SignIn(json.loads(sys.argv[1])))
"""

# -- signing out ----------------------------------------------------------------------------------------------


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUDIT_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(signed_out, "_ended", {})
    return tmp_path / "state"


def test_a_sign_in_that_was_ended_stays_so_in_other_processes_and_after_a_start(state: Path) -> None:
    mine, others, kept = signed_in(), signed_in(nonce="o"), signed_in(nonce="k")
    sign_out(mine)
    with child(SIGN_OUT, json.dumps(others.claims)) as process:
        assert process.wait(60) == 0
    signed_out._ended.clear()
    assert (is_signed_out(mine), is_signed_out(others), is_signed_out(kept)) == (True, True, False)
    assert (state / signed_out.FILE).stat().st_mode & 0o777 == 0o600
    assert "Ann" not in (state / signed_out.FILE).read_text()


def test_a_sign_out_is_forgotten_once_the_sign_in_would_have_ended(state: Path) -> None:
    sign_out(signed_in(exp=time.time() + 1_000, nonce="a"))
    (state / signed_out.FILE).write_text("0" * 64 + " 1000\n")
    sign_out(signed_in(nonce="b"))
    assert len((state / signed_out.FILE).read_text().splitlines()) == 2
    assert "0" * 64 not in (state / signed_out.FILE).read_text()


def test_where_a_sign_out_cannot_be_kept_this_process_still_knows_it(state: Path) -> None:
    state.write_text("a file where a folder should be")
    gone = signed_in()
    sign_out(gone)
    assert gone.id in signed_out._ended


def test_where_sign_outs_cannot_be_read_nobody_is_signed_in(state: Path) -> None:
    (state / signed_out.FILE).mkdir(parents=True)
    assert is_signed_out(signed_in())


def test_a_run_finds_out_once_who_is_there_and_asks_anew_whether_they_count(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_RECHECK_SECONDS", "0")
    mine = signed_in()
    who = Visitor(sign_in=mine)
    with known(who):
        assert visitor() is who
        assert visitor()() == Principal.from_claims(mine.claims)
        sign_out(mine)
        assert visitor()() is None
    assert visitor() == Visitor()


# -- what the provider says ---------------------------------------------------------------------------------------


class Answers(BaseHTTPRequestHandler):
    """A provider that answers as it is told, and notes what it is asked."""

    status, body, metadata = 200, "{}", True
    asked: list[tuple[str, str]]

    def do_GET(self) -> None:
        kind = type(self)
        kind.asked.append((self.path, self.headers.get("Authorization", "")))
        base = f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]
        known = json.dumps({"userinfo_endpoint": f"{base}/userinfo"} if kind.metadata else {})
        status, body = (200, known) if self.path == "/metadata" else (kind.status, kind.body)
        self.send_response(status)
        if status in (301, 302):
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Answers]]:
    class Own(Answers):
        asked: list[tuple[str, str]] = []  # noqa: RUF012

    server = ThreadingHTTPServer(("127.0.0.1", 0), Own)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    section = {"server_metadata_url": f"http://127.0.0.1:{server.server_port}/metadata"}
    monkeypatch.setattr(provider, "get_secrets_auth_section", lambda: section)
    monkeypatch.setenv("AUDIT_RECHECK_SECONDS", "0.0001")
    monkeypatch.setattr(provider, "_providers", {})
    monkeypatch.setattr(provider, "_answers", {})
    monkeypatch.setattr(provider, "REST_SECONDS", 0.0)
    yield Own
    server.shutdown()
    server.server_close()


def says(answers: type[Answers], body: object, status: int = 200) -> None:
    answers.body, answers.status = body if isinstance(body, str) else json.dumps(body), status


def roles(found: Principal | None) -> set[str] | None:
    return None if found is None else set(found.roles)


def test_roles_are_those_of_the_user_info_and_the_person_that_of_the_token(answers: type[Answers]) -> None:
    mine = signed_in(email="ann@example.test")
    says(answers, {"sub": "1", "roles": ["owner"], "name": "Another", "email": "another@example.test"})
    assert provider.confirmed(mine) == Principal("ann@example.test", "Ann", frozenset({"owner"}))
    assert answers.asked == [("/metadata", ""), ("/userinfo", "Bearer the-access-token")]
    says(answers, {"sub": "1", "roles": []})
    assert roles(provider.confirmed(mine)) == set()
    says(answers, {"sub": "1"})
    assert roles(provider.confirmed(mine)) == set()
    says(answers, {"sub": "1", "roles": "admin"})
    assert roles(provider.confirmed(mine)) == {"admin"}


@pytest.mark.parametrize(
    ("body", "status"), [({"sub": "2", "roles": ["admin"]}, 200), ({"roles": ["admin"]}, 200), ({}, 401), ({}, 403), ({}, 400)]
)
def test_who_the_provider_refuses_or_takes_for_another_is_nobody(answers: type[Answers], body: Mapping[str, Any], status: int) -> None:
    says(answers, body, status)
    assert provider.confirmed(signed_in()) is None


def test_a_provider_whose_user_info_never_names_roles_has_its_say_on_the_account_alone(answers: type[Answers]) -> None:
    old, fresh = signed_in(iat=time.time() - 600), signed_in()
    says(answers, {"sub": "1"})
    assert roles(provider.confirmed(old)) == set()
    assert roles(provider.confirmed(fresh)) == {"admin"}
    assert roles(provider.confirmed(old)) == {"admin"}
    says(answers, {"sub": "1", "roles": ["member"]})
    assert roles(provider.confirmed(fresh)) == {"member"}
    says(answers, {"sub": "1"})
    assert roles(provider.confirmed(old)) == set()


def test_a_provider_without_user_info_leaves_the_roles_of_the_token(answers: type[Answers]) -> None:
    answers.metadata = False
    assert roles(provider.confirmed(signed_in())) == {"admin"}


def test_without_an_access_token_nobody_can_be_asked_about(answers: type[Answers]) -> None:
    assert provider.confirmed(SignIn(signed_in().claims)) is None


@pytest.mark.parametrize(("body", "status"), [("", 500), ("", 503), ("not json", 200), ("[]", 200), ("", 302)])
def test_while_the_provider_gives_no_answer_the_last_one_counts_for_a_while(
    answers: type[Answers], monkeypatch: pytest.MonkeyPatch, body: str, status: int
) -> None:
    mine = signed_in()
    says(answers, {"sub": "1", "roles": ["owner"]})
    assert roles(provider.confirmed(mine)) == {"owner"}
    says(answers, body, status)
    assert roles(provider.confirmed(mine)) == {"owner"}
    monkeypatch.setattr(provider, "GRACE_SECONDS", -1.0)
    assert provider.confirmed(mine) is None
    says(answers, {"sub": "1", "roles": ["owner"]})
    assert roles(provider.confirmed(mine)) == {"owner"}


def test_an_older_sign_in_that_was_never_confirmed_does_not_count_while_the_provider_is_away(
    monkeypatch: pytest.MonkeyPatch, answers: type[Answers]
) -> None:
    monkeypatch.setattr(provider, "get_secrets_auth_section", lambda: {"server_metadata_url": "http://127.0.0.1:9/metadata"})
    assert roles(provider.confirmed(signed_in())) == {"admin"}
    assert provider.confirmed(signed_in(iat=time.time() - 600)) is None


def test_the_provider_is_asked_once_in_a_while_and_not_at_all_where_that_is_off(
    answers: type[Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = signed_in()
    says(answers, {"sub": "1", "roles": ["owner"]})
    monkeypatch.setenv("AUDIT_RECHECK_SECONDS", "60")
    assert [roles(provider.confirmed(mine)) for _ in range(5)] == [{"owner"}] * 5
    assert len(answers.asked) == 2
    monkeypatch.setenv("AUDIT_RECHECK_SECONDS", "0")
    assert roles(provider.confirmed(mine)) == {"admin"}
    assert len(answers.asked) == 2
