"""Fixtures that several test modules share: folders of our own, one demo history, and every engine there is."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest
from events import batch, events
from reference import Reference

from auditlib import demo
from auditlib.access.principal import AT_THE_MACHINE
from auditlib.engine.embedded import cover
from auditlib.log import ENGINES, AuditLog, open_log
from auditlib.store import publish

EVENTS, SEED, DAYS = 3_000, 7, 60

Open = Callable[..., AuditLog]
"""Opens a store: called with its path, and with `progress` where that is looked at."""


def opener(name: str) -> Open:
    """How an engine opens a store, for whoever sits at the machine."""
    open_engine = import_module(f"auditlib.engine.{name}.opening").open_engine
    return lambda store, progress=None: AuditLog(open_engine(store, progress), AT_THE_MACHINE, store)


def in_layers(store: Path, folder: Path) -> AuditLog:
    """A copy of a store, opened by the embedded engine after each of its snapshots: each has a segment of its own."""
    shutil.copytree(store / "data", folder / "data")
    (folder / "manifests").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cover, "TAKEN_IN", 0)
        for manifest in sorted((store / "manifests").iterdir()):
            shutil.copy2(manifest, folder / "manifests")
            log = opener("embedded")(folder)
    return log


@pytest.fixture(scope="session", autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Caches and state in temporary folders, and no setting of the machine's."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("STORE", "ROLES", "LEDGER_ROLES", "ROLE_CLAIM", "PUBLIC_KEY", "PIN", "STRICT", "SIGNING_KEY"):
            patch.delenv(f"AUDIT_{name}", raising=False)
        patch.setenv("AUDIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("AUDIT_STATE", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def demo_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of 3,000 demo events in three snapshots, traps included; not to be changed."""
    store = tmp_path_factory.mktemp("demo") / "store"
    for snapshot in demo.snapshots(EVENTS, SEED, DAYS):
        publish(store, snapshot.batches, name=snapshot.name, created=snapshot.created, log_id=demo.log_id(EVENTS, SEED, DAYS))
    return store


@pytest.fixture(scope="session")
def demo_log(demo_store: Path) -> Iterator[AuditLog]:
    """The demo history, opened."""
    log = open_log(demo_store)
    yield log
    log.close()


@pytest.fixture(scope="session")
def demo_reference(demo_store: Path) -> Reference:
    """What the demo history must answer, worked out event by event."""
    return Reference(demo_store)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder, of this test alone."""
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def store(tmp_path: Path, cache: Path) -> Path:
    """A store of three snapshots of three events, which are on both tabs, with a cache of its own."""
    for number in range(3):
        publish(tmp_path / "s", [batch(events(3, 3 * number, actor_role="member"))], name=f"day-{number}", log_id="acme")
    return tmp_path / "s"


@pytest.fixture(params=ENGINES)
def open_store(request: pytest.FixtureRequest) -> Open:
    """Opens a store, with each engine in turn."""
    return opener(request.param)
