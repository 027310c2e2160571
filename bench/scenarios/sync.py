"""Whole syncs: the first, an unchanged one, an unchanged one that reads everything again, and one after 1 % changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from bench.contestants import Collected, check_complete, ours, theirs
from bench.ground import Ground, say
from bench.measured import DLT, DLT_TUNED, OURS, SCRIPT, Figure, Sample
from bench.peers import PEERS
from bench.processes import Failed
from bench.server import Api, serving
from bench.shapes import SHAPES

SCENARIO = "sync"
FIRST, UNCHANGED, FULL, CHANGED = "first", "unchanged", "unchanged, --full", "1 % changed"
CHANGED_SHARE = 0.01

Sync = Callable[[str], Sample]
"""From the DSN of a database to what was measured."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured at one size and latency, and which peers beside the product, in which of its steps."""

    size: str
    latency_ms: int
    steps: tuple[str, ...] = (FIRST, UNCHANGED, CHANGED)
    peers: tuple[str, ...] = ()
    peer_steps: tuple[str, ...] = (FIRST, UNCHANGED)
    excluded: str = ""

    def case(self, step: str) -> str:
        return case(step, self.latency_ms)


#: What takes one sequential program minutes is left out, so that the whole bench stays a matter of minutes.
PLANS = (
    Plan("small", 0, (FIRST, UNCHANGED, FULL, CHANGED), (DLT, DLT_TUNED, SCRIPT)),
    Plan("small", 20, peers=(DLT, DLT_TUNED, SCRIPT)),
    Plan("small", 100),
    Plan("medium", 0, (FIRST, UNCHANGED, FULL, CHANGED), (DLT, DLT_TUNED, SCRIPT)),
    Plan("medium", 20, peers=(DLT, DLT_TUNED), excluded=SCRIPT),
    Plan("medium", 100),
    Plan("large", 0, (FIRST, UNCHANGED, FULL, CHANGED), (DLT, SCRIPT), (FIRST,)),
    Plan("large", 20),
)


def case(step: str, latency_ms: int) -> str:
    """`first, 20 ms`."""
    return f"{step}, {latency_ms} ms"


def run(ground: Ground, sizes: Sequence[str], runs: int) -> list[Figure]:
    """Each round has new databases; in each step of it one contestant comes after the other."""
    collected = Collected(SCENARIO)
    for size in sizes:
        with serving(SHAPES[size]) as api:
            _warm(ground, api, size)
            for plan in (one for one in PLANS if one.size == size):
                api.set_latency(plan.latency_ms / 1000)
                for number in range(runs):
                    _round(ground, api, plan, number, collected)
                    say(f"sync: {size}, {plan.latency_ms} ms, round {number + 1} of {runs} done")
                if plan.excluded:
                    collected.note(plan.case(FIRST), size, plan.excluded, "not run: more than 2 minutes")
    return collected.figures()


def _warm(ground: Ground, api: Api, size: str) -> None:
    """Everybody reads everything once, so that the service has made every body before the clock runs.

    Of the large accounts peers do not: what they ask otherwise than the product is made in their first round.
    """
    for sync in _contestants(ground, api, () if size == "large" else (DLT, SCRIPT)).values():
        with ground.database() as dsn:
            sync(dsn)


def _contestants(ground: Ground, api: Api, peers: Sequence[str]) -> dict[str, Sync]:
    named = {peer.name: peer for peer in PEERS if peer.name in peers}
    return {OURS: partial(ours, api), **{name: partial(theirs, peer, ground, api) for name, peer in named.items()}}


def _round(ground: Ground, api: Api, plan: Plan, number: int, collected: Collected) -> None:
    with ExitStack() as stack:
        contestants = _contestants(ground, api, plan.peers)
        databases = {name: stack.enter_context(ground.database()) for name in contestants}
        for step in plan.steps:
            changed = api.change_tasks(CHANGED_SHARE, number) if step == CHANGED else 0
            for name, sync in contestants.items():
                if name != OURS and step not in plan.peer_steps:
                    continue
                sample = ours(api, databases[name], full=True) if step == FULL else sync(databases[name])
                check_complete(sample, api)
                if name == OURS:
                    check_step(step, sample, changed)
                collected.add(plan.case(step), plan.size, name, sample)


def check_step(step: str, sample: Sample, changed: int) -> None:
    """A fast sync that did not see what happened is none. Raises Failed."""
    if step == FIRST:
        return
    expected = {"new": 0, "deleted": 0, "updated": changed}
    actual = {name: int(sample.numbers[name]) for name in expected}
    if actual != expected:
        raise Failed(f"{step}: got {actual}, wanted {expected}")
