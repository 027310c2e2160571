"""An entity is one literal in the catalog, one migration and one body in the sandbox."""

from __future__ import annotations

import asyncio
import json
import sys


async def test_an_entity_more_is_planned_read_loaded_deleted_verified_and_repaired(empty_dsn: str) -> None:
    command = (sys.executable, "-m", "tests.service.made_up_entity", empty_dsn)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0
    told = json.loads(output)
    assert told["stages"][0] == ["properties"]
    assert told["stages"][1][-1] == "inspections"
    assert told["line"] == ["daily"]
    assert told["switched off"] == []
    assert told["status"] is True
    assert told["plan"] == ["findings of all inspections in turn", "lists read whole each time"]
    usual = {"status": "success", "new": 0, "updated": 0, "deleted": 0, "pending_reads": 0}
    assert told["first run"] == {**usual, "new": 40, "calls for findings": 40}
    assert told["stored"] == [["good", True, 1, "good"]]
    assert told["after a change"] == {**usual, "updated": 1, "calls for findings": 1}
    assert told["after it went"] == [0, 1, 0]
    assert told["verified"] == {"proved": []}
    assert told["damaged"] == {"failed": ["grade"]}
    assert told["repaired"] == {"failed": ["grade"], "proved": []}
