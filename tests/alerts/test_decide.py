"""Decisions as tables, and what must hold for every sequence of facts."""

from __future__ import annotations

from asyncio import CancelledError
from dataclasses import replace
from datetime import datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway_sync.core import errors
from breezeway_sync.core.error_codes import ERROR_RULES, Alert, ErrorCode
from breezeway_sync.core.errors import code_of
from breezeway_sync.core.events import AttendanceChanged
from breezeway_sync.ops.alerts.collect import Collector
from breezeway_sync.ops.alerts.decide import (
    decide,
    decide_long_run,
    decide_review,
    facts_of,
    give_back,
    is_interruption,
    is_outage,
    merged,
    plan,
    summary_moment,
    take_turn,
)
from breezeway_sync.ops.alerts.model import CREDENTIALS, AlertState, Fact, MessageBudget, MessageKind, Rules, RunFinding
from tests.alerts.support import RULES, START

HOUR = timedelta(hours=1)
FAILS, WORKS = Fact(True, START, "it broke"), Fact(False, START)
NEW = AlertState()
DATABASE_ERRORS = [
    kind("x")
    for kind in (
        errors.DatabaseError,
        errors.DatabaseUnreachable,
        errors.DatabaseReadOnly,
        errors.DatabaseFull,
        errors.DatabaseWentBack,
        errors.DatabaseBusy,
        errors.DataRefused,
    )
]
UNTOLD = AlertState(START, 2, "it broke", version=1)
TOLD = AlertState(START, 2, "it broke", START, "thread", version=2)


@pytest.mark.parametrize(
    ("state", "fact", "after", "kind"),
    [
        (NEW, WORKS, 0 * HOUR, None),
        (NEW, FAILS, 0 * HOUR, MessageKind.FAILED),
        (UNTOLD, FAILS, HOUR, MessageKind.FAILED),
        (UNTOLD, WORKS, HOUR, None),
        (TOLD, FAILS, HOUR, None),
        (TOLD, FAILS, 24 * HOUR - timedelta(seconds=1), None),
        (TOLD, FAILS, 24 * HOUR, MessageKind.REMINDER),
        (TOLD, WORKS, HOUR, MessageKind.RECOVERED),
        (replace(TOLD, claimed_until=START + 2 * HOUR), WORKS, HOUR, None),
        (replace(UNTOLD, claimed_until=START + 2 * HOUR), FAILS, HOUR, None),
        (replace(UNTOLD, claimed_until=START + HOUR), FAILS, HOUR, MessageKind.FAILED),
        # Written by a clock that ran ahead.
        (replace(UNTOLD, claimed_until=START + 26 * HOUR), FAILS, HOUR, MessageKind.FAILED),
        (replace(TOLD, notified_at=START + 25 * HOUR), FAILS, HOUR, MessageKind.REMINDER),
        (replace(TOLD, notified_at=START + 2 * HOUR), FAILS, HOUR, None),
    ],
)
def test_what_is_told(state: AlertState, fact: Fact, after: timedelta, kind: MessageKind | None) -> None:
    assert decide("entity:tasks", state, fact, START + after, RULES).kind is kind


def test_what_is_kept_depends_on_whether_it_was_received() -> None:
    now = START + HOUR
    first = decide("entity:tasks", NEW, Fact(True, START, "it broke", 3), now, RULES)
    assert first.told == AlertState(START, 3, "it broke", now)
    assert first.untold == AlertState(START, 3, "it broke")
    end = decide("entity:tasks", TOLD, WORKS, now, RULES)
    assert (end.told, end.untold) == (AlertState(version=2), TOLD)


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ((24, 24, 24), [24]),
        ((24, 30, 30), [24, 30]),
        ((24, 10, 10, 15), [24, 15]),
        ((0, 24, 0, 0, 24), [24, 0, 24]),
    ],
)
def test_deletions_that_wait_are_told_once_and_again_only_when_they_are_more(
    counts: tuple[int, ...], told: list[int]
) -> None:
    state, seen = NEW, []
    for day, count in enumerate(counts):
        fact = Fact(count > 0, START, "they wait", count)
        decision = decide_review("held:tasks", state, fact, START + 48 * day * HOUR, RULES)
        state = decision.told
        seen += [count] if decision.kind else []
    assert seen == told


