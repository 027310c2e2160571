"""Waiting that cancellation does not cut short."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import TypeVar

T = TypeVar("T")


async def finish(work: Coroutine[object, object, None]) -> None:
    """Await `work` to its end even when cancelled meanwhile, once or more; the cancellation is raised afterwards.

    Only for work that bounds its own time.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    task.result()
    if cancelled is not None:
        raise cancelled


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
