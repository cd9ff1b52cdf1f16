"""The snapshot store: immutable Parquet files under a chain of manifests; written once, verified before any reading."""

from auditlib.store.acceptance import TRUSTING, Policy, accept, configured
from auditlib.store.chain import Chain, Signature, read_chain
from auditlib.store.digest import sha256_bytes, sha256_descriptor
from auditlib.store.footer import schema_sha256
from auditlib.store.manifest import FileEntry, Manifest, parse_manifest
from auditlib.store.pins import Pin, Pins
from auditlib.store.places import source_of
from auditlib.store.publish import publish
from auditlib.store.removal import Removal
from auditlib.store.report import FileReport, Report, SnapshotReport, verify_store
from auditlib.store.sources import FolderSource, Source
from auditlib.store.verify import VerifiedFile, open_verified

__all__ = [
    "TRUSTING",
    "Chain",
    "FileEntry",
    "FileReport",
    "FolderSource",
    "Manifest",
    "Pin",
    "Pins",
    "Policy",
    "Removal",
    "Report",
    "Signature",
    "SnapshotReport",
    "Source",
    "VerifiedFile",
    "accept",
    "configured",
    "open_verified",
    "parse_manifest",
    "publish",
    "read_chain",
    "schema_sha256",
    "sha256_bytes",
    "sha256_descriptor",
    "source_of",
    "verify_store",
]
