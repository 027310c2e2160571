"""Half a year of an account in which things keep failing: no table grows for it."""

from __future__ import annotations

from typing import Any

import pytest

from breezeway_sync.service.settings.history import HISTORY_NAMES, HistorySettings
from breezeway_sync.store.retention import MIRROR, RULES
from tests.conftest import Rows
from tests.helpers import Setup, sandboxed, tiny

CYCLES = 50
# Days between two cycles: with a retention of 90 days the log is full after 23.
DAYS = 4
SUPPORT = sorted(name for name, rule in RULES.items() if rule.words != MIRROR)
ENTITIES = ("properties", "tasks", "people")


def let_days_pass(rows: Rows, days: int) -> None:
    """All that was written down happened so much earlier."""
    columns = rows(
        "SELECT table_name, string_agg(format('%1$I = %1$I - interval ''" + str(days) + " days''', column_name), ', ') "
        "AS moved FROM information_schema.columns WHERE table_schema LIKE 'breezeway%' AND data_type LIKE 'timestamp%' "
        "AND table_name IN (SELECT tablename FROM pg_tables WHERE schemaname LIKE 'breezeway%') GROUP BY 1"
    )
    for one in columns:
        rows(f"UPDATE {one['table_name']} SET {one['moved']}")


def trouble(setup: Setup, cycle: int) -> None:
    """What goes wrong, another way each time: records without an id, one that flaps, fields that come and go."""
    account = setup.world.account("nashville")
    tasks = sorted(account.ids("tasks"))
    for slot in range(20):
        account.put_raw("people", 900_000 + slot, f'{{"name": "without an id, {cycle} {slot}"}}'.encode())
        body = f'{{"name": "no id, {cycle} {slot}", "home_id": {account.get("tasks", tasks[0])["home_id"]}}}'
        account.put_raw("tasks", 9_000_000 + slot, body.encode(), home_id=account.get("tasks", tasks[0])["home_id"])
    account.put_raw("people", 800_000, b'{"id": 800000, "first_name": "a", "first_name": "b"}')
    gone = {"code": "deleted", "name": "Deleted", "stage": "closed"}
    well = {"code": "created", "name": "Created", "stage": "new"}
    account.patch("tasks", tasks[1], type_task_status=gone if cycle % 2 else well)
    named: dict[str, Any] = {f"field_{'abcdefghij'[cycle % 10]}_{cycle % 7}": 1}
    account.patch("tasks", tasks[2], name=f"changed {cycle}", **named)


def sizes(rows: Rows) -> dict[str, int]:
    counted = " UNION ALL ".join(f"SELECT '{name}' AS name, count(*)::int AS n FROM {name}" for name in SUPPORT)
    return {one["name"]: one["n"] for one in rows(counted)}


@pytest.mark.timeout(400)
async def test_no_table_grows_for_ever(dsn: str, rows: Rows) -> None:
    found: list[dict[str, int]] = []
    async with sandboxed(dsn, tiny(1)) as setup:
        setup.settings = setup.settings.model_copy(
            update={"history": HistorySettings(entities=HISTORY_NAMES, retention_days=90)}
        )
        account = setup.world.account("nashville")
        setup.faults.add("422", path=f"/task/{max(account.ids('tasks'))}/comments")
        for cycle in range(CYCLES):
            trouble(setup, cycle)
            report = await setup.run(entity="all" if cycle == 0 else "tasks", tidies=True)
            if cycle % 3 == 0:
                await setup.run(entity="people", full=True, tidies=True)
            assert report.outcomes
            let_days_pass(rows, DAYS)
            found.append(sizes(rows))
    early, late = found[-25:-15], found[-10:]
    grown = {
        name: (max(one[name] for one in early), max(one[name] for one in late))
        for name in SUPPORT
        if max(one[name] for one in late) > max(one[name] for one in early) * 1.05 + 3
    }
    assert grown == {}
    assert rows("SELECT (details ->> 'duplicate keys')::int > 0 AS told FROM etl_sync_log "
                "WHERE entity_type = 'people' ORDER BY id DESC LIMIT 1") == [{"told": True}]  # fmt: skip
    assert late[-1]["rejected_records"] <= 3 * 40
    assert rows("SELECT count(payload) AS n FROM rejected_records WHERE resolved_at IS NOT NULL") == [{"n": 0}]
