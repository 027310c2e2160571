"""Chance, and what every change of an account picks by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, TypeAlias

from breezeway_sync.sandbox import stamps
from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.drift import random_id
from breezeway_sync.sandbox.spec import Kind

Json: TypeAlias = Any

NAMED: dict[Kind, str] = {
    "tasks": "name", "reservations": "note", "properties": "name", "people": "first_name", "supplies": "name",
    "task_tags": "name", "reservation_tags": "name", "property_tags": "name", "templates": "name",
    "subdepartments": "name",
}  # fmt: skip
KINDS = tuple(NAMED)


class Dice(Random):
    """Chance that prefers what is on its way: `hot` are the records of the latest answers, by account and kind."""

    def __init__(self, seed: int, hot: Mapping[tuple[str, Kind], Sequence[int]] | None = None) -> None:
        super().__init__(seed)
        self.hot = hot or {}


def fresh(account: SandboxAccount) -> str:
    """A text that nothing has had before: versions are told apart by it."""
    return f"change {account.version}"


def some(account: SandboxAccount, kind: Kind, rng: Dice) -> int | None:
    """Any listed record with a whole id; every second time one of those that the last answer showed."""
    shown = [number for number in rng.hot.get((account.code, kind), ()) if account.exists(kind, number)]
    if shown and rng.random() < 0.5:
        return rng.choice(shown)
    found = random_id(account, kind, rng)
    return found if found is not None and found > 0 else None


def born(account: SandboxAccount, kind: Kind, record: Json) -> Json:
    """As if it had been created now, where the kind says when."""
    times = {"created_at": stamps.naive(account.now()), "updated_at": stamps.like(account.now(), kind)}
    return record | {name: time for name, time in times.items() if name in record}
