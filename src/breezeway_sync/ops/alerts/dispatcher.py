"""Carries out one decision: claims the alert, checks the hourly limit, sends, and stores what was sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

from breezeway_sync.core.clock import Clock
from breezeway_sync.core.errors import DatabaseError
from breezeway_sync.core.events import Emit, FieldChanged
from breezeway_sync.core.retry import RetryPolicy
from breezeway_sync.ops.alerts import sudden, words
from breezeway_sync.ops.alerts.collect import Cycle, Outage
from breezeway_sync.ops.alerts.decide import decide, decide_long_run, plan
from breezeway_sync.ops.alerts.deliver import deliver, longest_seconds
from breezeway_sync.ops.alerts.model import (
    CREDENTIALS,
    DAY,
    FIELDS,
    NOWHERE,
    REPLACED,
    SUMMARY,
    AlertState,
    Decision,
    Fact,
    Message,
    MessageKind,
    Rules,
    RunFinding,
    differs_subject,
    entity_subject,
    is_left,
    is_lost,
    left_subject,
    long_run_subject,
    lost_subject,
    needs_review,
    review_subject,
)
from breezeway_sync.ops.alerts.ports import Channel
from breezeway_sync.ops.alerts.states import AlertStates

CLAIM_MARGIN_SECONDS = 60.0
"""How much longer than the slowest delivery a claim holds."""
ONE_REPLACEMENT = timedelta(hours=2)
"""How long reports of a replaced database count as one: every account has a cycle within this time."""

Compose = Callable[[Sequence[Decision], int], tuple[str, str]]
"""Title and body for these decisions, after so many messages were held back."""
Title = Callable[[str, MessageKind, Sequence[Decision]], str]
Body = Callable[[str, MessageKind, Sequence[Decision], int], str]

COUNTED: tuple[tuple[Callable[[str], bool], Title, Body], ...] = (
    (needs_review, words.review_title, words.review_body),
    (is_left, sudden.left_title, sudden.left_body),
    (is_lost, sudden.lost_title, sudden.lost_body),
)
"""Alerts about an entity other than its failures; each row makes a message of its own."""


@dataclass(slots=True)
class Counts:
    """What became of messages and events since the start of the process."""

    sent: int = 0
    failed: int = 0
    suppressed: int = 0
    dropped_events: int = 0


@dataclass(slots=True)
class AlertDispatcher:
    """Raises DatabaseError when the state cannot be read or claimed; what could not be sent is tried again when
    the next fact comes."""

    alert_states: AlertStates
    channels: Sequence[Channel]
    rules: Rules
    clock: Clock
    emit: Emit
    retries: RetryPolicy
    counts: Counts

    async def region(self, region: str, found: Sequence[RunFinding], now: datetime) -> None:
        """A region's findings: at most one message for its credentials, and one of each kind for its entities, for
        its deletions that wait, for what left the lists at once and for rows deleted by hand."""
        kinds = (entity_subject, review_subject, left_subject, lost_subject)
        subjects = [CREDENTIALS, *(of(one.entity) for one in found for of in kinds)]
        decisions = plan(found, await self.alert_states.states(region, subjects), now, self.rules)
        for decision in decisions:
            if decision.kind is None:
                await self.alert_states.note(region, decision)
        for kind in MessageKind:
            of_kind = [one for one in decisions if one.kind is kind]
            await self._tell_credentials(region, kind, [one for one in of_kind if one.subject == CREDENTIALS], now)
            told = [one for one in of_kind if one.subject == CREDENTIALS]
            for belongs, title, body in COUNTED:
                mine = [one for one in of_kind if belongs(one.subject)]
                await self._tell_counted(region, kind, mine, now, title, body)
                told += mine
            await self._tell_entities(region, kind, [one for one in of_kind if one not in told], now)

    async def _tell_credentials(self, region: str, kind: MessageKind, decisions: list[Decision], now: datetime) -> None:
        def compose(won: Sequence[Decision], suppressed: int) -> tuple[str, str]:
            title = words.credentials_title(region, kind)
            return title, words.credentials_body(region, kind, won[0], suppressed)

        if decisions:
            await self._tell(region, decisions, now, compose)

    async def _tell_entities(self, region: str, kind: MessageKind, decisions: list[Decision], now: datetime) -> None:
        if not decisions:
            return
        successes = {} if kind is MessageKind.RECOVERED else await self.alert_states.last_successes(region)

        def compose(won: Sequence[Decision], suppressed: int) -> tuple[str, str]:
            title = words.entities_title(region, kind, won)
            return title, words.entities_body(region, kind, won, successes, suppressed)

        await self._tell(region, decisions, now, compose)

    async def fields(self, region: str, changes: Sequence[FieldChanged], now: datetime) -> bool:
        """Tell of fields that look different from now on; each change is told once. False: to be tried again."""
        state = (await self.alert_states.states(region, [FIELDS])).get(FIELDS, AlertState())

        def compose(_won: Sequence[Decision], suppressed: int) -> tuple[str, str]:
            return words.fields_title(region, changes), words.fields_body(region, changes, suppressed)

        return await self._tell_news(region, FIELDS, state, now, compose)

    async def replaced(self, reason: str, now: datetime) -> bool:
        """Tell that an older copy took the database's place. Every account and process notices it; one tells. False:
        to be tried again."""
        state = (await self.alert_states.states(NOWHERE, [REPLACED])).get(REPLACED, AlertState())
        if state.notified_at is not None and abs(now - state.notified_at) < ONE_REPLACEMENT:
            return True

        def compose(_won: Sequence[Decision], suppressed: int) -> tuple[str, str]:
            return words.DATABASE_REPLACED, words.database_replaced_body(reason, suppressed)

        return await self._tell_news(NOWHERE, REPLACED, state, now, compose)

    async def _tell_news(self, region: str, subject: str, state: AlertState, now: datetime, compose: Compose) -> bool:
        """Tell something that happened once and does not last. False: to be tried again."""
        if state.is_claimed(now):
            return False
        untold = replace(state, claimed_until=None)
        told = replace(untold, notified_at=now)
        return await self._tell(region, [Decision(subject, state, told, untold, MessageKind.FAILED)], now, compose)

    async def _tell_counted(
        self, region: str, kind: MessageKind, decisions: list[Decision], now: datetime, title: Title, body: Body
    ) -> None:
        def compose(won: Sequence[Decision], suppressed: int) -> tuple[str, str]:
            return title(region, kind, won), body(region, kind, won, suppressed)

        if decisions:
            await self._tell(region, decisions, now, compose)

    async def comparisons(self, region: str, facts: Mapping[str, Fact], now: datetime) -> None:
        """Where the mirror was found to differ from the API, or to be right again: a message of each kind."""
        subjects = {differs_subject(entity): fact for entity, fact in facts.items()}
        states = await self.alert_states.states(region, list(subjects))
        decisions = [
            decide(subject, states.get(subject, AlertState()), fact, now, self.rules)
            for subject, fact in subjects.items()
        ]
        for decision in decisions:
            if decision.kind is None:
                await self.alert_states.note(region, decision)
        for kind in MessageKind:
            of_kind = [one for one in decisions if one.kind is kind]
            await self._tell_counted(region, kind, of_kind, now, words.differs_title, words.differs_body)

    async def long_run(self, cycle: Cycle, now: datetime) -> bool:
        """Tell of a run that takes too long, unless people were told of such a run lately. False: nobody was."""
        subject = long_run_subject(cycle.account)
        state = (await self.alert_states.states(NOWHERE, [subject])).get(subject, AlertState())
        decision = decide_long_run(subject, state, Fact(True, cycle.started_at), now, self.rules)
        limit = self.rules.warn_after.total_seconds() if self.rules.warn_after else 0.0
        seconds = (now - cycle.started_at).total_seconds() if cycle.seconds is None else cycle.seconds

        def compose(_won: Sequence[Decision], suppressed: int) -> tuple[str, str]:
            return words.long_run_title(cycle.regions, limit), words.long_run_body(
                cycle.regions,
                cycle.started_at,
                seconds,
                is_over=cycle.seconds is not None,
                limit_seconds=limit,
                suppressed=suppressed,
            )

        return decision.kind is None or await self._tell(NOWHERE, [decision], now, compose)

    async def summary(self, moment: datetime, now: datetime) -> bool:
        """Sum up the last day for the moment at which it was due. False: to be tried again."""
        state = (await self.alert_states.states(NOWHERE, [SUMMARY])).get(SUMMARY, AlertState())
        # A clock that ran ahead may have written a day to come.
        if state.notified_at is not None and moment <= state.notified_at < now + DAY:
            return True
        told = AlertState(notified_at=now, version=state.version)
        since = now - DAY
        troubles = await self.alert_states.troubles_since(since)
        if not any(one.failed or (one.partial and self.rules.on_partial) for one in troubles):
            return await self.alert_states.note(NOWHERE, Decision(SUMMARY, state, told, told, None))
        if state.is_claimed(now):
            return False
        untold = replace(state, claimed_until=None)

        def compose(_won: Sequence[Decision], suppressed: int) -> tuple[str, str]:
            return words.summary_title(troubles), words.summary_body(troubles, since, suppressed)

        return await self._tell(NOWHERE, [Decision(SUMMARY, state, told, untold, MessageKind.FAILED)], now, compose)

    async def _tell(self, region: str, decisions: Sequence[Decision], now: datetime, compose: Compose) -> bool:
        """Tell of those decisions that no other process is telling of. False: nobody received it."""
        seconds = longest_seconds(self.channels, self.retries) + CLAIM_MARGIN_SECONDS
        won: list[Decision] = []
        try:
            for decision in decisions:
                is_ours = await self.alert_states.claim(region, decision, now, seconds)
                won += [decision] if is_ours else []
            taken_at = self.clock.now()
            suppressed = await self.alert_states.take_turn(taken_at) if won else None
        except DatabaseError:
            for decision in won:
                await self.alert_states.settle(region, decision, decision.untold)
            raise
        if not won:
            return True
        if suppressed is None:
            self.counts.suppressed += 1
            is_told, ident = False, ""
        else:
            title, body = compose(won, suppressed)
            threads = dict.fromkeys(one.before.thread for one in won if one.before.thread)
            ident = uuid4().hex
            is_told = await self._send(Message(title, body, ident, tuple(threads)))
            if not is_told:
                await self.alert_states.give_back(taken_at, suppressed)
        for decision in won:
            told = decision.told
            if told.failing_since is not None:
                told = replace(told, thread=told.thread or ident)
            await self.alert_states.settle(region, decision, told if is_told else decision.untold)
        return is_told

    async def _send(self, message: Message) -> bool:
        """Whether anybody received it: one channel is enough, so that a broken one does not repeat the others."""
        results = await deliver(self.channels, message, emit=self.emit, retries=self.retries)
        is_told = any(result.error is None for result in results)
        self.counts.sent += is_told
        self.counts.failed += not is_told
        return is_told

    # --- the database -----------------------------------------------------------------------------

    async def outage(self, outage: Outage, now: datetime) -> bool:
        """Tell that the database is away, or back; without it, from memory. True: all of it was told."""
        if outage.next_try is not None and now < outage.next_try:
            return False
        if outage.back_after is not None:
            if outage.notified_at is None:
                return True
            body = partial(words.database_back_body, outage.since, outage.back_after)
            return await self._tell_outage(outage, words.DATABASE_BACK, body, now)
        if self._is_outage_due(outage, now):
            body = partial(words.database_lost_body, outage.since, outage.reason)
            if await self._tell_outage(outage, words.DATABASE_LOST, body, now):
                outage.notified_at = now
        return False

    def _is_outage_due(self, outage: Outage, now: datetime) -> bool:
        if outage.notified_at is None:
            return now - outage.since >= self.rules.group
        return self.rules.remind is not None and now - outage.notified_at >= self.rules.remind

    async def _tell_outage(self, outage: Outage, title: str, body: Callable[[int], str], now: datetime) -> bool:
        outage.next_try = now + self.rules.retry
        taken_at = self.clock.now()
        suppressed = await self.alert_states.take_turn(taken_at, without_store=True)
        if suppressed is None:
            self.counts.suppressed += 1
            return False
        ident = uuid4().hex
        answers = (outage.thread,) if outage.thread else ()
        if not await self._send(Message(title, body(suppressed), ident, answers)):
            await self.alert_states.give_back(taken_at, suppressed, without_store=True)
            return False
        outage.thread = outage.thread or ident
        outage.next_try = None
        return True
