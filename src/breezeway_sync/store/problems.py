"""Stores problems for people: list, accept, find by id. To accept one needs no lease.

A problem is resolved when the database proves it, not when a loop remembers it. An acceptance applies to one code or
one payload. A missing answer does not end it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from breezeway_sync.core.clock import Clock
from breezeway_sync.core.errors import UnknownRecord
from breezeway_sync.core.problems import Subject
from breezeway_sync.core.report import KnownProblem
from breezeway_sync.store.database import Database

MOST_NAMED = 20
_ID = re.compile(r"([pr])([1-9][0-9]{0,17})")


class Problems:
    """The tables `problems` and `rejected_records` of one schema."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def listing(self, regions: Sequence[str], *, resolved: bool = False) -> list[KnownProblem]:
        """What is open, and with `resolved` also what was."""
        return [KnownProblem(*row) for row in await self._database.fetch("list_problems", list(regions), resolved)]

    async def accept(self, ids: Sequence[str], person: str, why: str) -> int:
        """A person lives with all of these; how many. Raises UnknownRecord, after changing nothing."""
        numbers = numbers_of(ids)
        now, found = self._clock.now(), set[str]()
        async with self._database.transaction("accepting problems") as connection:
            for kind, query in (("p", "accept_problems"), ("r", "accept_rejects")):
                asked = [number for letter, number in numbers.values() if letter == kind]
                rows = await connection.fetch(self._database.query(query), asked, now, person, why)
                found |= {f"{kind}{row['id']}" for row in rows}
            lacking = [one for one in numbers if one not in found]
            if lacking:
                regions = await connection.fetch(self._database.query("regions_of_problems"))
                known = await connection.fetch(
                    self._database.query("list_problems"), [row["region_code"] for row in regions], False
                )
                raise unknown(lacking, (row["id"] for row in known))
        return len(found)

    async def subjects(self, ids: Iterable[int]) -> dict[int, Subject]:
        """What open problems are about, by id."""
        rows = await self._database.fetch("problems_by_id", list(ids))
        return {row["id"]: Subject(row["kind"], row["source"], row["record_id"], row["what"]) for row in rows}

    async def standings(self, region: str, ids: Iterable[int]) -> dict[int, tuple[bool, str]]:
        """Whether problems are open now, and why, by id."""
        rows = await self._database.fetch("problem_standings", region, list(ids))
        return {row["id"]: (row["is_open"], f"{row['code']}: {row['message']}") for row in rows}


def numbers_of(ids: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Ids as people give them, p17 or r4, each once: the table's letter and the number. What is none has none. Pure."""
    found: dict[str, tuple[str, int]] = {}
    for text in ids:
        match = _ID.fullmatch(text)
        found[text] = (match[1], int(match[2])) if match else ("", 0)
    return found


def unknown(lacking: Sequence[str], known: Iterable[str]) -> UnknownRecord:
    """The error for ids of nothing that is open. Pure."""
    there = list(known)
    more = f" and {len(there) - MOST_NAMED} more" if len(there) > MOST_NAMED else ""
    return UnknownRecord(
        "nothing was changed: no open problem has this id",
        actual=", ".join(lacking[:MOST_NAMED]) or "no id",
        expected=f"of {', '.join(there[:MOST_NAMED])}{more}" if there else "one that is open, and none is",
        hint="see `breezeway-sync problems list`",
    )
