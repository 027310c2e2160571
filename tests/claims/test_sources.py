"""What is remembered belongs to a source: a wrong pair costs a region's freshness and nothing else."""

from __future__ import annotations

import pytest

from breezeway_sync.core.errors import BreezewaySyncError
from tests.claims.conftest import Place, not_green, statuses


def snapshot(place: Place) -> dict[str, set[int]]:
    return {code: place.tasks(code) | place.homes(code) | place.stays(code) for code in place.regions}


def everything(place: Place) -> dict[str, set[int]]:
    names = {"people": "person_id", "supplies": "supply_id", "templates": "template_id", "tags": "tag_id"}
    return snapshot(place) | {table: place.live(table, key) for table, key in names.items()}


async def test_a_region_that_gets_anothers_pair_by_mistake_harms_neither(place: Place) -> None:
    for code, number in (("nashville", 1), ("austin", 2)):
        place.add(code, number)
    await place.run()
    before = snapshot(place)
    right = dict(place.regions)
    place.regions["nashville"] = {**right["austin"], "company_id": 1}
    for _ in range(4):
        place.later(1)
        report = await place.run()
        assert not_green(report, "austin") == []
        assert not_green(report, "nashville")
        assert snapshot(place) == before
    assert place.refusal("austin") is None
    assert place.refusal("nashville") is not None
    place.regions = right
    place.later(1)
    assert not_green(await place.run()) == []
    assert snapshot(place) == before
    assert place.refusal() is None


@pytest.mark.parametrize("company_id", [None, ...])
async def test_two_swapped_pairs_heal_when_they_are_put_right(place: Place, company_id: object) -> None:
    for code, number in (("nashville", 1), ("austin", 2)):
        place.add(code, number, homes=30, tasks=5)
        place.regions[code] = place.region(number, company_id=company_id)
    await place.run()
    before = snapshot(place)
    right = dict(place.regions)
    place.regions = {
        "nashville": {**right["nashville"], **{k: right["austin"][k] for k in ("client_id", "client_secret")}},
        "austin": {**right["austin"], **{k: right["nashville"][k] for k in ("client_id", "client_secret")}},
    }
    for _ in range(3):
        place.later(1)
        assert not_green(await place.run())
        assert snapshot(place) == before
    place.regions = right
    place.later(1)
    assert not_green(await place.run()) == []
    assert snapshot(place) == before
    assert place.refusal() is None


async def test_a_wrong_pair_under_a_few_homes_deletes_nothing(place: Place) -> None:
    place.add("nashville", 1, homes=2)
    await place.run()
    before = snapshot(place)
    place.api.company(9)
    for home in (9000, 9001):
        place.api.put(place.api.companies[9], "properties", home)
        place.api.put(place.api.companies[9], "tasks", home * 10, home_id=home)
    right = place.regions["nashville"]
    for wrong in (place.region(9, company_id=None), place.region(9, company_id=1), place.region(9)):
        place.regions["nashville"] = wrong
        for _ in range(3):
            place.later(1)
            report = await place.run()
            assert not_green(report)
            assert snapshot(place) == before
            assert place.refusal() is not None
    place.regions["nashville"] = right
    place.later(1)
    assert not_green(await place.run()) == []
    assert place.refusal() is None


async def test_a_pair_that_shows_another_company_or_none_from_now_on_stores_and_deletes_nothing(place: Place) -> None:
    """Lists that name no company, such as people, wait for what the list of properties shows in the same run."""
    place.add("nashville", 1)
    await place.run()
    other = place.add("austin", 9)
    del place.regions["austin"]
    before = everything(place)
    for companies in ([9], []):
        place.api.pairs["client-1"] = companies
        for _ in range(3):
            place.later(9)
            report = await place.run()
            assert len(not_green(report)) == len(report.outcomes)
            assert everything(place) == before
        assert "regions adopt nashville" in str(report.outcomes[0].error)
        for entity in statuses(report):
            assert place.refusal("all", entity) is not None, entity
    assert place.homes().isdisjoint(other.records["properties"])
    place.api.pairs["client-1"] = [1]
    place.later(1)
    assert not_green(await place.run()) == []
    assert everything(place) == before


async def test_a_rotated_secret_changes_nothing(place: Place) -> None:
    place.add("nashville", 1)
    await place.run()
    place.api.secrets["client-1"] = "another"
    place.regions["nashville"]["client_secret"] = "another"
    place.later(1)
    place.api.log.clear()
    assert not_green(await place.run()) == []
    assert not place.api.calls(r"^/reservation\?(?!.*updated_at)(?!.*checkin_date)")


