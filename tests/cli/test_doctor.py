"""`doctor` as a process: what people and programs see, exit codes, the archive."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from tests.cli.support import Stage, Starter, without_a_listener, write_config
from tests.cli.test_status import ran
from tests.helpers import tiny

pytestmark = pytest.mark.process


async def test_all_is_well(stage: Stage, tmp_path: Path) -> None:
    await stage.ran()
    archive = tmp_path / "bundle.zip"
    plain = await ran(stage.start, stage.config, "doctor", "--bundle", str(archive))
    as_json = await ran(stage.start, stage.config, "doctor", "--json")
    assert (plain.code, as_json.code) == (0, 0)
    assert "endpoint: nashville" in plain.out
    assert "13 endpoints answer" in plain.out
    assert "\n0 failed, " in plain.out
    assert "asking 13 endpoints" in plain.err
    assert f"written: {archive}" in plain.err
    found = json.loads(as_json.out)
    assert found["failed"] == 0
    assert sum(one["area"] == "endpoint" for one in found["findings"]) == 13
    with zipfile.ZipFile(io.BytesIO(archive.read_bytes())) as bundle:
        everything = b"".join(bundle.read(name) for name in bundle.namelist()).decode()
    for text in (plain.out, plain.err, as_json.out, as_json.err, everything):
        for secret in (tiny()[0].client_secret, tiny()[0].client_id, "sandbox.access.", "sandbox.refresh."):
            assert secret not in text


async def test_what_fails_is_told_with_its_remedy_and_exit_1(stage: Stage) -> None:
    await stage.ran()
    stage.setup.faults.add("403_json", path="/task/")
    finished = await ran(stage.start, stage.config, "doctor")
    assert finished.code == 1
    assert "nashville tasks" in finished.out
    assert "-> ask Breezeway whether the account includes it" in finished.out
    assert "Traceback" not in finished.err


async def test_a_configuration_or_database_that_cannot_be_used(start: Starter, tmp_path: Path) -> None:
    archive = tmp_path / "bundle.zip"
    missing = await ran(start, tmp_path / "none.toml", "doctor", "--bundle", str(archive))
    assert missing.code == 1
    assert "the configuration file is not there" in missing.out
    assert archive.exists()
    away = f"postgresql://sync:pw@127.0.0.1:{without_a_listener()}/breezeway"
    finished = await ran(start, write_config(tmp_path, "http://127.0.0.1:1", away, tiny()), "doctor")
    assert finished.code == 1
    assert "PostgreSQL cannot be reached" in finished.out
    assert ":pw@" not in finished.out


async def test_an_archive_that_cannot_be_written_is_told_after_the_findings(start: Starter, tmp_path: Path) -> None:
    finished = await ran(start, tmp_path / "none.toml", "doctor", "--bundle", str(tmp_path / "nowhere" / "b.zip"))
    assert finished.code == 1
    assert "1 failed" in finished.out
    assert "the bundle cannot be written" in finished.err
