"""Places whose number changes while calls wait."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from breezeway_sync.api.semaphore import ResizableSemaphore

from .virtual_time import run

# `leave and cancel`: who is handed a place is cancelled in the same moment.
WHAT = st.sampled_from(["come", "come", "come", "leave", "cancel", "resize", "leave and cancel"])
STEPS = st.lists(st.tuples(WHAT, st.integers(1, 5)), max_size=60)


@dataclass
class Model:
    """Places, and a plain model of them: who should hold one and who waits, in order."""

    semaphore: ResizableSemaphore
    held: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def _take(self, name: str) -> None:
        await self.semaphore.take()
        self.held.append(name)

    def come(self, name: str) -> None:
        self.tasks[name] = asyncio.create_task(self._take(name))
        self.waiting.append(name)

    def leave(self, place: int) -> None:
        self.expected.remove(self.held.pop(place))
        self.semaphore.leave()

    def cancel(self, place: int) -> None:
        self.tasks[self.waiting.pop(place)].cancel()

    def step(self, what: str, value: int, name: str) -> None:
        if what == "come":
            self.come(name)
        elif what == "resize":
            self.semaphore.resize(value)
        elif what == "cancel" and self.waiting:
            self.cancel(value % len(self.waiting))
        elif what in ("leave", "leave and cancel") and self.held:
            self.leave(value % len(self.held))
            if what == "leave and cancel" and self.waiting and len(self.expected) < self.semaphore.size:
                self.cancel(0)

    async def settle(self) -> None:
        """All has had its effect, and is as it should be."""
        while self.waiting and len(self.expected) < self.semaphore.size:
            self.expected.append(self.waiting.pop(0))
        await asyncio.sleep(0.001)
        assert self.held == self.expected
        assert self.semaphore.taken == len(self.held)


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 4), STEPS)
def test_first_come_first_served_whatever_is_cancelled_or_resized(size: int, steps: list[tuple[str, int]]) -> None:
    async def main() -> None:
        model = Model(ResizableSemaphore(size))
        for number, (what, value) in enumerate(steps):
            model.step(what, value, str(number))
            await model.settle()
        while model.held or model.waiting:
            model.leave(0)
            await model.settle()
        assert model.semaphore.is_free()

    run(main())
