"""Helpers for tasks: waits that a cancellation does not end early, task groups, and long work in slices.

A cancelled task group stays cancelled, whatever fails with it. Long work in the event loop runs in slices of 50 records
(2 ms), so batches of several regions leave the loop responsive.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

T = TypeVar("T")

# Making rows of 50 records takes about 2 ms; with the batches of several regions in turn, the loop stays awake.
SLICE = 50


async def in_slices(things: Iterable[T], size: int = SLICE) -> AsyncIterator[T]:
    """One thing after the other; after every few of them whoever else is due has a turn."""
    for number, thing in enumerate(things, 1):
        yield thing
        if number % size == 0:
            await asyncio.sleep(0)


def begin(work: Coroutine[object, object, T], name: str | None = None) -> asyncio.Task[T]:
    """Start a task. If there is no memory for it, close `work` and raise the error."""
    try:
        return asyncio.create_task(work, name=name)
    except BaseException:
        work.close()
        raise


async def finish(work: Awaitable[T]) -> T:
    """Await `work` to its end even when cancelled meanwhile, once or more; the cancellation is raised afterwards.

    Only for work that bounds its own time. Its error is raised, or is the cause of the cancellation.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled from None if task.cancelled() else task.exception()
    return task.result()


@asynccontextmanager
async def task_group() -> AsyncIterator[Callable[[Coroutine[object, object, None]], asyncio.Task[None]]]:
    """Gives what begins a task. All are awaited at the end; the first error ends the block and the others.

    Unlike `asyncio.TaskGroup` alone: who is cancelled from outside stays cancelled, whatever fails with it. A run that
    is told to end while the database ends as well would else go on.
    """
    body = asyncio.current_task()
    cancelled_before = body.cancelling() if body else 0
    running: set[asyncio.Task[None]] = set()

    def begin(work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        try:
            task = group.create_task(work)
        except BaseException:
            work.close()
            raise
        running.add(task)
        task.add_done_callback(running.discard)
        return task

    try:
        async with asyncio.TaskGroup() as group:
            yield begin
            # Not left to the group's end: before Python 3.13 a failure there leaves the body counted as cancelled.
            while running:
                await asyncio.wait(running)
    except ExceptionGroup as errors:
        first = errors.exceptions[0]
        if body and body.cancelling() > cancelled_before:
            raise asyncio.CancelledError from first
        raise first from None


async def together(works: Iterable[Coroutine[object, object, T]]) -> list[T]:
    """All results, in order. When one fails, or the whole is cancelled, the others are cancelled and awaited first.

    `asyncio.gather` alone raises with the first that ends: the others would go on without what they stand on.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            if not task.cancelling():
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
