"""Reading lists: what each entity asks for, and what a list that fails costs."""

from __future__ import annotations

import pytest

from breezeway_sync.core import errors
from breezeway_sync.core.errors import ApiError
from breezeway_sync.core.events import EntityAdvanced, EntityUnavailable
from breezeway_sync.core.outcome import FAILED, PARTIAL, SUCCESS
from breezeway_sync.entities.checkpoints import ListState
from breezeway_sync.entities.decode import Unreadable
from breezeway_sync.sync.job import ReadSettings
from tests.sync.fakes import LONG_AGO, REGION, Page, World, error, ids, items


async def test_people_are_asked_for_in_every_state_and_added_up() -> None:
    world = World()
    world.api.answers = {f"/people?status={state}": ids(key) for state, key in (("active", 1), ("inactive", 3))}
    found = await world.run("people")
    # Twice: somebody may change to a state that was asked for already.
    assert [params["status"] for _, params in world.api.calls] == ["active", "invited", "inactive"] * 2
    assert world.sink.loaded("people") == [1, 3]
    assert (found["people"].status, found["people"].read, found["people"].calls) == (SUCCESS, 2, 6)


async def test_lists_are_asked_for_with_the_company_and_what_always_goes_with_them() -> None:
    world = World()
    await world.run("supplies", "reservations", "people")
    assert ("/supplies", {"company_id": "4"}) in world.api.calls
    assert ("/reservation", {"company_id": "4", "checkout_date_ge": "1970-01-01"}) in world.api.calls
    assert world.api.paths("/people") == ["/people"] * 6


async def test_each_kind_of_tags_is_stored_as_its_kind() -> None:
    world = World()
    world.api.answers = {"/task/tags": ids(1), "/reservation/tags": ids(1), "/property/tags": ids(2)}
    await world.run("tags")
    assert [(kind, len(batch)) for _, batch, kind in world.sink.batches] == [
        ("task", 1),
        ("reservation", 1),
        ("property", 1),
    ]


async def test_a_configured_path_replaces_the_known_one() -> None:
    world = World(ReadSettings(paths={"supplies": "/stock"}))
    world.api.answers = {"/stock": ids(1)}
    await world.run("supplies")
    assert world.api.paths() == ["/stock"]
    assert world.api.endpoints == {"/supplies"}
    assert world.sink.loaded("supplies") == [1]


async def test_a_part_that_is_switched_off_is_not_asked_for() -> None:
    world = World(ReadSettings(disabled=frozenset({"reservation_tags", "property_tags"})))
    await world.run("tags")
    assert world.api.paths() == ["/task/tags"]


async def test_of_a_record_on_two_pages_the_later_request_counts() -> None:
    world = World()
    later = Page(({"id": 1, "name": "new"}, {"id": 2}), 1, 200.0)
    earlier = Page(({"id": 1, "name": "old"}, {"id": 3}), 2, 150.0)
    world.api.answers["/supplies"] = [later, earlier]
    await world.run("supplies")
    ((_, batch, _),) = world.sink.batches
    assert [(one.item, one.order) for one in batch] == [
        ({"id": 1, "name": "new"}, 200_000),
        ({"id": 2}, 200_000),
        ({"id": 3}, 150_000),
    ]


async def test_a_record_that_comes_again_later_is_handed_on_with_its_order() -> None:
    world = World()
    world.api.answers["/supplies"] = [Page(({"id": 1},), 1, 150.0), Page(({"id": 1, "name": "new"},), 2, 200.0)]
    await world.run("supplies")
    assert [one.order for _, batch, _ in world.sink.batches for one in batch] == [150_000, 200_000]


async def test_pages_are_loaded_in_batches_and_progress_is_told() -> None:
    world = World(ReadSettings(batch_rows=4))
    world.api.answers["/supplies"] = [Page(tuple(ids(n, n + 100)), n, 110.0 + n, 5) for n in range(1, 6)]
    found = await world.run("supplies")
    assert [len(batch) for _, batch, _ in world.sink.batches] == [4, 4, 2]
    assert found["supplies"].read == 10
    progress = [event for event in world.events if isinstance(event, EntityAdvanced)]
    assert [(event.unit, event.done, event.total) for event in progress] == [("pages", n, 5) for n in range(1, 6)]


