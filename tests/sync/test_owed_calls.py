"""Comments and requirements: calls that are owed per task, and what each answer does to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from breezeway_sync.core import errors
from breezeway_sync.core.events import EntityAdvanced, EntityUnavailable
from breezeway_sync.core.outcome import FAILED, PARTIAL, SUCCESS
from breezeway_sync.entities.asking import THERE, Home
from breezeway_sync.entities.checkpoints import ListState
from breezeway_sync.entities.decode import Unreadable
from breezeway_sync.sync.calls import CHUNK_PARENTS, FLUSH_SETS
from breezeway_sync.sync.job import Deadline, ReadSettings
from tests.sync.fakes import LONG_AGO, World, error, ids, items

COMMENTS, REQUIREMENTS = "task_comments", "task_requirements"


def owing(*parents: int, settings: ReadSettings | None = None, requirements: tuple[int, ...] = ()) -> World:
    world = World(settings or ReadSettings(workers=1))
    world.sync_state.pending_reads = {COMMENTS: set(parents), REQUIREMENTS: set(requirements)}
    world.sync_state.properties["north"] = [5]
    return world


async def test_what_is_owed_is_read_newest_first_and_settled() -> None:
    world = owing(1, 3, 2, requirements=(2,))
    world.api.answers = {"/task/3/comments": ids(30), "/task/2/requirements": items({"note": "a"})}
    found = await world.run("tasks")
    assert world.api.paths("/task/")[1:] == [
        *("/task/3/comments", "/task/2/comments", "/task/2/requirements", "/task/1/comments")
    ]
    assert world.sync_state.pending_reads == {COMMENTS: set(), REQUIREMENTS: set()}
    assert (found["tasks"].status, found["tasks"].pending_reads, found["tasks"].calls) == (SUCCESS, 0, 5)
    assert found["tasks"].details[COMMENTS] == {"read": 1}


async def test_tasks_around_today_come_first_and_each_is_asked_for_once() -> None:
    world = owing(1, 2, 3, 4, requirements=(1, 4))
    world.sync_state.near = {1, 3}
    world.api.answers = {"/task/1/comments": error(errors.ServerFailed)}
    found = await world.run("tasks")
    assert world.api.paths("/task/")[1:] == [
        *("/task/3/comments", "/task/1/comments", "/task/1/requirements"),
        *("/task/4/comments", "/task/4/requirements", "/task/2/comments"),
    ]
    assert world.sync_state.pending_reads == {COMMENTS: {1}, REQUIREMENTS: set()}
    assert (found["tasks"].status, found["tasks"].pending_reads) == (PARTIAL, 1)


async def test_an_answer_carries_the_order_of_its_own_request() -> None:
    world = owing(1)
    await world.run("tasks")
    ((_, ((children, order),)),) = world.sink.sets
    assert children.rows == []
    assert order == int(world.clock.seconds * 1000)


async def test_sets_are_loaded_in_batches_over_more_parents_than_one_question_names() -> None:
    count = CHUNK_PARENTS + FLUSH_SETS + 1
    world = owing(*range(count), settings=ReadSettings(workers=4))
    found = await world.run("tasks")
    assert sorted(world.sink.parents(COMMENTS)) == list(range(count))
    assert max(len(sets) for _, sets in world.sink.sets) <= FLUSH_SETS + 4
    assert found["tasks"].status == SUCCESS
    told = [event for event in world.events if isinstance(event, EntityAdvanced) and event.unit == "owed calls"]
    assert [event.done for event in told] == list(range(1, count + 1))
    assert {event.total for event in told} == {count}


async def test_a_404_on_comments_of_a_task_that_is_there_stays_owed_and_is_told() -> None:
    world = owing(1, 2)
    world.api.answers = {"/task/2/comments": error(errors.NotFound), "/task/2": {"id": 2, "name": "here"}}
    found = await world.run("tasks")
    assert world.sink.parents(COMMENTS) == [1]
    ((_, batch, _),) = world.sink.batches
    assert [one.item for one in batch] == [{"id": 2, "name": "here"}]
    assert world.sync_state.pending_reads[COMMENTS] == {2}
    assert (found["tasks"].status, found["tasks"].pending_reads, found["tasks"].error_code) == (PARTIAL, 1, "not_found")
    assert (found["tasks"].error or "").startswith("task_comments of task 2: it failed in /x")
    assert "/task/{id}" in world.api.endpoints
    assert world.proofs.doubted == []


async def test_a_task_that_has_no_address_any_more_is_a_candidate_and_stays_owed() -> None:
    for listed, first_proof in ((1, [2]), (None, [])):
        world = owing(2)
        world.proofs.listed = listed
        world.api.answers = {"/task/2/comments": error(errors.NotFound), "/task/2": error(errors.NotFound)}
        world.api.answers |= {"/task/1": {"id": 1}, "/property/7": error(errors.NotFound)}
        found = await world.run("tasks")
        assert world.proofs.doubted == [2]
        # The store believes what the control allows: nothing where neither a listed record nor the home has answered.
        assert [
            key for key in world.proofs.gone_keys if world.proofs.controls[-1].allows(Home(7, THERE))
        ] == first_proof
        assert world.sync_state.pending_reads[COMMENTS] == {2}
        assert (found["tasks"].status, found["tasks"].pending_reads) == (PARTIAL, 1)
        assert found["tasks"].details["tasks without an address of their own any more"] == 1


async def test_a_task_that_cannot_be_read_again_stays_owed() -> None:
    world = owing(2)
    world.api.answers = {"/task/2/comments": error(errors.NotFound), "/task/2": error(errors.ServerFailed)}
    found = await world.run("tasks")
    assert world.sync_state.pending_reads[COMMENTS] == {2}
    assert (found["tasks"].status, found["tasks"].pending_reads) == (PARTIAL, 1)
    assert (found["tasks"].error or "").startswith("task 2: it failed")


def never_answered(*parents: int, **how: Any) -> World:
    """Comments are owed, and none was ever answered."""
    world = owing(*parents, **how)
    world.sync_state.due_scans = {COMMENTS: {0: ListState(last_full_scan_at=LONG_AGO)}}
    world.sync_state.answered -= {COMMENTS}
    return world


async def test_comments_are_missing_when_samples_were_refused_in_two_runs() -> None:
    world = never_answered(*range(1, 41), requirements=(1, 2), settings=ReadSettings(workers=4))
    world.api.answers = {f"/task/{n}/comments": error(errors.Forbidden) for n in range(1, 41)}
    first = (await world.run("tasks"))["tasks"]
    asked = [path for path in world.api.paths() if path.endswith("comments")]
    assert len(asked) == len(set(asked)) == 8  # the newest few, and a sample of all
    assert sorted(world.sink.parents(REQUIREMENTS)) == [1, 2]
    assert world.sync_state.closed == {}
    assert (first.status, first.pending_reads) == (PARTIAL, 40)
    again = (await world.run("tasks"))["tasks"]  # the same run proves nothing twice
    assert (again.status, world.sync_state.closed) == (PARTIAL, {})
    world.run_id = UUID(int=2)
    second = (await world.run("tasks"))["tasks"]
    assert list(world.sync_state.closed) == [COMMENTS]
    assert [event.source for event in world.events if isinstance(event, EntityUnavailable)] == [COMMENTS]
    assert (second.status, second.pending_reads, second.details["unavailable"]) == (SUCCESS, 0, [COMMENTS])


@pytest.mark.parametrize("refused", [errors.Forbidden, errors.NotFound])
async def test_nothing_is_missing_while_everything_is_refused(refused: type[errors.ApiError]) -> None:
    world = never_answered(*range(10))
    world.sync_state.answered = {"properties"}
    for number in (1, 2, 3):
        world.run_id = UUID(int=number)
        world.api.answers = {f"/task/{n}/comments": error(refused) for n in range(10)}
        world.api.answers |= {f"/task/{n}": {"id": n} for n in range(10)}
        assert (await world.run("tasks"))["tasks"].status == PARTIAL
    assert world.sync_state.closed == {}


async def test_what_has_answered_before_is_not_missing_however_much_is_refused() -> None:
    world = owing(*range(40), settings=ReadSettings(workers=8))
    world.api.answers = {f"/task/{n}/comments": error(errors.Forbidden) for n in range(40)}
    for number in (1, 2):
        world.run_id = UUID(int=number)
        assert (await world.run("tasks"))["tasks"].status == PARTIAL
    assert world.sync_state.closed == {}


async def test_an_answer_between_two_refused_samples_says_that_the_account_has_them() -> None:
    world = never_answered(1, 2, 3)
    world.sync_state.refused = {COMMENTS: UUID(int=9)}
    world.api.answers = {f"/task/{n}/comments": error(errors.Forbidden) for n in (1, 2)}
    found = await world.run("tasks")
    assert (found["tasks"].status, found["tasks"].pending_reads) == (PARTIAL, 2)
    assert (world.sync_state.closed, world.sync_state.refused, COMMENTS in world.sync_state.answered) == ({}, {}, True)


@pytest.mark.parametrize("failing", [False, True])
async def test_tasks_with_any_id_are_asked_once_each(failing: bool) -> None:
    keys = (-(2**63), -5, 0, 1, 2**63 - 1)
    world = owing(*keys)
    if failing:
        world.api.answers = {f"/task/{key}/comments": error(errors.ServerFailed) for key in keys}
    found = await world.run("tasks")
    assert world.api.paths("/task/")[1:] == [f"/task/{key}/comments" for key in sorted(keys, reverse=True)]
    assert found["tasks"].pending_reads == (len(keys) if failing else 0)


@pytest.mark.parametrize(("refused", "workers"), [((3,), 1), ((2,), 1), ((1,), 1), ((9, 8), 1), ((9, 8, 5, 1), 4)])
async def test_a_task_whose_comments_are_forbidden_costs_only_itself(refused: tuple[int, ...], workers: int) -> None:
    others = {1, 2, 3, 4, 5, 6, 7, 8, 9} - set(refused)
    world = owing(*others, *refused, settings=ReadSettings(workers=workers))
    world.api.answers |= {f"/task/{n}/comments": error(errors.Forbidden) for n in refused}
    found = await world.run("tasks")
    assert set(world.sink.parents(COMMENTS)) == others
    assert world.sync_state.closed == {}
    assert world.sync_state.pending_reads[COMMENTS] == set(refused)
    assert (found["tasks"].status, found["tasks"].pending_reads) == (PARTIAL, len(refused))
    assert f"{COMMENTS} of task {max(refused)}: it failed" in (found["tasks"].error or "")


async def test_a_closed_source_is_not_asked_for_and_its_calls_are_not_counted_as_owed() -> None:
    world = owing(1, 2, requirements=(1,))
    world.sync_state.closed = {COMMENTS: "403"}
    found = await world.run("tasks")
    assert world.api.paths("/task/1") == ["/task/1/requirements"]
    assert (found["tasks"].status, found["tasks"].pending_reads) == (SUCCESS, 0)


async def test_a_source_that_is_switched_off_is_not_asked_for() -> None:
    world = owing(1, requirements=(1,), settings=ReadSettings(disabled=frozenset({COMMENTS, REQUIREMENTS})))
    found = await world.run("tasks")
    assert world.api.paths("/task/1") == []
    assert found["tasks"].status == SUCCESS


async def test_one_call_that_fails_stays_owed_and_costs_only_itself() -> None:
    world = owing(1, 2, 3)
    world.api.answers["/task/2/comments"] = error(errors.ServerFailed)
    found = await world.run("tasks")
    assert world.sink.parents(COMMENTS) == [3, 1]
    assert world.sync_state.pending_reads[COMMENTS] == {2}
    assert (found["tasks"].status, found["tasks"].pending_reads) == (PARTIAL, 1)
    assert (found["tasks"].error or "").startswith("task_comments of task 2: it failed in /x")


async def test_the_time_limit_leaves_calls_owed() -> None:
    world = owing(*range(10), settings=ReadSettings(workers=1, max_seconds=4, requests_per_minute=60))
    found = await world.run("tasks")
    assert world.api.paths("/task/")[1:] == ["/task/9/comments", "/task/8/comments", "/task/7/comments"]
    assert world.sync_state.pending_reads[COMMENTS] == set(range(7))
    assert (found["tasks"].status, found["tasks"].pending_reads) == (PARTIAL, 7)
    assert found["tasks"].error == "7 child reads (comments and requirements) are pending, about 0 min"


@dataclass
class Sleeper:
    """A machine whose monotonic clock stands still while it sleeps."""

    slept: timedelta = timedelta(0)

    def now(self) -> datetime:
        return LONG_AGO + self.slept

    def monotonic(self) -> float:
        return 100.0


def test_time_is_over_also_where_the_machine_slept_through_it() -> None:
    clock = Sleeper()
    deadline = Deadline.after(3600, clock.monotonic(), clock.now())
    assert not deadline.is_over(clock)
    clock.slept = timedelta(days=4)
    assert deadline.is_over(clock)


async def test_a_run_without_a_limit_reads_all_that_is_owed() -> None:
    world = owing(*range(10))
    world.api.seconds_per_call = 10_000.0
    assert (await world.run("tasks"))["tasks"].pending_reads == 0


async def test_a_full_run_owes_everything_anew_before_reading() -> None:
    world = owing(1, settings=ReadSettings(full=True, disabled=frozenset({REQUIREMENTS})))
    await world.run("tasks")
    assert world.sync_state.owed_anew == [(COMMENTS, 100_000)]
    other = owing(1)
    await other.run("tasks")
    assert other.sync_state.owed_anew == []


async def test_items_that_nothing_reads_are_kept_with_their_task() -> None:
    world = owing(1)
    world.api.answers["/task/1/comments"] = items({"id": 1, "comment": "a\x00"}, Unreadable("{b", "cut"), 5)
    found = await world.run("tasks")
    ((_, ((children, _),)),) = world.sink.sets
    assert len(children.rows) == 1
    assert children.leftover == '["{b",5]'
    assert found["tasks"].details["changed_characters"] == 1


@pytest.mark.parametrize("workers", [1, 4])
async def test_the_store_failing_ends_the_calls_and_the_entity(workers: int) -> None:
    world = owing(*range(FLUSH_SETS * 2), settings=ReadSettings(workers=workers))
    world.sink.failing[COMMENTS] = errors.DatabaseUnreachable("no connection")
    found = await world.run("tasks")
    assert (found["tasks"].status, found["tasks"].error_code) == (FAILED, "database_unreachable")
    assert len(world.api.paths("/task/")) <= FLUSH_SETS + 1 + 5 * workers
