"""Decides whether to send an alert. Pure: states and facts in, states and kinds of messages out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from breezeway_sync.core.error_codes import ERROR_RULES, Alert, ErrorCode
from breezeway_sync.core.outcome import FAILED, PARTIAL
from breezeway_sync.ops.alerts.model import (
    CREDENTIALS,
    DAY,
    AlertState,
    Decision,
    Fact,
    MessageBudget,
    MessageKind,
    Rules,
    RunFinding,
    entity_subject,
    is_left,
    left_subject,
    lost_subject,
    needs_review,
    review_subject,
)

HOUR = timedelta(hours=1)


def is_about_credentials(found: RunFinding) -> bool:
    """Whether only new credentials from an operator can fix it."""
    return found.status == FAILED and _alert_of(found.code) is Alert.CREDENTIALS


def is_interruption(code: ErrorCode | None) -> bool:
    """Whether the run was ended on purpose: nothing failed."""
    return _alert_of(code) is Alert.NONE


def is_outage(code: ErrorCode | None) -> bool:
    """Whether the alert about the database covers it."""
    return _alert_of(code) is Alert.OUTAGE


def _alert_of(code: ErrorCode | None) -> Alert:
    return Alert.ENTITY if code is None else ERROR_RULES[code].alert


def decide(subject: str, state: AlertState, fact: Fact, now: datetime, rules: Rules) -> Decision:
    """The first failure is told, then reminders of it at an interval, then its end; an end of what was never
    told is not. A subject that another process is telling of at this moment is left to it."""
    if state.is_claimed(now):
        return Decision(subject, state, state, state, None)
    state = replace(state, claimed_until=None)
    if not fact.fails:
        well = AlertState(version=state.version)
        if state.notified_at is None:
            return Decision(subject, state, well, well, None)
        return Decision(subject, state, well, state, MessageKind.RECOVERED)
    untold = replace(
        state,
        failing_since=state.failing_since or fact.at,
        failures=state.failures + fact.count,
        error=fact.error,
    )
    if state.notified_at is None:
        kind: MessageKind | None = MessageKind.FAILED
    else:
        # Either way: what a clock that ran ahead has written lies in the future.
        is_due = rules.remind is not None and abs(now - state.notified_at) >= rules.remind
        kind = MessageKind.REMINDER if is_due else None
    told = replace(untold, notified_at=now) if kind else untold
    return Decision(subject, state, told, untold, kind)


def decide_long_run(subject: str, state: AlertState, fact: Fact, now: datetime, rules: Rules) -> Decision:
    """As `decide`, but a reminder's interval (or a day) parts any two messages: short runs between long ones are no
    recovery, as runs of several kinds follow each other."""
    return decide(subject, state, fact, now, replace(rules, remind=rules.remind or DAY))


def decide_review(subject: str, state: AlertState, fact: Fact, now: datetime, rules: Rules) -> Decision:
    """Deletions that wait for a person are told once, again only when they are more, and their end: `failures` of the
    state are those that people know of."""
    if state.is_claimed(now) or not fact.fails:
        return decide(subject, state, fact, now, rules)
    # Where they have become fewer, what comes on top of these is news.
    known = min(state.failures, fact.count) if state.notified_at is not None else 0
    since = state.failing_since or fact.at
    untold = replace(state, claimed_until=None, failing_since=since, failures=known, error=fact.error)
    if fact.count <= known:
        return Decision(subject, state, untold, untold, None)
    return Decision(subject, state, replace(untold, failures=fact.count, notified_at=now), untold, MessageKind.FAILED)


def plan(found: Sequence[RunFinding], states: Mapping[str, AlertState], now: datetime, rules: Rules) -> list[Decision]:
    """What to do about a region: one decision for each subject that the findings say something of."""
    facts = facts_of(found, rules) | review_facts(found) | sudden_facts(found)
    return [
        _decider(subject)(subject, states.get(subject, AlertState()), fact, now, rules)
        for subject, fact in facts.items()
    ]


def _decider(subject: str) -> Callable[[str, AlertState, Fact, datetime, Rules], Decision]:
    return decide_review if needs_review(subject) or is_left(subject) else decide


def review_facts(found: Sequence[RunFinding]) -> dict[str, Fact]:
    """How many deletions of each entity wait for a person, where that came out."""
    return {
        review_subject(one.entity): Fact(one.held > 0, one.first_at, f"{one.held} records need review", one.held)
        for one in found
        if one.held is not None
    }


def sudden_facts(found: Sequence[RunFinding]) -> dict[str, Fact]:
    """Sudden changes from outside: records left the lists at once, or somebody deleted rows by hand."""
    left = {
        left_subject(one.entity): Fact(
            one.left > 0, one.first_at, f"{one.left} records disappeared from the lists", one.left
        )
        for one in found
        if one.left is not None
    }
    lost = {
        lost_subject(one.entity): Fact(one.lost > 0, one.first_at, "rows were deleted by hand", one.lost)
        for one in found
        if one.lost is not None
    }
    return left | lost


def facts_of(found: Sequence[RunFinding], rules: Rules) -> dict[str, Fact]:
    """The facts behind findings: rejected credentials are one fact of the region, whatever failed by them.

    Only what was read from the API shows that credentials work. What was not read for want of something else
    goes with it: told if that is told, else no fact (its credentials were rejected, or it was interrupted).
    """
    facts: dict[str, Fact] = {}
    rejected = [one for one in found if is_about_credentials(one)]
    works = [one for one in found if one.status != FAILED and one.called]
    if rejected:
        at, count = min(one.first_at for one in rejected), max(one.failures for one in rejected)
        facts[CREDENTIALS] = Fact(True, at, rejected[0].error, count)
    elif works:
        facts[CREDENTIALS] = Fact(False, works[0].first_at)
    failing = {one.entity for one in found if one.status == FAILED and one not in rejected}
    for one in found:
        if one not in rejected and (one.blocked_by is None or one.blocked_by in failing):
            fails = counts_as_failure(one.status, rules)
            facts[entity_subject(one.entity)] = Fact(fails, one.first_at, one.error, one.failures)
    return facts


def counts_as_failure(status: str, rules: Rules) -> bool:
    """Whether people are told of it at once."""
    return status == FAILED or (rules.on_partial and status == PARTIAL)


def summary_moment(at: time, now: datetime) -> datetime:
    """The latest moment at which a summary was to be sent."""
    today = datetime.combine(now.astimezone(UTC).date(), at, UTC)
    return today if today <= now else today - DAY


# --- the hourly limit -----------------------------------------------------------------------------


def take_turn(budget: MessageBudget, now: datetime, max_per_hour: int) -> tuple[MessageBudget, int | None]:
    """The budget with one more message and how many were held back before it; None when there is no room."""
    recent = tuple(sorted(sent for sent in budget.sent_at if -HOUR < now - sent < HOUR))
    if len(recent) >= max_per_hour:
        return MessageBudget(recent, budget.suppressed + 1), None
    return MessageBudget((*recent, now), 0), budget.suppressed


def give_back(budget: MessageBudget, taken_at: datetime, suppressed: int) -> MessageBudget:
    """Undo `take_turn`: nobody received the message."""
    sent = list(budget.sent_at)
    if taken_at in sent:
        sent.remove(taken_at)
    return MessageBudget(tuple(sent), budget.suppressed + suppressed)


def merged(stored: MessageBudget, own: MessageBudget) -> MessageBudget:
    """What all processes sent, and what this one sent while the database was away."""
    either = Counter(stored.sent_at) | Counter(own.sent_at)
    return MessageBudget(tuple(sorted(either.elements())), stored.suppressed + own.suppressed)
