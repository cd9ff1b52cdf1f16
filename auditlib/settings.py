"""The settings of the environment, read in one place.

AUDIT_STORE       the snapshot store, a folder or a URI such as `s3://bucket/prefix`; default `data/snapshots`
AUDIT_CACHE       folder of derived files, which can be thrown away; default the user's cache folder
AUDIT_STATE       folder of what must be kept; default the user's state folder
AUDIT_PUBLIC_KEY  keys that must have signed every manifest: files, PEM, hexadecimal or base64, with commas; default none
AUDIT_PIN         digest of a manifest that must be in the chain; default none
AUDIT_STRICT      `1`: any damage refuses everything; default `0`
AUDIT_SIGNING_KEY file of the key that a publisher signs with; default none
AUDIT_ENGINE      who answers: `embedded` (default), or `duckdb`, which asks plain SQL of one table, or the URL of a cluster or server
AUDIT_TABLE       the lake table that a cluster or server answers from: its name, or the place of a published one
AUDIT_ROLES       roles that may read the log, with commas; default `admin,owner`
AUDIT_LEDGER_ROLES  those of them that may read who read what, with commas; default all of them
AUDIT_ROLE_CLAIM  where an identity token names the roles, with dots between levels; default `roles`
AUDIT_SESSION_HOURS    so long a sign-in counts; default 12
AUDIT_RECHECK_SECONDS  so often the identity provider is asked whether a sign-in still counts; `0` never; default 60
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from auditlib.location import Location, locate

_APP = "audit-logs"


def store() -> Location:
    """Where the snapshot store is; raises NotAStoreError for a URI that names no place."""
    return locate(os.environ.get("AUDIT_STORE") or "data/snapshots")


def cache_folder() -> Path:
    """The folder of derived files."""
    return Path(os.environ.get("AUDIT_CACHE") or platformdirs.user_cache_dir(_APP))


def state_folder() -> Path:
    """The folder of what must be kept."""
    return Path(os.environ.get("AUDIT_STATE") or platformdirs.user_state_dir(_APP))


def ledger_folder() -> Path:
    """The folder of the ledgers of who read what, one for each store."""
    return state_folder() / "ledger"


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
    """The name of the engine that answers, or the URL of the cluster or server that does."""
    return os.environ.get("AUDIT_ENGINE") or "embedded"


def table() -> str:
    """The lake table that a cluster or server answers from, as written; empty where none is given."""
    return os.environ.get("AUDIT_TABLE", "").strip()


def reader_roles() -> frozenset[str]:
    """The roles that may read the log, in lower case."""
    named = os.environ.get("AUDIT_ROLES") or "admin,owner"
    return frozenset(role.strip().lower() for role in named.split(",") if role.strip())


def ledger_roles() -> frozenset[str]:
    """The roles that may read the ledger, in lower case; those that may read the log where nothing else is set."""
    named = os.environ.get("AUDIT_LEDGER_ROLES") or ",".join(reader_roles())
    return frozenset(role.strip().lower() for role in named.split(",") if role.strip())


def role_claim() -> tuple[str, ...]:
    """The levels of the claim that holds the roles."""
    return tuple((os.environ.get("AUDIT_ROLE_CLAIM") or "roles").split("."))


def session_seconds() -> float:
    """So long a sign-in counts; what is no number above zero is taken for the default."""
    hours = _number("AUDIT_SESSION_HOURS", 12.0)
    return (hours if hours > 0 else 12.0) * 3_600


def recheck_seconds() -> float:
    """So often the identity provider is asked whether a sign-in still counts; 0 for never. What is no number is taken for the default."""
    return _number("AUDIT_RECHECK_SECONDS", 60.0)


def _number(name: str, default: float) -> float:
    try:
        value = float(os.environ.get(name, ""))
    except ValueError:
        return default
    return value if 0 <= value < float("inf") else default
