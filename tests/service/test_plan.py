"""What the schedule is said to cost, against the calls that it really makes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from breezeway_sync.cli.plan import plan_json, plan_table
from breezeway_sync.entities.checkpoints import RefreshPace
from breezeway_sync.entities.row_counts import HiddenCounts, ListCounts, RowCounts
from breezeway_sync.sandbox.spec import resized
from breezeway_sync.service.plan import plan
from breezeway_sync.service.settings import Settings
from breezeway_sync.sync.forecast import HIDDEN, ReadInterval, Use, calls_of, forecast, unknowns, worries
from breezeway_sync.sync.job import ReadSettings
from tests.conftest import Rows
from tests.helpers import Later, Setup, sandboxed, tiny

STEP_HOURS = 6
STEPS = 8
HOURLY = ("properties", "reservations", "tasks")
DAILY = ("people", "supplies", "tags", "property_contacts")


def paced(settings: Settings) -> Settings:
    """A week's ways of reading within two days."""
    content = settings.model_dump()
    content["schedule"] |= {"hourly_seconds": STEP_HOURS * 3600.0, "daily_seconds": 86_400.0}
    content["sync"] |= {"full_scan_days": 2.0, "children_refresh_days": 4.0}
    return Settings(**content)


def age(rows: Rows) -> None:
    """What the database itself has timed is now one step older."""
    step = f"interval '{STEP_HOURS} hours'"
    rows(f"UPDATE rolling_refreshes SET paced_at = paced_at - {step}")
    rows(f"UPDATE etl_sync_log SET sync_started_at = sync_started_at - {step}, "
         f"sync_completed_at = sync_completed_at - {step}")  # fmt: skip


async def made(setup: Setup, entity: str, step: float) -> int:
    before = setup.stats.total - setup.stats.token_calls
    await setup.run(entity=entity, clock=Later(step * STEP_HOURS / 24))
    return setup.stats.total - setup.stats.token_calls - before


async def test_the_estimate_is_what_is_called(dsn: str, rows: Rows) -> None:
    size = resized(tiny()[0], properties=12, tasks_per_property=17, reservations_per_property=3)
    async with sandboxed(dsn, [size], page_size=5) as setup:
        setup.settings = paced(setup.settings)
        await setup.run()
        account = setup.world.account("nashville")
        tasks = sorted(account.ids("tasks"))
        calls = dict.fromkeys((*HOURLY, *DAILY), 0)
        for step in range(1, STEPS + 1):
            age(rows)
            for key in tasks[step * 3 : step * 3 + 3]:
                account.patch("tasks", key, name=f"changed in step {step}")
            for entity in HOURLY if step % 4 else (*HOURLY, *DAILY):
                calls[entity] += await made(setup, entity, step)
        before = setup.stats.total
        (found,) = await plan(setup.settings, ["nashville"], Later(STEPS * STEP_HOURS / 24))
        assert setup.stats.total == before
    uses = found.regions[0].uses
    said = dict.fromkeys(calls, 0.0)
    for use in uses:
        if use.entity in said:
            said[use.entity] += use.calls_per_hour * STEP_HOURS * STEPS
    assert said == {name: pytest.approx(count, rel=0.10) for name, count in calls.items()}
    assert {use.purpose for use in uses} >= {
        "lists of what changed", "lists read whole each time", "lists read whole now and then", "lists around today",
        "contacts", "comments and requirements of changed tasks", "comments and requirements of all tasks in turn",
    }  # fmt: skip
    assert found.regions[0].unknown == ()
    shown = json.loads(plan_json([found]))["accounts"][0]
    assert shown["calls_per_hour"] == pytest.approx(sum(use.calls_per_hour for use in uses))
    assert plan_table([found]).row_count == len(uses) + 1


async def test_before_anything_is_stored_it_says_so(dsn: str) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        found = await plan(setup.settings, ["austin"])
        assert [one.region for account in found for one in account.regions] == ["austin"]
        assert found[0].regions[0].unknown == ("nothing is stored yet: how long the first load takes is not known",)
        await setup.run("austin", "properties")
        (text, *_) = (await plan(setup.settings, ["austin"]))[0].regions[0].unknown
        assert "never read to the end" in text
        assert "tasks" in text
        assert setup.stats.of("nashville") == 0


async def test_regions_of_one_account_share_a_budget(dsn: str) -> None:
    async with sandboxed(dsn, tiny(2), requests_per_minute=60) as setup:
        first = setup.settings.regions["nashville"]
        pair = first.client_id, first.client_secret
        regions = {
            code: one.model_copy(update={"client_id": pair[0], "client_secret": pair[1]})
            for code, one in setup.settings.regions.items()
        }
        settings = setup.settings.model_copy(update={"regions": regions})
        (account,) = await plan(settings, ["nashville"])
        assert {one.region for one in account.regions} == {"nashville", "austin"}
        assert account.budget_per_hour == 3600


