"""Whether a region may be read, and when what a list of properties shows is enough to know. Pure, but for the gate."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway_sync.core.errors import (
    BreezewaySyncError,
    RegionRetired,
    SameSource,
    ServerFailed,
    SourceChanged,
    SourceTaken,
    SourceUnclear,
)
from breezeway_sync.core.outcome import FAILED, PARTIAL, SUCCESS
from breezeway_sync.core.sources import Companies, Identity, RegionSource, SourceState, account_key, normalised
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.catalog.properties import PROPERTIES
from breezeway_sync.entities.catalog.reservations import RESERVATIONS
from breezeway_sync.entities.catalog.tasks import TASKS
from breezeway_sync.entities.decode import Item
from breezeway_sync.sync.belonging import OF_ANOTHER_COMPANY, OF_ANOTHER_HOME, Belonging
from breezeway_sync.sync.identity import Shown, SourceCheck, confirm, is_rightful, validate
from tests.sync.fakes import IDENTITY, REGION, World, error, ids

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OTHER = replace(IDENTITY, account="another account")


def known_state(identity: Identity = IDENTITY, **known: object) -> SourceState:
    source = RegionSource(identity, **{"confirmed_at": NOW, **known})  # type: ignore[arg-type]
    return SourceState(source, is_retired=False, has_properties=True)


@pytest.mark.parametrize(
    ("address", "same"),
    [
        ("HTTPS://API.Breezeway.io/", "https://api.breezeway.io"),
        ("https://api.breezeway.io:443", "https://api.breezeway.io"),
        ("http://host:80/a/", "http://host/a"),
        ("http://host:8080", "http://host:8080"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_addresses_are_compared_normalised(address: str, same: str) -> None:
    assert normalised(address) == same == normalised(same)
    assert account_key(address, "me") == account_key(same, "me") != account_key(same, "you")


def test_the_same_source_is_confirmed_and_a_new_one_is_not() -> None:
    assert validate(REGION, IDENTITY, known_state()) == SourceCheck(IDENTITY, is_confirmed=True)
    new = SourceState(None, is_retired=False, has_properties=False)
    assert validate(REGION, IDENTITY, new) == SourceCheck(IDENTITY)
    assert not validate(REGION, IDENTITY, known_state(confirmed_at=None)).is_confirmed
    assert not validate(REGION, IDENTITY, known_state(blocked_why="it was blocked")).is_confirmed


def test_a_new_client_id_of_the_same_company_is_the_same_source_by_another_door() -> None:
    found = validate(REGION, OTHER, known_state())
    assert (found.is_confirmed, found.is_new_client, found.must_know) == (False, True, True)
    assert found.identity == OTHER


def test_without_a_configured_company_the_stored_one_counts() -> None:
    found = validate(REGION, replace(IDENTITY, companies=Companies()), known_state())
    assert (found.identity, found.is_confirmed) == (IDENTITY, True)
    unknown = replace(IDENTITY, companies=Companies())
    never_shown = known_state(OTHER, confirmed_at=None)
    assert validate(REGION, IDENTITY, never_shown) == SourceCheck(IDENTITY, is_new_client=True)
    assert not validate(REGION, IDENTITY, known_state(unknown)).is_confirmed


@pytest.mark.parametrize(
    ("expected", "kind"),
    [
        (replace(IDENTITY, address="https://other.example"), SourceChanged),
        (replace(IDENTITY, companies=Companies((5,))), SourceChanged),
        (replace(IDENTITY, companies=Companies((4, 5))), SourceChanged),
        (replace(IDENTITY, companies=Companies(all=True)), SourceChanged),
    ],
)
def test_another_source_is_refused_with_both_ways_out(expected: Identity, kind: type[BreezewaySyncError]) -> None:
    with pytest.raises(kind, match=f"regions adopt {REGION}") as caught:
        validate(REGION, expected, known_state())
    assert "right" in caught.value.message


def test_a_retired_region_and_one_with_a_twin_are_refused() -> None:
    with pytest.raises(RegionRetired, match="regions adopt"):
        validate(REGION, IDENTITY, replace(known_state(), is_retired=True))
    new = SourceState(None, is_retired=False, has_properties=False, twin="south")
    with pytest.raises(SourceTaken, match="regions rename south north"):
        validate(REGION, IDENTITY, new)


def test_after_an_adoption_no_known_property_is_asked_for_until_they_were_read_whole() -> None:
    fresh = replace(known_state(confirmed_at=None, adopted_at=NOW), has_properties=False)
    assert not validate(REGION, IDENTITY, fresh).must_know
    assert validate(REGION, IDENTITY, replace(fresh, has_properties=True)).must_know
    assert validate(REGION, OTHER, fresh).must_know


def test_of_two_regions_with_one_pair_only_the_one_that_had_it_is_read() -> None:
    refused = SameSource("the same")
    assert is_rightful(IDENTITY, known_state(), refused)
    assert not is_rightful(OTHER, known_state(), refused)
    assert not is_rightful(IDENTITY, known_state(confirmed_at=None), refused)
    assert not is_rightful(IDENTITY, known_state(), BreezewaySyncError("different secrets"))


def test_what_a_whole_list_of_properties_decides() -> None:
    open_company = SourceCheck(replace(IDENTITY, companies=Companies()))
    known = SourceCheck(IDENTITY)
    shown = Shown({1, 2}, {4: 2}, {})
    assert confirm(REGION, open_company, shown, ()).identity == IDENTITY
    assert confirm(REGION, open_company, Shown({1}, {}, {}), ()).identity.companies == Companies()
    with pytest.raises(SourceUnclear, match=r"2 properties of company 4, 1 properties of company 5"):
        confirm(REGION, open_company, Shown({1, 2, 3}, {4: 2, 5: 1}, {}), ())
    assert confirm(REGION, known, shown, {2, 9}) == known
    assert confirm(REGION, replace(known, is_confirmed=True), Shown((), {}, {}), ()).is_confirmed
    assert confirm(REGION, replace(known, must_know=False), Shown((), {}, {}), ()).identity == IDENTITY
    with pytest.raises(SourceUnclear, match="regions adopt north"):
        confirm(REGION, known, Shown((), {}, {}), ())
    for nothing_known in (shown, Shown((), {}, {}), Shown((), {}, {5: 3})):
        with pytest.raises(SourceChanged, match="without any known property"):
            confirm(REGION, known, nothing_known, {9})
    with pytest.raises(SourceUnclear, match="3 properties of company 5"):
        confirm(REGION, known, Shown((), {}, {5: 3}), ())
    confirmed = replace(known, is_confirmed=True)
    assert confirm(REGION, confirmed, Shown((), {}, {}), {9}) == confirmed  # none of them is live
    for nothing_known in (shown, Shown((), {}, {})):
        with pytest.raises(SourceChanged):
            confirm(REGION, replace(confirmed, has_live=True), nothing_known, {9})
    with pytest.raises(SourceChanged):
        confirm(REGION, confirmed, shown, {9})
    assert confirm(REGION, replace(known, must_know=False), shown, {9}).identity == IDENTITY


@given(st.one_of(st.none(), st.integers(), st.text(), st.booleans(), st.floats(), st.lists(st.integers())))
def test_any_value_in_place_of_a_company_is_judged_and_what_names_none_belongs(value: object) -> None:
    belonging = Belonging(Companies((4,)), frozenset({7}))
    for entity in ENTITIES:
        item = {"id": 1, "company_id": value, "home_id": value, "property_id": value}
        why = belonging.why_left_out(entity, item)  # type: ignore[arg-type]
        assert why in (None, OF_ANOTHER_COMPANY, OF_ANOTHER_HOME)
        if value is None:
            assert why is None


def test_records_belong_by_company_or_home() -> None:
    belonging = Belonging(Companies((4, 5)), frozenset({7}))
    assert belonging.why_left_out(PROPERTIES, {"id": 1, "company_id": 5}) is None
    assert belonging.why_left_out(PROPERTIES, {"id": 1, "company_id": "6"}) == OF_ANOTHER_COMPANY
    assert belonging.why_left_out(PROPERTIES, {"id": 7}) is None
    assert belonging.why_left_out(RESERVATIONS, {"id": 1, "property_id": 7}) == OF_ANOTHER_HOME
    assert belonging.why_left_out(TASKS, {"id": 1, "home_id": 8}) is None
    assert Belonging(Companies(all=True)).why_left_out(PROPERTIES, {"id": 1, "company_id": 6}) is None


# --- the engine ------------------------------------------------------------------------------------


def unconfirmed(world: World, companies: Companies = IDENTITY.companies) -> None:
    world.sources.standings[REGION] = known_state(replace(IDENTITY, companies=companies), confirmed_at=None)


async def test_while_it_is_not_confirmed_properties_are_read_first_and_alone() -> None:
    world = World()
    unconfirmed(world)
    world.api.answers["/property"] = ids(1, 2)
    found = await world.run("people", "supplies")
    assert {one.status for one in found.values()} == {SUCCESS}
    assert world.api.paths()[0] == "/property"
    assert world.sink.batches[0][0] == "properties"
    assert world.sources.confirmed == [(REGION, IDENTITY, False)]


async def test_what_properties_failed_to_confirm_keeps_everything_else_from_being_read() -> None:
    world = World()
    unconfirmed(world)
    world.api.answers["/property"] = error(ServerFailed)
    found = await world.run("people", "tasks")
    assert found["properties"].status == FAILED
    assert {found[name].error_code for name in ("people", "tasks")} == {"not_read"}
    assert world.api.paths() == ["/property"]
    assert world.sources.confirmed == []


async def test_a_list_without_a_known_property_stores_nothing_and_blocks() -> None:
    world = World()
    world.sources.known = frozenset({77})
    world.api.answers["/property"] = ids(1, 2)
    found = await world.run("properties", "reservations", "tasks")
    assert {one.error_code for one in found.values()} == {"source_changed"}
    assert world.sink.batches == []
    assert world.sink.checkpoints == []
    assert REGION in world.sources.blocked


async def test_a_confirmed_list_is_stored_page_by_page_from_the_first_known_property_on() -> None:
    world = World()
    world.sources.known = frozenset({2})
    world.api.answers["/property"] = [*ids(1), *ids(2)]
    assert (await world.run("properties"))["properties"].status == SUCCESS
    assert [len(batch) for _, batch, _ in world.sink.batches] == [2]
    assert world.sources.confirmed == []


async def test_left_out_records_are_counted_and_in_no_mark() -> None:
    world = World()
    shown: list[Item] = [{"id": 1, "company_id": 4}, {"id": 3}, {"id": 2, "company_id": 5}]
    world.api.answers["/property"] = shown
    found = (await world.run("properties"))["properties"]
    assert found.details == {OF_ANOTHER_COMPANY: 1}
    assert list(world.sink.checkpoints[-1].ids) == [1, 3]
    assert world.sink.checkpoints[-1].shown == 3
    assert world.sources.excluded == {2}
    assert Counter(entity for entity, _, _ in world.sink.batches) == {"properties": 1}


async def test_an_empty_list_of_properties_confirms_nothing_before_a_person_adopts_the_source() -> None:
    world = World()
    unconfirmed(world)
    found = await world.run("people")
    assert found["people"].status == FAILED
    assert world.sink.batches == []
    assert world.sources.confirmed == []
    adopted = replace(known_state(confirmed_at=None, adopted_at=NOW), has_properties=False)
    world.sources.standings["north"] = adopted
    found = await world.run("people")
    assert found["people"].status == SUCCESS
    assert world.sources.confirmed != []


async def test_one_region_that_is_refused_costs_no_other() -> None:
    world = World()
    world.sources.standings["south"] = replace(known_state(), is_retired=True)
    found = await world.run("people", regions=("north", "south"))
    assert found["north people"].status == SUCCESS
    assert found["south people"].error_code == "region_retired"
    assert PARTIAL not in {one.status for one in found.values()}
