"""What was measured, and the pure functions over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from statistics import median
from typing import Any

#: Names of contestants that targets look for.
OURS, DLT, DLT_TUNED, SCRIPT, COPY = "breezeway-sync", "dlt", "dlt, 24 at once", "script", "COPY"


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured run: numbers by name (`wall_seconds`, `cpu_seconds`, `peak_rss_mb`, …), and rows by table."""

    numbers: Mapping[str, float]
    rows: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Figure:
    """All runs of one contestant in one case at one size: `sync`, `first, 20 ms`, `small`, `dlt`.

    `note` says why there are no samples, or what a reader has to know of them.
    """

    scenario: str
    case: str
    size: str
    contestant: str
    samples: tuple[Sample, ...] = ()
    note: str = ""

    def values(self, name: str) -> tuple[float, ...]:
        """The number of that name in each run that has it."""
        return tuple(one.numbers[name] for one in self.samples if name in one.numbers)

    def median(self, name: str) -> float:
        """Raises KeyError where no run has this number."""
        values = self.values(name)
        if not values:
            raise KeyError(f"{self.scenario}, {self.case}, {self.size}, {self.contestant} has no {name}")
        return median(values)

    def spread(self, name: str) -> tuple[float, float]:
        """The lowest and the highest."""
        values = self.values(name)
        return min(values), max(values)

    def as_dict(self) -> dict[str, Any]:
        return {
            "scenario": self.scenario,
            "case": self.case,
            "size": self.size,
            "contestant": self.contestant,
            "note": self.note,
            "samples": [{"numbers": dict(one.numbers), "rows": dict(one.rows)} for one in self.samples],
        }

    @classmethod
    def of(cls, made: Mapping[str, Any]) -> Figure:
        """The opposite of `as_dict`."""
        samples = tuple(Sample(one["numbers"], one["rows"]) for one in made["samples"])
        return cls(made["scenario"], made["case"], made["size"], made["contestant"], samples, made["note"])


def growth_exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The power of the size with which the value grows: the slope of the least-squares line between logarithms.

    1 is linear. Two sizes at least, all numbers above 0.
    """
    xs, ys = [log(size) for size in sizes], [log(value) for value in values]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    across = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    return across / sum((x - mean_x) ** 2 for x in xs)


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of all values do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0
