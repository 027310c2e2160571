"""Starts jobs on time: APScheduler, made to continue after any error of a job or of the scheduler itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from breezeway_sync.core.events import Emit, tell_crash

# After a look at the jobs that failed: soon, but not at once, as memory or threads may be lacking.
REST_SECONDS = 5.0


class Timer(AsyncIOScheduler):  # type: ignore[misc]  # APScheduler ships no type hints
    """Runs jobs by name, each at most once at a time. A job that fails emits `Crashed` and runs again next time."""

    def __init__(self, emit: Emit) -> None:
        super().__init__(timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None})
        self._emit = emit

    def every(
        self, seconds: float, name: str, what: Callable[..., Awaitable[None]], first_at: datetime, *args: object
    ) -> None:
        """Call `what` with `args` at `first_at` and then every so many seconds."""
        self.add_job(
            partial(self._safely, name, what),
            IntervalTrigger(seconds=seconds, timezone=UTC),
            id=name,
            name=name,
            args=args,
            next_run_time=first_at,
        )

    async def _safely(self, name: str, what: Callable[..., Awaitable[None]], *args: object) -> None:
        try:
            await what(*args)
        except Exception as error:  # noqa: BLE001 - the edge of a job: its next turn comes all the same
            tell_crash(self._emit, "", name, error)

    def _process_jobs(self) -> float | None:
        """Begin what is due. After an error here the scheduler itself would begin nothing more, for ever."""
        try:
            wait_seconds: float | None = super()._process_jobs()
        except Exception as error:  # noqa: BLE001 - the edge of all jobs
            tell_crash(self._emit, "", "timer", error)
            return REST_SECONDS
        return wait_seconds