def test_deletions_that_wait_are_told_again_when_nobody_received_it() -> None:
    for state in (NEW, replace(TOLD, failures=10)):
        decision = decide_review("held:tasks", state, Fact(True, START, "they wait", 24), START, RULES)
        assert decision.kind is MessageKind.FAILED
        assert decide_review("held:tasks", decision.untold, Fact(True, START, "they wait", 24), START, RULES).kind


def test_without_reminders_there_are_none() -> None:
    rules = replace(RULES, remind=None)
    assert decide("entity:tasks", TOLD, FAILS, START + 9_000 * HOUR, rules).kind is None


def test_long_runs_are_told_of_once_in_an_interval() -> None:
    for rules in (RULES, replace(RULES, remind=None)):
        kinds = [decide_long_run("x", TOLD, FAILS, START + hours * HOUR, rules).kind for hours in (1, 23, 24)]
        assert kinds == [None, None, MessageKind.REMINDER]


# --- a region's findings --------------------------------------------------------------------------


def found(
    entity: str,
    status: str = "failed",
    code: ErrorCode | None = ErrorCode.SERVER_FAILED,
    *,
    called: bool = True,
    after: str | None = None,
) -> RunFinding:
    is_well = status == "success"
    error = None if is_well else "it broke"
    return RunFinding(entity, status, error, called, START, 1, code=None if is_well else code, blocked_by=after)


REJECTED = ErrorCode.CREDENTIALS_REJECTED
NOT_READ = found("tasks", code=ErrorCode.NOT_READ, after="properties")


@pytest.mark.parametrize(
    ("findings", "fails"),
    [
        ([found("tasks")], {"entity:tasks": True}),
        ([found("tags", "success")], {"entity:tags": False, CREDENTIALS: False}),
        ([found("tags", "partial")], {"entity:tags": False, CREDENTIALS: False}),
        ([found("tags", "success", called=False)], {"entity:tags": False}),
        ([found("tags", code=REJECTED), found("people", code=REJECTED)], {CREDENTIALS: True}),
        ([found("tags", code=ErrorCode.UNAUTHORIZED, called=False)], {CREDENTIALS: True}),
        ([found("tags", code=REJECTED), found("people")], {CREDENTIALS: True, "entity:people": True}),
        ([found("tags", code=REJECTED), found("people", "success")], {CREDENTIALS: True, "entity:people": False}),
        ([found("properties"), NOT_READ], {"entity:properties": True, "entity:tasks": True}),
        ([found("properties", code=REJECTED), NOT_READ], {CREDENTIALS: True}),
        ([NOT_READ], {}),
    ],
)
def test_credentials_are_one_fact_of_the_region(findings: list[RunFinding], fails: dict[str, bool]) -> None:
    assert {subject: fact.fails for subject, fact in facts_of(findings, RULES).items()} == fails


@pytest.mark.parametrize(("on_partial", "kinds"), [(False, [None]), (True, [MessageKind.FAILED])])
def test_partial_counts_when_asked_for(on_partial: bool, kinds: list[MessageKind | None]) -> None:
    decisions = plan([found("tasks", "partial")], {}, START, replace(RULES, on_partial=on_partial))
    assert [one.kind for one in decisions if one.subject != CREDENTIALS] == kinds


