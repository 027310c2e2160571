"""A page of any length leaves everybody else their turns."""

from __future__ import annotations

import asyncio

import pytest

from breezeway_sync.core.waiting import SLICE
from breezeway_sync.entities.field_profile import FieldProfile
from breezeway_sync.sync.job import Job
from tests.sync.fakes import World, ids

RECORDS = 40 * SLICE


async def test_the_loop_turns_while_the_records_of_a_page_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    world, seen = World(), []
    world.api.answers["/supplies"] = ids(*range(1, RECORDS + 1))
    turned = 0
    real = Job.look

    async def turns() -> None:
        nonlocal turned
        while True:
            await asyncio.sleep(0)
            turned += 1

    async def look(job: Job, *arguments: object) -> None:
        before = turned
        await real(job, *arguments)  # type: ignore[arg-type]
        seen.append(turned - before)

    monkeypatch.setattr(Job, "look", look)
    turning = asyncio.create_task(turns())
    outcome = (await world.run("supplies"))["supplies"]
    turning.cancel()
    assert outcome.read == RECORDS
    (during,) = seen
    assert during >= RECORDS // SLICE - 1


async def test_looking_in_slices_sees_what_looking_at_once_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    world, surveys = World(), []
    world.api.answers["/supplies"] = ids(*range(1, RECORDS + 1))
    real = Job.look

    async def look(job: Job, name: str, *arguments: object) -> None:
        await real(job, name, *arguments)  # type: ignore[arg-type]
        surveys.append(job.profile(name))

    monkeypatch.setattr(Job, "look", look)
    await world.run("supplies")
    whole = FieldProfile()
    whole.add(ids(*range(1, RECORDS + 1)))
    assert [one.sightings() for one in surveys] == [whole.sightings()]
