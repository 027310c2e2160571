"""Types that reading and storing share about missing records and the proof that they are gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

THERE, LEFT, UNKNOWN, FIRST = "there", "left", "unknown", "first"


@dataclass(frozen=True, slots=True)
class MissingCounts:
    """How many records of an entity are candidates (`open`) and wait for a person (`held`).

    `is_too_many`: so many candidates that they cannot all be asked for at once.
    """

    open: int = 0
    held: int = 0
    is_too_many: bool = False


@dataclass(frozen=True, slots=True)
class Home:
    """The property of a record, and whether the API still shows it: THERE, LEFT or UNKNOWN; FIRST: not asked before."""

    key: int | None
    known_state: str


@dataclass(frozen=True, slots=True)
class Control:
    """What answered in the same run, so that a 404 says something: a listed record, or the properties themselves."""

    listed: int | None
    homes: frozenset[int] = frozenset()
    """Properties whose own address answered."""
    other_home: int | None = None
    """Another property of the region whose own address answered: enough where the record's own has left."""

    def allows(self, home: Home) -> bool:
        """Whether a 404 of what belongs to this property is believed."""
        return (
            self.listed is not None
            or home.key in self.homes
            or (home.known_state == LEFT and self.other_home is not None)
        )

    def told(self, home: int | None) -> dict[str, object]:
        """What answered, for the evidence."""
        if self.listed is not None:
            return {"listed_record": self.listed}
        return {"home_answered": home if home in self.homes else self.other_home}


@dataclass(frozen=True, slots=True)
class KnownHomes:
    """What is known of properties that records name. `companies` None: the region stores every company."""

    companies: frozenset[int] | None
    mirrored: frozenset[int]
    excluded: frozenset[int]


Asked = Mapping[int, datetime]
"""Records whose own address was asked, by the moment before that."""

Strangers = Mapping[int, tuple[int, int | None]]
"""Records whose own address answered with a property of another company: by record, that property and its company."""
