"""dev.py on machines that lack something."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Only what dev.py reads, without an environment."""
    for name in ("dev.py", "requirements.lock", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    return tmp_path


def run(folder: Path, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(path)} if path else {}
    return subprocess.run(
        [sys.executable, "dev.py", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_says_what_to_install_where_venv_is_missing(checkout: Path) -> None:
    broken = checkout / "broken"
    broken.mkdir()
    (broken / "venv.py").write_text("raise SystemExit('ensurepip is not available')")
    done = run(checkout, "test", path=broken)
    assert done.returncode == 2
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert f"apt-get install python{version}-venv" in done.stderr
    assert "Traceback" not in done.stderr


def test_usage(checkout: Path) -> None:
    assert "demo [--keep]" in run(checkout).stderr
    assert run(checkout).returncode == 0
    assert run(checkout, "nonsense").returncode == 2


def test_everything_that_is_pinned_has_hashes_and_no_host() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert not [line for line in lines if "://" in line or line.startswith("-")]
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line[:1].isalpha():
            assert "==" in line
            assert following.strip().startswith("--hash=sha256:")
