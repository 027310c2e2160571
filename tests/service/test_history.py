"""The life of records, from their first run on."""

from __future__ import annotations

from breezeway_sync.service.settings.history import HISTORY_NAMES, HistorySettings
from tests.conftest import Rows
from tests.helpers import sandboxed

CHANGED = "SELECT entity_type, field, count(*) AS n FROM record_history WHERE what <> 'created' GROUP BY 1, 2"


async def test_first_loads_are_no_changes(dsn: str, rows: Rows) -> None:
    """A mirror that begins empty has seen nothing change, whatever came by calls of its own, in one run or in many."""
    async with sandboxed(dsn) as setup:
        setup.settings = setup.settings.model_copy(update={"history": HistorySettings(entities=HISTORY_NAMES)})
        await setup.run(entity="tasks")
        await setup.run()
        await setup.run(full=True)
        assert rows("SELECT count(*) > 0 AS some FROM task_comments") == [{"some": True}]
        assert rows("SELECT count(*) > 0 AS some FROM property_contacts") == [{"some": True}]
    assert rows(CHANGED) == []
