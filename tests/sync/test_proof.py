"""What is asked of records that lists do not show, in which order and with how many calls."""

from __future__ import annotations

import pytest

from breezeway_sync.core import errors
from breezeway_sync.core.events import DeletionsNeedReview
from breezeway_sync.core.outcome import PARTIAL, SUCCESS
from breezeway_sync.core.record_events import RecordsLeft, RowsLost
from breezeway_sync.entities.asking import LEFT, THERE, UNKNOWN, Home
from breezeway_sync.entities.losses import Loss
from breezeway_sync.sync.job import ReadSettings
from breezeway_sync.sync.run_budget import LEAST_ASKED
from tests.sync.fakes import REGION, World, error


def world_with(missing: list[int], found: list[int], settings: ReadSettings | None = None, listed: int = 1) -> World:
    """Missing stays, of which those `found` answer, and one that is listed."""
    world = World(settings or ReadSettings())
    world.proofs.missing["reservations"] = missing
    world.proofs.listed = listed
    for key in missing:
        world.api.answers[f"/reservation/{key}"] = (
            {"id": key, "property_id": 7} if key in found else error(errors.NotFound)
        )
    world.api.answers[f"/reservation/{listed}"] = {"id": listed, "property_id": 7}
    return world


async def test_what_answers_is_stored_and_what_does_not_is_judged_with_a_listed_record() -> None:
    world = world_with([11, 12, 13], found=[11, 13])
    found = await world.run("reservations")
    assert world.sink.loaded("reservations") == [11, 13, 1]
    assert (sorted(world.proofs.answers), world.proofs.gone_keys) == ([11, 13], [12])
    assert world.proofs.controls[0].listed == 1
    assert found["reservations"].status == SUCCESS


async def test_where_listed_records_do_not_answer_either_nothing_is_proven() -> None:
    world = world_with([11], found=[])
    world.api.answers["/reservation/1"] = error(errors.NotFound)
    await world.run("reservations")
    assert world.proofs.gone_keys == []
    assert not world.api.paths("/property/")


async def test_where_none_is_listed_the_property_must_answer() -> None:
    world = world_with([11], found=[])
    world.proofs.listed = None
    world.api.answers["/property/7"] = {"id": 7}
    await world.run("reservations")
    assert world.proofs.controls[0].allows(Home(7, THERE))
    assert not world.proofs.controls[0].allows(Home(8, THERE))
    world.api.answers["/property/7"] = error(errors.NotFound)
    await world.run("reservations")
    assert not world.proofs.controls[1].allows(Home(7, THERE))


async def test_where_none_is_listed_and_the_property_has_left_another_property_must_answer() -> None:
    world = world_with([11], found=[])
    world.proofs.listed_of = {"properties": [8], "reservations": []}
    world.proofs.home = Home(7, LEFT)
    world.api.answers |= {"/property/7": error(errors.NotFound), "/property/8": {"id": 8}}
    await world.run("reservations")
    control = world.proofs.controls[0]
    assert control.allows(Home(7, LEFT))
    assert not control.allows(Home(7, THERE))
    assert control.told(7) == {"home_answered": 8}
    world.api.answers["/property/8"] = error(errors.NotFound)
    await world.run("reservations")
    assert not world.proofs.controls[1].allows(Home(7, LEFT))


@pytest.mark.parametrize(("known_state", "asked"), [(THERE, []), (UNKNOWN, ["/property/7"])])
async def test_a_property_is_asked_only_where_nobody_knows_whether_it_is_there(
    known_state: str, asked: list[str]
) -> None:
    world = world_with([11], found=[])
    world.proofs.home = Home(7, known_state)
    world.api.answers["/property/7"] = {"id": 7}
    await world.run("reservations")
    assert world.api.paths("/property/") == asked
    assert world.proofs.controls[0].homes == (frozenset({7}) if asked else frozenset())


async def test_a_property_of_another_company_is_not_there_and_takes_along_what_names_it() -> None:
    world = world_with([11, 12], found=[11])
    world.proofs.home, world.proofs.companies = Home(7, UNKNOWN), frozenset({4})
    world.proofs.mirrored = frozenset()
    world.api.answers["/property/7"] = {"id": 7, "company_id": 5}
    await world.run("reservations")
    assert world.proofs.left == {11: (7, 5)}
    assert world.sink.loaded("reservations") == [1]
    assert world.proofs.controls[0].homes == frozenset()


async def test_an_answer_that_is_another_record_is_a_problem_and_no_answer() -> None:
    world = world_with([11], found=[])
    world.api.answers["/reservation/11"] = {"id": 99}
    found = await world.run("reservations")
    assert found["reservations"].status == PARTIAL
    assert (world.proofs.answers, world.proofs.gone_keys, world.sink.loaded("reservations")) == ([], [], [])


async def test_regions_of_an_account_share_what_lists_leave_of_the_budget() -> None:
    world = world_with([*range(100, 2000)], [*range(100, 2000)], ReadSettings(requests_per_minute=10.0))
    await world.run("reservations", regions=("austin", "nashville"))
    # 600 calls an hour, two of them for lists: 299 to the first region, and some to the other one in any case.
    limits = [limit for limit, _ in world.proofs.limits]
    assert limits[0] == 299
    assert len(world.api.paths("/reservation/")) == 299 + LEAST_ASKED


async def test_more_than_can_be_believed_are_asked_two_hundred_a_run_and_told() -> None:
    keys = [*range(100, 500)]
    world = world_with(keys, found=keys)
    world.proofs.too_many = True
    await world.run("reservations")
    assert [at_once for _, at_once in world.proofs.limits] == [200]
    assert world.told(RecordsLeft) == [RecordsLeft(REGION, "reservations", 400)]


async def test_what_is_held_makes_a_run_partial_and_is_told_before_its_end() -> None:
    world = world_with([], found=[])
    world.proofs.waiting = 24
    found = await world.run("reservations")
    assert found["reservations"].status == PARTIAL
    assert world.told(DeletionsNeedReview) == [DeletionsNeedReview(REGION, "reservations", 24)]


async def test_rows_deleted_by_hand_are_told_before_anything_is_read() -> None:
    world = World()
    world.proofs.lost = [Loss("reservations", "reservation_guests", 3)]
    found = await world.run("reservations")
    assert world.events[0] == RowsLost(REGION, "reservations", "reservation_guests", 3)
    assert found["reservations"].details == {
        "records with rows that were deleted by hand from reservation_guests": 3,
    }
