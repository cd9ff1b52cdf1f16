"""Pins: which manifests were accepted, kept outside the store, so that a rollback or a rewrite is noticed.

There is one file for each place and log, in the state folder: `pins/<place>/<log_id>.pins`. Its first line is
the format and what is pinned, then comes one line for each manifest: number, digest, when it was accepted
(UTC), and 16 digits of the SHA-256 over the check before it and the line, so that damage shows. Lines are
only ever added; a file is replaced by its longer self in one step.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from auditlib.errors import PinError
from auditlib.store.digest import sha256_bytes
from auditlib.store.manifest import Manifest
from auditlib.store.writing import make_folder, sync_folder

FORMAT: Final = "auditlib-pins/1"

_SUFFIX: Final = ".pins"
_HEADER: Final = re.compile(r"auditlib-pins/([1-9][0-9]*) .*")
_LINE: Final = re.compile(r"(([1-9][0-9]*) ([0-9a-f]{64}) ([0-9T:-]{19}Z)) ([0-9a-f]{16})")


@dataclass(frozen=True, slots=True)
class Pin:
    """A manifest that was accepted; `at` is `YYYY-MM-DDTHH:MM:SSZ`."""

    seq: int
    digest: str
    at: str


class Pins:
    """The pins of one place, which is the resolved location of a store."""

    def __init__(self, state: Path, location: str) -> None:
        self._location = location
        self._folder = state / "pins" / sha256_bytes(os.fsencode(location))[:16]

    def logs(self) -> tuple[str, ...]:
        """The ids of the logs that were accepted at this place, sorted."""
        return tuple(sorted(path.name.removesuffix(_SUFFIX) for path in self._folder.glob(f"*{_SUFFIX}")))

    def of(self, log_id: str) -> tuple[Pin, ...]:
        """The pins of a log, from manifest 1 upward; none where it was never accepted here.

        Raises PinError where they are damaged, cannot be read, or have a newer format: they are then never begun anew.
        """
        path = self._folder / f"{log_id}{_SUFFIX}"
        try:
            raw = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise PinError(f"The pins of log {log_id} cannot be read: {error.strerror}", log_id=log_id) from None
        return _parse(raw, log_id)

    def add(self, log_id: str, manifests: Iterable[Manifest]) -> None:
        """Pins manifests that follow those already pinned; the others are left as they are.

        Raises PinError as `of` does, OSError where the state folder cannot be written.
        """
        with self._locked():
            known = self.of(log_id)
            now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
            new = tuple(Pin(manifest.seq, manifest.digest, now) for manifest in manifests if manifest.seq > len(known))
            if new:
                self._write(log_id, known + new)

    def _write(self, log_id: str, pins: tuple[Pin, ...]) -> None:
        path = self._folder / f"{log_id}{_SUFFIX}"
        aside = path.with_suffix(".new")
        with aside.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(_spell(self._location, log_id, pins))
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        sync_folder(self._folder)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        make_folder(self._folder, 0o700)
        fd = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)


def _spell(location: str, log_id: str, pins: Iterable[Pin]) -> bytes:
    about = json.dumps({"location": location, "log_id": log_id}, sort_keys=True)
    lines = [f"{FORMAT} {about}"]
    check = _check("", lines[0])
    for pin in pins:
        said = f"{pin.seq} {pin.digest} {pin.at}"
        check = _check(check, said)
        lines.append(f"{said} {check}")
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def _parse(raw: bytes, log_id: str) -> tuple[Pin, ...]:
    lines = raw.decode("ascii", "replace").split("\n")
    header = _HEADER.fullmatch(lines[0])
    if header and header.group(1) != "1":
        name = lines[0].split(" ", 1)[0][:40]
        raise PinError(f"The pins of log {log_id} have format {name!r}, newer than this version reads ({FORMAT!r})", log_id=log_id)
    if not header or lines.pop() != "":
        raise _damaged(log_id, 1 if not header else len(lines) + 1)
    check = _check("", lines[0])
    pins = []
    for number, line in enumerate(lines[1:], 1):
        match = _LINE.fullmatch(line)
        check = _check(check, match.group(1)) if match else ""
        if not match or match.group(5) != check or int(match.group(2)) != number:
            raise _damaged(log_id, number + 1)
        pins.append(Pin(number, match.group(3), match.group(4)))
    return tuple(pins)


def _check(before: str, said: str) -> str:
    return hashlib.sha256(f"{before}\n{said}".encode("ascii", "replace")).hexdigest()[:16]


def _damaged(log_id: str, line: int) -> PinError:
    return PinError(
        f"The pins of log {log_id} are damaged at line {line}, so nobody can say whether it was rolled back; "
        "restore the file in the state folder, or move it away to begin anew",
        log_id=log_id,
        line=line,
    )
