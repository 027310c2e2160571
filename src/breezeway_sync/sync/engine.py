"""One account's run: its regions side by side, each stage by stage; what fails costs only itself.

Knows neither HTTP nor PostgreSQL. Each region and entity opens a row of the log when it starts and closes
it whatever happens; every error becomes an outcome here, at the edge of the job.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from uuid import UUID

from breezeway_sync.core.clock import Clock
from breezeway_sync.core.errors import BreezewaySyncError, DatabaseError, NotRead
from breezeway_sync.core.events import Crashed, Emit, EntityStarted, Noticed
from breezeway_sync.core.outcome import FAILED, Outcome
from breezeway_sync.core.record_events import RowsLost
from breezeway_sync.core.room import Room
from breezeway_sync.core.waiting import finish
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.losses import Loss
from breezeway_sync.entities.marks import CutOff, Days
from breezeway_sync.entities.model import Entity
from breezeway_sync.sync.calls import owe_again, read_contacts, work_backlog
from breezeway_sync.sync.job import Job, OwedTime, Settings, each, log_name
from breezeway_sync.sync.lists import read_by_property, read_lists
from breezeway_sync.sync.ports import Api, Ledger, Proofs, Sink
from breezeway_sync.sync.proof import settle_absent
from breezeway_sync.sync.radar import remember_fields
from breezeway_sync.sync.spare import Spare
from breezeway_sync.sync.stages import blocked_by, stages
from breezeway_sync.sync.verdict import sentence, status_of

CLOSE_SECONDS = 5.0

BY_NAME: dict[str, Entity] = {entity.name: entity for entity in ENTITIES}


@dataclass(frozen=True, slots=True)
class RegionTarget:
    """A region to be read, and the entities asked for."""

    code: str
    company_id: int | None
    entities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Around:
    """What all entities of a region share; `began` in monotonic seconds."""

    target: RegionTarget
    began: float
    closed: dict[str, str | None]
    cut_off: CutOff | None
    losses: list[Loss]


@dataclass(frozen=True, slots=True)
class Engine:
    """Everything one account's run needs. `order_of` turns a request's start into its order (see Lease)."""

    api: Api
    sink: Sink
    ledger: Ledger
    proofs: Proofs
    order_of: Callable[[float], int]
    clock: Clock
    settings: Settings
    emit: Emit
    run_id: UUID
    owed_time: OwedTime = field(default_factory=OwedTime)
    room: Room = field(default_factory=Room)
    spare: Spare = field(default_factory=Spare)

    async def run(self, targets: Sequence[RegionTarget]) -> list[Outcome]:
        """Read all regions side by side. Raises only when cancelled, after closing what was open."""
        began = self.clock.monotonic()
        runs = [asyncio.ensure_future(self._region(target, began)) for target in targets]
        try:
            found = await asyncio.gather(*runs)
        finally:
            for run in runs:
                run.cancel()
            await asyncio.gather(*runs, return_exceptions=True)
        return [outcome for outcomes in found for outcome in outcomes]

    async def _region(self, target: RegionTarget, began: float) -> list[Outcome]:
        try:
            losses = await self._losses(target.code)
            knows_properties = bool(await self._properties(target.code))
            cut_off = await self._begin_pass(target.code)
            closed = await self.ledger.unavailable(target.code)
        except Exception as error:  # noqa: BLE001 - the edge of a region, as below
            self._tell_crash(target.code, "all", error)
            return [_failed(target.code, name, error) for name in target.entities]
        around = _Around(target, began, closed, cut_off, losses)
        outcomes: list[Outcome] = []
        is_backfill = self.settings.backfill is not None
        for stage in stages(target.entities, knows_properties=knows_properties or is_backfill):
            statuses = {outcome.entity: outcome.status for outcome in outcomes}
            found: dict[str, Outcome] = {}

            async def work(
                name: str, statuses: Mapping[str, str] = statuses, found: dict[str, Outcome] = found
            ) -> None:
                found[name] = await self._entity(around, name, blocked_by(name, statuses))

            await each(stage, len(stage), work, self.room)
            outcomes += [found[name] for name in stage]
        await self._end_pass(target.code)
        return outcomes

    async def _properties(self, region: str) -> list[int]:
        """Live properties, by what a reading of them is worth today."""
        return await self.ledger.property_ids(region, self.clock.now().date())

    async def _losses(self, region: str) -> list[Loss]:
        """What was deleted by hand: told, and read again from now on."""
        losses = await self.proofs.take_losses(region, self.order_of(self.clock.monotonic()))
        for one in losses:
            self.emit(RowsLost(region, one.entity, one.table, one.records))
        return losses

    async def _begin_pass(self, region: str) -> CutOff | None:
        """The run that was cut off and that this one goes on with.

        A backfill keeps its own account, and leaves no older run that its writing would make look recent.
        """
        if self.settings.backfill is not None:
            await self.ledger.end_pass(region)
            return None
        return await self.ledger.begin_pass(region, self.clock.now(), self.settings.pace.resume_seconds)

    async def _end_pass(self, region: str) -> None:
        """Say that nothing was cut off. Where that cannot be written, the next run only reads less, once."""
        try:
            await self.ledger.end_pass(region)
        except DatabaseError as error:
            self.emit(Noticed(f"the end of the run could not be written: {error.message}", region))

    async def _entity(self, around: _Around, name: str, blocker: str | None) -> Outcome:
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
            row_id = await self.ledger.open(target.code, log_name(name, self.settings.backfill), self.run_id)
            if blocker:
                error = NotRead(f"not read, because {blocker} failed in this run")
            else:
                await self._read(job)
                await remember_fields(job)
        except asyncio.CancelledError as cancelled:
            error = cancelled
            raise
        except Exception as failure:  # noqa: BLE001 - the edge of a job: every failure becomes its outcome
            error = failure
            self._tell_crash(target.code, name, failure)
        finally:
            outcome = self._outcome(job, error, self.clock.monotonic() - started)
            await finish(self._close(row_id, outcome))
        return outcome

    def _tell_crash(self, region: str, name: str, error: Exception) -> None:
        if not isinstance(error, BreezewaySyncError):
            stack = "".join(traceback.format_tb(error.__traceback__))
            self.emit(Crashed(region, name, type(error).__name__, stack))

    def _job(self, around: _Around, name: str) -> Job:
        limit = self.settings.max_seconds
        target = around.target
        return Job(
            region=target.code,
            company_id=target.company_id,
            entity=BY_NAME["properties" if name == "property_contacts" else name],
            name=name,
            api=self.api,
            sink=self.sink,
            ledger=self.ledger,
            proofs=self.proofs,
            order_of=self.order_of,
            clock=self.clock,
            settings=self.settings,
            emit=self.emit,
            room=self.room,
            deadline=None if limit is None else around.began + limit,
            owed_time=self.owed_time,
            cut_off=around.cut_off,
            tally=self.spare.tally(),
            spare=self.spare,
            closed_sources=around.closed,
        )

    async def _read(self, job: Job) -> None:
        await self._read_lists(job)
        called = () if job.name == "properties" else job.entity.called
        names = [job.name, *(one.source.name for one in called)]
        job.findings.waiting = await self.ledger.count_open_rejects(job.region, names)

    async def _read_lists(self, job: Job) -> None:
        if self.settings.backfill is not None:
            await self._read_days(job, self.settings.backfill)
        elif job.name == "property_contacts":
            await read_contacts(job, await self._properties(job.region))
        elif job.entity.sources[0].per:
            await owe_again(job)
            await self._read_per_property(job)
        else:
            await read_lists(job)
            await settle_absent(job)

    async def _read_per_property(self, job: Job) -> None:
        await read_by_property(job, await self._properties(job.region))
        await settle_absent(job)
        self.owed_time.regions.add(job.region)
        try:
            await work_backlog(job)
        finally:
            self.owed_time.regions.discard(job.region)

    async def _read_days(self, job: Job, days: Days) -> None:
        """Read again what falls between two days; what was read before it was cut off is not."""
        if not job.entity.sources[0].per:
            await read_lists(job)
            await settle_absent(job)
        elif await self._properties(job.region):
            await self._read_per_property(job)
        else:
            raise NotRead("no property is in the mirror yet", cure=f"`breezeway-sync run {job.region}` reads all of it")
        if not job.findings.problems:
            await self.ledger.end_backfill(job.region, job.entity.sources[0].name, days)

    def _outcome(self, job: Job, error: BaseException | None, seconds: float) -> Outcome:
        findings = job.findings
        loaded = findings.loaded
        details: dict[str, object] = dict(findings.notes)
        details |= {
            name: getattr(loaded, name)
            for name in ("stale", "changed_characters", "lists_not_sent")
            if getattr(loaded, name)
        }
        for source, children in findings.children.items():
            details[source] = {key: value for key, value in asdict(children).items() if value}
        if findings.unavailable:
            details["unavailable"] = sorted(findings.unavailable)
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
            owed=findings.owed,
            seconds=seconds,
            error="; ".join(part for part in (_explain(error), text) if part) or None,
            fault=type(error).__name__ if error else next((type(e).__name__ for _, e in findings.problems), None),
            details=details,
        )

    async def _close(self, row_id: int | None, outcome: Outcome) -> None:
        """Close the row of the log, if the database still answers, and tell everybody."""
        if row_id is not None:
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self.ledger.close(outcome.region, row_id, outcome)
            except (DatabaseError, TimeoutError) as error:
                what = f"the row of the log could not be closed: {type(error).__name__}"
                self.emit(Noticed(what, outcome.region, outcome.entity))
        self.emit(outcome.told(self.run_id))


def _explain(error: BaseException | None) -> str | None:
    """An error in words; of one that nobody foresaw only the name, since its text may quote data."""
    if error is None:
        return None
    if isinstance(error, asyncio.CancelledError):
        return "interrupted"
    if isinstance(error, BreezewaySyncError):
        return error.message
    return f"unexpected {type(error).__name__}, see the log"


def _failed(region: str, entity: str, error: Exception) -> Outcome:
    return Outcome(region, entity, FAILED, error=_explain(error), fault=type(error).__name__)
