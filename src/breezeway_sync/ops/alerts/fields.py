"""Collects schema drift by region until one message reports it. Pure but for its own state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from breezeway_sync.core.events import CycleFinished, Event, FieldChanged
from breezeway_sync.ops.alerts.model import Rules

MOST_CHANGES = 1_000
"""The most that wait of one region; `gaps` shows them all."""


@dataclass(slots=True)
class _Waiting:
    look_at: datetime
    changes: list[FieldChanged] = field(default_factory=list)


class FieldNews:
    """Changes that nobody was told of yet."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._waiting: dict[str, _Waiting] = {}

    def take(self, event: Event, at: datetime) -> None:
        """Take one event over; the end of a region's cycle makes its changes due."""
        match event:
            case FieldChanged(region):
                waiting = self._waiting.setdefault(region, _Waiting(at + self._rules.group))
                if len(waiting.changes) < MOST_CHANGES:
                    waiting.changes.append(event)
            case CycleFinished():
                for region in event.regions:
                    if region in self._waiting:
                        self._waiting[region].look_at = min(at, self._waiting[region].look_at)

    def due(self, now: datetime, *, everything: bool) -> list[tuple[str, Sequence[FieldChanged]]]:
        """The regions to be told of now, with what changed."""
        return [
            (region, tuple(waiting.changes))
            for region, waiting in self._waiting.items()
            if everything or waiting.look_at <= now
        ]

    def told(self, region: str) -> None:
        """People know."""
        self._waiting.pop(region, None)

    def put_off(self, region: str, until: datetime) -> None:
        """Nobody received it: to be tried again."""
        self._waiting[region].look_at = until
