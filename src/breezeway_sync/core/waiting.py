"""Waiting that cancellation does not cut short."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


async def finish(work: Coroutine[object, object, None]) -> None:
    """Await `work` to its end even when cancelled meanwhile; the cancellation is raised afterwards.

    Only for work that bounds its own time.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
