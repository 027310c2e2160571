"""Everything that the accounts have ever been, and which request could have brought which version."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, TypeAlias

from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.answers import Answer
from breezeway_sync.sandbox.simulator import Call
from breezeway_sync.sandbox.spec import KINDS, ChildKind, Kind
from breezeway_sync.sandbox.world import World
from tests.convergence.evidence import Evidence
from tests.convergence.lists import Key, Lists
from tests.convergence.moving_time import MovingTime
from tests.truth.api import decoded

Json: TypeAlias = Any
Span: TypeAlias = tuple[float, float]
"""The earliest and the latest start of a request that brought something, in moving seconds."""

CHILD_KINDS: tuple[tuple[ChildKind, Kind], ...] = (
    ("comments", "tasks"),
    ("requirements", "tasks"),
    ("contacts", "properties"),
)
_LISTED: dict[str, Kind] = {
    "/property": "properties",
    "/reservation": "reservations",
    "/task": "tasks",
    "/supplies": "supplies",
    "/people": "people",
}
_ONE = re.compile(r"/(property|reservation|task|people)/\{id\}")
_CALLED = re.compile(r"/(?:property|task)/\{id\}/(comments|requirements|contacts)")
_CALLED_PATH = re.compile(r"/(?:property|task)/(\d+)/(comments|requirements|contacts)$")


class History:
    """Versions of every record and of every list that has an address of its own, in the order in which they came.

    `span` says between which requests a version was answered.
    """

    def __init__(self, world: World, time: MovingTime) -> None:
        self._world = world
        self._time = time
        self._versions: dict[Key, list[bytes]] = defaultdict(list)
        self._decoded: dict[bytes, Json] = {}
        self._spans: dict[tuple[Key, int], Span] = {}
        self.lists = Lists(time)
        self.evidence = Evidence()
        self.hot: dict[tuple[str, Kind], list[int]] = defaultdict(list)
        """The records of the latest right answer, by account and kind."""
        self._hushed: set[tuple[str, int]] = set()
        for account in world.accounts.values():
            self.note(account)

    def note(self, account: SandboxAccount) -> None:
        """Keep whatever is new after a change."""
        for kind in KINDS:
            for number in account.ids(kind):
                if self._append((account.code, kind, number), account.body(kind, number)):
                    self.lists.renewed(account, kind, number)
                for child, parent in CHILD_KINDS:
                    if parent == kind:
                        self._append((account.code, child, number), account.child_body(child, number))
        self.lists.note(account)

    def versions(self, key: Key) -> list[Json]:
        """All versions of a record or a list, oldest first."""
        return [self._decode(body) for body in self._versions.get(key, ())]

    def span(self, key: Key, version: int) -> Span | None:
        return self._spans.get((key, version))

    def has_been(self, key: Key) -> bool:
        return key in self._versions

    def answered(self, call: Call, answer: Answer, asked_at: float) -> None:
        """A right answer was made to a request that started then."""
        if call.account is None:
            return
        code = call.account.code
        called = _CALLED.fullmatch(call.endpoint)
        if called and answer.status == 200:
            self._widen((code, called[1], int(call.request.path_params["id"])), asked_at)
        own = _ONE.fullmatch(call.endpoint)
        kind = _LISTED.get(f"/{own[1]}" if own else call.endpoint)
        if answer.status != 200 or kind is None:
            return
        numbers = list(_ids(decoded(answer.body)))
        for number in numbers:
            self._widen((code, kind, number), asked_at)
        if numbers:
            self.hot[code, kind] = numbers

    def sent(self, path: str, status: int, body: bytes) -> None:
        """What went out in the end, faults included: a list that was said to be empty, or not to be."""
        found = _CALLED_PATH.search(path)
        if found and (status == 404 or body == b"[]"):
            self._hushed.add((found[2], int(found[1])))

    def was_hushed(self, key: Key) -> bool:
        """Whether a list was ever answered as empty or as missing, in any region."""
        return key[1:] in self._hushed

    def _widen(self, key: Key, asked_at: float) -> None:
        version = len(self._versions[key]) - 1
        first, last = self._spans.get((key, version), (asked_at, asked_at))
        self._spans[key, version] = (min(first, asked_at), max(last, asked_at))

    def _append(self, key: Key, body: bytes | None) -> bool:
        kept = self._versions[key]
        is_new = body is not None and (not kept or kept[-1] != body)
        if body is not None and is_new:
            kept.append(body)
        return is_new

    def _decode(self, body: bytes) -> Json:
        if body not in self._decoded:
            self._decoded[body] = decoded(body)
        return self._decoded[body]


def _ids(body: Json) -> Iterator[int]:
    items = body.get("results", [body]) if isinstance(body, dict) else body
    yield from (item["id"] for item in items if isinstance(item, dict) and isinstance(item.get("id"), int))