async def test_items_that_nothing_reads_go_to_the_store_as_they_are() -> None:
    world = World()
    bad = Unreadable("{", "not JSON at character 1")
    world.api.answers["/supplies"] = items({"id": 1}, bad, "text")
    await world.run("supplies")
    assert [one.item for _, batch, _ in world.sink.batches for one in batch] == [{"id": 1}, bad, "text"]


async def test_a_list_that_fails_whole_is_a_failed_entity_alone() -> None:
    world = World()
    world.api.answers = {"/supplies": error(errors.ServerFailed), "/companies/subdepartments": ids(1)}
    found = await world.run("supplies", "subdepartments")
    assert found["subdepartments"].status == SUCCESS
    assert (found["supplies"].status, found["supplies"].error_code) == (FAILED, "server_failed")
    assert found["supplies"].error == "supplies: it failed in /x"


async def test_a_list_that_fails_after_others_came_is_a_partial_entity() -> None:
    world = World()
    world.api.answers = {
        "/task/tags": ids(1),
        "/reservation/tags": error(errors.ServerFailed),
        "/property/tags": ids(2),
    }
    found = await world.run("tags")
    assert world.sink.loaded("tags") == [1, 2]
    assert found["tags"].status == PARTIAL


async def test_a_list_that_ends_before_its_announced_end_is_stored_and_partial() -> None:
    world = World()
    world.api.answers["/supplies"] = [
        Page(tuple(ids(1, 2)), 1, 110.0, 3),
        Page(tuple(ids(3)), 2, 111.0, 3, is_complete=False),
    ]
    found = await world.run("supplies")
    assert world.sink.loaded("supplies") == [1, 2, 3]
    assert (found["supplies"].status, found["supplies"].error_code) == (PARTIAL, "list_incomplete")


@pytest.mark.parametrize("kind", [errors.NotFound, errors.Forbidden, errors.EmptyAnswer])
async def test_templates_that_an_account_does_not_have_are_told_once(kind: type[ApiError]) -> None:
    world = World()
    world.api.answers["/companies/templates"] = error(kind)
    first = (await world.run("templates"))["templates"]
    second = (await world.run("templates"))["templates"]
    assert first.status == second.status == SUCCESS
    assert first.details["unavailable"] == second.details["unavailable"] == ["templates"]
    assert (first.calls, second.calls) == (1, 0)
    assert [event.source for event in world.events if isinstance(event, EntityUnavailable)] == ["templates"]
    assert "not available" in (second.error or "")


EVERY_LIST = (
    "/task/tags", "/reservation/tags", "/property/tags", "/supplies",
    "/companies/templates", "/companies/subdepartments",
)  # fmt: skip
LACKING = ("tags", "supplies", "templates", "subdepartments")


@pytest.mark.parametrize("kind", [errors.NotFound, errors.Forbidden])
@pytest.mark.parametrize("full", [False, True])
async def test_nothing_is_missing_while_every_list_is_refused(kind: type[ApiError], full: bool) -> None:
    """A gateway during a deploy, or access that is not switched on yet; the next run asks again."""
    world = World(ReadSettings(full=full))
    world.sync_state.answered = set()
    world.api.answers = {path: error(kind) for path in (*EVERY_LIST, "/property", "/people", "/reservation", "/task/")}
    for _ in range(2):
        world.api.calls.clear()
        found = await world.run("properties", "people", "reservations", *LACKING)
        assert {one.status for one in found.values()} == {FAILED}
        assert set(EVERY_LIST) <= set(world.api.paths())
    assert world.sync_state.closed == {}


@pytest.mark.parametrize("name", ["properties", "reservations", "people"])
async def test_what_every_account_has_is_never_missing(name: str) -> None:
    world = World()
    path = {"properties": "/property", "reservations": "/reservation", "people": "/people"}[name]
    world.api.answers = {path: error(errors.Forbidden)}
    assert (await world.run(name))[name].status == FAILED
    assert world.sync_state.closed == {}


async def test_tasks_of_the_first_properties_that_are_refused_are_problems_of_these() -> None:
    world = World(ReadSettings(workers=8))
    world.sync_state.properties[REGION] = list(range(20))
    world.api.answers = {f"/task/?home_id={one}": error(errors.NotFound) for one in range(8)}
    for _ in range(2):
        found = (await world.run("tasks"))["tasks"]
        assert (found.status, found.error_code) == (PARTIAL, "not_found")
    assert world.sync_state.closed == {}
    assert len(world.api.paths("/task/")) == 2 * 20


