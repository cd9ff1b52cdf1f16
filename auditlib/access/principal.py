"""Who asks: a person with roles, and the one place that decides whether they may read the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from auditlib import settings
from auditlib.errors import AccessDeniedError


@dataclass(frozen=True, slots=True)
class Principal:
    """A person who asks: an id, a name for the page, and the roles they hold.

    `local` marks someone who was not asked to sign in because they sit at the machine.
    """

    id: str
    name: str
    roles: frozenset[str] = frozenset()
    local: bool = False

    @classmethod
    def from_claims(cls, claims: Mapping[str, object]) -> Principal:
        """The person of an identity token (OpenID Connect Core 1.0, section 2), with the roles that it names.

        They are known by their e-mail address, unless the provider says that it did not verify it (section 5.1), else by
        the subject.
        """
        email = claims.get("email") if claims.get("email_verified") is not False else None
        name = next((str(claims[key]) for key in ("name", "email", "sub") if claims.get(key)), "unknown")
        return cls(str(email or claims.get("sub") or "unknown"), name, named_roles(claims) or frozenset())


def named_roles(claims: Mapping[str, object]) -> frozenset[str] | None:
    """The roles that claims name, in lower case; None where they have no such claim.

    The claim comes from the settings; it may be a text (one role, or several with spaces or commas) or a list, at any depth.
    What is neither holds no role, and neither does an e-mail address that the provider did not verify. A claim of exactly the
    name in the settings comes before one whose name has dots between levels, since names may be addresses
    (`https://example.com/roles`).
    """
    levels = settings.role_claim()
    held: object = claims.get(".".join(levels))
    if held is None:
        held = claims
        for level in levels:
            held = held.get(level) if isinstance(held, Mapping) else None
    if held is None:
        return None
    if levels == ("email",) and claims.get("email_verified") is False:
        return frozenset()
    words = held.replace(",", " ").split() if isinstance(held, str) else held if isinstance(held, list | tuple) else ()
    return frozenset(word.strip().lower() for word in words if isinstance(word, str))


Who = Callable[[], Principal | None]
"""Gives the person who asks, as they are at the moment of the call, or None for nobody."""

AT_THE_MACHINE: Final = Principal("local", "local admin", frozenset({"admin"}), local=True)
"""Whoever runs the command line or a notebook: they can read the files anyway."""


def may_read(principal: Principal | None) -> bool:
    """Whether this person may read the log; nobody is not allowed anything."""
    return principal is not None and (principal.local or not principal.roles.isdisjoint(settings.reader_roles()))


def require_reader(principal: Principal | None) -> Principal:
    """The person, where they may read the log; else raises AccessDeniedError."""
    if principal is None or not may_read(principal):
        raise AccessDeniedError("The audit log is for admins only")
    return principal


def may_read_ledger(principal: Principal | None) -> bool:
    """Whether this person may read who read the log: someone who may read the log, with one of the roles set for it."""
    return principal is not None and may_read(principal) and (principal.local or not principal.roles.isdisjoint(settings.ledger_roles()))
