"""The project's words: one meaning each, and the retired ones stay away."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "breezeway_sync"

# Exact names. Prose may use any word; Python's own words (open, kept by a dict) are not looked for.
_RETIRED = """
walk walks mark marks standing course covered_at whole_at cut_off owed owed_calls sweep sweeps sweep_days
noticed_at gone_at unlisted room hands flight vault workshop means staff tempo tempos promise promises
promise_seconds aside spare_time teller book admit admitted brought survey radar certificate certificates
verdict verdicts cure got wanted dice near_days near_hours near_at left_out lease_batches sync_promises
field_radar left_out_properties held_records
"""
RETIRED = frozenset(_RETIRED.split())


def _modules() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE), ast.parse(path.read_text(encoding="utf-8"))


def _names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.keyword(arg=str(name)):
                yield name


def test_each_class_name_stands_for_one_class() -> None:
    classes = Counter(node.name for _, tree in _modules() for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    assert [name for name, count in classes.items() if count > 1] == []


def test_no_identifier_is_a_retired_word() -> None:
    found = {
        f"{path}: {name}" for path, tree in _modules() for name in _names(tree) if name.strip("_").lower() in RETIRED
    }
    assert sorted(found) == []


def test_no_module_is_named_by_a_retired_word() -> None:
    assert [str(path) for path, _ in _modules() if path.stem in RETIRED] == []


def test_no_table_column_or_query_is_a_retired_word() -> None:
    found = set()
    for path in sorted((ROOT / "sql").rglob("*.sql")):
        code = re.sub(r"--(?! name:).*|'[^']*'", "", path.read_text(encoding="utf-8"))
        found |= {f"{path.name}: {name}" for name in re.findall(r"\w+", code) if name in RETIRED}
    assert sorted(found) == []


def test_no_setting_is_a_retired_word() -> None:
    from breezeway_sync.service.settings.keys import all_keys

    parts = {part for key in all_keys(["austin"]) for part in key}
    assert parts & RETIRED == set()


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "SECURITY.md", "tests/README.md", "docs/architecture.md"])
def test_paths_that_a_document_names_exist(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    named = re.findall(r"`((?:src|sql|tests|docs|deploy|bench)/[\w./-]*)`", text)
    named += re.findall(r"\]\(([\w./-]+?)(?:#[\w-]+)?\)", text) if document != "tests/README.md" else []
    assert [
        one for one in named if not ((ROOT / one).exists() or (ROOT / document).parent.joinpath(one).exists())
    ] == []
    assert document in {"SECURITY.md", "tests/README.md"} or named


def test_the_folders_of_tests_are_all_described() -> None:
    text = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/__init__.py")}
    assert folders - set(re.findall(r"`(\w+)`", text)) == set()
