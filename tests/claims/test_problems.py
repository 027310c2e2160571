"""One record, one property, one slip never stops the rest for good."""

from __future__ import annotations

import json

import pytest
from starlette.responses import Response

from tests.claims.api import as_json
from tests.claims.conftest import Place, not_green, statuses

REFUSED = as_json({"error": "unprocessable", "description": "never"}, 422)
BROKEN = as_json({"error": "server_error"}, 500)


async def problems(place: Place) -> list[dict[str, object]]:
    done = await place.command("problems", "list", "--json")
    assert done.code == 0, done.said
    found = json.loads(done.out)
    listed: list[dict[str, object]] = found if isinstance(found, list) else found["problems"]
    return listed


async def accept_all(place: Place) -> None:
    ids = [str(one["id"]) for one in await problems(place)]
    assert ids
    done = await place.command("problems", "accept", *ids, "--why", "known")
    assert done.code == 0, done.said


CASES = {
    "a property's list": r"^/task\?.*home_id=1000\b",
    "a task's comments": r"^/task/100000/comments",
    "a property's contacts": r"^/property/1000/contacts",
    "a whole list": r"^/supplies",
}


@pytest.mark.parametrize("name", CASES)
async def test_a_lasting_problem_can_be_accepted_until_it_changes(place: Place, name: str) -> None:
    place.add("nashville", 1, homes=5)
    place.api.answer(CASES[name], REFUSED)
    report = await place.run()
    assert not_green(report)
    await accept_all(place)
    place.later(1)
    report = await place.run()
    assert not_green(report) == []
    assert any("accepted" in (one.error or "") for one in report.outcomes)
    entity = {"a property's contacts": "property_contacts", "a whole list": "supplies"}.get(name, "tasks")
    assert place.refusal("all", entity) is None
    assert "accepted" in (place.refusal("all", entity, ", accepted => false") or "")
    assert "accepted" in (await place.command("status")).said
    done = await place.command("run")
    assert done.code == 0, done.said
    assert (await place.command("status", "--check")).code == 0
    # Another code is another problem.
    place.api.well()
    place.api.answer(CASES[name], BROKEN)
    place.later(26)
    assert not_green(await place.run())
    assert place.refusal("all", entity) is not None
    place.api.well()
    place.later(26)
    assert not_green(await place.run()) == []
    assert await problems(place) == []


async def test_a_record_without_an_id_can_be_accepted(place: Place) -> None:
    company = place.add("nashville", 1)
    company.records["supplies"][-1] = {"name": "nameless", "company_id": 1}
    report = await place.run()
    assert statuses(report)["supplies"] == "partial"
    await accept_all(place)
    place.later(26)
    assert not_green(await place.run()) == []
    assert place.refusal("all", "supplies") is None
    company.records["supplies"][-1] = {"name": "another", "company_id": 1}
    place.later(26)
    assert statuses(await place.run())["supplies"] == "partial"


async def test_one_record_listed_twice_is_no_problem_for_ever(place: Place) -> None:
    company = place.add("nashville", 1, homes=3)
    company.records["properties"][-1] = dict(company.records["properties"][1000])
    for _ in range(2):
        report = await place.run()
        place.later(1)
    assert not_green(report) == []
    assert place.homes() == {1000, 1001, 1002}


async def test_unknown_ids_and_a_missing_reason_change_nothing(place: Place) -> None:
    place.add("nashville", 1)
    place.api.answer(CASES["a whole list"], REFUSED)
    await place.run()
    (one,) = await problems(place)
    assert (await place.command("problems", "accept", str(one["id"]), "p99999", "--why", "x")).code == 2
    assert (await place.command("problems", "accept", str(one["id"]))).code == 2
    assert (await place.command("problems", "accept", str(one["id"]), "--why", " ")).code == 2
    assert place.rows("SELECT * FROM problems WHERE accepted_at IS NOT NULL") == []
    place.api.well()
    done = await place.command("problems", "retry", str(one["id"]))
    assert done.code == 0, done.said
    assert await problems(place) == []
    assert len(place.live("supplies", "supply_id")) == 1


@pytest.mark.parametrize(
    "slip",
    [
        Response('[{"id": 1, "first_na'),
        BROKEN,
        as_json({"error": "x"}, 503),
        Response(""),
        as_json({"error": "x"}, 429),
    ],
)
async def test_a_slip_of_a_daily_list_is_tried_again_in_the_same_run(place: Place, slip: Response) -> None:
    place.add("nashville", 1)
    place.api.answer(r"^/people", slip, times=1)
    assert not_green(await place.run()) == []


@pytest.mark.parametrize("number", [0, -5, 2**63 - 1])
async def test_no_id_is_asked_for_ever_or_never(place: Place, number: int) -> None:
    company = place.add("nashville", 1)
    place.api.put(company, "tasks", number, home_id=1000)
    company.children["comments", number] = [{"id": 1, "comment": "x"}]
    place.api.answer(rf"^/task/{number}/comments", BROKEN)
    await place.run()
    assert 1 <= len(place.api.calls(rf"^/task/{number}/comments")) < 10
    place.api.well()
    place.later(1)
    assert not_green(await place.run()) == []
    assert len(place.rows("SELECT * FROM task_comments")) == 1
