"""Tasks for the load: as many as wanted, always the same, made once and taken apart batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import cast

from breezeway_sync.entities.decode import Json, read_item
from breezeway_sync.sandbox import Kind, SandboxAccount, World, demo_accounts, resized

BATCH_ROWS = 2_000
_SEED = 5
_ANCHOR = date(2026, 11, 1)
_MOST_PROPERTIES = 250
_CHANGED_EVERY = 100


@dataclass(frozen=True, slots=True)
class Batch:
    """Decoded records, and how long they were as JSON."""

    items: list[dict[str, Json]]
    bytes: int


def account_of(rows: int) -> SandboxAccount:
    """An account with exactly so many tasks. Raises ValueError where they cannot be spread over its properties."""
    properties = min(_MOST_PROPERTIES, max(10, rows // 40 // 10 * 10))
    if rows % properties:
        raise ValueError(f"{rows} tasks cannot be spread evenly, wanted a multiple of {properties}")
    per_property = rows // properties
    spec = resized(
        demo_accounts(1)[0],
        properties=properties,
        tasks_per_property=per_property,
        reservations_per_property=min(per_property, 40),
    )
    return World([spec], seed=_SEED, anchor=_ANCHOR).account(spec.code)


def batches(account: SandboxAccount, kind: Kind, *, is_changed: bool = False) -> Iterator[Batch]:
    """All records of a kind in the order of its lists; `is_changed`: every hundredth says something new."""
    place, made = 0, _bodies(account, kind)
    for start in range(0, len(made), BATCH_ROWS):
        bodies = made[start : start + BATCH_ROWS]
        items = [cast("dict[str, Json]", read_item(body)) for body in bodies]
        for item in items if is_changed else ():
            if place % _CHANGED_EVERY == 0:
                item |= {"description": "Said anew.", "updated_at": "2026-11-02T08:00:00+00:00"}
            place += 1
        yield Batch(items, sum(map(len, bodies)))


@lru_cache(maxsize=1)
def _bodies(account: SandboxAccount, kind: Kind) -> list[bytes]:
    """As JSON, 1.4 KB a task: making them takes as long as storing them."""
    return [body for one in account.ids(kind) if (body := account.body(kind, one)) is not None]
