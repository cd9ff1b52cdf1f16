"""Checking a bundle: its archive, its digests, its chain, its signatures, and its events derived anew from its Parquet."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Final, Literal

from auditlib.errors import AuditError, BundleError, ChainError, NotAStoreError
from auditlib.evidence.archive import Member, pieces, read_archive, write_sums
from auditlib.evidence.contents import EVENTS, EXCERPT, GUIDE, QUERY, REPORT, SUMS, TABLE, parse_query, served_files
from auditlib.evidence.exports import csv_line
from auditlib.evidence.rederive import DERIVED, TOLD
from auditlib.processes import import_path
from auditlib.schema import COLUMNS
from auditlib.store import Chain, FolderSource
from auditlib.store.acceptance import Policy, accept

State = Literal["good", "bad", "open"]

_MANIFEST: Final = re.compile(r"manifests/(?!0{8})[0-9]{8}\.json(\.sig)?")
_SMALL: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked: `good`, `bad`, or `open` where the bundle alone cannot show it."""

    check: str
    state: State
    sentence: str

    def to_dict(self) -> dict[str, str]:
        """The fields as a JSON object."""
        return {"check": self.check, "state": self.state, "sentence": self.sentence}


@dataclass(frozen=True, slots=True)
class BundleReport:
    """What checking a bundle found, in the order of checking; after a bad finding later ones may be missing."""

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing bad was found."""
        return all(finding.state != "bad" for finding in self.findings)

    @property
    def exit_code(self) -> int:
        """0 where everything is good or open, 1 where anything is bad."""
        return 0 if self.ok else 1

    def to_dict(self) -> dict[str, Any]:
        """The report as one JSON object."""
        return {"ok": self.ok, "findings": [finding.to_dict() for finding in self.findings]}


def is_archive(path: Path) -> bool:
    """Whether a file begins as archives do."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"PK\3\4"


def verify_bundle(path: Path, policy: Policy | None = None, *, progress: Callable[[int], None] | None = None) -> BundleReport:
    """Checks a bundle and never trusts it: nothing is unpacked but under names of ours, into a folder that goes again.

    `policy` has the publishers' keys and the head that the chain must hold; without keys, signatures stay open.
    `progress` is called with the bytes of each piece read. Raises NotAStoreError where the file cannot be read at all.
    """
    findings: list[Finding] = []
    try:
        with path.open("rb") as file, tempfile.TemporaryDirectory(prefix="audit-bundle-") as folder:
            findings.extend(_Check(file, Path(folder), policy or Policy(), progress or (lambda size: None)).findings())
    except OSError as error:
        raise NotAStoreError(f"The bundle cannot be read: {error.strerror or 'the disk refused'}", path=path.name) from None
    except AuditError as error:
        findings.append(Finding("bundle", "bad", str(error)))
    return BundleReport(tuple(findings))


