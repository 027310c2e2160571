"""Reading some days again, in the engine."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from breezeway_sync.core.events import FieldChanged
from breezeway_sync.core.outcome import PARTIAL, SUCCESS
from breezeway_sync.entities.checkpoints import Days
from breezeway_sync.entities.drift import KnownPath
from breezeway_sync.sync.job import ReadSettings
from tests.sync.fakes import REGION, Page, World, ids

DAYS = Days(date(2026, 1, 5), date(2026, 2, 3))
THEN = datetime(2025, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize("days", [None, DAYS])
async def test_what_no_record_of_some_days_has_is_not_missed(days: Days | None) -> None:
    world = World(ReadSettings(backfill=days))
    world.sync_state.fields[REGION, "reservations"] = {
        "odd": KnownPath("odd", ("string",), THEN, THEN, seen=100, present=20, filled=20)
    }
    world.api.answers["/reservation"] = ids(*range(1, 101))
    assert (await world.run("reservations"))["reservations"].status == SUCCESS
    missed = [one for one in world.told(FieldChanged) if isinstance(one, FieldChanged) and one.path == "odd"]
    assert bool(missed) is (days is None)


async def test_a_list_of_some_days_is_over_only_when_it_was_read_whole() -> None:
    for total, status in ((3, SUCCESS), (4, PARTIAL)):
        world = World(ReadSettings(backfill=DAYS))
        world.api.answers["/reservation"] = [
            Page(tuple(keys), number, float(number), total_pages=2, total_results=total)
            for number, keys in enumerate((ids(1, 2), ids(3)), 1)
        ]
        assert (await world.run("reservations"))["reservations"].status == status
        assert [checkpoint.is_complete for checkpoint in world.sink.checkpoints] == [status == SUCCESS]


async def test_it_is_no_run_of_the_entity_and_goes_on_with_none() -> None:
    world = World(ReadSettings(backfill=DAYS))
    await world.run("reservations")
    assert [entity for _, entity, _ in world.sync_state.rows] == ["reservations backfill"]
    assert f"{REGION} began" not in world.sync_state.passes
