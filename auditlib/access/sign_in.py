"""A sign-in: what an identity token said, how long that counts, and the name under which it is known here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from auditlib import settings

SKEW_SECONDS: Final = 60.0
"""So far the provider's clock may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """The claims of an identity token, and the access token that came with it; empty where there is none.

    The access token is a secret: it is in no text that this gives of itself.
    """

    claims: Mapping[str, object]
    access_token: str = field(default="", repr=False)

    @property
    def id(self) -> str:
        """SHA-256 over the claims, in hexadecimal: their `nonce` and `iat` make it another one at each sign-in."""
        return hashlib.sha256(json.dumps(self.claims, sort_keys=True, default=str).encode()).hexdigest()

    @property
    def issued_at(self) -> float:
        """When the token was issued, in seconds since the epoch; minus infinity where it does not say so, which it must."""
        return self._moment("iat")

    @property
    def until(self) -> float:
        """When it stops to count, in seconds since the epoch.

        That is at `exp`, or when the person has shown the provider who they are too long ago: at `auth_time`, or where the
        provider does not say, at `iat` (OpenID Connect Core 1.0, section 2).
        """
        began = self._moment("auth_time") if "auth_time" in self.claims else self.issued_at
        return min(self._moment("exp"), began + settings.session_seconds())

    def counts_at(self, now: float) -> bool:
        """Whether it was issued and has not ended, at a moment in seconds since the epoch."""
        return self.issued_at - SKEW_SECONDS <= now < self.until

    def _moment(self, claim: str) -> float:
        found = self.claims.get(claim)
        return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else float("-inf")
