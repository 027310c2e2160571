"""`verify` as a command: what it prints, its exit codes, and the programs' way to every difference."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from breezeway_sync.core.error_codes import ExitCode
from tests.cli.support import UNPACED, Starter, write_config
from tests.conftest import Rows
from tests.helpers import sandboxed, tiny

pytestmark = pytest.mark.process


async def test_one_cause_is_one_line_and_a_repair_ends_with_exit_code_0(
    dsn: str, rows: Rows, start: Starter, tmp_path: Path
) -> None:
    async with sandboxed(dsn, tiny(1)) as setup:
        config = write_config(tmp_path, setup.url, dsn, tiny(1), api=UNPACED)
        await setup.run()
        count = rows("SELECT count(*) AS n FROM tasks")[0]["n"]
        rows("UPDATE tasks SET total_cost = 4711.25")
        found = await start.done("verify", "nashville", "tasks", "--all", "-c", config)
        assert re.search(r"^nashville +tasks +failed +\d", found.out, re.MULTILINE), found.out
        listed = await start.done("verify", "nashville", "tasks", "--all", "--json", "-c", config)
        checked = await start.done("status", "--check", "-c", config)
        repaired = await start.done("verify", "nashville", "tasks", "--all", "--repair", "-c", config)
        at_last = await start.done("status", "--check", "-c", config)
        sample = await start.done("verify", "nashville", "tasks", "--sample", "5", "-c", config)
    assert (found.code, listed.code, repaired.code, sample.code) == (ExitCode.INCOMPLETE, ExitCode.INCOMPLETE, 0, 0)
    told = [line for line in found.out.splitlines() if "total_cost" in line]
    assert len(told) == 1
    assert told[0].startswith(f"nashville tasks: {count} wrong (total_cost): ")
    assert told[0].endswith(f" and {count - 10} more")
    assert "4711" not in found.out
    differences = json.loads(listed.out)["verification_results"][0]["differences"]
    assert len([one for one in differences if one["path"] == "total_cost"]) == count
    assert (checked.code, at_last.code) == (4, 0)
    assert "nashville tasks: differs from the API" in checked.out
    assert f"repaired: nashville tasks: {count} wrong (total_cost)" in repaired.out
    assert "proves only the compared records" in sample.out
    assert "proves only the compared records" not in repaired.out


async def test_a_rewrite_is_a_run_with_its_exit_codes(dsn: str, rows: Rows, start: Starter, tmp_path: Path) -> None:
    async with sandboxed(dsn, tiny(1)) as setup:
        config = write_config(tmp_path, setup.url, dsn, tiny(1), api=UNPACED)
        await setup.run()
        rows("UPDATE tasks SET total_cost = 4711.25")
        done = await start.done("run", "nashville", "tasks", "--rewrite", "-c", config)
    assert done.code == 0
    assert rows("SELECT task_id FROM tasks WHERE total_cost = 4711.25") == []


async def test_a_database_without_our_tables_is_refused_and_stays_as_it_is(
    empty_dsn: str, start: Starter, tmp_path: Path
) -> None:
    async with sandboxed(empty_dsn, tiny(1)) as setup:
        config = write_config(tmp_path, setup.url, empty_dsn, tiny(1), api=UNPACED)
        finished = await start.done("verify", "-c", config)
        checked = await start.done("migrate", "--check", "-c", config)
    assert finished.code == ExitCode.CONFIGURATION
    assert "is not up to date" in finished.err
    assert checked.code == ExitCode.INCOMPLETE
