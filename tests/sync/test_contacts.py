"""Contacts: one call per property, and learning whether an account has them at all."""

from __future__ import annotations

from uuid import UUID

import pytest

from breezeway_sync.core import errors
from breezeway_sync.core.errors import ApiError
from breezeway_sync.core.events import EntityUnavailable
from breezeway_sync.core.outcome import FAILED, PARTIAL, SUCCESS
from breezeway_sync.entities.checkpoints import ListState
from breezeway_sync.sync.job import ReadSettings
from tests.sync.fakes import LONG_AGO, World, error, ids

NAME = "property_contacts"


def having(count: int, **settings: int) -> World:
    world = World(ReadSettings(workers=settings.get("workers", 3), full=bool(settings.get("full", 0))))
    world.sync_state.properties["north"] = list(range(count))
    return world


def refusing(world: World, kind: type[ApiError], *properties: int) -> None:
    world.api.answers |= {f"/property/{one}/contacts": error(kind) for one in properties}


async def test_every_property_is_asked_once_and_counted_as_the_entitys_own() -> None:
    world = having(10)
    world.api.answers = {"/property/4/contacts": ids(40, 41)}
    found = await world.run(NAME)
    assert sorted(world.api.paths()) == sorted(f"/property/{n}/contacts" for n in range(10))
    assert sorted(world.sink.parents(NAME)) == list(range(10))
    assert (found[NAME].status, found[NAME].read, found[NAME].calls) == (SUCCESS, 2, 10)
    assert world.api.endpoints == {"/property/{id}/contacts"}


def found_at_their_own_address(world: World, count: int) -> None:
    world.api.answers |= {f"/property/{one}": {"id": one} for one in range(count)}


@pytest.mark.parametrize("kind", [errors.NotFound, errors.Forbidden, errors.EmptyAnswer])
async def test_an_account_without_contacts_is_found_out_in_two_runs_by_a_few_calls(kind: type[ApiError]) -> None:
    world = having(100)
    refusing(world, kind, *range(100))
    found_at_their_own_address(world, 100)
    first = (await world.run(NAME))[NAME]
    assert first.calls <= 2 * 3
    assert first.status != SUCCESS
    assert world.sync_state.closed == {}
    world.run_id = UUID(int=2)
    second, third = [(await world.run(NAME))[NAME] for _ in range(2)]
    assert (second.calls, third.calls) == (3, 0)
    assert second.status == third.status == SUCCESS
    assert second.details["unavailable"] == [NAME]
    assert len(world.told(EntityUnavailable)) == 1


async def test_the_sample_is_spread_over_all_properties() -> None:
    """Eight properties of low ids, or the first ones of the day, may be refused for a reason of their own."""
    world = having(100, workers=8)
    refusing(world, errors.NotFound, *range(50))
    found_at_their_own_address(world, 100)
    for number in (1, 2):
        world.run_id = UUID(int=number)
        assert (await world.run(NAME))[NAME].status == PARTIAL
    assert world.sync_state.closed == {}
    assert set(world.sink.parents(NAME)) == set(range(50, 100))


async def test_an_account_that_had_contacts_has_them_however_much_is_refused() -> None:
    world = having(10)
    world.sync_state.due_scans = {NAME: {3: ListState(watermark=LONG_AGO, last_full_scan_at=LONG_AGO)}}
    refusing(world, errors.Forbidden, *range(10))
    for number in (1, 2):
        world.run_id = UUID(int=number)
        assert (await world.run(NAME))[NAME].status == FAILED
    assert world.sync_state.closed == {}


@pytest.mark.parametrize("place", [0, 2, 50])
async def test_a_404_on_contacts_of_a_property_that_is_there_is_told(place: int) -> None:
    world = having(60)
    refusing(world, errors.NotFound, place)
    found_at_their_own_address(world, 60)
    found = await world.run(NAME)
    assert sorted(world.sink.parents(NAME)) == [n for n in range(60) if n != place]
    assert (found[NAME].status, found[NAME].error_code) == (PARTIAL, "not_found")
    assert (found[NAME].error or "").startswith(f"{NAME} of property {place}: it failed")
    assert (world.sync_state.closed, world.proofs.doubted) == ({}, [])


async def test_a_property_without_an_address_of_its_own_is_a_candidate() -> None:
    world = having(10)
    refusing(world, errors.NotFound, 7)
    world.api.answers["/property/7"] = error(errors.NotFound)
    found = await world.run(NAME)
    assert world.proofs.doubted == [7]
    assert found[NAME].details["properties without an address of their own any more"] == 1


async def test_one_refusal_speaks_of_its_property_alone_however_few_are_asked_at_once() -> None:
    world = having(10, workers=1)
    refusing(world, errors.NotFound, 0)
    found_at_their_own_address(world, 10)
    found = await world.run(NAME)
    assert sorted(world.sink.parents(NAME)) == list(range(1, 10))
    assert world.sync_state.closed == {}
    assert found[NAME].status == PARTIAL


@pytest.mark.parametrize("kind", [errors.Forbidden, errors.EmptyAnswer, errors.ServerFailed])
async def test_one_property_that_cannot_be_read_is_named(kind: type[ApiError]) -> None:
    world = having(10)
    refusing(world, kind, 7)
    found = await world.run(NAME)
    assert len(world.sink.parents(NAME)) == 9
    assert found[NAME].status == PARTIAL
    assert found[NAME].error == "property_contacts of property 7: it failed in /x"


async def test_a_server_that_fails_says_nothing_of_the_account() -> None:
    world = having(10)
    refusing(world, errors.ServerFailed, *range(10))
    found = await world.run(NAME)
    assert found[NAME].calls == 10
    assert found[NAME].status == FAILED
    assert world.sync_state.closed == {}


async def test_a_full_run_asks_again_and_forgets_when_there_is_an_answer() -> None:
    world = having(5, full=1)
    world.sync_state.closed = {NAME: "403"}
    await world.run(NAME)
    assert world.sync_state.reopened == [NAME]


async def test_nothing_is_forgotten_without_an_answer() -> None:
    world = having(5, full=1)
    world.sync_state.closed = {NAME: "403"}
    refusing(world, errors.ServerFailed, *range(5))
    await world.run(NAME)
    assert world.sync_state.reopened == []


async def test_an_account_without_properties_has_nothing_to_ask() -> None:
    world = having(0)
    found = await world.run(NAME)
    assert world.api.paths() == ["/property"]
    assert found[NAME].status == SUCCESS
    assert world.sync_state.closed == {}
