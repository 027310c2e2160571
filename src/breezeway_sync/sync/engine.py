"""Runs one account: its regions side by side, each stage by stage. A failure costs only its own job.

It knows neither HTTP nor PostgreSQL. Each region and entity opens a row of the log at its start and always closes it.
Every error becomes an outcome here, at the edge of the job.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from breezeway_sync.core.clock import Clock
from breezeway_sync.core.error_codes import gravest
from breezeway_sync.core.errors import (
    BreezewaySyncError,
    DatabaseError,
    DatabaseUnreachable,
    DatabaseWentBack,
    LeaseLost,
    NotRead,
    SourceChanged,
    code_of,
    passes,
    told,
)
from breezeway_sync.core.events import Emit, EntityStarted, OperatorNotice, tell_crash
from breezeway_sync.core.memory_budget import MemoryBudget
from breezeway_sync.core.outcome import FAILED, Outcome
from breezeway_sync.core.problems import Subject
from breezeway_sync.core.record_events import RowsLost
from breezeway_sync.core.waiting import begin, finish
from breezeway_sync.entities.catalog import HOME
from breezeway_sync.entities.checkpoints import Days
from breezeway_sync.entities.losses import Loss
from breezeway_sync.entities.streams import STREAMS
from breezeway_sync.sync.calls import read_children, request_reads_again, work_backlog
from breezeway_sync.sync.drift import remember_fields
from breezeway_sync.sync.excluded import settle_left_out
from breezeway_sync.sync.gate import Gate
from breezeway_sync.sync.job import Deadline, Job, PendingReadTime, ReadSettings, RegionKnowledge, each, log_name
from breezeway_sync.sync.lists import read_by_property, read_lists
from breezeway_sync.sync.missing import is_believable
from breezeway_sync.sync.ports import AccountReader, DeletionProofs, Sink, Sources, SyncState
from breezeway_sync.sync.problems import read_again, write_left, write_problems
from breezeway_sync.sync.proof import settle_absent
from breezeway_sync.sync.run_budget import RunBudget
from breezeway_sync.sync.source_check import REFUSALS, RegionTarget, gate_of, refusal_of, shut_gate
from breezeway_sync.sync.stages import stages
from breezeway_sync.sync.status_rules import code_of_run, details_of, sentence, status_of

CLOSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Around:
    """What all entities of a region share."""

    target: RegionTarget
    deadline: Deadline | None
    closed: dict[str, str | None]
    interrupted: datetime | None
    known: RegionKnowledge
    gate: Gate
    losses: Sequence[Loss] = ()


@dataclass(frozen=True, slots=True)
class Engine:
    """Everything one account's run needs. `order_of` turns a request's start into its order (see Lease)."""

    api: AccountReader
    sink: Sink
    sync_state: SyncState
    proofs: DeletionProofs
    sources: Sources
    order_of: Callable[[float], int]
    clock: Clock
    settings: ReadSettings
    emit: Emit
    run_id: UUID
    pending_read_time: PendingReadTime = field(default_factory=PendingReadTime)
    memory: MemoryBudget = field(default_factory=MemoryBudget)
    run_budget: RunBudget = field(default_factory=RunBudget)

    async def run(self, targets: Sequence[RegionTarget]) -> list[Outcome]:
        """Read all regions side by side. Raises only when cancelled, after closing what was open."""
        limit, began = self.settings.max_seconds, (self.clock.monotonic(), self.clock.now())
        deadline = None if limit is None else Deadline.after(limit, *began)
        found: list[list[Outcome]] = [[] for _ in targets]
        runs: list[asyncio.Task[None]] = []
        try:
            for target, outcomes in zip(targets, found, strict=True):
                try:
                    runs.append(begin(self._region(target, deadline, outcomes)))
                except Exception as error:  # noqa: BLE001 - the edge of a region: the others begin
                    self._fail_rest(target, outcomes, error)
            await asyncio.gather(*runs)
        finally:
            for run in runs:
                run.cancel()
            await asyncio.gather(*runs, return_exceptions=True)
        return [outcome for outcomes in found for outcome in outcomes]

    async def _region(self, target: RegionTarget, deadline: Deadline | None, outcomes: list[Outcome]) -> None:
        """Read one region. Raises only when cancelled."""
        try:
            await self._read_region(target, deadline, outcomes)
        except Exception as error:  # noqa: BLE001 - the edge of a region: the others go on
            self._fail_rest(target, outcomes, error)

    def _fail_rest(self, target: RegionTarget, outcomes: list[Outcome], error: Exception) -> None:
        """Report every entity that has no outcome yet as failed."""
        self._tell_crash(target.code, "all", error)
        ended = {outcome.entity for outcome in outcomes}
        outcomes.extend(self._lost(target.code, name, error) for name in target.entities if name not in ended)

    def _lost(self, region: str, name: str, error: Exception) -> Outcome:
        """The outcome of an entity that has no row in the log, or whose row stays open until the next cycle."""
        outcome = Outcome(region, name, FAILED, error=told(error), error_code=code_of(error), is_passing=passes(error))
        self.emit(outcome.told(self.run_id))
        return outcome

    async def _read_region(self, target: RegionTarget, deadline: Deadline | None, outcomes: list[Outcome]) -> None:
        try:
            gate = await gate_of(target, self.sources)
            losses = await self._losses(target.code)
            knows_properties = bool(await self._properties(target.code))
            interrupted = await self._begin_pass(target.code)
            closed = await self.sync_state.unavailable(target.code)
            known = RegionKnowledge(set(await self.sync_state.answered_sources(target.code)))
        except REFUSALS as error:
            for name in target.entities:
                refused = await self._refused(target, name, error)
                outcomes.append(refused)  # one by one: what an error cuts off has its outcome at the edge
            return
        if not gate.is_confirmed:  # what was cut off or found not to be there was perhaps another source
            closed, interrupted, known = {}, None, RegionKnowledge()
        around = _Around(target, deadline, closed, interrupted, known, gate, losses)
        await self._stages(around, outcomes, knows_properties=knows_properties)

    async def _stages(self, around: _Around, outcomes: list[Outcome], *, knows_properties: bool) -> None:
        target, gate = around.target, around.gate
        is_backfill = self.settings.backfill is not None
        knows_properties |= is_backfill
        for stage in stages(
            target.entities, knows_properties=knows_properties, is_confirmed=gate.is_confirmed or is_backfill
        ):
            statuses = {outcome.entity: outcome.status for outcome in outcomes}
            found: dict[str, Outcome] = {}

            async def work(
                name: str, statuses: Mapping[str, str] = statuses, found: dict[str, Outcome] = found
            ) -> None:
                try:
                    found[name] = await self._entity(around, name, refusal_of(gate, name, statuses))
                except Exception as error:  # noqa: BLE001 - the edge of an entity: those beside it go on
                    self._tell_crash(target.code, name, error)
                    found[name] = self._lost(target.code, name, error)

            try:
                await each(stage, len(stage), work, self.memory)
            finally:
                outcomes += [found[name] for name in stage if name in found]
        for number, outcome in enumerate(outcomes):
            outcomes[number] = await self._asked_again(around, outcome)
        await self._end_pass(target.code)

    async def _asked_again(self, around: _Around, outcome: Outcome) -> Outcome:
        """Ask once more for lists that were refused before enough others had answered: only now does a refusal say
        that the account does not have them."""
        known = around.known
        refused = [source for source, name in known.doubtful.items() if name == outcome.entity]
        if not any(is_believable(source, known.answered) for source in refused):
            return outcome
        again = await self._entity(around, outcome.entity, None)
        return replace(again, calls=outcome.calls + again.calls)

    async def again(self, target: RegionTarget, subjects: Mapping[str, Sequence[Subject]]) -> None:
        """Read single things again, by entity, and write down what came of each.

        No row of the log is written, since nothing is said of all else. Raises what keeps them from being read.
        """
        gate = await gate_of(target, self.sources)
        closed = await self.sync_state.unavailable(target.code)
        known = RegionKnowledge(set(await self.sync_state.answered_sources(target.code)))
        around = _Around(target, None, dict.fromkeys(closed), None, known, gate)
        for name in target.entities:
            if refusal := refusal_of(gate, name, {}):
                raise refusal
            job = self._job(around, name)
            job.findings.accepted_codes = await self.sync_state.accepted_problems(target.code, name)
            await read_again(job, subjects[name])

    async def _refused(self, target: RegionTarget, name: str, error: BreezewaySyncError) -> Outcome:
        """An entity of a region that is not read at all."""
        return await self._entity(_Around(target, None, {}, None, RegionKnowledge(), shut_gate(target)), name, error)

    async def _properties(self, region: str) -> list[int]:
        """The live properties; those with an arrival or departure today or tomorrow come first."""
        return await self.sync_state.property_ids(region, self.clock.now().date())

    async def _losses(self, region: str) -> list[Loss]:
        """Find what somebody deleted by hand, tell it, and have it read again from now on."""
        losses = await self.proofs.take_losses(region, self.order_of(self.clock.monotonic()))
        for one in losses:
            self.emit(RowsLost(region, one.entity, one.table, one.records))
        return losses

    async def _begin_pass(self, region: str) -> datetime | None:
        """When the run began that was cut off and that this one goes on with.

        A full run reads everything itself. A backfill keeps its own account, and leaves no older run that its writing
        would make look recent.
        """
        is_backfill = self.settings.backfill is not None
        if self.settings.full or self.settings.rewrite or is_backfill:
            await self.sync_state.end_pass(region)
        if is_backfill:
            return None
        return await self.sync_state.begin_pass(region, self.clock.now(), self.settings.pace.resume_seconds)

    async def _end_pass(self, region: str) -> None:
        """Say that nothing was cut off. Where that cannot be written, the next run only reads less, once."""
        try:
            await self.sync_state.end_pass(region)
        except DatabaseError as error:
            self.emit(OperatorNotice(f"the end of the run could not be written: {error.message}", region))

    async def _entity(self, around: _Around, name: str, refusal: BreezewaySyncError | None) -> Outcome:
        """Read one entity and write down how it went. Raises only when cancelled."""
        started = self.clock.monotonic()
        target = around.target
        self.emit(EntityStarted(target.code, name))
        job = self._job(around, name)
        for loss in around.losses:
            if loss.entity == name:
                job.findings.note(f"records with rows that were deleted by hand from {loss.table}", loss.records or 1)
        error: BaseException | None = None
        row_id: int | None = None
        try:
            row_id = await self.sync_state.open(target.code, log_name(name, self.settings.backfill), self.run_id)
            if refusal is not None:
                error = refusal
            else:
                job.findings.accepted_codes = await self.sync_state.accepted_problems(target.code, name)
                await self._read(job)
                await remember_fields(job)
        except asyncio.CancelledError as cancelled:
            error = cancelled
            raise
        except REFUSALS as refused:
            error = around.gate.refused = refused
            if isinstance(refused, SourceChanged):
                await self._block(target.code, refused)
        except Exception as failure:  # noqa: BLE001 - the edge of a job: every failure becomes its outcome
            error = failure
            self._tell_crash(target.code, name, failure)
        finally:
            outcome = self._outcome(job, error, self.clock.monotonic() - started)
            outcome = await finish(self._close(job, row_id, outcome))
        return outcome

    async def _block(self, region: str, changed: SourceChanged) -> None:
        """Say why nothing is read. Where that cannot be written, the outcome says it."""
        try:
            await self.sources.block(region, changed.message)
        except DatabaseError as error:
            self.emit(OperatorNotice(f"what blocks the region could not be written: {error.message}", region))

    def _tell_crash(self, region: str, name: str, error: Exception) -> None:
        if not isinstance(error, BreezewaySyncError):
            tell_crash(self.emit, region, name, error)

    def _job(self, around: _Around, name: str) -> Job:
        target = around.target
        return Job(
            region=target.code,
            company_id=target.identity.companies.only,
            stream=STREAMS[name],
            api=self.api,
            sink=self.sink,
            sync_state=self.sync_state,
            proofs=self.proofs,
            order_of=self.order_of,
            clock=self.clock,
            settings=self.settings,
            emit=self.emit,
            memory=self.memory,
            deadline=around.deadline,
            pending_read_time=self.pending_read_time,
            interrupted=around.interrupted,
            run_id=self.run_id,
            known=around.known,
            tally=self.run_budget.tally(),
            run_budget=self.run_budget,
            closed_sources=around.closed,
            belonging=around.gate.belonging,
            sources=self.sources,
            gate=around.gate if name == HOME.name else None,
        )

    async def _read(self, job: Job) -> None:
        await self._read_lists(job)
        names = [job.name, *(one.source.name for one in job.stream.called)]
        job.findings.waiting, accepted = await self.sync_state.count_open_rejects(job.region, names)
        job.findings.accepted += accepted
        await write_problems(job)

    async def _read_lists(self, job: Job) -> None:
        child, is_per_home = job.stream.child, job.stream.is_per_home
        homes = await self._properties(job.region) if is_per_home else []
        if self.settings.backfill is not None:
            await self._read_days(job, self.settings.backfill, homes)
        elif child is not None:
            await read_children(job, child, homes)
        else:
            await request_reads_again(job)
            await self._read_records(job, homes)

    async def _read_records(self, job: Job, homes: Sequence[int]) -> None:
        """The lists, what they do not show, and then the calls for children that are owed."""
        if job.stream.is_per_home:
            await read_by_property(job, homes)
        else:
            await read_lists(job)
        if job.gate is not None:
            await settle_left_out(job, job.gate, self.sources)
        await settle_absent(job)
        if not job.stream.called:
            return
        self.pending_read_time.regions.add(job.region)
        try:
            await work_backlog(job)
        finally:
            self.pending_read_time.regions.discard(job.region)

    async def _read_days(self, job: Job, days: Days, homes: Sequence[int]) -> None:
        """Read again what falls between two days, without the lists that were read before an interruption."""
        if job.stream.is_per_home and not homes:
            raise NotRead("no property is in the mirror yet", hint=f"`breezeway-sync run {job.region}` reads all of it")
        await self._read_records(job, homes)
        if not job.findings.problems:
            await self.sync_state.end_backfill(job.region, job.entity.sources[0].name, days)

    def _outcome(self, job: Job, error: BaseException | None, seconds: float) -> Outcome:
        findings = job.findings
        loaded = findings.loaded
        if job.tally.repeats:
            findings.note("duplicate keys", job.tally.repeats)
        text = sentence(findings, self.settings.requests_per_minute)
        return Outcome(
            region=job.region,
            entity=job.name,
            status=FAILED if error is not None else status_of(findings),
            read=loaded.read,
            new=loaded.new,
            updated=loaded.updated,
            unchanged=loaded.unchanged,
            deleted=loaded.deleted,
            rejected=loaded.rejected,
            calls=job.tally.calls,
            pending_reads=findings.pending_reads,
            seconds=seconds,
            error="; ".join(part for part in (told(error) if error else None, text) if part) or None,
            error_code=code_of_run(findings, code_of(error) if error else None),
            blocked_by=error.blocked_by if isinstance(error, NotRead) else None,
            is_passing=passes(error) if error else findings.is_passing,
            accepted=findings.accepted,
            details=details_of(findings, has_ended=error is None),
        )

    async def _close(self, job: Job, row_id: int | None, outcome: Outcome) -> Outcome:
        """Write the problems down, close the row of the log if the database still answers, and tell everybody.

        Returns the outcome that it reported: a success that could not be written down has failed.
        """
        if row_id is not None:
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    outcome = await self._write_end(job, row_id, outcome)
            except (DatabaseError, TimeoutError) as error:
                what = f"the row of the log could not be closed: {type(error).__name__}"
                self.emit(OperatorNotice(what, outcome.region, outcome.entity))
                outcome = _unwritten(outcome, DatabaseUnreachable(what) if isinstance(error, TimeoutError) else error)
        self.emit(outcome.told(self.run_id))
        return outcome

    async def _write_end(self, job: Job, row_id: int, outcome: Outcome) -> Outcome:
        """Write down how the run of an entity ended.

        It has failed if the database lost what it read, or if somebody else holds the account.
        """
        try:
            # A table that somebody has locked must not keep the log from being closed.
            await write_left(job, CLOSE_SECONDS / 2)
            await self.sync_state.close(outcome.region, row_id, outcome)
        except (DatabaseWentBack, LeaseLost) as error:
            outcome = _unwritten(outcome, error)
            await self.sync_state.close(outcome.region, row_id, outcome)
        return outcome


def _unwritten(outcome: Outcome, error: DatabaseError) -> Outcome:
    """The outcome of a success that cannot be written down: it has failed, and the next run tries again."""
    if outcome.status == FAILED:
        return outcome
    words = "; ".join(part for part in (error.message, outcome.error) if part)
    codes = [error.code] if outcome.error_code is None else [error.code, outcome.error_code]
    return replace(outcome, status=FAILED, error=words, error_code=gravest(codes), is_passing=error.retryable)
