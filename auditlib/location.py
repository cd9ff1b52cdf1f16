"""Locations: where a snapshot store is, a folder or a place in an object store. None ever shows its credentials."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from auditlib.errors import NotAStoreError

SCHEMES: Final = ("s3", "gs", "gcs", "hdfs", "viewfs")
"""The object stores and distributed file systems that pyarrow speaks to; `file` is a folder."""

S3_PARAMETERS: Final = frozenset({"region", "scheme", "endpoint_override"})

_URI: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/{1,}")
_HOST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}(:[0-9]{1,5})?")
_PATH: Final = re.compile(r"(?!(?:.*/)?\.{0,2}(?:/|$))[^\x00-\x20\x7f?#@\\]{1,900}")


@dataclass(frozen=True, slots=True)
class ObjectLocation:
    """A place in an object store. As text it is its URI without credentials and parameters.

    Attributes:
        scheme: one of `SCHEMES`.
        place: bucket (or host and port) and prefix, without a slash at the end.
        endpoint: URL of the server in place of the provider's own, without credentials, or empty.
        region: region of the bucket where it was said, else empty.
        uri: the whole URI as it was written, for whoever connects; it may hold credentials.
        user: what the URI gives as user and password, or access key and secret.
    """

    scheme: str
    place: str
    endpoint: str = ""
    region: str = ""
    uri: str = field(default="", repr=False, compare=False)
    user: tuple[str, str] = field(default=("", ""), repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.place}"

    @property
    def resolved(self) -> str:
        """The place and the server it is on, as pins, caches and reports name it."""
        return f"{self}?endpoint_override={self.endpoint}" if self.endpoint else str(self)


Location: TypeAlias = Path | ObjectLocation


def locate(place: str | Path | ObjectLocation) -> Location:
    """The location that a path or a URI names: a folder, or a place in an object store.

    For `s3` the server comes from `endpoint_override` and `scheme` in the URI, or else from `AWS_ENDPOINT_URL_S3` or
    `AWS_ENDPOINT_URL`, and the region from `region`, `AWS_REGION` or `AWS_DEFAULT_REGION`. Raises NotAStoreError for an empty
    text, and for a URI that names no place; its sentence shows nothing of what may be a secret.
    """
    if isinstance(place, str) and not place.strip():
        raise NotAStoreError("The place of the store is an empty text: expected a folder, or a URI such as s3://bucket/prefix")
    if not isinstance(place, str) or not _URI.match(place):
        return Path(place) if isinstance(place, str) else place
    parts, scheme = _split(place)
    if scheme == "file":
        return Path(unquote(parts.path))
    if scheme not in SCHEMES:
        expected = ", ".join(f"{each}://" for each in SCHEMES)
        raise NotAStoreError(f"A store cannot be at {scheme[:20]}://: expected a folder, or a URI with one of {expected}", scheme=scheme)
    host = parts.netloc.rpartition("@")[2]
    path = unquote(parts.path).removeprefix("/").removesuffix("/")
    if not _HOST.fullmatch(host) or (path and not _PATH.fullmatch(path)) or parts.fragment:
        raise NotAStoreError(f"This {scheme}:// URI names no place of a store: expected {scheme}://BUCKET/PREFIX", scheme=scheme)
    user = parts.netloc.rpartition("@")[0].partition(":")
    given = dict(parse_qsl(parts.query))
    if scheme == "s3" and (unknown := sorted(set(given) - S3_PARAMETERS)):
        raise NotAStoreError(
            f"The s3:// URI has the parameter {ascii(unknown[0])[:40]}: expected {', '.join(sorted(S3_PARAMETERS))}", scheme=scheme
        )
    return ObjectLocation(
        scheme,
        f"{host}/{path}" if path else host,
        _endpoint(given) if scheme == "s3" else "",
        (given.get("region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "") if scheme == "s3" else "",
        place,
        (unquote(user[0]), unquote(user[2])),
    )


def _split(uri: str) -> tuple[SplitResult, str]:
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise NotAStoreError("This URI names no place of a store: expected SCHEME://BUCKET/PREFIX") from None
    return parts, parts.scheme.lower()


def _endpoint(given: dict[str, str]) -> str:
    """The server of an S3 location as a URL, without the user and password that somebody may have put there."""
    named = given.get("endpoint_override") or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    if not named:
        return ""
    scheme, _, rest = named.rpartition("://")
    return f"{(scheme or given.get('scheme') or 'https').lower()}://{rest.rpartition('@')[2].rstrip('/')}"