def test_what_an_alert_is_about_is_said_by_the_table() -> None:
    credentials = {code for code, rule in ERROR_RULES.items() if rule.alert is Alert.CREDENTIALS}
    assert credentials == {ErrorCode.CREDENTIALS_REJECTED, ErrorCode.UNAUTHORIZED}
    assert is_interruption(code_of(CancelledError()))
    assert is_interruption(ErrorCode.SHUTTING_DOWN)
    assert not any(is_interruption(code) for code in (None, ErrorCode.PROCESS_ENDED, ErrorCode.UNFORESEEN))
    outages = {code for code in ErrorCode if is_outage(code)}
    assert outages == {code_of(error) for error in DATABASE_ERRORS}


@pytest.mark.parametrize(
    ("now", "moment"),
    [("2026-07-30T06:59:59+00:00", "2026-07-29T07:00+00:00"), ("2026-07-30T07:00+00:00", "2026-07-30T07:00+00:00")],
)
def test_a_summary_belongs_to_the_latest_moment(now: str, moment: str) -> None:
    assert summary_moment(time(7), datetime.fromisoformat(now)) == datetime.fromisoformat(moment)


# --- every sequence -------------------------------------------------------------------------------

STEPS = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 3_000)), max_size=40)


@given(STEPS, st.sampled_from([None, HOUR, 24 * HOUR]))
def test_one_first_message_for_each_failure_and_reminders_at_their_interval(
    steps: list[tuple[bool, bool, int]], remind: timedelta | None
) -> None:
    rules = Rules(remind=remind)
    state, now = AlertState(), START
    told: list[tuple[MessageKind, datetime]] = []
    for fails, is_received, minutes in steps:
        now += timedelta(minutes=minutes)
        decision = decide("entity:tasks", state, Fact(fails, now, "it broke"), now, rules)
        is_told = decision.kind is not None and is_received
        state = decision.told if is_told else decision.untold
        if decision.kind is not None and is_told:
            told.append((decision.kind, now))
    for (earlier, then), (later, at) in pairwise(told):
        if later is MessageKind.FAILED:
            assert earlier is MessageKind.RECOVERED
        else:
            assert earlier is not MessageKind.RECOVERED
        if later is MessageKind.REMINDER:
            assert remind is not None
            assert at - then >= remind
    assert not told or told[0][0] is MessageKind.FAILED


@given(st.lists(st.tuples(st.integers(0, 2_000), st.booleans()), max_size=60), st.integers(1, 5))
def test_no_hour_holds_more_messages_than_allowed_and_each_one_held_back_is_counted(
    steps: list[tuple[int, bool]], most: int
) -> None:
    budget, now, sent, waiting = MessageBudget(), START, list[datetime](), 0
    for seconds, is_received in steps:
        now += timedelta(seconds=seconds)
        budget, suppressed = take_turn(budget, now, most)
        if suppressed is None:
            waiting += 1
        elif is_received:
            assert suppressed == waiting
            sent, waiting = [*sent, now], 0
        else:
            budget = give_back(budget, now, suppressed)
    for number, at in enumerate(sent):
        assert sum(1 for other in sent[number:] if other - at < HOUR) <= most


def test_budgets_of_two_places_are_not_counted_twice() -> None:
    late = START + HOUR / 2
    stored, own = MessageBudget((START, START), 1), MessageBudget((START, late), 2)
    assert merged(stored, own) == MessageBudget((START, START, late), 3)


def test_a_region_that_nobody_works_is_told_and_so_is_its_end() -> None:
    collector = Collector(RULES)
    kinds = []
    states: dict[str, AlertState] = {}
    for is_attended in (False, True):
        collector.take(AttendanceChanged("austin", ("tasks",), is_attended), START)
        assert collector.due_regions(START, everything=False) == ["austin"]
        (decision,) = plan(list(collector.pop("austin").found.values()), states, START, RULES)
        kinds.append(decision.kind)
        states = {decision.subject: decision.told}
        if not is_attended:
            assert "regions retire austin" in (decision.told.error or "")
    assert kinds == [MessageKind.FAILED, MessageKind.RECOVERED]
