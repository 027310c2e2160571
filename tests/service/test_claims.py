"""Being configured is the claim of a process: it lasts for the freshness target, and what nobody claims is told."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from breezeway_sync.core.clock import SystemClock
from breezeway_sync.core.events import AttendanceChanged, Event
from breezeway_sync.core.outcome import SUCCESS
from breezeway_sync.service import regions, runner
from breezeway_sync.service.observatory import Observatory
from breezeway_sync.service.settings import EntitySettings
from breezeway_sync.service.status import overview
from breezeway_sync.store.database import Database
from breezeway_sync.store.status import Status
from tests.conftest import Rows
from tests.helpers import Setup, sandboxed, tiny

FRESH = "SELECT require_fresh(%s, 'tasks', '2 hours')"


def smaller(setup: Setup, *codes: str, **tables: Any) -> None:
    """A configuration with these regions alone."""
    found = {code: setup.settings.regions[code] for code in codes}
    setup.settings = setup.settings.model_copy(update={"regions": found, **tables})


def hours_later(rows: Rows, region: str, hours: int) -> None:
    """The last process that claimed a region is gone for so long."""
    rows("UPDATE claims SET claimed_at = claimed_at - make_interval(hours => %s) WHERE region_code = %s", hours, region)


async def test_a_command_with_a_smaller_configuration_takes_nothing_from_other_regions(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        await setup.run()
        smaller(setup, "austin")
        await setup.run("austin", "supplies")
        found = await overview(setup.settings)
    assert {one.region for one in found.entities} == {"austin", "nashville"}
    assert {one.claim for one in found.entities} == {"attended"}
    assert found.late == ()
    assert len(rows("SELECT * FROM v_freshness WHERE is_active")) == 18


async def test_a_region_that_no_process_works_any_more_is_late_and_alerted_and_told_when_that_ends(
    dsn: str, rows: Rows, database: Database
) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        await setup.run()
        hours_later(rows, "austin", 3)
        smaller(setup, "nashville")
        await setup.run()
        found = await overview(setup.settings)
        assert {(one.region, one.claim) for one in found.late} == {("austin", "unattended")}
        assert {one.entity for one in found.late} >= {"tasks", "properties", "reservations"}
        with pytest.raises(psycopg.DatabaseError, match="austin: got a region that no process works any more"):
            rows(FRESH, "all")
        states = {one.code: one.state for one in await regions.listing(setup.settings)}
        assert states == {"austin": "unattended", "nashville": "attended"}
        told: list[Event] = []
        observatory = Observatory(setup.settings, SystemClock(), is_busy=lambda: False)
        observatory.listen(told.append)
        for _ in range(2):
            await observatory.read(Status(database))
        (event,) = [one for one in told if isinstance(one, AttendanceChanged)]
        assert (event.region, event.is_attended) == ("austin", False)
        assert any(late.startswith("austin ") for late in observatory.facts().late)
        rows("UPDATE claims SET claimed_at = now()")
        await observatory.read(Status(database))
        assert [one.is_attended for one in told if isinstance(one, AttendanceChanged)] == [False, True]
        assert observatory.facts().late == ()
        hours_later(rows, "austin", 3)
        await regions.retire(setup.settings, "austin")
        await observatory.read(Status(database))
        assert observatory.facts().late == ()
        assert rows(FRESH, "all")


async def test_a_long_running_process_goes_on_claiming(dsn: str, rows: Rows, database: Database) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        hours_later(rows, "nashville", 3)
        await runner.claim(setup.settings, database)
        assert {one.claim for one in (await overview(setup.settings)).entities} == {"attended"}


async def test_an_entity_that_no_process_of_its_region_asks_for_is_off_and_nobody_is_alerted(
    dsn: str, rows: Rows, database: Database
) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        hours_later(rows, "nashville", 9 * 24)
        entities = {**setup.settings.entities, "supplies": EntitySettings(enabled=False)}
        smaller(setup, "nashville", entities=entities)
        names = tuple(name for name in entities if name in ("properties", "tasks", "people"))
        report = await runner.run(setup.settings, runner.RunRequest(("nashville",), names), emit=lambda _event: None)
        assert {one.status for one in report.outcomes} == {SUCCESS}
        found = {one.entity: one for one in (await overview(setup.settings)).entities}
        assert (found["supplies"].claim, found["supplies"].is_late) == ("off", False)
        assert found["tasks"].claim == "attended"
        observatory = Observatory(setup.settings, SystemClock(), is_busy=lambda: False)
        told: list[Event] = []
        observatory.listen(told.append)
        await observatory.read(Status(database))
        assert [one for one in told if isinstance(one, AttendanceChanged)] == []
        assert not any("supplies" in late for late in observatory.facts().late)
        with pytest.raises(psycopg.DatabaseError, match="it is off"):
            rows("SELECT require_fresh('nashville', 'supplies', '30 days')")
