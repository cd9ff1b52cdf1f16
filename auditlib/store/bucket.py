"""Buckets: the few requests that a store in an object store makes, and the sentence for each way they fail.

What a server or a client library says in an error is never passed on, since it may hold keys: it is only read for its code.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Final, NamedTuple

import pyarrow as pa
from pyarrow import fs

from auditlib.errors import UnreachableError
from auditlib.location import ObjectLocation

PIECE: Final = 8 << 20
"""Bytes of one request for a part of an object."""

ATTEMPTS: Final = 3
CONNECT_SECONDS: Final = 3
SILENT_SECONDS: Final = 10
"""How long a server may send nothing before the request is made again, `ATTEMPTS` times in all."""

_TAG: Final = re.compile(r"[0-9a-f]{32}(-1)?")

_CODE: Final = re.compile(r"ExceptionName: (\w+)|AWS Error ([A-Z_]+)(?! \(HTTP)")
_STATUS: Final = re.compile(r"HTTP status (\d{3})")
_REASONS: Final = {
    "network": "it cannot be reached",
    "bucket": "there is no such bucket",
    "region": "the bucket is in another region; say which with AWS_REGION",
    "clock": "it says that the clock of this machine is wrong",
    "credentials": "it does not accept the credentials, or they may not do this",
    "busy": "it is too busy, or fails",
    "other": "it does not answer as it should",
}
_CODES: Final = {
    "network": "NETWORKCONNECTION REQUESTTIMEOUT",
    "bucket": "NOSUCHBUCKET",
    "region": "PERMANENTREDIRECT AUTHORIZATIONHEADERMALFORMED",
    "clock": "REQUESTTIMETOOSKEWED REQUESTEXPIRED",
    "credentials": "ACCESSDENIED INVALIDACCESSKEYID INVALIDCLIENTTOKENID INVALIDSIGNATURE SIGNATUREDOESNOTMATCH UNRECOGNIZEDCLIENT"
    " EXPIREDTOKEN INVALIDTOKEN MISSINGAUTHENTICATIONTOKEN",
    "busy": "INTERNALFAILURE INTERNALERROR SERVICEUNAVAILABLE SLOWDOWN THROTTLING",
}
"""Error codes of Amazon S3 (API reference, "Error responses") in capitals without underscores, by what they mean here."""
_STATUSES: Final = {"301": "region", "307": "region", "400": "region", "401": "credentials", "403": "credentials"}


class Stamp(NamedTuple):
    """What a server says of an object without sending it: bytes, when it was written (ns since the epoch, its clock), and its tag."""

    bytes: int
    written_at: int
    tag: str = ""


class Bucket:
    """The objects below one location. No request is made before the first method is called. Safe between threads.

    Every method raises UnreachableError where the server does not answer, or refuses to; `what` names in its sentence what is there.
    """

    def __init__(self, location: ObjectLocation, what: str = "store") -> None:
        self.location, self._what = location, what

    def names(self, folder: str) -> dict[str, Stamp]:
        """The names directly below a folder, however many; a folder below it has a stamp of -1 bytes. Empty where there is nothing."""
        try:
            with self.asking():
                found = self._fs.get_file_info(fs.FileSelector(self._path(folder)))
        except FileNotFoundError:
            return {}
        return {
            info.base_name: Stamp(info.size if info.type == fs.FileType.File else -1, info.mtime_ns or 0)
            for info in found
            if info.base_name and info.path.rstrip("/") != self._path(folder)
        }

    def stamp(self, key: str) -> Stamp | None:
        """What there is to know of an object, or None where there is none."""
        try:
            with self.asking(), self._fs.open_input_stream(self._path(key), compression=None) as stream:
                about = stream.metadata() or {}
        except FileNotFoundError:
            return None
        if "ETag" in about:
            return Stamp(int(about["Content-Length"]), 0, f"{about['ETag'].decode()} {about.get('Last-Modified', b'').decode()}")
        with self.asking():
            info = self._fs.get_file_info(self._path(key))
        return Stamp(info.size, info.mtime_ns or 0) if info.type == fs.FileType.File else None

    def pieces(self, key: str) -> Iterator[bytes]:
        """The bytes of an object as they come; raises FileNotFoundError where there is none."""
        with self.asking(), self._fs.open_input_stream(self._path(key), compression=None) as stream:
            while piece := stream.read(PIECE):
                yield piece

    def read(self, key: str, most: int) -> bytes | None:
        """The bytes of a small object, at most one more than `most`; None where there is none.

        What does not agree with the server's tag is read again: where an answer is cut short and says that it is whole, pyarrow
        gives what its memory held before in place of the rest.
        """
        raw = b""
        for _ in range(ATTEMPTS):
            try:
                with self.asking(), self._fs.open_input_stream(self._path(key), compression=None) as stream:
                    raw, tag = stream.read(most + 1), (stream.metadata() or {}).get("ETag", b"").decode().strip('"')
            except FileNotFoundError:
                return None
            if not _TAG.fullmatch(tag) or tag in _tags(raw):
                break
        return raw

    def write(self, key: str, pieces: Iterable[bytes]) -> None:
        """Write an object in one go, or in parts that become one when the last is there; whatever was there is overwritten."""
        with self.asking(), self._fs.open_output_stream(self._path(key), compression=None) as stream:
            for piece in pieces:
                stream.write(piece)

    def delete(self, key: str) -> bool:
        """Delete an object; returns whether there was one."""
        try:
            with self.asking():
                self._fs.delete_file(self._path(key))
        except FileNotFoundError:
            return False
        return True

    def _path(self, key: str) -> str:
        return f"{self._base}/{key}"

    @property
    def _fs(self) -> fs.FileSystem:
        return self.files[0]

    @property
    def _base(self) -> str:
        return self.files[1]

    @cached_property
    def files(self) -> tuple[fs.FileSystem, str]:
        """The file system and the path of the location in it; it is asked within `asking`."""
        location = self.location
        if location.scheme != "s3":
            with self.asking():
                system, path = fs.FileSystem.from_uri(location.uri)
            return system, path.rstrip("/")
        key, secret = location.user
        options = {"access_key": key, "secret_key": secret} if key and secret else {}
        if location.endpoint:
            options["endpoint_override"] = location.endpoint
        with self.asking():
            region = location.region or ("us-east-1" if location.endpoint else fs.resolve_s3_region(location.place.partition("/")[0]))
            system = fs.S3FileSystem(
                region=region,
                connect_timeout=CONNECT_SECONDS,
                request_timeout=SILENT_SECONDS,
                retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
                allow_delayed_open=True,
                **options,
            )
        return system, location.place

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Turns what a client library raises into one UnreachableError sentence; FileNotFoundError stays what it is."""
        try:
            yield
        except FileNotFoundError:
            raise FileNotFoundError("no such object") from None
        except (OSError, ValueError, pa.ArrowException) as error:
            reason = _reason(str(error))
            at = f" at {self.location.endpoint}" if self.location.endpoint else ""
            raise UnreachableError(
                f"The {self._what} {self.location}{at} cannot be used: {_REASONS[reason]}", location=str(self.location), reason=reason
            ) from None


def _tags(raw: bytes) -> tuple[str, str]:
    """What Amazon S3 gives as the tag of bytes sent in one go or in one part, unless they are encrypted with a key of their own."""
    digest = hashlib.md5(raw, usedforsecurity=False)
    return digest.hexdigest(), f"{hashlib.md5(digest.digest(), usedforsecurity=False).hexdigest()}-1"


def _reason(said: str) -> str:
    """Why a request failed, from the code or the status that an error names."""
    for match in _CODE.finditer(said):
        code = (match.group(1) or match.group(2)).replace("_", "").upper()
        for reason, codes in _CODES.items():
            if code in codes.split():
                return reason
    status = _STATUS.search(said)
    if status:
        return _STATUSES.get(status.group(1), "busy" if status.group(1).startswith("5") else "other")
    return "network" if re.search(r"curl|connect|timed? ?out|resolve", said, re.IGNORECASE) else "other"
