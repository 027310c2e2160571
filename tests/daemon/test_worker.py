"""One account's worker in virtual time: what is skipped, what waits, what is tried again, how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from breezeway_sync.core import errors
from breezeway_sync.core.error_codes import ERROR_RULES
from breezeway_sync.core.errors import BreezewaySyncError
from breezeway_sync.core.events import Crashed, CycleSkipped, Event
from breezeway_sync.core.outcome import FAILED, PARTIAL, SUCCESS, Outcome
from breezeway_sync.core.tokens import Credentials
from breezeway_sync.service.account_runner import CycleRequest, CycleResult
from breezeway_sync.service.accounts import Account
from breezeway_sync.service.schedule import ScheduleEntry
from breezeway_sync.service.worker import PARTIAL_READINGS, Worker, WorkerPool, merged, stop, to_try_again
from tests.api.virtual_time import run

ACCOUNT = Account("https://api.example", Credentials("id", "secret"), ("austin", "smoky"))
HOURLY = ScheduleEntry("austin", "hourly", 3600.0, ("properties", "reservations", "tasks"))
DAILY = ScheduleEntry("austin", "daily", 86_400.0, ("people", "tags"))
OTHER = ScheduleEntry("smoky", "hourly", 3600.0, ("properties", "reservations", "tasks"))


class Shop:
    """Stands for the work: so long for lists, so long for owed calls unless these must stop."""

    def __init__(self, lists: float = 10.0, pending_reads: float = 0.0) -> None:
        self.lists, self.pending_reads = lists, pending_reads
        self.begun: list[tuple[float, CycleRequest]] = []
        self.ended: list[float] = []
        self.results: list[CycleResult | Exception] = []

    async def work(self, _account: Account, order: CycleRequest) -> CycleResult:
        loop = asyncio.get_running_loop()
        self.begun.append((loop.time() - 1000, order))
        await asyncio.sleep(self.lists)
        order.pending_reads.regions.update(order.entities)
        until = loop.time() + self.pending_reads
        while loop.time() < until and not order.pending_reads.is_up:  # noqa: ASYNC110 - asked, as the product asks
            await asyncio.sleep(1)
        order.pending_reads.regions.clear()
        self.ended.append(loop.time() - 1000)
        result = self.results.pop(0) if self.results else CycleResult()
        if isinstance(result, Exception):
            raise result
        return result

    @property
    def asked(self) -> list[dict[str, tuple[str, ...]]]:
        return [dict(order.entities) for _, order in self.begun]


Scene = Callable[[Worker, Shop, list[Event]], Awaitable[None]]


def played(scene: Scene, shop: Shop, account: Account = ACCOUNT) -> list[Event]:
    """A worker beside a scene; drained at its end."""
    events: list[Event] = []

    async def main() -> None:
        worker = Worker(account, shop.work, events.append)
        task = asyncio.create_task(worker.run())
        await scene(worker, shop, events)
        worker.drain()
        assert await stop([task], 100_000, 1)
        assert not worker.is_busy
        assert not worker.is_idle_task
        task.result()

    run(main())
    return events


def skips(events: Sequence[Event]) -> list[tuple[str, str, str]]:
    return [(one.region, one.interval, one.reason) for one in events if isinstance(one, CycleSkipped)]


def test_lines_due_together_are_one_cycle_in_reading_order() -> None:
    async def scene(worker: Worker, shop: Shop, _events: list[Event]) -> None:
        assert worker.due(DAILY)
        assert worker.due(OTHER)
        assert worker.due(HOURLY)
        await asyncio.sleep(20)

    shop = Shop()
    assert skips(played(scene, shop)) == []
    assert shop.asked == [
        {"austin": ("properties", "tags", "people", "reservations", "tasks"), "smoky": OTHER.entities}
    ]


def test_a_late_cycle_is_skipped_and_told() -> None:
    async def scene(worker: Worker, _shop: Shop, _events: list[Event]) -> None:
        assert worker.due(HOURLY)
        await asyncio.sleep(5)
        assert not worker.due(HOURLY)
        assert worker.is_busy
        await asyncio.sleep(10)
        assert worker.due(HOURLY)
        await asyncio.sleep(20)

    shop = Shop()
    assert skips(played(scene, shop)) == [("austin", "hourly", "running")]
    assert [at for at, _ in shop.begun] == pytest.approx([0, 15], abs=0.01)


def test_another_tempo_waits_for_its_turn_once() -> None:
    async def scene(worker: Worker, _shop: Shop, _events: list[Event]) -> None:
        worker.due(HOURLY)
        await asyncio.sleep(5)
        assert worker.due(DAILY)
        assert worker.due(OTHER)
        assert not worker.due(DAILY)
        await asyncio.sleep(30)

    shop = Shop()
    assert skips(played(scene, shop)) == [("austin", "daily", "running")]
    assert shop.asked == [{"austin": HOURLY.entities}, {"austin": ("tags", "people"), "smoky": OTHER.entities}]
    assert [at for at, _ in shop.begun] == pytest.approx([0, 10], abs=0.01)


def test_what_is_done_aside_ends_before_a_due_line_is_read() -> None:
    told: list[tuple[str, float]] = []

    async def idle_task(_account: Account) -> None:
        loop = asyncio.get_running_loop()
        told.append(("begun", loop.time() - 1000))
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(2)  # gives the account back
            told.append(("ended", loop.time() - 1000))

    async def scene(worker: Worker, _shop: Shop, _events: list[Event]) -> None:
        assert worker.idle_task(idle_task)
        await asyncio.sleep(5)
        assert not worker.idle_task(idle_task)
        assert worker.due(HOURLY)
        assert not worker.idle_task(idle_task)
        await asyncio.sleep(5)
        assert not worker.idle_task(idle_task)
        await asyncio.sleep(20)
        assert worker.idle_task(idle_task)
        await asyncio.sleep(10)  # draining ends it as well

    shop = Shop()
    assert skips(played(scene, shop)) == []
    assert [at for at, _ in shop.begun] == pytest.approx([7], abs=0.01)
    assert [what for what, _ in told] == ["begun", "ended"] * 2
    assert [at for _, at in told] == pytest.approx([0, 7, 30, 42], abs=0.01)


def test_owed_calls_give_way_to_what_is_due() -> None:
    """A first load of a day does not hold the hour."""

    async def scene(worker: Worker, _shop: Shop, _events: list[Event]) -> None:
        for _ in range(5):
            assert worker.due(HOURLY)
            await asyncio.sleep(3600)

    shop = Shop(lists=600, pending_reads=86_400)
    assert skips(played(scene, shop)) == []
    assert [at for at, _ in shop.begun] == pytest.approx([0, 3600, 7200, 10_800, 14_400], abs=10)


def test_owed_calls_that_gave_way_go_on_when_what_was_due_is_done() -> None:
    async def scene(worker: Worker, shop: Shop, _events: list[Event]) -> None:
        shop.results = [CycleResult((Outcome("austin", "tasks", PARTIAL, pending_reads=1440),)), CycleResult()]
        worker.due(HOURLY)
        await asyncio.sleep(60)
        worker.due(DAILY)
        await asyncio.sleep(60)

    shop = Shop(lists=10, pending_reads=1000)
    played(scene, shop)
    assert shop.asked == [{"austin": HOURLY.entities}, {"austin": ("tags", "people")}, {"austin": ("tasks",)}]


def test_draining_ends_owed_calls_and_begins_nothing() -> None:
    async def scene(worker: Worker, shop: Shop, _events: list[Event]) -> None:
        worker.due(HOURLY)
        await asyncio.sleep(15)
        worker.due(DAILY)
        worker.drain()
        assert not worker.due(OTHER)

    shop = Shop(lists=10, pending_reads=86_400)
    assert skips(played(scene, shop)) == []
    assert len(shop.begun) == 1
    assert shop.ended == pytest.approx([16], abs=2)


def test_an_account_that_others_work_is_skipped_and_told() -> None:
    async def scene(worker: Worker, shop: Shop, _events: list[Event]) -> None:
        shop.results = [CycleResult(locked="somebody")]
        worker.due(HOURLY)
        worker.due(OTHER)
        await asyncio.sleep(3000)

    shop = Shop()
    assert skips(played(scene, shop)) == [("austin", "hourly", "locked"), ("smoky", "hourly", "locked")]
    assert len(shop.begun) == 1


def failed(error: type[BreezewaySyncError], *names: str, region: str = "austin", status: str = FAILED) -> CycleResult:
    return CycleResult(tuple(ended(error, name, region, status) for name in names))


def ended(error: type[BreezewaySyncError], name: str, region: str = "austin", status: str = FAILED) -> Outcome:
    return Outcome(region, name, status, error="x", error_code=error.code, is_passing=ERROR_RULES[error.code].transient)


def test_passing_failures_are_tried_again_after_growing_waits() -> None:
    async def scene(worker: Worker, shop: Shop, _events: list[Event]) -> None:
        shop.results = [failed(errors.ApiUnreachable, "tasks") for _ in range(5)]
        worker.due(HOURLY)
        await asyncio.sleep(1000)

    shop = Shop()
    assert skips(played(scene, shop)) == []
    assert shop.asked == [{"austin": HOURLY.entities}, *[{"austin": ("tasks",)}] * 5]
    starts = [at for at, _ in shop.begun]
    waits = [start - end for start, end in zip(starts[1:], shop.ended, strict=False)]
    assert waits == pytest.approx([5, 10, 20, 40, 80], abs=0.01)


def test_hours_of_failures_do_not_pile_up() -> None:
    """Each hour's failure takes the place of the retry before, it does not add another chain of them."""

    async def scene(worker: Worker, shop: Shop, _events: list[Event]) -> None:
        shop.results = [failed(errors.ApiUnreachable, "properties") for _ in range(10_000)]
        for _ in range(48):
            worker.due(HOURLY)
            await asyncio.sleep(1800)
            worker.due(DAILY)
            await asyncio.sleep(1800)

    shop = Shop(lists=1)
    played(scene, shop)
    late = [at for at, _ in shop.begun if at > 40 * 3600]
    assert len(late) < 8 * 7


