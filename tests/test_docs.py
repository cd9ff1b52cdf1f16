"""The documents: whatever people rely on is named in them, and what they show is what happens."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from typer.main import get_command

import auditlib
from auditlib import errors, ingest, vocabulary
from auditlib.cli import app
from auditlib.evidence import exports
from auditlib.log import ENGINES, AuditLog
from auditlib.schema import COLUMNS, OPTIONAL, REQUIRED
from auditlib.view import FILTERS, PARAMETERS, View

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "data" / "README.md", ROOT / "tests" / "data" / "README.md"])
PAGE = re.compile(r"(?:http://localhost:8501)?(/audit(?:\?[^\s)`\"|]*)?)")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    """The code blocks of a document in a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", read(name), re.MULTILINE | re.DOTALL)


def rows(name: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    section = re.split(r"^#+ ", read(name).split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def tree(kind: type[Exception]) -> list[type[Exception]]:
    return [kind, *(below for child in kind.__subclasses__() for below in tree(child))]


# -- everything is named -----------------------------------------------------------------------------


def test_the_table_of_parameters_is_that_of_the_code() -> None:
    table = rows("docs/links.md", "Parameters")
    assert [row[0] for row in table] == [f"`{parameter}`" for parameter in PARAMETERS]
    for parameter, label, tabs, *_, example in table:
        rule = FILTERS.get(parameter.strip("`"))
        if rule:
            expected = "both" if len(rule.tabs) == len(vocabulary.TABS) else next(iter(rule.tabs))
            assert (label, tabs, example) == (rule.label, expected, f"`{rule.parameter}={rule.example}`")


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_the_example_of_a_parameter_is_honoured(parameter: str) -> None:
    example = next(row[-1].strip("`") for row in rows("docs/links.md", "Parameters") if row[0] == f"`{parameter}`")
    tab = "&tab=team" if parameter in FILTERS and vocabulary.INTERVIEWS not in FILTERS[parameter].tabs else ""
    view = View.from_link(f"{example}{tab}", tz="Europe/Berlin")
    assert not view.problems
    assert example in [f"{name}={value}" for name, value in view.to_pairs()]


def test_the_table_of_actions_is_that_of_the_code() -> None:
    assert rows("docs/events.md", "Actions") == [
        [f"`{action.key}`", action.label, action.tone, action.help, "yes" if action.on_interviews else ""]
        for action in vocabulary.ACTIONS.values()
    ]


def test_the_table_of_columns_is_that_of_the_code() -> None:
    table = rows("docs/events.md", "Columns")
    assert [row[0] for row in table] == [f"`{name}`" for name in COLUMNS]
    assert [row[0].strip("`") for row in table if row[2] == "no"] == list(REQUIRED)
    assert all(f"`{name}`" in read("docs/events.md") for name in OPTIONAL)


def test_resource_types_roles_and_outcomes_are_named() -> None:
    table = rows("docs/events.md", "Resource types, roles, outcomes")
    assert table == [[f"`{key}`", label] for key, label in vocabulary.RESOURCE_TYPES.items()]
    for key in (*vocabulary.ROLES, *vocabulary.OUTCOMES, *vocabulary.INTERVIEW_TYPES):
        assert f"`{key}`" in read("docs/events.md")


def test_every_command_has_a_section_that_names_its_options() -> None:
    commands: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]
    text = read("docs/commands.md")
    assert re.findall(r"^## `(\w+)`$", text, re.MULTILINE) == list(commands)
    for name, command in commands.items():
        section = text.split(f"## `{name}`\n", 1)[1].split("\n## ", 1)[0]
        assert f"python -m auditlib {name}" in section
        for option in (option for parameter in command.params for option in parameter.opts if option.startswith("--")):
            assert option in section, f"{name} {option}"


def test_every_source_format_is_named() -> None:
    assert [line.split(maxsplit=1) for line in outputs("docs/commands.md")["python -m auditlib formats"].splitlines()] == [
        [each.key, each.title] for each in ingest.formats()
    ]


def test_every_source_format_tells_what_it_was_tested_on() -> None:
    table = rows("docs/formats.md", "The formats")
    assert [(key, title) for key, title, _ in table] == [(f"`{each.key}`", each.title) for each in ingest.formats()]
    for key, _, tested in table:
        for folder in re.findall(r"`(\w+)/`", tested):
            assert (ROOT / "tests" / "data" / folder).is_dir(), key


def test_every_engine_is_named() -> None:
    assert sorted(row[0] for row in rows("docs/engine.md", "Two engines")) == [f"`{name}`" for name in ENGINES]


def test_every_export_format_is_named() -> None:
    assert {row[0].strip("`") for row in rows("docs/commands.md", "`query`")} == set(exports.FORMATS)


def test_the_tree_of_errors_is_that_of_the_code() -> None:
    drawn = "\n".join(line[4:] for line in (errors.__doc__ or "").splitlines() if line.startswith("    "))
    assert f"```\n{drawn}\n```" in read("docs/errors.md")
    assert [row[0] for row in rows("docs/errors.md", "Errors")] == [f"`{kind.__name__}`" for kind in tree(errors.AuditError)]


def test_every_setting_is_named_and_every_named_setting_exists() -> None:
    sources = [*(ROOT / "auditlib").rglob("*.py"), *(ROOT / "pages").rglob("*.py"), ROOT / "app.py", ROOT / "Makefile"]
    known = {name for path in sources for name in re.findall(r"AUDIT_[A-Z_]+", path.read_text(encoding="utf-8"))}
    assert {row[0].strip("`") for row in rows("docs/access.md", "Settings")} == known
    for path in DOCUMENTS:
        assert set(re.findall(r"AUDIT_[A-Z_]+", path.read_text(encoding="utf-8"))) <= known, path


def test_every_dependency_has_its_reason_and_no_other_is_named() -> None:
    project = tomllib.loads(read("pyproject.toml"))
    pinned = [line for line in read("requirements.txt").splitlines() if line and not line.startswith("#")]
    needed = {
        "Runtime: `requirements.txt`": pinned,
        "Development: the extra `dev` in `pyproject.toml`": project["project"]["optional-dependencies"]["dev"]
        + project["build-system"]["requires"],
    }
    for heading, lines in needed.items():
        names = {re.split(r"[\[=><~]", line)[0] for line in lines}
        assert {row[0].strip("`") for row in rows("docs/dependencies.md", heading)} == names


def test_every_public_name_is_shown_in_the_notebook() -> None:
    shown = "".join(blocks("docs/notebook.md", "python"))
    methods = [name for name in vars(AuditLog) if not name.startswith("_") and name != "principal"]
    for name in [*auditlib.__all__, *(f".{method}" for method in methods)]:
        assert re.search(rf"{re.escape(name)}\b", shown), name


# -- what is shown is so -----------------------------------------------------------------------------


def test_the_readme_names_both_commands() -> None:
    assert {"`make run`", "`make test`"} <= {row[0] for row in rows("README.md", "Two commands")}


def test_the_blocks_of_the_notebook_run(demo_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(at_a_project(tmp_path, demo_store))
    names: dict[str, Any] = {}
    for number, block in enumerate(blocks("docs/notebook.md", "python")):
        if block.startswith(">>>"):
            example = doctest.DocTestParser().get_doctest(block, names, f"block {number}", "docs/notebook.md", 0)
            runner = doctest.DocTestRunner()
            assert runner.run(example, clear_globs=False).failed == 0, block
            names = example.globs
        else:
            exec(compile(block, f"docs/notebook.md, block {number}", "exec"), names)


def test_the_block_of_the_readme_runs(demo_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(at_a_project(tmp_path, demo_store))
    (block,) = blocks("README.md", "python")
    names: dict[str, Any] = {}
    exec(compile(block, "README.md", "exec"), names)
    assert len(names["frame"]) == names["log"].total(names["view"]) > 0
    names["log"].close()


@pytest.mark.parametrize("document", ["docs/commands.md", "README.md", "docs/snapshots.md"])
def test_the_shown_commands_run_and_print_what_is_shown(document: str, demo_store: Path, tmp_path: Path) -> None:
    folder = at_a_project(tmp_path, None if document == "docs/commands.md" else demo_store)
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{python.parent}:{os.environ['PATH']}", "COLUMNS": "140"}
    for command, expected in outputs(document).items():
        if "make " in command:
            continue
        done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert expected in ("", done.stdout), command


@pytest.mark.parametrize("document", ["README.md", "docs/links.md"])
def test_links_to_the_page_ask_nothing_in_vain_and_find_events(document: str, demo_log: AuditLog) -> None:
    text = read(document)
    bad = {row[0].strip("`") for row in rows(document, "What happens to bad values")} if document == "docs/links.md" else set()
    links = {link for link in PAGE.findall(text) if "?" in link and link not in bad and not link.endswith("?")}
    assert links
    for link in links:
        view = demo_log.view(link)
        assert not view.problems, link
        assert demo_log.total(view), link


def test_bad_values_lead_to_the_sentences_that_are_shown() -> None:
    for link, sentence in rows("docs/links.md", "What happens to bad values"):
        assert list(View.from_link(link.strip("`")).problems) == [sentence]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(path: Path) -> None:
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        found = (path.parent / unquote(name)).resolve() if name else path
        assert found.exists(), target
        assert found.is_relative_to(ROOT), target
        assert not anchor or anchor in anchors(found), target


def test_every_place_that_the_readme_names_is_there() -> None:
    for row in rows("README.md", "Where things stand"):
        for place in re.findall(r"`([a-z]+/[^`]*)`", " ".join(row)):
            assert (ROOT / place).exists(), place


def test_every_decision_is_in_the_readme_and_tells_its_drawbacks() -> None:
    listed = [target for target in LINK.findall(read("README.md")) if target.startswith("docs/decisions/")]
    assert listed == sorted(f"docs/decisions/{path.name}" for path in (ROOT / "docs" / "decisions").glob("*.md"))
    for name in listed:
        assert "\n## Drawbacks\n" in read(name), name


def test_every_test_that_a_threat_names_is_there() -> None:
    named = re.findall(r"\[`(test_\w+)`\]\(\.\./([^)]+)\)", read("docs/security.md"))
    assert named
    for test, place in named:
        assert f"def {test}(" in read(place), test


# -- helpers -----------------------------------------------------------------------------------------


def outputs(name: str) -> dict[str, str]:
    """What a document shows of each command, in order; empty where it shows the command alone."""
    found: dict[str, str] = {}
    for block in blocks(name, "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            found[command] = shown
    return found


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def at_a_project(folder: Path, store: Path | None) -> Path:
    """A folder like that of the project: sample logs, and a store where the examples expect it."""
    project = folder / "project"
    (project / "data").mkdir(parents=True)
    (project / "tests").symlink_to(ROOT / "tests")
    if store is not None:
        (project / "data" / "snapshots").symlink_to(store)
    return project