async def test_a_first_run_asks_again_once_others_have_answered_and_then_concludes() -> None:
    """Templates were refused before another list had answered."""
    world = World()
    world.sync_state.answered = set()
    world.api.answers = {"/companies/templates": error(errors.Forbidden)}
    found = await world.run("properties", "templates", "subdepartments")
    assert (found["templates"].status, found["templates"].calls) == (SUCCESS, 2)
    assert list(world.sync_state.closed) == ["templates"]
    assert len(found) == 3


async def test_one_list_that_answers_is_no_evidence_of_another_without_the_properties() -> None:
    world = World()
    world.sync_state.answered = {"task_tags", "subdepartments"}
    world.api.answers = {"/companies/templates": error(errors.Forbidden)}
    assert (await world.run("templates"))["templates"].status == FAILED
    assert world.sync_state.closed == {}


async def test_a_list_that_was_read_before_is_not_missing() -> None:
    world = World()
    world.sync_state.due_scans = {"templates": {0: ListState(watermark=LONG_AGO)}}
    world.api.answers = {"/companies/templates": error(errors.Forbidden)}
    assert (await world.run("templates"))["templates"].status == FAILED
    assert world.sync_state.closed == {}


async def test_an_empty_answer_where_none_is_known_is_a_failure() -> None:
    world = World()
    world.api.answers["/supplies"] = error(errors.EmptyAnswer)
    found = await world.run("supplies")
    assert found["supplies"].status == FAILED
    assert world.sync_state.closed == {}


async def test_a_refusal_after_records_came_is_a_problem_and_closes_nothing() -> None:
    world = World()
    world.api.answers = {"/people?status=active": ids(1), "/people?status=invited": error(errors.NotFound)}
    found = await world.run("people")
    assert found["people"].status == PARTIAL
    assert world.sync_state.closed == {}


async def test_a_full_run_asks_again_for_what_was_missing_and_forgets_it_when_it_answers() -> None:
    world = World(ReadSettings(full=True))
    world.sync_state.closed = {"templates": "gone"}
    world.api.answers["/companies/templates"] = ids(1)
    found = await world.run("templates")
    assert world.sync_state.reopened == ["templates"]
    assert world.sink.loaded("templates") == [1]
    assert "unavailable" not in found["templates"].details


async def test_one_property_that_fails_costs_only_itself() -> None:
    world = World(ReadSettings(workers=2))
    world.sync_state.properties[REGION] = [5, 6, 7]
    world.api.answers = {
        "/task/?home_id=5": ids(50),
        "/task/?home_id=6": error(errors.Refused, "422 for good"),
        "/task/?home_id=7": [Page(tuple(ids(70)), 1, 110.0), Page(tuple(ids(71)), 2, 111.0)],
    }
    found = await world.run("tasks")
    assert sorted(map(str, world.sink.loaded("tasks"))) == ["50", "70", "71"]
    assert found["tasks"].status == PARTIAL
    assert found["tasks"].error == "property 6: 422 for good in /x"


async def test_a_task_that_moved_between_properties_is_handed_on_for_both() -> None:
    world = World(ReadSettings(workers=1))
    world.sync_state.properties[REGION] = [5, 6]
    world.api.answers = {"/task/?home_id=5": ids(50), "/task/?home_id=6": ids(50)}
    await world.run("tasks")
    assert world.sink.loaded("tasks") == [50, 50]


async def test_tasks_are_asked_for_by_one_key_some_at_once() -> None:
    world = World(ReadSettings(workers=3))
    world.sync_state.properties[REGION] = list(range(20))
    await world.run("tasks")
    assert sorted(str(params) for _, params in world.api.calls) == sorted(str({"home_id": str(n)}) for n in range(20))
    assert world.api.most_active == 3


@pytest.mark.parametrize("kind", [errors.CredentialsRejected, errors.Unauthorized])
async def test_without_access_the_other_properties_are_not_asked(kind: type[ApiError]) -> None:
    world = World(ReadSettings(workers=1))
    world.sync_state.properties[REGION] = [5, 6, 7]
    world.api.answers = {"/task/?home_id=5": ids(50), "/task/?home_id=6": error(kind)}
    found = await world.run("tasks")
    assert len(world.api.calls) == 2
    assert world.sink.loaded("tasks") == [50]
    assert (found["tasks"].status, found["tasks"].error_code) == (FAILED, kind.code)
