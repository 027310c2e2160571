"""Problems: what runs could not read. Each has a key that stays the same from run to run, so a person can accept it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ProblemKind = Literal["list", "children", "record"]
Key = tuple[str, str, int]
"""Kind, source and record id: the key of a row in `problems` within its region."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a problem is about: the key of its row in `problems`, and its name for people (`words`).

    list: a list of `source`, of the region (`record_id` 0) or of one property. children: the list of `source` of one
    parent. record: a record's own address, `source` being its entity's first list.
    """

    kind: ProblemKind
    source: str
    record_id: int
    words: str

    @property
    def key(self) -> Key:
        return (self.kind, self.source, self.record_id)


@dataclass(frozen=True, slots=True)
class FoundProblem:
    """A problem that a run has met: what it is about, the error's code and its message."""

    subject: Subject
    code: str
    message: str
