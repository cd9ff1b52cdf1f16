"""The settings of the environment, read in one place.

AUDIT_STORE       folder of the snapshot store; default `data/snapshots`
AUDIT_CACHE       folder of derived files, which can be thrown away; default the user's cache folder
AUDIT_STATE       folder of what must be kept; default the user's state folder
AUDIT_PUBLIC_KEY  keys that must have signed every manifest: files, PEM, hexadecimal or base64, with commas; default none
AUDIT_PIN         digest of a manifest that must be in the chain; default none
AUDIT_STRICT      `1`: any damage refuses everything; default `0`
AUDIT_SIGNING_KEY file of the key that a publisher signs with; default none
AUDIT_ENGINE      who answers: `embedded` (default), or `duckdb`, which asks plain SQL of one table
AUDIT_ROLES       roles that may read the log, with commas; default `admin,owner`
AUDIT_ROLE_CLAIM  where an identity token names the roles, with dots between levels; default `roles`
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

_APP = "audit-logs"


def store() -> Path:
    """The folder of the snapshot store."""
    return Path(os.environ.get("AUDIT_STORE") or "data/snapshots")


def cache_folder() -> Path:
    """The folder of derived files."""
    return Path(os.environ.get("AUDIT_CACHE") or platformdirs.user_cache_dir(_APP))


def state_folder() -> Path:
    """The folder of what must be kept."""
    return Path(os.environ.get("AUDIT_STATE") or platformdirs.user_state_dir(_APP))


def public_key() -> str:
    """The keys that must have signed every manifest, as written; empty where signatures are not checked."""
    return os.environ.get("AUDIT_PUBLIC_KEY", "").strip()


def pin() -> str:
    """The digest of a manifest that must be in the chain, as written; empty where none is given."""
    return os.environ.get("AUDIT_PIN", "").strip()


def strict() -> bool:
    """Whether any damage refuses everything."""
    return os.environ.get("AUDIT_STRICT", "").strip().lower() not in ("", "0", "false", "no")


def signing_key() -> Path | None:
    """The file of the key that a publisher signs with."""
    path = os.environ.get("AUDIT_SIGNING_KEY")
    return Path(path) if path else None


def engine() -> str:
    """The name of the engine that answers."""
    return os.environ.get("AUDIT_ENGINE") or "embedded"


def reader_roles() -> frozenset[str]:
    """The roles that may read the log, in lower case."""
    named = os.environ.get("AUDIT_ROLES") or "admin,owner"
    return frozenset(role.strip().lower() for role in named.split(",") if role.strip())


def role_claim() -> tuple[str, ...]:
    """The levels of the claim that holds the roles."""
    return tuple((os.environ.get("AUDIT_ROLE_CLAIM") or "roles").split("."))