@pytest.mark.parametrize(("records", "calls"), [(0, 1), (4, 1), (5, 2), (9, 2), (10, 3)])
def test_a_last_page_that_is_full_is_read_past(records: int, calls: int) -> None:
    assert calls_of(records, 5) == calls


STOCK = RowCounts(
    "north", {"tasks": [ListCounts(parent, 250, 30) for parent in range(100)]}, read=frozenset({"tasks"}), homes=100
)
EVERY = {"tasks": 3600.0, "tags": 86_400.0, "property_contacts": 86_400.0}


def calls(row_counts: RowCounts, **settings: object) -> dict[str, float]:
    reading = replace(ReadSettings(), **settings)  # type: ignore[arg-type]
    found: dict[str, float] = {}
    for use in forecast(row_counts, EVERY, reading):
        found[use.entity] = found.get(use.entity, 0.0) + use.calls_per_hour
    return found


def test_what_is_not_read_costs_nothing() -> None:
    usual = calls(STOCK)
    assert set(usual) == {"tasks", "tags", "property_contacts"}
    assert usual["tags"] == pytest.approx(3 / 24)
    closed = replace(STOCK, unavailable=frozenset({"task_tags", "property_contacts"}))
    assert calls(closed)["tags"] == pytest.approx(2 / 24)
    assert "property_contacts" not in calls(closed)
    no_comments = calls(STOCK, disabled=frozenset({"task_comments"}))
    assert usual["tasks"] - no_comments["tasks"] == pytest.approx(25_000 / 30 / 24)


def test_a_list_that_is_read_whole_each_time_is_read_no_other_way() -> None:
    settings = ReadSettings(pace=RefreshPace(full_scan_seconds=0))
    found = {use.purpose: use.calls_per_hour for use in forecast(STOCK, {"tasks": 3600.0}, settings)}
    assert found["lists read whole now and then"] == 100 * 3
    assert not {"lists of what changed", "lists around today"} & set(found)


def test_near_scans_are_counted_where_something_is_planned_and_said_to_be_too_many() -> None:
    row_counts = replace(
        STOCK, lists={"tasks": [*(ListCounts(n, 250, 30) for n in range(90)), *(ListCounts(n, 250) for n in range(9))]}
    )
    found = {use.purpose: use.calls_per_hour for use in forecast(row_counts, {"tasks": 3600.0}, ReadSettings())}
    assert found["lists around today"] == pytest.approx(90, rel=0.01)
    stays = RowCounts("north", {"reservations": [ListCounts(0, 900, 250)]}, read=frozenset({"reservations"}))
    found = {use.purpose: use.calls_per_hour for use in forecast(stays, {"reservations": 3600.0}, ReadSettings())}
    assert found["lists around today"] == pytest.approx(2 * 3, rel=0.01)  # three pages, read twice
    uses = [Use("north", "tasks", "lists around today", 90), Use("north", "tasks", "lists of what changed", 100)]
    (text,) = worries(uses, [], 2)
    assert text == (
        "190 calls an hour do not fit into 120: everything falls behind; without the 90 for lists around today "
        "they do, see `sync.window_hours` and `sync.window_days`"
    )


def test_unlisted_records_are_asked_for_at_two_paces() -> None:
    row_counts = replace(STOCK, hidden={"tasks": HiddenCounts(records=190, near=22)})
    (use,) = [one for one in forecast(row_counts, EVERY, ReadSettings()) if one.purpose == HIDDEN]
    assert use.calls_per_hour == pytest.approx(168 / (6 * 24) + 22)


def test_what_would_be_late() -> None:
    hourly, daily = (
        ReadInterval("hourly", 3600, frozenset({"tasks"})),
        ReadInterval("daily", 86_400, frozenset({"people"})),
    )
    intervals = [hourly, daily]

    def of(tasks: float, people: float, *, gives_way: bool = False) -> list[str]:
        uses = [Use("north", name, "", calls, gives_way) for name, calls in (("tasks", tasks), ("people", people))]
        return worries(uses, intervals, 100)

    assert of(5000, 10) == []
    assert of(5000, 200) == []
    assert of(7000, 10) == [
        "7,010 calls an hour do not fit into 6,000: everything falls behind",
        "hourly lists are 7,000 calls, about 70 min, and due every 60 min: they are always late",
    ]
    assert of(100, 300) == ["daily lists are 7,200 calls, about 72 min: hourly ones that come due meanwhile are late"]
    assert of(5900, 10, gives_way=True) == []


def test_what_is_not_known() -> None:
    assert unknowns(STOCK, {"tasks": 3600.0}, ReadSettings()) == [
        "how many tasks change is not known: the log is younger than an hour after the first success"
    ]
    assert unknowns(replace(STOCK, changed_per_hour={"tasks": 1.0}), {"tasks": 3600.0}, ReadSettings()) == []
    (text,) = unknowns(STOCK, {"reservations": 3600.0, "tags": 1.0}, ReadSettings(disabled=frozenset({"task_tags"})))
    assert text.endswith("is not known: reservation_tags, property_tags, reservations")
