"""Stores the problems of a run, and reads one problem again when a person asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from breezeway_sync.core.errors import ApiError, DatabaseError
from breezeway_sync.core.events import OperatorNotice
from breezeway_sync.core.problems import Subject
from breezeway_sync.entities.model import CalledChild, Source
from breezeway_sync.sync.calls import ChildReader, known_state_of
from breezeway_sync.sync.job import Job
from breezeway_sync.sync.lists import read_one
from breezeway_sync.sync.status_rules import means_unavailable


async def write_problems(job: Job) -> None:
    """Write down what was met, resolve what was met before and is settled since, and count what is accepted."""
    pending_reads = [called.source.name for called in job.entity.called if called.pending_reads]
    met = list(job.findings.alert_states.values())
    job.findings.accepted += await job.sync_state.save_problems(
        job.region, job.name, met, pending_reads, job.clock.now()
    )
    job.findings.is_written_down = True


async def write_left(job: Job, within_seconds: float) -> None:
    """Write problems down after an error has ended the run. The next run meets those again that miss the deadline."""
    if job.findings.is_written_down:
        return
    try:
        async with asyncio.timeout(within_seconds):
            await write_problems(job)
    except (DatabaseError, TimeoutError) as error:
        why = error.message if isinstance(error, DatabaseError) else "it took too long"
        job.emit(OperatorNotice(f"the problems could not be written down: {why}", job.region, job.name))


async def read_again(job: Job, subjects: Sequence[Subject]) -> None:
    """Read these lists and records, one after the other, and write down what came of each.

    Raises what ends everything, after writing down what was met before it.
    """
    try:
        for subject in subjects:
            await _one(job, subject)
    finally:
        await write_problems(job)


async def _one(job: Job, subject: Subject) -> None:
    source = next((one for one in job.entity.sources if one.name == subject.source), None)
    called = next((one for one in job.entity.called if one.source.name == subject.source), None)
    try:
        if subject.kind == "record":
            await _record(job, subject.record_id)
        elif subject.kind == "children" and called is not None:
            await _children(job, called, subject.record_id)
        elif source is not None and (source.per is None or subject.record_id):
            await _list(job, source, subject.record_id)
        else:
            # A call per parent that the account was found to lack: the next run asks for it again.
            await job.sync_state.mark_available(job.region, subject.source)
    except ApiError as error:
        job.problem(subject, error)


async def _list(job: Job, source: Source, parent: int) -> None:
    try:
        await read_one(job, source, parent)
    except ApiError as error:
        was_closed = source.name in job.closed_sources
        if was_closed and means_unavailable(error, empty_counts=source.empty_means_unavailable):
            await job.close(source, error)
            return
        raise
    await job.answered(source)


async def _children(job: Job, called: CalledChild, parent: int) -> None:
    reader = ChildReader(job, called, await known_state_of(job, called.source.name))
    async with reader.batcher.in_time():
        await reader.read(parent)


async def _record(job: Job, key: int) -> None:
    asked_at = job.clock.now()
    await job.store([await job.ask(key)])
    await job.proofs.answered(job.region, job.entity, {key: asked_at})
