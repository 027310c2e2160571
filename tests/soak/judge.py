"""What readings of a soak amount to. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

# Of memory, and of the rows of a table.
GROWTH = 1.10
# Of blocks in use: their least number in a tenth moves by 1.5 % with what is under way.
BLOCK_GROWTH = 1.03
# Rows of what is owed, missing or under way come and go by some, for each region.
FEW_ROWS = 25
# The heap fills its gaps for some 1,000 cycles: before 300, the second tenth of this, all memory grows.
MEMORY_CYCLES = 3000
FEWEST_READINGS = 20
# All of them together: they hold what the API has ever shown.
RECORDS = "mirrored tables"


class Reading(NamedTuple):
    """At one moment: what the service has done since it began, what it holds, and the rows of each table."""

    seconds: float
    cycles: int
    calls: int
    runs: Mapping[str, int]
    """By status."""
    crashes: int
    megabytes: float
    blocks: int
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Line:
    """What a thing was in the first, second and last tenth, and the most that the last one may be; None: anything."""

    name: str
    first: float
    second: float
    last: float
    bound: float | None
    unit: str = ""

    @property
    def has_grown(self) -> bool:
        return self.bound is not None and self.last > self.bound


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the service may go on for months."""

    end: Reading
    lines: tuple[Line, ...]
    faults: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        return not self.faults


def tenths(readings: Sequence[Reading]) -> tuple[Sequence[Reading], Sequence[Reading], Sequence[Reading]]:
    """The first tenth, which is start-up, the second and the last."""
    size = len(readings) // 10
    return readings[:size], readings[size : 2 * size], readings[-size:]


def judge(
    readings: Sequence[Reading],
    regions: int,
    *,
    with_records: Collection[str] = (),
    unjudged: Collection[str] = (),
    block_growth: float = BLOCK_GROWTH,
) -> Verdict:
    """Compare the last tenth with the second one; tables `with_records` may grow as the mirrored ones did."""
    if len(readings) < FEWEST_READINGS:
        raise ValueError(f"got {len(readings)} readings, wanted {FEWEST_READINGS} or more")
    parts, end = tenths(readings), readings[-1]

    def line(name: str, of: Callable[[Reading], float], best: Callable[..., float], unit: str = "") -> Line:
        first, second, last = (best(map(of, part)) for part in parts)
        return Line(name, first, second, last, None, unit)

    memory = line("resident memory", lambda one: one.megabytes, max, "MB")
    if end.cycles >= MEMORY_CYCLES:
        memory = _bounded(memory, GROWTH)
    lines = [memory, _bounded(line("Python blocks in use", lambda one: one.blocks, min), block_growth)]
    tables = {name: line(name, _rows_of(name), max) for name in sorted(end.rows)}
    records = tables[RECORDS]
    grown = max(1.0, records.last / max(1.0, records.second))
    for name, rows in tables.items():
        times = GROWTH * grown if name in with_records else GROWTH
        is_judged = name not in unjudged and name != RECORDS
        lines.append(_bounded(rows, times, FEW_ROWS * regions) if is_judged else rows)
    return Verdict(end, tuple(lines), (*_troubles(readings), *(one.name for one in lines if one.has_grown)))


def _rows_of(name: str) -> Callable[[Reading], float]:
    return lambda one: one.rows.get(name, 0)


def _bounded(line: Line, times: float, more: float = 0) -> Line:
    return Line(line.name, line.first, line.second, line.last, line.second * times + more, line.unit)


def _troubles(readings: Sequence[Reading]) -> list[str]:
    """A service that fails holds little too."""
    end, before = readings[-1], readings[len(readings) // 2]
    found = [f"{end.crashes} crashes"] if end.crashes else []
    done = {status: runs - before.runs.get(status, 0) for status, runs in end.runs.items()}
    if done.get("success", 0) <= sum(done.values()) / 2:
        found.append("most runs of the second half did not succeed")
    return found


def block(judgement: Verdict) -> str:
    """All of it as Markdown."""
    end = judgement.end
    runs = ", ".join(f"{runs:,} {status}" for status, runs in sorted(end.runs.items()) if runs)
    lines = [
        f"{end.seconds / 60:.1f} minutes, {end.cycles:,} cycles, {end.calls:,} calls, runs: {runs or 'none'}; "
        f"{end.crashes} crashes",
        "",
        "| | first tenth | second tenth | last tenth | at most |",
        "|---|--:|--:|--:|--:|",
    ]
    for one in judgement.lines:
        digits = 1 if one.unit else 0
        cells = [f"{value:,.{digits}f}" for value in (one.first, one.second, one.last)]
        bound = "not judged" if one.bound is None else f"{one.bound:,.{digits}f}"
        lines.append(f"| {one.name}{f', {one.unit}' if one.unit else ''} | {' | '.join([*cells, bound])} |")
    if judgement.lines[0].bound is None:
        lines += ["", f"Memory is judged from {MEMORY_CYCLES:,} cycles on: until then the heap fills its gaps."]
    grown = ", ".join(judgement.faults)
    return "\n".join([*lines, "", f"Verdict: {f'bad: {grown}' if grown else 'good, nothing grew'}."])
