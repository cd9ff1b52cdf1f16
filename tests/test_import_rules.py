"""Import rules: who may import whom, by the contracts in pyproject.toml and by what a fresh process really loads."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

import auditlib
from auditlib import errors

ROOT = Path(__file__).parents[1]
HEAVY = ("streamlit", "duckdb", "pandas", "pyarrow", "typer", "rich", "cryptography")


def loaded_after(code: str) -> set[str]:
    """The modules a fresh process holds after some code."""
    script = f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_contracts_on_imports_are_kept() -> None:
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    if command is None:
        pytest.skip("import-linter is not installed beside this Python")
    done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_importing_the_library_loads_nothing_heavy() -> None:
    assert loaded_after("import auditlib; auditlib.AuditError; auditlib.__all__").isdisjoint(HEAVY)


@pytest.mark.parametrize(
    ("code", "not_loaded"),
    [
        ("from auditlib.view import View; View.from_link('tab=team&q=a').describe()", ("streamlit", "duckdb", "pandas", "typer")),
        ("import auditlib.store, auditlib.demo, auditlib.metadata, auditlib.evidence.exports", ("streamlit", "duckdb", "pandas", "typer")),
        ("import auditlib; auditlib.open_log; auditlib.AuditLog; auditlib.View", ("streamlit", "pandas", "typer")),
        ("import auditlib.cli", ("streamlit", "duckdb", "pandas")),
    ],
)
def test_each_part_loads_only_what_it_needs(code: str, not_loaded: tuple[str, ...]) -> None:
    assert loaded_after(code).isdisjoint(not_loaded)


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("auditlib", "pages", include_external_packages=True, cache_dir=None)


@pytest.mark.parametrize(
    ("package", "homes"),
    [
        ("duckdb", ("auditlib.engine.", "auditlib.sandbox.")),
        ("pandas", ()),
        ("streamlit", ("pages.",)),
        ("typer", ("auditlib.cli", "auditlib.commands.")),
    ],
)
def test_a_heavy_package_is_imported_in_its_own_place_alone(graph: grimp.ImportGraph, package: str, homes: tuple[str, ...]) -> None:
    found = graph.find_modules_that_directly_import(package) if package in graph.modules else set()
    assert [module for module in found if not module.startswith(homes)] == []


def test_every_name_the_library_offers_is_there() -> None:
    code = "import auditlib; print([getattr(auditlib, name) for name in auditlib.__all__] and 'ok')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "ok"
    done = subprocess.run([sys.executable, "-c", "import auditlib; auditlib.nope"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "module 'auditlib' has no attribute 'nope'" in done.stderr


def test_every_kind_of_error_is_a_name_of_the_library_itself() -> None:
    kinds = [name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, auditlib.AuditError)]
    assert "NotAStoreError" in kinds
    assert [getattr(auditlib, name) for name in kinds] == [getattr(errors, name) for name in kinds]
    with pytest.raises(AttributeError):
        auditlib.NoSuchError  # noqa: B018
