"""Results as Markdown: the measured part of docs/performance.md."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measured import Figure
from bench.targets import Verdict, judge

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
PAGE = HERE.parent / "docs" / "performance.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


@dataclass(frozen=True, slots=True)
class Results:
    """Everything of one bench."""

    command: str
    machine: Mapping[str, str]
    figures: tuple[Figure, ...]

    def write(self, file: Path) -> None:
        made = {
            "command": self.command,
            "machine": dict(self.machine),
            "figures": [one.as_dict() for one in self.figures],
        }
        file.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, file: Path) -> Results:
        made: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return cls(made["command"], made["machine"], tuple(Figure.of(one) for one in made["figures"]))


@dataclass(frozen=True, slots=True)
class Column:
    """`name` of the number; `digits` behind its point."""

    heading: str
    name: str
    digits: int = 0


_WALL = Column("wall s", "wall_seconds", 2)
_CPU = Column("CPU s", "cpu_seconds", 2)
_RSS = Column("peak RSS MB", "peak_rss_mb")
_CALLS = Column("calls", "api_calls")
_LAG = Column("loop lag p99 ms", "lag_p99_ms", 1)
_WRITTEN = Column("entity rows written", "entity_rows_written")

#: Heading and columns of each scenario's table.
TABLES: Mapping[str, tuple[str, tuple[Column, ...]]] = {
    "load": (
        "Rows through the store alone",
        (
            _WALL,
            Column("without owed calls s", "records_seconds", 2),
            _CPU,
            Column("records", "records"),
            Column("records/s", "tasks_per_second"),
            Column("rows written", "rows_written"),
            Column("WAL MB", "wal_mb", 2),
            Column("CPU us/record", "cpu_us_per_record", 1),
            Column("CPU us/KB", "cpu_us_per_kb", 1),
        ),
    ),
    "sync": ("Whole syncs", (_WALL, _CPU, _RSS, _CALLS, _WRITTEN, Column("WAL MB", "wal_mb", 1), _LAG)),
    "budget": (
        "Under the budget",
        (_WALL, Column("calls / budget s", "budget_seconds", 2), _CALLS, Column("least calls", "least_calls"), _CPU),
    ),
    "regions": (
        "Many regions in one process",
        (
            _WALL,
            _CPU,
            _RSS,
            _CALLS,
            _LAG,
            Column("slowest region s", "slowest_region_seconds", 2),
            Column("median region s", "median_region_seconds", 2),
        ),
    ),
    "memory": ("Memory and growth", (Column("records", "read"), _WALL, _CPU, _RSS, _CALLS, _LAG)),
    "hourly": (
        "An unchanged hour, by old tasks in the tables",
        (_WALL, _CPU, _CALLS, Column("buffers touched", "buffers_hit"), Column("WAL MB", "wal_mb", 2)),
    ),
}


def page(text: str, results: Results) -> str:
    """The page with its measured part made anew; what stands around the two marks stays."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{measured(results)}\n{END}{after}"


def measured(results: Results) -> str:
    """Everything between the marks."""
    machine = "; ".join(f"{name} {value}" if name != "date" else value for name, value in results.machine.items())
    parts = [f"Measured {machine}. Command: `{results.command}`.", _verdicts(judge(results.figures))]
    for scenario, (heading, columns) in TABLES.items():
        figures = [one for one in results.figures if one.scenario == scenario]
        if figures:
            parts.append(f"### {heading}\n\n{_figures(figures, columns)}")
    return "\n\n".join(parts)


def _verdicts(verdicts: Sequence[Verdict]) -> str:
    lines = ["### Targets", "", "| what | target | measured (the worst) | where | |", "|---|---|---|---|---|"]
    for one in verdicts:
        sign = "≥" if one.target.at_least else "≤"
        bound = f"{sign} {one.target.bound:.3g} {one.target.unit}".rstrip()
        value = f"{one.worst.value:.3g}" if one.worst else ""
        where = one.worst.where if one.worst else ""
        word = one.word if one.word == "met" else f"**{one.word}**"
        lines.append(f"| {one.target.name} | {bound} | {value} | {where} | {word} |")
    return "\n".join(lines)


def _figures(figures: Sequence[Figure], columns: Sequence[Column]) -> str:
    headings = ["case", "size", "who", "runs", *(column.heading for column in columns)]
    lines = [f"| {' | '.join(headings)} |", "|" + "---|" * 4 + "---:|" * len(columns)]
    for one in figures:
        cells = [one.case, one.size, one.contestant, str(len(one.samples) or one.note)]
        lines.append(f"| {' | '.join([*cells, *(_cell(one, column) for column in columns)])} |")
    notes = sorted({f"{one.case}, {one.size}: {one.note}." for one in figures if one.note and one.samples})
    return "\n".join([*lines, *(["", " ".join(notes)] if notes else [])])


def _cell(one: Figure, column: Column) -> str:
    """`median (lowest to highest)`, the latter only where they differ as shown."""
    if not one.values(column.name):
        return ""
    middle = f"{one.median(column.name):,.{column.digits}f}"
    low, high = (f"{value:,.{column.digits}f}" for value in one.spread(column.name))
    return middle if low == high else f"{middle} ({low} to {high})"


def render() -> str:
    """What docs/performance.md has to say: made of the committed results."""
    return page(PAGE.read_text(encoding="utf-8"), Results.read(RESULTS))
