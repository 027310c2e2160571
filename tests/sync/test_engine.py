"""Whole runs of the engine: order, the log, and that what fails costs only itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from breezeway_sync.core import errors
from breezeway_sync.core.events import Crashed, EntityFinished, EntityStarted, OperatorNotice
from breezeway_sync.core.outcome import FAILED, PARTIAL, SUCCESS, Outcome
from breezeway_sync.entities.streams import NAMES, STAGES
from breezeway_sync.sync import engine
from breezeway_sync.sync.job import ReadSettings
from breezeway_sync.sync.source_check import RegionTarget
from tests.sync.fakes import IDENTITY, REGION, RUN, Hang, World, error, ids


def logged(world: World) -> dict[str, Outcome | None]:
    return {entity: outcome for _, entity, outcome in world.sync_state.rows}


async def cancelled(run: asyncio.Task[Any]) -> None:
    """Cancel it, and wait for its end."""
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run


async def test_every_entity_is_read_in_order_and_logged_as_it_is_returned() -> None:
    world = World()
    world.sync_state.properties[REGION] = [5]
    found = await world.run(*NAMES)
    assert list(found) == list(NAMES)
    assert logged(world) == found
    assert {outcome.status for outcome in found.values()} == {SUCCESS}
    assert {outcome.region for outcome in found.values()} == {REGION}


async def test_a_stage_begins_when_the_one_before_has_ended() -> None:
    world = World()
    world.sync_state.properties[REGION] = [5]
    await world.run(*NAMES)
    reached = [
        (type(event), event.entity) for event in world.events if isinstance(event, EntityStarted | EntityFinished)
    ]
    place = {name: number for number, stage in enumerate(STAGES) for name in stage}
    for number in range(len(STAGES) - 1):
        ended = max(n for n, (kind, name) in enumerate(reached) if kind is EntityFinished and place[name] == number)
        began = min(n for n, (kind, name) in enumerate(reached) if kind is EntityStarted and place[name] == number + 1)
        assert ended < began


async def test_the_fact_about_an_entity_says_what_its_row_says() -> None:
    world = World()
    world.api.answers["/supplies"] = ids(1, 2)
    outcome = (await world.run("supplies"))["supplies"]
    (fact,) = [event for event in world.events if isinstance(event, EntityFinished)]
    assert (fact.run_id, fact.status, fact.read_records, fact.new_records) == (str(RUN), SUCCESS, 2, 2)
    assert (fact.calls, fact.duration_seconds, fact.error) == (1, outcome.seconds, None)
    assert outcome.seconds == 1.0


async def test_tasks_of_an_unknown_region_bring_its_properties_first() -> None:
    world = World()
    world.sync_state.properties[REGION] = []
    assert list(await world.run("tasks")) == ["properties", "tasks"]
    world.sync_state.properties[REGION] = [5]
    assert list(await world.run("tasks")) == ["tasks"]


async def test_a_failed_entity_blocks_what_needs_it_by_name() -> None:
    world = World()
    world.sync_state.properties[REGION] = [5]
    world.api.answers["/property"] = error(errors.ServerFailed)
    found = await world.run("properties", "reservations", "tasks", "property_contacts", "tags")
    assert {name for name, outcome in found.items() if outcome.status == FAILED} == set(found) - {"tags"}
    assert found["reservations"].error == "not read, because properties failed in this run"
    assert found["tasks"].error_code == found["property_contacts"].error_code == "not_read"
    assert logged(world) == found
    assert "/reservation" not in world.api.paths()


async def test_a_partial_entity_blocks_nothing() -> None:
    world = World()
    world.sync_state.properties[REGION] = [5]
    world.sink.rejecting = 1
    world.api.answers["/property"] = ids(1)
    found = await world.run("properties", "reservations")
    assert (found["properties"].status, found["reservations"].status) == (PARTIAL, SUCCESS)
    assert found["properties"].error == "1 records could not be stored, see `breezeway-sync rejects list`"


async def test_the_store_failing_fails_the_entity_at_once_and_no_other() -> None:
    world = World(ReadSettings(batch_rows=1, workers=1))
    world.sync_state.properties[REGION] = [5, 6, 7]
    world.sink.failing["tasks"] = errors.DatabaseBusy("deadlock")
    world.api.answers = {"/task/": ids(1), "/people": ids(1)}
    found = await world.run("tasks", "people")
    assert world.api.paths("/task/") == ["/task/"]
    assert (found["tasks"].status, found["tasks"].error, found["tasks"].error_code) == (
        FAILED,
        "deadlock",
        "database_busy",
    )
    assert found["people"].status == SUCCESS


async def test_an_error_that_nobody_foresaw_fails_its_entity_without_its_text() -> None:
    world = World()
    world.api.answers = {"/supplies": ValueError("Ann Lee, +1 555"), "/people": ids(1)}
    found = await world.run("supplies", "people")
    assert (found["supplies"].status, found["supplies"].error_code) == (FAILED, "unforeseen")
    assert found["supplies"].error == "unexpected ValueError, see the log"
    assert found["people"].status == SUCCESS
    assert "Ann Lee" not in repr((world.events, world.sync_state.rows))
    (crash,) = [event for event in world.events if isinstance(event, Crashed)]
    assert (crash.entity, crash.error) == ("supplies", "ValueError")
    assert "fakes.py" in crash.stack


async def test_what_was_read_before_a_failure_is_stored_and_counted() -> None:
    world = World()
    world.api.answers = {"/task/tags": ids(1, 2), "/reservation/tags": KeyError("x")}
    found = await world.run("tags")
    assert (found["tags"].status, found["tags"].read) == (FAILED, 2)
    assert world.sink.loaded("tags") == [1, 2]


async def test_regions_are_read_side_by_side_and_fail_alone() -> None:
    world = World()
    world.sync_state.failing["property_ids of north"] = errors.DatabaseUnreachable("no connection")
    found = await world.run("people", "tags", regions=("north", "south"))
    assert [found[f"north {name}"].status for name in ("people", "tags")] == [FAILED, FAILED]
    assert found["north people"].error == "no connection"
    assert [found[f"south {name}"].status for name in ("people", "tags")] == [SUCCESS, SUCCESS]


@pytest.mark.parametrize("what", ["property_ids of north", "unavailable of north"])
async def test_an_error_that_nobody_foresaw_in_one_region_leaves_the_others(what: str) -> None:
    world = World()
    world.sync_state.failing[what] = RuntimeError("secret")
    found = await world.run("people", regions=("north", "south"))
    assert found["north people"].status == FAILED
    assert "secret" not in (found["north people"].error or "")
    assert found["south people"].status == SUCCESS


async def test_a_log_that_cannot_be_opened_fails_the_entity_and_is_told() -> None:
    world = World()
    world.sync_state.failing["open"] = errors.DatabaseUnreachable("no connection")
    found = await world.run("people")
    assert (found["people"].status, found["people"].error) == (FAILED, "no connection")
    assert (world.api.calls, world.sync_state.rows) == ([], [])
    assert len(world.told(EntityFinished)) == 1


async def test_a_success_that_cannot_be_written_down_is_none() -> None:
    world = World()
    world.sync_state.failing["close"] = errors.DatabaseUnreachable("no connection")
    found = await world.run("people")
    assert (found["people"].status, found["people"].error_code) == (FAILED, "database_unreachable")
    assert len(world.told(OperatorNotice)) == len(world.told(EntityFinished)) == 1


@pytest.mark.parametrize("error", [errors.DatabaseWentBack("it went back"), errors.LeaseLost("taken over")])
async def test_a_success_whose_records_may_be_gone_is_written_down_as_a_failure(error: errors.DatabaseError) -> None:
    world = World()
    close = world.sync_state.close

    async def refuse(region: str, row_id: int, outcome: Outcome) -> None:
        if outcome.status != FAILED:
            raise error
        await close(region, row_id, outcome)

    world.sync_state.close = refuse  # type: ignore[method-assign]
    found = await world.run("people")
    (written,) = [outcome for _, _, outcome in world.sync_state.rows]
    assert written == found["people"]
    assert (found["people"].status, found["people"].error_code) == (FAILED, error.code)


async def test_closing_the_log_is_bounded_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.sync_state.close_seconds = 60
    monkeypatch.setattr(engine, "CLOSE_SECONDS", 0.01)
    found = await world.run("people")
    assert (found["people"].status, found["people"].error_code) == (FAILED, "database_unreachable")
    assert [event.what for event in world.events if isinstance(event, OperatorNotice)] == [
        "the row of the log could not be closed: TimeoutError"
    ]


async def test_a_cancelled_run_closes_its_rows_as_interrupted_before_it_ends() -> None:
    world = World(ReadSettings(workers=2))
    world.sync_state.close_seconds = 0.02
    world.sync_state.properties = {"north": [5], "south": [6]}
    world.api.answers = {"/people": Hang(), "/supplies": Hang()}
    targets = [RegionTarget(code, IDENTITY, ("tasks", "people", "supplies")) for code in ("north", "south")]
    run = asyncio.create_task(world.engine.run(targets))
    for _ in range(100):
        await asyncio.sleep(0)
    assert world.api.active == 4
    await cancelled(run)
    assert sorted((region, entity) for region, entity, _ in world.sync_state.rows) == [
        (region, entity) for region in ("north", "south") for entity in ("people", "supplies")
    ]
    assert {outcome.error for _, _, outcome in world.sync_state.rows if outcome} == {"interrupted"}
    assert all(outcome for _, _, outcome in world.sync_state.rows)
    assert world.api.active == 0


async def test_a_run_that_is_cancelled_while_it_closes_a_row_closes_it_before_it_ends() -> None:
    world = World()
    world.sync_state.close_seconds = 0.05
    run = asyncio.create_task(world.run("people"))
    await world.sync_state.closing.wait()
    await cancelled(run)
    outcome = logged(world)["people"]
    assert outcome is not None
    assert outcome.status == SUCCESS


async def test_a_cancelled_run_stores_what_it_has_read() -> None:
    world = World(ReadSettings(workers=1))
    world.sync_state.properties[REGION] = [5, 6]
    world.api.answers = {"/task/?home_id=5": ids(1, 2), "/task/?home_id=6": Hang()}
    run = asyncio.create_task(world.run("tasks"))
    await world.api.waiting.wait()
    await cancelled(run)
    assert world.sink.loaded("tasks") == [1, 2]
    outcome = logged(world)["tasks"]
    assert outcome is not None
    assert (outcome.status, outcome.error, outcome.error_code, outcome.read) == (
        FAILED,
        "interrupted",
        "interrupted",
        2,
    )


@pytest.mark.parametrize("entity", ["tasks", "property_contacts"])
async def test_a_run_that_is_cancelled_while_the_store_fails_begins_nothing_more(entity: str) -> None:
    """The database is often told to end in the same moment."""
    world = World(ReadSettings(workers=1))
    world.sync_state.properties[REGION] = [5, 6]
    world.api.answers = {"/task/?home_id=5": ids(1), "/task/?home_id=6": Hang()}
    world.api.answers |= {"/property/5/contacts": ids(1), "/property/6/contacts": Hang()}
    world.sink.failing[entity] = errors.DatabaseUnreachable("gone")
    run = asyncio.create_task(world.run("properties", entity, "supplies"))
    await world.api.waiting.wait()
    begun = len(world.sync_state.rows)
    await cancelled(run)
    assert len(world.sync_state.rows) == begun
    outcome = logged(world)[entity]
    assert outcome is not None
    assert (outcome.status, outcome.error) == (FAILED, "interrupted")


async def test_what_could_not_be_read_is_written_down_also_where_an_error_ends_the_run() -> None:
    world = World()
    world.sync_state.properties[REGION] = [1, 2]
    world.api.answers = {
        "/task/?home_id=1": errors.Refused("no", endpoint="/task/"),
        "/task/?home_id=2": errors.CredentialsRejected("no token", endpoint="/task/"),
    }
    found = await world.run("tasks")
    assert (found["tasks"].status, found["tasks"].error_code) == (FAILED, "credentials_rejected")
    assert world.sync_state.problems[REGION, "tasks"] == {("list", "tasks", 1): "refused"}


async def test_problems_that_cannot_be_written_down_leave_no_row_open() -> None:
    world = World()
    world.sync_state.failing = {"save_problems": errors.DatabaseBusy("deadlock")}
    found = await world.run("supplies")
    assert (found["supplies"].error_code, found["supplies"].is_passing) == ("database_busy", True)
    assert [row[2] is not None for row in world.sync_state.rows] == [True]
