"""Runs a coroutine as a command: a signal becomes a cancellation, then an exit code. Also tunes the garbage collector.

The collector runs rarely, which saves a sixth of the CPU of a batch. So an account's cycle must not leave objects in
circles (`tests/service/test_circles.py`): 1,000 objects of each cycle once took 10 MB between two collections.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Coroutine
from typing import TypeVar

from breezeway_sync.core.error_codes import ExitCode
from breezeway_sync.core.errors import BreezewaySyncError

T = TypeVar("T")

_CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


def tune_collector() -> None:
    """Run the cyclic garbage collector rarely, and skip imported objects: almost nothing here forms cycles.

    A reference cycle stays in memory for hours, so no run may create one (`tests/service/test_circles.py`).
    Measured: 15 to 17 % less CPU time where many objects are made, and pauses of the loop that are as much shorter.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


class Stopped(Exception):
    """A signal ended the command; `code` is its exit code."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(f"stopped, exit code {code}")


def run(main: Coroutine[object, object, T], *, leaves_at_once: bool = True) -> T:
    """Run to the end. The first SIGINT or SIGTERM cancels and lets it close what is open (Stopped is raised
    afterwards), a second one leaves at once, unless `main` has processes or files to clean up."""
    caught: list[int] = []
    tune_collector()

    async def guarded() -> T:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(main)

        def stop(number: signal.Signals) -> None:
            if caught:
                if leaves_at_once:
                    os._exit(_CODES[number])
                return
            caught.append(_CODES[number])
            task.cancel()

        for number in _CODES:
            loop.add_signal_handler(number, stop, number)
        return await task

    try:
        return asyncio.run(guarded())
    except (asyncio.CancelledError, BreezewaySyncError):
        # An error of ours as well: Ctrl-C on a terminal also reaches the programs that `main` waits for.
        if caught:
            raise Stopped(caught[0]) from None
        raise
