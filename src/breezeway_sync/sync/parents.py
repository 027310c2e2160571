"""Makes the same call for every parent, and learns whether the account has this list at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from breezeway_sync.core.errors import ApiError
from breezeway_sync.core.problems import Subject
from breezeway_sync.entities.catalog import HOME
from breezeway_sync.entities.model import Source
from breezeway_sync.sync.job import Job, each
from breezeway_sync.sync.missing import LEAST_SAMPLE, refused_sample, sample
from breezeway_sync.sync.status_rules import means_unavailable


async def over_parents(
    job: Job,
    source: Source,
    parents: Sequence[int],
    read: Callable[[int], Awaitable[None]],
    *,
    has_answered: bool = False,
) -> list[tuple[int, ApiError]]:
    """Call `read` for every parent, some at once; a parent that fails costs only itself, by name.

    Returned are refusals in words that speak of the address, by parent. Where a source may be missing and never
    answered, a sample is asked first; while all of it is refused, the others are not asked (see `missing`).
    """
    refusals: list[tuple[int, ApiError]] = []
    done = 0

    async def one(parent: int) -> None:
        nonlocal done
        try:
            await read(parent)
        except ApiError as error:
            if means_unavailable(error, empty_counts=source.empty_means_unavailable):
                refusals.append((parent, error))
            else:
                job.problem(_subject(job, source, parent), error)
        done += 1
        job.advanced(HOME.name, done, len(parents))

    first: list[int] = []
    if source.may_be_missing and not has_answered:
        first = sample(source.name, parents, max(LEAST_SAMPLE, job.settings.workers))
        await each(first, job.settings.workers, one, job.memory)
        if first and len(refusals) == len(first):
            return [] if await refused_sample(job, source, refusals[0][1]) else refusals
    asked = set(first)
    await each((one for one in parents if one not in asked), job.settings.workers, one, job.memory)
    return refusals


def _subject(job: Job, source: Source, parent: int) -> Subject:
    """Of a list per property that list, of a call per parent its children."""
    return job.list_of(source, parent) if source.per else job.children_of(source, parent)