class _Check:
    """One pass over a bundle; raises BundleError or ChainError at the first thing that makes the rest pointless."""

    def __init__(self, file: IO[bytes], folder: Path, policy: Policy, progress: Callable[[int], None]) -> None:
        self._file, self._folder, self._policy, self._progress = file, folder, policy, progress
        self._members: dict[str, Member] = {}
        self._digests: dict[str, str] = {}
        self._query: dict[str, Any] = {}

    def findings(self) -> Iterator[Finding]:
        """What is found, check by check."""
        self._members = read_archive(self._file)
        self._unpack()
        self._check_sums()
        yield Finding("files", "good", f"All {len(self._members) - 1} files have the SHA-256 that {SUMS} says")
        self._query = parse_query((self._folder / QUERY).read_bytes())
        self._check_content()
        chain = accept(FolderSource(self._folder), replace(self._policy, state=None, strict=False))
        self._check_chain(chain)
        yield Finding("chain", "good", f"{len(chain.manifests)} manifests are one chain up to the head {chain.head_digest}")
        yield self._signatures(chain)
        yield self._data(chain)
        yield from self._events()
        yield from self._incomplete()

    # -- the archive ------------------------------------------------------------------------------

    def _unpack(self) -> None:
        """Copies what is needed into the folder, hashing everything."""
        for name in (EVENTS, TABLE, QUERY, GUIDE, SUMS):
            if name not in self._members:
                raise BundleError(f"The bundle has no {name}", name=name)
        for name in ("data", "manifests"):
            (self._folder / name).mkdir()
        for name, member in self._members.items():
            known = name in (EVENTS, TABLE, EXCERPT, REPORT, QUERY, GUIDE, SUMS) or name.startswith("data/") or _MANIFEST.fullmatch(name)
            if not known:
                raise BundleError(f"The bundle holds {name}, which no bundle has", name=name)
            if member.size > _SMALL and (name in (QUERY, GUIDE, SUMS) or name.startswith("manifests/")):
                raise BundleError(f"{name} has {member.size:,} bytes, more than such a file ever has", name=name)
            digest = hashlib.sha256()
            with (self._folder / name).open("xb") as copy:
                for piece in pieces(self._file, member):
                    digest.update(piece)
                    copy.write(piece)
                    self._progress(len(piece))
            self._digests[name] = digest.hexdigest()

    def _check_sums(self) -> None:
        stated = (self._folder / SUMS).read_bytes()
        found = {name: digest for name, digest in self._digests.items() if name != SUMS}
        if stated == write_sums(found):
            return
        lines = dict(line.split("  ", 1)[::-1] for line in stated.decode("utf-8", "replace").splitlines() if "  " in line)
        for name, digest in found.items():
            told = lines.get(name, "nothing")
            if told != digest:
                raise BundleError(f"{name} was altered: its SHA-256 is {digest[:12]}…, {SUMS} says {told[:12]}", name=name)
        raise BundleError(f"{SUMS} was altered: it does not list exactly the files of the bundle", name=SUMS)

    def _check_content(self) -> None:
        ours = (SUMS, QUERY, GUIDE, REPORT)
        content = write_sums({name: digest for name, digest in self._digests.items() if name not in ours})
        if hashlib.sha256(content).hexdigest() != self._query["content_sha256"]:
            raise BundleError(f"The files are not those that {QUERY} was written for", name=QUERY)
        if (EXCERPT in self._members) is (self._query["parquet"] == "record"):
            raise BundleError(f"{EXCERPT} is not where {QUERY} says: in a bundle without the whole record, and in no other", name=EXCERPT)

    # -- the chain --------------------------------------------------------------------------------

    def _check_chain(self, chain: Chain) -> None:
        if chain.problem is not None:
            raise chain.problem
        head = self._query["head"]
        if (chain.head.seq, chain.head_digest) != (head["seq"], head["sha256"]):
            sentence = f"The chain ends at manifest {chain.head.seq}, {QUERY} says at {head['seq']}"
            raise ChainError(sentence, seq=chain.head.seq, reason="head")
        if chain.log_id != head.get("log_id"):
            raise ChainError(f"The chain is of the log {chain.log_id!r}, {QUERY} names another", seq=chain.head.seq, reason="log_id")
        for name in self._members:
            if name.startswith("manifests/") and name.removesuffix(".sig") not in self._members:
                raise BundleError(f"{name} is the signature of a manifest that is not there", name=name)

    def _signatures(self, chain: Chain) -> Finding:
        number = len(chain.manifests)
        if self._policy.keys:
            return Finding("signatures", "good", f"All {number} manifests are signed by a configured key")
        signed = sum(chain.signature(manifest.seq).state != "absent" for manifest in chain.manifests)
        if signed:
            return Finding("signatures", "open", f"{signed} of {number} manifests are signed; AUDIT_PUBLIC_KEY checks by whom")
        return Finding("signatures", "open", "No manifest is signed: who published them cannot be shown")

    def _data(self, chain: Chain) -> Finding:
        """Whether the snapshot files inside are those of the chain, and all that should be."""
        entries = {f"data/{entry.path}": entry for entry in chain.files}
        inside = [name for name in self._members if name.startswith("data/")]
        for name in inside:
            if name not in entries or self._digests[name] != entries[name].sha256:
                raise BundleError(f"{name} is not the file of the chain", name=name)
        kind = self._query["parquet"]
        if kind == "excerpt":
            return Finding("snapshots", "open", "The snapshot files are not inside, only an excerpt of them")
        if kind == "record":
            quarantined = [int(seq) for seq in self._query["quarantined"]]
            for entry in served_files(chain, quarantined):
                if f"data/{entry.path}" not in inside:
                    raise BundleError(f"data/{entry.path} is missing, though the whole record should be inside", name=entry.path)
        return Finding("snapshots", "good", f"{len(inside)} snapshot files have the SHA-256 that the chain says")

    # -- the events -------------------------------------------------------------------------------

    def _events(self) -> Iterator[Finding]:
        """Whether the Parquet gives these events, and whether the other forms of them say the same."""
        told = self._derive()
        derived = self._folder / DERIVED
        if _digest_of(derived) != self._digests[EVENTS]:
            line = _first_difference(derived, self._folder / EVENTS)
            raise BundleError(f"{EVENTS} differs from the Parquet files at line {line}", name=EVENTS, line=line)
        number, kind = self._query["events"], self._query["parquet"]
        if kind == "record":
            if told.get("total") != self._query["total"]:
                raise BundleError(f"{told.get('total')} events match, {QUERY} says {self._query['total']}", name=QUERY)
            if set(told.get("quarantined", ())) != set(self._query["quarantined"]):
                raise BundleError(f"Other snapshots are quarantined than {QUERY} says", name=QUERY)
            yield Finding("events", "good", f"The same question gives the same {number:,} events from the Parquet files, one by one")
        elif kind == "files":
            yield Finding("events", "good", f"All {number:,} events stand in the Parquet files as {EVENTS} has them")
            yield Finding("completeness", "open", "That no other event matches cannot be shown without the rest of the record")
        else:
            yield Finding("events", "open", f"All {number:,} events are those of {EXCERPT}; comparing them needs the snapshot files")
        self._check_table()
        yield Finding("table", "good", f"{TABLE} says the same as {EVENTS}")
        yield self._check_words(told)

    def _derive(self) -> dict[str, Any]:
        """Runs the process that derives the events, with folders and settings of its own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AUDIT_") or name == "AUDIT_ENGINE"}
        own = {"AUDIT_CACHE": str(self._folder / "cache"), "AUDIT_STATE": str(self._folder / "state")}
        done = subprocess.run(
            [sys.executable, "-m", "auditlib.evidence.rederive", str(self._folder)],
            env=kept | own | {"PYTHONPATH": import_path()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            why = done.stderr.decode("utf-8", "replace").strip() if done.returncode == TOLD else "the process that does it came to an end"
            raise BundleError(f"The events cannot be derived from the Parquet files: {why}", name=EVENTS)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def _check_table(self) -> None:
        digest = hashlib.sha256(csv_line(COLUMNS))
        with (self._folder / EVENTS).open("rb") as lines:
            for line in lines:
                digest.update(csv_line(json.loads(line).values()))
        if digest.hexdigest() != self._digests[TABLE]:
            raise BundleError(f"{TABLE} does not say the same as {EVENTS}", name=TABLE)

    def _check_words(self, told: dict[str, Any]) -> Finding:
        """Whether what people read was written for these events, by this version of the software."""
        if GUIDE not in told:
            return Finding("words", "open", "Another version wrote the guide and the report; they were not compared with the events")
        for name in (GUIDE, REPORT):
            if name in self._digests and self._digests[name] != told[name]:
                raise BundleError(f"{name} is not the one that belongs to these events", name=name)
        if told.get("sentence", self._query["sentence"]) != self._query["sentence"]:
            raise BundleError(f"{QUERY} describes another question than its link asks", name=QUERY)
        return Finding("words", "good", "The guide and the report are those that belong to these events")

    def _incomplete(self) -> Iterator[Finding]:
        for seq, why in self._query["quarantined"].items():
            yield Finding("record", "open", f"Snapshot {seq} was quarantined when the bundle was made: {why}")
        if self._query.get("problem"):
            yield Finding("record", "open", f"Newer snapshots were refused when the bundle was made: {self._query['problem']}")
        if self._query.get("truncated"):
            yield Finding("record", "open", str(self._query["truncated"]))


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first_difference(one: Path, other: Path) -> int:
    with one.open("rb") as first, other.open("rb") as second:
        line = 1
        while (found := first.readline()) == second.readline() and found:
            line += 1
    return line
