"""Turns events and database reports into Prometheus metrics.

Labels are region codes, entities, sources, endpoint templates, classes of errors and the hash of an account. They are
never an id of a record, a URL or a text of the API.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from breezeway_sync import __version__
from breezeway_sync.core.events import (
    AccountPaused,
    AlertDelivered,
    BatchLoaded,
    CallFinished,
    CallRetried,
    ConcurrencyChanged,
    ConfigurationReloaded,
    Crashed,
    CycleFinished,
    CycleSkipped,
    DatabaseBack,
    DatabaseLost,
    DatabaseReplaced,
    EntityFinished,
    Event,
    FieldChanged,
    LeaseClaimed,
    TokenFailed,
    TokenObtained,
)
from breezeway_sync.core.outcome import FAILED
from breezeway_sync.core.record_events import RecordsLeft, RowsLost
from breezeway_sync.core.report import Freshness, LeaseState, RegionState, TokenState, VerificationState
from breezeway_sync.ops.instruments import Instruments

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
RUNNING = "running"
ROW_OUTCOMES = ("new", "updated", "unchanged", "deleted", "rejected")

# Each counter would otherwise have a second series with the time of its creation, which nothing here reads.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """Everything that is counted and measured; `observe` is an Emit.

    Without a registry of the caller's, one is made that also tells of the process, Python and its
    garbage collector.
    """

    def __init__(self, registry: CollectorRegistry | None = None, now: Callable[[], float] = time.time) -> None:
        if registry is None:
            registry = CollectorRegistry()
            ProcessCollector(registry=registry)
            PlatformCollector(registry=registry)
            GCCollector(registry=registry)
        self.registry = registry
        self._now = now
        self._m = Instruments(registry)
        self._failed: dict[tuple[str, str], bool] = {}
        self._worked: set[str] = set()
        self._m.build_info.labels(__version__).set(1)
        self._m.configuration_ok.set(1)
        self._m.configuration_time.set(now())
        self._handlers: Mapping[type[Event], Callable[[Any], None]] = {
            CallFinished: self._call_finished,
            CallRetried: lambda e: self._m.retries.labels(e.reason).inc(),
            AccountPaused: self._account_paused,
            ConcurrencyChanged: self._concurrency_changed,
            TokenObtained: lambda e: self._m.tokens_obtained.labels(e.how).inc(),
            TokenFailed: lambda _: self._m.token_failures.inc(),
            LeaseClaimed: self._lease_claimed,
            BatchLoaded: lambda e: self._m.batch_duration.observe(e.duration_seconds),
            EntityFinished: self._entity_finished,
            FieldChanged: self._field_changed,
            RecordsLeft: lambda e: self._m.records_left.labels(e.region, e.entity).inc(e.records),
            RowsLost: lambda e: self._m.losses.labels(e.region, e.entity, e.table).inc(),
            CycleFinished: self._cycle_finished,
            CycleSkipped: lambda e: self._m.cycles_skipped.labels(e.interval, e.reason).inc(),
            Crashed: lambda _: self._m.crashes.inc(),
            DatabaseLost: self._database_lost,
            DatabaseBack: lambda _: self._m.database_up.set(1),
            DatabaseReplaced: lambda _: self._m.database_replacements.inc(),
            ConfigurationReloaded: self._reloaded,
            AlertDelivered: self._alert_delivered,
        }

    # --- what happens -----------------------------------------------------------------------------

    def observe(self, event: Event) -> None:
        """Count a fact; those that say nothing countable are passed over."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def observe_lag(self, seconds: float) -> None:
        """How much later than asked the event loop woke a sleeper."""
        self._m.loop_lag.observe(seconds)

    def _alert_delivered(self, event: AlertDelivered) -> None:
        (self._m.alerts_sent if event.error is None else self._m.alerts_failed).labels(event.channel).inc()

    def set_budget(self, requests_per_minute: int, accounts: int) -> None:
        """What may be called: the limit of one account, and how many accounts there are."""
        self._m.budget.set(requests_per_minute)
        self._m.accounts.set(accounts)

    def _call_finished(self, event: CallFinished) -> None:
        status = "none" if event.status is None else f"{event.status // 100}xx"
        self._m.calls.labels(event.endpoint, status).inc()
        self._m.call_duration.labels(event.endpoint).observe(event.duration_seconds)
        self._m.rate_limit_wait.inc(max(0.0, event.waited_seconds))
        self._m.received_bytes.inc(event.body_bytes)
        if event.outcome != "ok":
            self._m.call_errors.labels(event.outcome).inc()

    def _account_paused(self, event: AccountPaused) -> None:
        self._m.pauses.labels(event.reason).inc()
        self._m.pause_seconds.labels(event.reason).inc(event.seconds)

    def _concurrency_changed(self, event: ConcurrencyChanged) -> None:
        if event.account is None:
            self._m.concurrency.set(event.calls)
        else:
            self._worked.add(event.account)
            self._m.account_concurrency.labels(event.account).set(event.calls)

    def _lease_claimed(self, event: LeaseClaimed) -> None:
        self._m.leases_claimed.inc()
        if event.taken_over:
            self._m.leases_taken_over.inc()

    def _entity_finished(self, event: EntityFinished) -> None:
        place = (event.region, event.entity)
        for outcome in ROW_OUTCOMES:
            self._m.rows.labels(*place, outcome).inc(getattr(event, f"{outcome}_records"))
        self._m.run_calls.labels(*place).inc(event.calls)
        self._m.runs.labels(*place, event.status).inc()
        self._m.run_duration.labels(*place).observe(event.duration_seconds)

    def _field_changed(self, event: FieldChanged) -> None:
        place = (event.region, event.entity, event.what)
        self._m.field_changes.labels(*place).inc()
        self._m.field_change_time.labels(*place).set(self._now())

    def _cycle_finished(self, event: CycleFinished) -> None:
        self._m.cycles.labels(event.status).inc()
        self._m.cycle_duration.observe(event.duration_seconds)

    def _database_lost(self, _event: DatabaseLost) -> None:
        self._m.database_losses.inc()
        self._m.database_up.set(0)

    def _reloaded(self, event: ConfigurationReloaded) -> None:
        self._m.reloads.labels("applied" if event.error is None else "refused").inc()
        self._m.configuration_ok.set(event.error is None)
        if event.error is None:
            self._m.configuration_time.set(self._now())

    # --- what the database says -------------------------------------------------------------------

    def update(
        self,
        freshness: Sequence[Freshness],
        leases: Sequence[LeaseState],
        tokens: Sequence[TokenState],
        regions: Sequence[RegionState],
        verifications: Sequence[VerificationState] = (),
    ) -> None:
        """Take over a report that was just read; regions and accounts that are gone from it vanish."""
        self._m.forget_report()
        for one in freshness:
            self._freshness_target(one)
        for lease in leases:
            self._m.lease_held.labels(lease.account).set(lease.owner is not None)
        for account in self._worked - {lease.account for lease in leases}:
            self._m.account_concurrency.remove(account)
            self._worked.discard(account)
        for token in tokens:
            if token.expires_at is not None:
                self._m.token_expiry.labels(token.region).set(token.expires_at.timestamp())
            self._m.token_refused.labels(token.region).set(token.error is not None)
        for region in regions:
            self._totals(region)
        for verification_result in verifications:
            self._compared(verification_result)
        self._failed = {(one.region, one.entity): self._is_failed(one) for one in freshness}
        self._m.database_up.set(1)
        self._m.report_time.set(self._now())

    def _totals(self, region: RegionState) -> None:
        self._m.rejected_open.labels(region.region).set(region.rejected_open)
        self._m.problems_open.labels(region.region).set(region.problems_open)
        for source, calls in region.pending_reads.items():
            self._m.pending_reads.labels(region.region, source).set(calls)
        for entity, problems in region.accepted.items():
            self._m.accepted_problems.labels(region.region, entity).set(problems)
        for entity, records in region.held.items():
            self._m.records_in_review.labels(region.region, entity).set(records)

    def _freshness_target(self, one: Freshness) -> None:
        if one.is_off:
            return
        place = (one.region, one.entity)
        if one.last_success is not None:
            self._m.last_success.labels(*place).set(one.last_success.timestamp())
        self._m.freshness_target.labels(*place).set(one.freshness_target_seconds)
        self._m.late.labels(*place).set(one.is_late)
        self._m.last_run_failed.labels(*place).set(self._is_failed(one))

    def _compared(self, one: VerificationState) -> None:
        if one.compared_at is None:
            return
        self._m.last_verification.labels(one.region, one.entity).set(one.compared_at.timestamp())
        for kind, places in one.differences.items():
            self._m.verify_differences.labels(one.region, one.entity, kind).set(places)

    def _is_failed(self, one: Freshness) -> bool:
        """Whether the latest run that ended failed; while one runs, what was known of the one before."""
        if one.status == RUNNING:
            return self._failed.get((one.region, one.entity), False)
        return one.status == FAILED

    def render(self) -> bytes:
        """Everything in the text format, of the type `CONTENT_TYPE`."""
        return generate_latest(self.registry)