def test_a_success_ends_the_retries() -> None:
    async def scene(worker: Worker, shop: Shop, _events: list[Event]) -> None:
        shop.results = [failed(errors.ServerFailed, "tasks")]
        worker.due(HOURLY)
        await asyncio.sleep(12)
        worker.due(HOURLY)  # its own turn comes first
        await asyncio.sleep(3000)

    shop = Shop()
    played(scene, shop)
    assert shop.asked == [{"austin": HOURLY.entities}] * 2


def test_a_retry_of_a_part_keeps_no_whole_line_from_its_turn() -> None:
    async def scene(worker: Worker, shop: Shop, _events: list[Event]) -> None:
        shop.results = [failed(errors.ServerFailed, "tasks")]
        worker.due(HOURLY)
        await asyncio.sleep(shop.lists + 6)  # the retry is under way
        assert worker.due(HOURLY)
        assert not worker.due(HOURLY)
        await asyncio.sleep(3000)

    shop = Shop()
    assert skips(played(scene, shop)) == [("austin", "hourly", "running")]
    assert shop.asked == [{"austin": HOURLY.entities}, {"austin": ("tasks",)}, {"austin": HOURLY.entities}]


@pytest.mark.parametrize("kind", [errors.BadAnswer, errors.EmptyAnswer, errors.RateLimited, errors.CutShort])
def test_what_passes_is_tried_again_soon_whatever_its_tempo(kind: type[BreezewaySyncError]) -> None:
    """A day is long for a body that was cut for 20 seconds."""

    async def scene(worker: Worker, shop: Shop, _events: list[Event]) -> None:
        shop.results = [failed(kind, "people") for _ in range(2)]
        worker.due(DAILY)
        await asyncio.sleep(100)

    shop = Shop(lists=1)
    played(scene, shop)
    assert shop.asked == [{"austin": ("tags", "people")}, *[{"austin": ("people",)}] * 2]
    assert [at for at, _ in shop.begun] == pytest.approx([0, 6, 17], abs=0.01)


