"""What was sent to the product that proves a deletion, by the run to which it was sent."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qs

from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.spec import Kind
from tests.convergence.lists import Key
from tests.truth.api import decoded

Json: TypeAlias = Any

_OWN: dict[str, Kind] = {"property": "properties", "reservation": "reservations", "task": "tasks"}
OWN_ADDRESS = frozenset(_OWN.values())
_OWN_PATH = re.compile(r"/v1/(property|reservation|task)/(\d+)$")
_LISTED = {
    "/people": ("people", ""),
    "/supplies": ("supplies", ""),
    "/companies/templates": ("templates", ""),
    "/companies/subdepartments": ("subdepartments", ""),
    "/task/tags": ("tags", "task"),
    "/reservation/tags": ("tags", "reservation"),
    "/property/tags": ("tags", "property"),
}
_VARIANTS = {"people": 3}


@dataclass(slots=True)
class Part:
    """One page of a list, or one variant of it: which ids, how many records without one, how many announced."""

    ids: frozenset[int]
    nameless: int
    total: int | None


@dataclass(slots=True)
class Shown:
    """What one run was shown of one list."""

    parts: dict[str, Part] = field(default_factory=dict)

    def ids(self) -> set[int]:
        return {number for part in self.parts.values() for number in part.ids}

    def is_full(self, table: str) -> bool:
        if table != "supplies":
            return len(self.parts) == _VARIANTS.get(table, 1)
        pages = {int(page): part for page, part in self.parts.items()}
        announced = {pages[min(pages)].total, pages[max(pages)].total}
        if announced == {None}:  # pages up to one that says nothing more
            return set(pages) == set(range(1, max(pages) + 1))
        shown = len(self.ids()) + sum(part.nameless for part in pages.values())
        return min(pages) == 1 and announced == {shown}


class Evidence:
    """`run` and `began` are those of the process that is running now, the latter in moving seconds."""

    def __init__(self) -> None:
        self.run = 0
        self.began = 0.0
        self.lied: set[Key] = set()
        """Records whose own address has said, wrongly, that there is no such record."""
        self.approved: set[tuple[str, str, Any]] = set()
        """Records that a person has let go of, with the key that they have in the mirror."""
        self._refused: dict[Key, set[int]] = defaultdict(set)
        self._answering: dict[tuple[str, str], set[int]] = defaultdict(set)
        self._shown: dict[tuple[str, str, str], dict[int, Shown]] = defaultdict(lambda: defaultdict(Shown))

    def sent(self, account: SandboxAccount, path: str, query: str, status: int, body: bytes) -> None:
        """What went out in the end, faults included."""
        if own := _OWN_PATH.search(path):
            self._of_one(account, _OWN[own[1]], int(own[2]), status, body)
        listed = _LISTED.get(path.rpartition("/v1")[2])
        items, total = _items(body) if listed and status == 200 else (None, None)
        if listed and items is not None:
            asked = parse_qs(query)
            part = "".join(asked.get("page", asked.get("status", ["1"])))
            ids = frozenset(item["id"] for item in items if isinstance(item, dict) and isinstance(item.get("id"), int))
            shown = self._shown[account.code, *listed][self.run]
            if items or listed[0] != "supplies" or part == "1":  # the page after the last one says nothing
                shown.parts[part] = Part(ids, len(items) - len(ids), total)

    def _of_one(self, account: SandboxAccount, kind: Kind, number: int, status: int, body: bytes) -> None:
        key = (account.code, kind, number)
        if status == 404:
            self._refused[key].add(self.run)
            if account.exists(kind, number):
                self.lied.add(key)
        elif status == 200 and body.startswith(b"{"):
            self._answering[account.code, kind].add(self.run)

    def refusals(self, key: Key) -> int:
        """In how many runs an own address answered 404 while that of another record answered."""
        return len(self._refused[key] & self._answering[key[:2]])

    def absences(self, table: str, region: str, key: Any) -> int:
        """In how many runs a list was read whole, was not empty (or that was approved), and did not show a record."""
        kind, number = key if table == "tags" else ("", key)
        runs = self._shown[region, table, kind].values()
        is_approved = (region, table, key) in self.approved
        found = [shown.ids() for shown in runs if shown.is_full(table)]
        return sum(number not in ids for ids in found if ids or is_approved)

    def returned(self, table: str, region: str, key: Any) -> None:
        """What is live again must be proven anew."""
        self._refused.pop((region, table, key), None)


def _items(body: bytes) -> tuple[list[Json] | None, int | None]:
    try:
        found = decoded(body)
    except ValueError:
        return None, None
    if isinstance(found, list):
        return found, None
    results = found.get("results") if isinstance(found, dict) else None
    return (results, found.get("total_results")) if isinstance(results, list) else (None, None)