async def test_a_new_pair_for_the_same_company_reads_everything_again_and_deletes_nothing(place: Place) -> None:
    place.add("nashville", 1)
    await place.run()
    before = snapshot(place)
    place.api.pairs["new"], place.api.secrets["new"] = [1], "new"
    place.regions["nashville"] = place.region(1, client="new")
    place.later(1)
    place.api.log.clear()
    assert not_green(await place.run()) == []
    assert place.api.calls(r"^/reservation\?(?!.*updated_at)")
    assert snapshot(place) == before


async def test_a_corrected_company_id_is_read_whole_after_somebody_adopted_it(place: Place) -> None:
    place.add("nashville", 1, homes=3)
    right = place.api.company(2, client="client-1")
    for home in range(2000, 2020):
        place.api.put(right, "properties", home)
        place.api.put(right, "reservations", home + 500, property_id=home)
        place.api.put(right, "reservations", home + 600, property_id=home)
        place.api.put(right, "tasks", home * 10, home_id=home)
    await place.run()
    assert place.homes() == {1000, 1001, 1002}
    before = snapshot(place)
    place.regions["nashville"]["company_id"] = 2
    place.later(1)
    report = await place.run()
    told = {one.error for one in not_green(report)}
    assert any("regions adopt nashville" in (one or "") for one in told)
    assert snapshot(place) == before
    assert place.refusal() is not None
    done = await place.command("regions", "adopt", "nashville")
    assert done.code == 0, done.said
    for _ in range(4):
        place.later(1)
        report = await place.run()
    assert not_green(report) == []
    assert place.homes() == set(right.records["properties"])
    assert place.stays() == set(right.records["reservations"])
    assert place.tasks() == set(right.records["tasks"])
    assert place.refusal() is None
    reasons = {one["reason"] for one in place.rows("SELECT reason FROM deletions")}
    assert reasons <= {"source_adopted", "property_left"}


async def test_a_property_that_moves_between_companies_of_one_pair_is_live_in_one_region_only(place: Place) -> None:
    one = place.add("nashville", 1, homes=3, client="both")
    other = place.add("austin", 2, homes=3, client="both")
    assert not_green(await place.run()) == []
    home = one.records["properties"].pop(1000)
    other.records["properties"][1000] = {**home, "company_id": 2}
    for kind, by in (("tasks", "home_id"), ("reservations", "property_id")):
        for number in [key for key, record in one.records[kind].items() if record[by] == 1000]:
            other.records[kind][number] = one.records[kind].pop(number)
    for _ in range(4):
        place.later(1)
        report = await place.run()
    assert not_green(report) == []
    for code, company in (("nashville", one), ("austin", other)):
        assert place.homes(code) == set(company.records["properties"])
        assert place.tasks(code) == set(company.records["tasks"])
        assert place.stays(code) == set(company.records["reservations"])


async def test_without_a_company_several_are_named_and_nothing_is_loaded(place: Place) -> None:
    place.add("nashville", 1, homes=3, client="both")
    place.add("austin", 2, homes=2, client="both")
    place.regions = {"nashville": place.region(1, client="both", company_id=None)}
    report = await place.run()
    (told,) = {one.error for one in not_green(report) if one.entity == "properties"}
    assert told is not None
    assert "company_id" in told
    assert "1" in told
    assert "2" in told
    assert place.homes() == place.tasks() == set()
    assert place.rows("SELECT * FROM people") == []
    place.regions["nashville"]["company_id"] = "all"
    assert not_green(await place.run()) == []
    assert len(place.homes()) == 5
    place.regions = {"nashville": place.region(1, client="both", company_id=[1, 2])}
    place.later(1)
    await place.run()
    assert len(place.homes()) == 5


async def test_an_empty_list_of_properties_confirms_nothing_until_a_person_says_so(place: Place) -> None:
    """A wrong pair or company shows an empty list too: neither is it taken for the region, nor is the region green."""
    company = place.add("nashville", 1)
    homes = company.records.pop("properties")
    report = await place.run()
    assert set(statuses(report).values()) == {"failed"}
    assert "regions adopt nashville" in str(report.outcomes[0].error)
    assert place.live("people", "person_id") == set()
    assert place.refusal("nashville", "properties") is not None
    assert (await place.command("regions", "adopt", "nashville")).code == 0
    for _ in range(2):
        place.later(1)
        assert not_green(await place.run()) == []
    assert place.live("people", "person_id") != set()
    company.records["properties"] = homes
    place.later(1)
    assert not_green(await place.run()) == []
    assert place.homes() == {1000, 1001}