def test_what_was_read_in_part_is_tried_again_some_times_and_then_waits_for_its_turn() -> None:
    async def scene(worker: Worker, shop: Shop, _events: list[Event]) -> None:
        shop.results = [failed(errors.ServerFailed, "tags", status=PARTIAL) for _ in range(100)]
        worker.due(DAILY)
        await asyncio.sleep(12 * 3600)
        assert len(shop.begun) == PARTIAL_READINGS.attempts
        worker.due(DAILY)
        await asyncio.sleep(12 * 3600)

    shop = Shop(lists=1)
    played(scene, shop)
    assert len(shop.begun) == 1 + PARTIAL_READINGS.attempts
    assert shop.begun[PARTIAL_READINGS.attempts - 1][0] < 1800


def test_a_success_in_between_begins_the_tries_anew() -> None:
    async def scene(worker: Worker, shop: Shop, _events: list[Event]) -> None:
        partial = failed(errors.ServerFailed, "tags", status=PARTIAL)
        shop.results = [partial, CycleResult((Outcome("austin", "tags", SUCCESS),)), partial]
        worker.due(DAILY)
        await asyncio.sleep(3600)
        worker.due(DAILY)
        await asyncio.sleep(3600)

    shop = Shop(lists=1)
    played(scene, shop)
    assert [at for at, _ in shop.begun] == pytest.approx([0, 6, 3600, 3606], abs=0.01)


