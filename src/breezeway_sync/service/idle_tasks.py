"""The tasks of an idle account: renew tokens, and compare the mirror with the API.

It compares one region after the other, each once a day. When an entry of the schedule is due, the worker cancels the
comparison and waits until it has returned the lease.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from uuid import uuid4

from breezeway_sync.core.errors import ApiError, DatabaseError
from breezeway_sync.core.events import tell_crash
from breezeway_sync.service.access import RunContext, access
from breezeway_sync.service.accounts import Account
from breezeway_sync.service.schedule import DueVerification, comparisons
from breezeway_sync.service.verification import Comparing, VerificationRequest
from breezeway_sync.service.worker import WorkerPool
from breezeway_sync.store.status import Status
from breezeway_sync.store.verification import StoredMirror

# About a hundred calls a region; the sample is another one each time.
SAMPLE_RECORDS = 25


async def renew_tokens(worker_pool: WorkerPool, use: RunContext) -> None:
    """Renew tokens that end soon ahead of the cycle that needs them."""
    for worker in list(worker_pool.workers.values()):
        if worker.is_idle:
            try:
                # What is in the way was told as an event, and the next cycle meets it again.
                with contextlib.suppress(ApiError, DatabaseError):
                    async with access(use, worker.account, wait_seconds=0) as opened:
                        await opened.authenticator.token()
            except Exception as error:  # noqa: BLE001 - the edge of a job: the other accounts have their turn
                tell_crash(use.emit, ", ".join(worker.account.regions), "tokens", error)


async def compare_next(worker_pool: WorkerPool, use: RunContext) -> None:
    """Begin to compare the next region that is due and whose account is idle; one at a time.

    A line that becomes due ends it: finished comparisons are stored, the rest is still due.
    Raises DatabaseError.
    """
    if not use.settings.schedule.verify_seconds or worker_pool.is_idle_task:
        return
    status, now = Status(use.database), use.clock.now()
    states, successes = await status.verifications(now), await status.last_successes()
    for region, due in comparisons(use.settings, states, successes, now):
        worker = worker_pool.of(region)
        if worker is not None and worker.idle_task(lambda account: _compare(use, account, region, due)):  # noqa: B023
            return


async def _compare(use: RunContext, account: Account, region: str, due: Sequence[DueVerification]) -> None:
    """One region, each entity under a lease of its own. What keeps it from going on passes: it is still due."""
    run_id, mirror = uuid4(), StoredMirror(use.database)
    for one in due:
        try:
            seed = int(use.clock.now().timestamp()) if one.seed is None else one.seed
            request = VerificationRequest((region,), (one.entity,), SAMPLE_RECORDS, seed, wait_seconds=0)
            comparing = Comparing(use, mirror, request, run_id)
            await comparing.account(account, [region])
        except Exception as error:  # noqa: BLE001 - the edge of a job: the account is read all the same
            tell_crash(use.emit, region, one.entity, error)
            return
        if comparing.locked or comparing.failure is not None:
            return
