"""Decides which lists an account does not have.

A gateway during a deploy, or access that is not switched on yet, refuses every list. So a refusal counts only if four
things are true: an account can lack the list, it never answered, the properties answered, and another such list
answered (in this run or before). For lists per parent, a sample spread over all parents must be refused in two runs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from zlib import crc32

from breezeway_sync.core.errors import ApiError
from breezeway_sync.entities.catalog import ENTITIES, HOME
from breezeway_sync.entities.model import Source
from breezeway_sync.sync.job import Job
from breezeway_sync.sync.status_rules import means_unavailable

# So many at least are asked before their refusals are taken for the account's.
LEAST_SAMPLE = 3

MAY_BE_MISSING = frozenset(
    source.name
    for entity in ENTITIES
    for source in (*entity.sources, *(called.source for called in entity.called))
    if source.may_be_missing
)

PER_REGION = MAY_BE_MISSING & {source.name for entity in ENTITIES for source in entity.sources}


def is_believable(source: str, answered: Collection[str]) -> bool:
    """Whether a refusal speaks of this list alone, by the lists that have `answered`. Pure."""
    # Lists of the region are switched on one by one; that comments answer says nothing of them.
    kind = PER_REGION if source in PER_REGION else MAY_BE_MISSING
    others = kind.intersection(answered) - {source}
    is_home_there = all(one.name in answered for one in HOME.sources)
    return source in MAY_BE_MISSING and source not in answered and is_home_there and bool(others)


def sample(source: str, parents: Sequence[int], size: int) -> list[int]:
    """Some parents, spread over all of them, the same ones each time. Pure."""
    return sorted(parents, key=lambda parent: crc32(f"{source} {parent}".encode()))[:size]


async def refused_list(job: Job, source: Source, error: ApiError) -> None:
    """Judge a list of the region that never answered: the account does not have it, or it is a problem."""
    if not means_unavailable(error, empty_counts=source.empty_means_unavailable):
        job.problem(job.list_of(source), error)
    elif is_believable(source.name, job.known.answered):
        await job.close(source, error)
    else:
        job.problem(job.list_of(source), error)
        if source.may_be_missing:
            job.known.doubtful[source.name] = job.name


async def refused_sample(job: Job, source: Source, error: ApiError) -> bool:
    """Judge a sample of a source that never answered, all of it refused. Whether the account does not have the source.

    The source is closed then. Otherwise nothing is concluded before another run finds the same.
    """
    is_second = await job.sync_state.note_refused(job.region, source.name, job.run_id)
    if not is_second or not is_believable(source.name, job.known.answered):
        job.findings.note(f"{source.name} refused for a sample, which another run must confirm")
        return False
    await job.close(source, error)
    return True