def test_what_fails_for_the_first_time_is_not_kept_waiting_by_what_has_failed_for_long() -> None:
    async def scene(worker: Worker, shop: Shop, _events: list[Event]) -> None:
        unreachable = failed(errors.ApiUnreachable, "tasks")
        shop.results = [unreachable] * 8
        worker.due(HOURLY)
        await asyncio.sleep(700)  # the next try of tasks comes in some minutes
        before = len(shop.begun)
        shop.results = [failed(errors.BadAnswer, "people")]
        worker.due(DAILY)
        await asyncio.sleep(7)
        assert shop.asked[before:] == [{"austin": ("tags", "people")}, {"austin": ("people", "tasks")}]

    played(scene, Shop(lists=1))


@pytest.mark.parametrize(
    "kind", [errors.CredentialsRejected, errors.LeaseLost, errors.DataRefused, errors.Refused, errors.NotFound]
)
@pytest.mark.parametrize("status", [FAILED, PARTIAL])
def test_other_failures_wait_for_their_turn(kind: type[BreezewaySyncError], status: str) -> None:
    async def scene(worker: Worker, shop: Shop, _events: list[Event]) -> None:
        shop.results = [failed(kind, *HOURLY.entities, status=status)]
        worker.due(HOURLY)
        await asyncio.sleep(3000)

    shop = Shop()
    played(scene, shop)
    assert len(shop.begun) == 1


def test_what_was_left_out_is_tried_again_only_with_its_reason() -> None:
    def outcomes(properties: type[BreezewaySyncError]) -> list[Outcome]:
        return [
            ended(properties, "properties"),
            ended(errors.NotRead, "reservations"),
            ended(errors.NotRead, "tasks"),
            Outcome("austin", "people", SUCCESS),
            ended(errors.DatabaseBusy, "people", "smoky"),
        ]

    every = {("austin", name) for name in HOURLY.entities}
    assert to_try_again(outcomes(errors.ServerFailed)) == every | {("smoky", "people")}
    assert to_try_again(outcomes(errors.CredentialsRejected)) == {("smoky", "people")}


def test_an_unforeseen_error_costs_one_cycle() -> None:
    async def scene(worker: Worker, shop: Shop, events: list[Event]) -> None:
        shop.results = [KeyError("a guest's name")]
        worker.due(HOURLY)
        await asyncio.sleep(20)
        assert worker.due(HOURLY)
        await asyncio.sleep(20)

    shop = Shop()
    events = played(scene, shop)
    assert len(shop.begun) == 2
    (crash,) = [one for one in events if isinstance(one, Crashed)]
    assert crash.error == "KeyError"
    assert "guest" not in crash.stack


def test_lines_of_a_region_that_is_gone_are_dropped() -> None:
    async def scene(worker: Worker, _shop: Shop, _events: list[Event]) -> None:
        worker.due(HOURLY)
        await asyncio.sleep(5)
        worker.due(OTHER)
        worker.due(DAILY)
        worker.account = Account(ACCOUNT.address, ACCOUNT.credentials, ("austin",))
        await asyncio.sleep(30)

    shop = Shop()
    played(scene, shop)
    assert [set(asked) for asked in shop.asked] == [{"austin"}, {"austin"}]


def test_merging_nothing() -> None:
    assert merged([]) == {}


def test_a_corrected_client_id_is_used_by_the_very_next_cycle() -> None:
    """Also while the one of before is at work: its lines go to who works the region now."""
    worked: list[tuple[str, tuple[str, ...]]] = []

    async def work(account: Account, order: CycleRequest) -> CycleResult:
        worked.append((account.credentials.client_id, tuple(order.entities)))
        await asyncio.sleep(10)
        return CycleResult()

    def accounts(client_id: str) -> list[Account]:
        return [
            Account("https://api.example", Credentials(client_id, "secret"), ("austin",)),
            Account("https://api.example", Credentials("other", "secret"), ("smoky",)),
        ]

    async def main() -> None:
        found = accounts("wrong")

        async def renew() -> None:
            worker_pool.assign(found)

        worker_pool = WorkerPool(work, lambda _event: None, renew)
        worker_pool.assign(found)
        for region, line in (("austin", HOURLY), ("smoky", OTHER)):
            worker = worker_pool.of(region)
            assert worker is not None
            worker.due(line)
        found = accounts("right")
        await asyncio.sleep(5)
        assert sorted(worked) == [("other", ("smoky",)), ("right", ("austin",))]
        found = accounts("again")
        worker = worker_pool.of("austin")
        assert worker is not None
        worker.due(DAILY)
        await asyncio.sleep(10)
        assert worked[-1] == ("again", ("austin",))
        assert len(worked) == 3
        worker_pool.drain()
        assert await stop(list(worker_pool.tasks), 100_000, 1)

    run(main())
