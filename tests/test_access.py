"""Access: who may read, told from claims of every shape, and asked by every method of a log."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from auditlib.access.principal import AT_THE_MACHINE, Principal, may_read, require_reader
from auditlib.errors import AccessDeniedError
from auditlib.log import AuditLog
from auditlib.view import View

UNGUARDED = {"bound_to", "principal"}
"""Who asks, and the same log for another person: nothing is read."""

ARGUMENTS: dict[str, Any] = {
    "view": View(),
    "link": "",
    "event_id": "x",
    "event_ids": ["x"],
    "position": 0,
    "column": "action",
    "kind": "actor",
    "text": "a",
    "person_id": "x",
    "tz": ZoneInfo("UTC"),
    "edges": [0, 1],
    "owner": "x",
}

DENIED = [
    None,
    Principal("nobody", "nobody"),
    Principal("c", "Candy", frozenset({"candidate"})),
    Principal("m", "Mel", frozenset({"member", "campaign_manager", "interviewer", "administrator"})),
]


def calls() -> dict[str, Callable[[AuditLog], Any]]:
    """Every public method and property of a log, called with something that fits."""
    found: dict[str, Callable[[AuditLog], Any]] = {}
    for name, member in inspect.getmembers(AuditLog):
        if name.startswith("_") or name in UNGUARDED:
            continue
        if isinstance(member, property):
            found[name] = lambda log, name=name: getattr(log, name)
            continue
        needed = [
            parameter.name
            for parameter in inspect.signature(member).parameters.values()
            if parameter.name != "self" and parameter.default is parameter.empty
        ]
        values = [ARGUMENTS["view"] if needed_name == "view" else ARGUMENTS[needed_name] for needed_name in needed]
        found[name] = lambda log, name=name, values=values: getattr(log, name)(*values)
    return found


@pytest.mark.parametrize("principal", DENIED, ids=["nobody", "no_role", "candidate", "member"])
@pytest.mark.parametrize("name", sorted(calls()))
def test_every_method_of_a_log_refuses_who_may_not_read(demo_log: AuditLog, name: str, principal: Principal | None) -> None:
    with pytest.raises(AccessDeniedError, match="The audit log is for admins only"):
        calls()[name](demo_log.bound_to(principal))


def test_the_methods_that_ask_are_the_ones_that_are_known() -> None:
    assert {"page", "total", "batches", "events", "event", "metadata", "facet", "histogram", "suggest", "head", "close"} <= set(calls())


@pytest.mark.parametrize("role", ["admin", "owner"])
def test_admins_and_owners_read_the_same_log(demo_log: AuditLog, role: str) -> None:
    mine = demo_log.bound_to(Principal("a", "Ann", frozenset({role, "candidate"})))
    assert mine.page(View()) == demo_log.page(View())


def test_whoever_sits_at_the_machine_may_read() -> None:
    assert may_read(AT_THE_MACHINE)
    assert require_reader(AT_THE_MACHINE) is AT_THE_MACHINE
    assert not may_read(None)


@pytest.mark.parametrize(
    ("claims", "roles"),
    [
        ({"roles": "admin"}, {"admin"}),
        ({"roles": "Admin, owner  member"}, {"admin", "owner", "member"}),
        ({"roles": ["ADMIN", " owner "]}, {"admin", "owner"}),
        ({"roles": ("admin",)}, {"admin"}),
        ({"roles": ["admin", 7, None, {"x": 1}]}, {"admin"}),
        ({"roles": []}, set()),
        ({"roles": ""}, set()),
        ({"roles": None}, set()),
        ({"roles": 7}, set()),
        ({"roles": True}, set()),
        ({"roles": {"admin": True}}, set()),
        ({"role": "admin"}, set()),
        ({}, set()),
    ],
)
def test_roles_come_from_a_text_or_a_list_and_from_nothing_else(claims: dict[str, object], roles: set[str]) -> None:
    assert Principal.from_claims(claims).roles == roles


@pytest.mark.parametrize(
    ("claim", "claims", "roles"),
    [
        ("realm_access.roles", {"realm_access": {"roles": ["admin"]}}, {"admin"}),
        ("realm_access.roles", {"realm_access": "roles"}, set()),
        ("realm_access.roles", {"realm_access": None, "roles": "admin"}, set()),
        ("a.b.c", {"a": {"b": {"c": "owner"}}}, {"owner"}),
        ("https://example.test/roles", {"https://example.test/roles": ["admin"]}, {"admin"}),
        ("groups", {"groups": ["owner"], "roles": "admin"}, {"owner"}),
        ("email", {"email": "Ann@example.test", "email_verified": True}, {"ann@example.test"}),
        ("email", {"email": "ann@example.test", "email_verified": False}, set()),
    ],
)
def test_the_claim_that_names_the_roles_is_a_setting(
    monkeypatch: pytest.MonkeyPatch, claim: str, claims: dict[str, object], roles: set[str]
) -> None:
    monkeypatch.setenv("AUDIT_ROLE_CLAIM", claim)
    assert Principal.from_claims(claims).roles == roles


@pytest.mark.parametrize(
    ("claims", "ident", "name"),
    [
        ({"sub": "1", "email": "a@x.test", "name": "Ann"}, "a@x.test", "Ann"),
        ({"sub": "1", "email": "", "name": ""}, "1", "1"),
        ({"sub": "1", "email": "a@x.test", "email_verified": False}, "1", "a@x.test"),
        ({"sub": "1", "email": "a@x.test", "email_verified": True}, "a@x.test", "a@x.test"),
        ({"name": ["Ann"]}, "unknown", "['Ann']"),
        ({}, "unknown", "unknown"),
    ],
)
def test_a_person_is_known_by_email_else_subject(claims: dict[str, object], ident: str, name: str) -> None:
    principal = Principal.from_claims(claims)
    assert (principal.id, principal.name, principal.local, may_read(principal)) == (ident, name, False, False)


@pytest.mark.parametrize(
    ("setting", "roles", "allowed"),
    [
        ("", {"admin"}, True),
        ("auditor", {"admin"}, False),
        (" Auditor , owner", {"auditor"}, True),
        ("auditor,owner", {"member"}, False),
        (",", {"admin", ""}, False),
    ],
)
def test_the_roles_that_may_read_are_a_setting_asked_at_every_call(
    monkeypatch: pytest.MonkeyPatch, demo_log: AuditLog, setting: str, roles: set[str], allowed: bool
) -> None:
    mine = demo_log.bound_to(Principal("x", "X", frozenset(roles)))
    monkeypatch.setenv("AUDIT_ROLES", setting)
    assert may_read(mine.principal) is allowed
    if allowed:
        assert mine.total(View()) > 0
    else:
        with pytest.raises(AccessDeniedError):
            mine.total(View())
    monkeypatch.setenv("AUDIT_ROLES", "somebody-else")
    with pytest.raises(AccessDeniedError):
        mine.batches(View())


def test_a_log_is_dated_and_named_without_showing_events(demo_log: AuditLog) -> None:
    assert isinstance(demo_log.head.verified_at, datetime)
    assert demo_log.name_of("nobody is called this") is None
