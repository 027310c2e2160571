"""A region or entity that lacks memory or a thread fails, is reported and tried again; the others are read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from breezeway_sync.core.events import Crashed, EntityFinished
from breezeway_sync.core.lacks import LACKING
from breezeway_sync.core.memory_budget import MemoryBudget
from breezeway_sync.core.outcome import FAILED, SUCCESS, Outcome
from breezeway_sync.core.waiting import task_group
from breezeway_sync.entities.streams import NAMES
from breezeway_sync.sync import engine, job
from tests.lacks import KINDS, lack, once
from tests.sync.fakes import World


def lacked(outcome: Outcome) -> bool:
    return (outcome.status, outcome.error_code, outcome.is_passing) == (FAILED, "out_of_resources", True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "seam",
    ["create_task", "gate_of", "property_ids of north", "unavailable of north"],
    ids=["its task", "its source", "its properties", "its lists"],
)
async def test_a_region_that_cannot_begin_costs_that_region(
    seam: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    if " " in seam:
        world.sync_state.failing[seam] = lack(kind)
    else:
        once(monkeypatch, asyncio if seam == "create_task" else engine, seam, kind)
    found = await world.run("people", "tags", regions=("north", "south"))
    assert all(lacked(found[f"north {name}"]) for name in ("people", "tags"))
    assert LACKING in (found["north people"].error or "")
    assert [found[f"south {name}"].status for name in ("people", "tags")] == [SUCCESS, SUCCESS]
    assert [one.region for one in world.told(Crashed) if isinstance(one, Crashed)] == ["north"]
    assert len(world.told(EntityFinished)) == 4


@pytest.mark.parametrize(("seam", "number"), [("each", 3), ("refusal_of", 1), ("refusal_of", 9)])
async def test_what_cannot_go_on_costs_itself_and_is_told_once(
    seam: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    world.sync_state.properties["north"] = world.sync_state.properties["south"] = [5]
    calls = 0

    def is_it(*_: Any, **__: Any) -> bool:
        nonlocal calls
        calls += 1
        return calls == number

    left = once(monkeypatch, engine, seam, only=is_it)
    found = await world.run(*NAMES, regions=("north", "south"))
    assert not left
    assert set(found) == {f"{region} {name}" for region in ("north", "south") for name in NAMES}
    failed = {name: one for name, one in found.items() if one.status == FAILED}
    assert failed
    assert len({name.split()[0] for name in failed}) == 1
    assert all(one.error_code in ("out_of_resources", "not_read") for one in failed.values())
    assert [type(one) for one in world.told(Crashed)] == [Crashed]
    assert len(world.told(EntityFinished)) == len(found)


async def test_a_region_that_lacks_memory_at_its_end_keeps_its_outcomes(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    once(monkeypatch, engine.Engine, "_asked_again")
    found = await world.run("people", "tags", regions=("north", "south"))
    assert {one.status for one in found.values()} == {SUCCESS}
    assert len(world.told(Crashed)) == 1


async def test_an_outcome_that_cannot_be_written_down_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()

    def refuse(work: Any) -> None:
        work.close()
        raise MemoryError

    with monkeypatch.context() as lacking:
        lacking.setattr(engine, "finish", refuse)
        found = await world.run("people")
    assert lacked(found["people"])
    assert len(world.told(EntityFinished)) == 1


async def test_where_no_helping_hand_can_begin_one_does_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = MemoryBudget(worker_slots=1)
    made = 0

    class Group:
        def __init__(self) -> None:
            self.group = task_group()

        async def __aenter__(self) -> Any:
            begin = await self.group.__aenter__()

            def first_only(work: Any) -> Any:
                nonlocal made
                made += 1
                if made > 1:
                    work.close()
                    raise MemoryError
                return begin(work)

            return first_only

        async def __aexit__(self, *error: Any) -> Any:
            return await self.group.__aexit__(*error)

    monkeypatch.setattr(job, "task_group", Group)

    done: list[int] = []

    async def work(thing: int) -> None:
        done.append(thing)

    await job.each(range(3), 2, work, memory)
    assert done == [0, 1, 2]
    assert memory.take_hand()