async def test_a_smaller_configuration_of_another_process_switches_nothing_off(place: Place) -> None:
    for code, number in (("nashville", 1), ("austin", 2)):
        place.add(code, number)
    await place.run()
    everything = dict(place.regions)
    place.regions = {"austin": everything["austin"]}
    await place.run("austin", "supplies")
    assert place.rows("SELECT count(*) AS n FROM regions WHERE is_active") == [{"n": 2}]
    assert place.refusal("all", "tasks") is None
    # Nobody works nashville any more.
    for _ in range(4):
        place.later(1)
        await place.run()
    assert "nashville" in (place.refusal() or "")
    done = await place.command("status", "--check", settings={**place.tables(), "regions": everything})
    assert done.code == 4, done.said
    assert "nashville" in done.said
    assert (await place.command("regions", "retire", "nashville")).code == 0
    assert place.refusal() is None
    assert (await place.command("status", "--check")).code == 0
    place.regions = everything
    done = await place.command("run", "nashville")
    assert done.code not in (0, 4), done.said
    assert "regions adopt nashville" in done.said
    assert (await place.command("regions", "adopt", "nashville")).code == 0
    assert not_green(await place.run()) == []
    assert place.refusal() is None


async def test_an_entity_that_nobody_claims_is_off_and_nobody_is_alerted(place: Place) -> None:
    place.add("nashville", 1)
    await place.run()
    place.more["entities"] = {"supplies": {"enabled": False}}
    for _ in range(28):
        place.later(1)
        await place.run("nashville", "properties")
    await place.run()
    assert "off" in (place.refusal("nashville", "supplies") or "")
    done = await place.command("status", "--check")
    assert done.code == 0, done.said
    assert "off" in done.said


async def test_renaming_a_region_keeps_its_rows_and_doubles_nothing(place: Place) -> None:
    company = place.add("nashville", 1)
    for task in company.records["tasks"].values():
        task["costs"] = [{"id": task["id"], "cost": 10, "type_cost": {"id": 1, "code": "labor", "name": "Labor"}}]
    await place.run()
    table = place.regions.pop("nashville")
    place.regions["music_city"] = table
    place.api.log.clear()
    done = await place.command("run")
    assert done.code == 78 or "regions rename" in done.said, done.said
    assert place.api.log == []
    assert place.rows("SELECT count(*) AS n FROM task_costs") == [{"n": 8}]
    done = await place.command("regions", "rename", "nashville", "music_city")
    assert done.code == 0, done.said
    assert len(place.tasks("music_city")) == 8
    assert place.tasks("nashville") == set()
    place.later(1)
    assert not_green(await place.run()) == []
    assert place.rows("SELECT count(*) AS n FROM task_costs") == [{"n": 8}]
    assert place.refusal() is None
    listed = await place.command("regions", "list")
    assert "music_city" in listed.out
    assert "nashville" not in listed.out


async def test_the_same_company_twice_is_refused(place: Place) -> None:
    place.add("nashville", 1)
    place.regions["austin"] = {**place.regions["nashville"], "client_secret": "another"}
    done = await place.command("config", "check")
    assert done.code == 78, done.said
    assert "austin" in done.said
    assert "nashville" in done.said
    place.regions["austin"] = place.region(1, company_id=None)
    assert (await place.command("config", "check")).code == 78


async def test_a_wrong_company_id_that_was_never_shown_keeps_nobody_from_that_company(place: Place) -> None:
    for code, number in (("nashville", 1), ("austin", 2)):
        place.add(code, number)
    right = dict(place.regions)
    place.regions = {"austin": {**right["austin"], "company_id": 1}}
    assert not_green(await place.run("austin")) != []
    wrong, place.regions = place.regions["austin"], {"nashville": right["nashville"]}
    assert not_green(await place.run("nashville")) == []
    place.regions = {"austin": wrong}
    place.api.log.clear()
    report = await place.run("austin")
    assert {one.error_code for one in report.outcomes} == {"source_taken"}
    assert place.api.log == [], "the company is nashville's by now"
    place.regions = right
    assert not_green(await place.run()) == []
    assert place.refusal() is None


async def test_a_new_code_for_one_company_of_a_region_that_takes_all_is_refused(place: Place) -> None:
    place.add("nashville", 1)
    company = place.regions["nashville"]
    place.regions["nashville"] = {**company, "company_id": "all"}
    assert not_green(await place.run()) == []
    place.regions = {"austin": company}
    place.api.log.clear()
    report = await place.run("austin")
    assert {one.error_code for one in report.outcomes} == {"source_taken"}
    assert place.api.log == []


async def test_all_over_no_region_is_refused(place: Place) -> None:
    assert "no such data" in (place.refusal("all", "tasks") or "")
    with pytest.raises((BreezewaySyncError, AssertionError, ValueError)):
        await place.run("nowhere")
