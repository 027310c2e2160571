"""Asking the same of every parent, and learning whether the account has it at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from breezeway_sync.core.errors import ApiError
from breezeway_sync.core.problems import Subject
from breezeway_sync.entities.model import Source
from breezeway_sync.sync.job import Job, each
from breezeway_sync.sync.verdict import all_refused, means_unavailable

# So many at least are asked before their refusals are taken for the account's.
FIRST_ASKED = 3


async def over_parents(
    job: Job, source: Source, parents: Sequence[int], read: Callable[[int], Awaitable[None]], *, has_answered: bool
) -> list[tuple[int, ApiError]]:
    """Call `read` for every parent, some at once; a parent that fails costs only itself, by name.

    Where the first of them are all refused in words that speak of the address, the account does not
    have it: the source is closed and the others are not asked. Otherwise those refusals are returned,
    by parent, since each speaks of that one only. With `has_answered` they always are: the account had it
    before, or the run that this one goes on with was answered for other parents, and those that were refused
    are the first of what is left.
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
        job.advanced("properties", done, len(parents))

    answers_before = job.findings.answers
    first = parents[: max(FIRST_ASKED, job.settings.workers)]
    await each(first, job.settings.workers, one, job.room)
    if not has_answered and all_refused(job.findings.answers - answers_before, len(refusals), len(first)):
        await job.close(source, refusals[0][1])
        return []
    await each(parents[len(first) :], job.settings.workers, one, job.room)
    if job.findings.answers > answers_before:
        await job.reopen(source)
    return refusals


def _subject(job: Job, source: Source, parent: int) -> Subject:
    """Of a list per property that list, of a call per parent its children."""
    return job.list_of(source, parent) if source.per else job.children_of(source, parent)
