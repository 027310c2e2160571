"""Deletion by proof: what a complete walk did not show is asked for at its own address.

Absence alone deletes nothing: lists leave records out. Only a 404 does, twice in two different runs, and
only when the same kind of address answered for a record that the lists do show.
"""

from __future__ import annotations

from collections.abc import Sequence

from breezeway_sync.core.errors import ApiError, NotFound
from breezeway_sync.core.events import DeletionsHeld
from breezeway_sync.entities.batch import Incoming
from breezeway_sync.sync.job import Job, each

# Asked for in one run at most; the next run goes on.
MAX_ASKED = 1000
# The newest may be gone as well, and not noticed before its list is read whole.
MAX_LISTED = 20


async def settle_absent(job: Job) -> None:
    """Judge what the walks of this run did not show, and ask for what may be gone."""
    loaded = job.findings.loaded
    settled = await job.proofs.settle_absent(job.region, job.entity, loaded.expected)
    loaded.add(settled)
    if loaded.held:
        job.emit(DeletionsHeld(job.region, job.name, loaded.held))
    if job.entity.own_address:
        await _ask(job)


async def _ask(job: Job) -> None:
    """Ask for every candidate, and for what lists leave out when its time has come."""
    keys = await job.proofs.candidates(job.region, job.entity, job.settings.pace, MAX_ASKED)
    answered: list[int] = []
    gone: list[int] = []

    async def one(key: int) -> None:
        found = await _exists(job, key)
        if found is not None:
            (answered if found else gone).append(key)

    await each(keys, job.settings.workers, one, job.room)
    if answered:
        await job.proofs.answered(job.region, job.entity, answered)
    if gone:
        job.findings.note("own addresses that answered 404", len(gone))
        adopted = set(await job.proofs.retire_adopted(job.region, job.entity, gone))
        job.findings.loaded.deleted += len(adopted)
        gone = [key for key in gone if key not in adopted]
    if gone:
        listed = await _listed(job)
        if listed is not None:
            job.findings.loaded.add(await job.proofs.gone(job.region, job.entity, gone, listed))


async def doubt(job: Job, keys: Sequence[int]) -> None:
    """Own addresses that answered 404 in passing: candidates for deletion, with their first proof where it is one."""
    await job.proofs.doubt(job.region, job.entity, keys)
    listed = await _listed(job)
    if listed is not None:
        job.findings.loaded.add(await job.proofs.gone(job.region, job.entity, keys, listed))


async def _exists(job: Job, key: int) -> bool | None:
    """Whether a record has an address of its own; one that has is loaded. None when it could not be found out."""
    address = job.entity.own_address or ""
    try:
        record = await job.api.record(address, address.replace("{id}", str(key)), tally=job.tally)
    except NotFound:
        return False
    except ApiError as error:
        job.problem(job.record(key), error)
        return None
    job.findings.answers += 1
    if not job.belongs(record.value):
        job.findings.note("own addresses that answered with a record of another company or home")
        return None
    incoming = [Incoming(record.value, job.order_of(record.requested_at))]
    job.findings.loaded.add(await job.sink.load(job.region, job.entity, incoming))
    return True


async def _listed(job: Job) -> int | None:
    """A listed record whose own address answers in this run; None: then no 404 proves anything."""
    for listed in await job.proofs.listed_records(job.region, job.entity, MAX_LISTED):
        if await _exists(job, listed):
            return listed
    job.findings.note("404s that prove nothing, because no listed record's own address answered either")
    return None
