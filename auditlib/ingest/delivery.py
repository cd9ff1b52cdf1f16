"""Captured LiveKit deliveries: the webhook's body out of its envelope, and whether LiveKit signed exactly these bytes.

LiveKit sends `Authorization: <JWT>` with every webhook: HS256 with the API secret, `iss` the API key, and
`sha256` the base64 of the SHA-256 of the body (docs.livekit.io, "Webhooks & events"; JWT: RFC 7519, HS256:
RFC 7518 section 3.2). `exp` and `nbf` are not checked: a capture is older than the minutes a token lives.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from auditlib.errors import FormatError, IngestError
from auditlib.ingest.mapping import UnfitError
from auditlib.ingest.parse import DECODER
from auditlib.ingest.reader import Record
from auditlib.ingest.scan import why

if TYPE_CHECKING:
    from auditlib.ingest.catalogue import Format

NOT_VERIFIED: Final = "LiveKit delivery whose signature was not verified: no secret file was given"

_ALGORITHM: Final = "HS256"
_FILE_LIMIT: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Opens deliveries; with secrets (API key → API secret) only those that are signed, and nothing but deliveries."""

    secrets: Mapping[str, str] | None = field(default=None, repr=False)

    def __call__(self, record: Record, notes: Counter[str]) -> Record:
        """The record of the body, byte for byte; raises UnfitError that says what is wrong with a delivery."""
        delivery = record.value
        body = delivery.get("body") if type(delivery) is dict and "event" not in delivery else None
        if type(body) is not str:
            if self.secrets is not None:
                raise UnfitError("no LiveKit delivery; expected an object with authorization and body")
            return record
        try:
            raw = body.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise UnfitError("the delivery's body is not text") from None
        if self.secrets is None:
            notes[NOT_VERIFIED] += 1
        else:
            token = next((value for key, value in delivery.items() if key.lower() == "authorization"), None)
            _verify(token, raw, self.secrets)
        try:
            return record._replace(raw=raw, value=DECODER.decode(body))
        except (ValueError, RecursionError) as error:
            raise UnfitError(f"the delivery's body is {why(error)}") from None


def verifying(format: Format, path: Path) -> Format:
    """The format with deliveries verified by the secrets of a file, one `key: secret` or `key=secret` per line.

    Blank lines and lines that begin with # do not count. Raises FormatError for a format without
    deliveries, IngestError for a file that cannot be read or holds something else.
    """
    if not isinstance(format.opened, Deliveries):
        raise FormatError(f"The format '{format.key}' has no LiveKit deliveries to verify; expected livekit.", format=format.key)
    return replace(format, opened=Deliveries(_secrets(path)))


def _secrets(path: Path) -> dict[str, str]:
    try:
        if not path.is_file() or path.stat().st_size > _FILE_LIMIT:
            raise IngestError(f"{path} is no secret file; expected lines of 'key: secret'.", path=str(path))
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise IngestError(f"{path} cannot be read: {reason}; expected lines of 'key: secret'.", path=str(path)) from None
    secrets: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        sign = min((sign for sign in ":=" if sign in line), key=line.index, default=":")
        key, _, secret = (part.strip() for part in line.partition(sign))
        if not key or not secret:
            raise IngestError(f"{path} line {number} is no key and secret; expected 'key: secret'.", path=str(path), line=number)
        secrets[key] = secret
    if not secrets:
        raise IngestError(f"{path} holds no secret; expected lines of 'key: secret'.", path=str(path))
    return secrets


def _verify(token: Any, body: bytes, secrets: Mapping[str, str]) -> None:
    if type(token) is not str or not token:
        raise UnfitError("the delivery has no signature: its authorization is missing")
    signed, _, signature = token.removeprefix("Bearer ").strip().rpartition(".")
    head, _, payload = signed.partition(".")
    header, claims = _part(head), _part(payload)
    if header.get("alg") != _ALGORITHM:
        raise UnfitError(f"the signature's algorithm is {str(header.get('alg'))[:40]!r}; expected {_ALGORITHM}")
    key = claims.get("iss")
    if type(key) is not str or key not in secrets:
        raise UnfitError("the signature is by an API key that is not in the secret file")
    expected = hmac.digest(secrets[key].encode(), signed.encode(), "sha256")
    if not hmac.compare_digest(expected, _decoded(signature)):
        raise UnfitError("the signature is wrong: it was not made with the API key's secret")
    digest = claims.get("sha256")
    if type(digest) is not str or not hmac.compare_digest(digest.encode("utf-8", "replace"), base64.b64encode(sha256(body).digest())):
        raise UnfitError("the body is not the one that was signed: its SHA-256 differs")


def _part(text: str) -> dict[str, Any]:
    try:
        value = DECODER.decode(_decoded(text).decode())
    except (ValueError, RecursionError):
        value = None
    if type(value) is not dict:
        raise UnfitError("the authorization is no JSON Web Token")
    return value


def _decoded(text: str) -> bytes:
    """Base64url without padding, as RFC 7515 section 2 has it."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise UnfitError("the authorization is no JSON Web Token") from None
