"""The snapshot store: immutable Parquet files under a chain of manifests; written once, verified before any reading."""

from auditlib.store.chain import Chain, read_chain
from auditlib.store.digest import sha256_bytes, sha256_descriptor
from auditlib.store.footer import schema_sha256
from auditlib.store.manifest import FileEntry, Manifest, parse_manifest
from auditlib.store.publish import publish
from auditlib.store.sources import FolderSource, Source
from auditlib.store.verify import FileReport, Report, SnapshotReport, VerifiedFile, open_verified, verify_store

__all__ = [
    "Chain",
    "FileEntry",
    "FileReport",
    "FolderSource",
    "Manifest",
    "Report",
    "SnapshotReport",
    "Source",
    "VerifiedFile",
    "open_verified",
    "parse_manifest",
    "publish",
    "read_chain",
    "schema_sha256",
    "sha256_bytes",
    "sha256_descriptor",
    "verify_store",
]
