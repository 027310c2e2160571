"""What is to be reached, as data: each target with its bound and how it is read from the figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from bench.measured import COPY, DLT, OURS, SCRIPT, Figure, growth_exponent
from bench.shapes import SHAPES

_IN_FLIGHT, _IN_FLIGHT_TOTAL = 8, 24


@dataclass(frozen=True, slots=True)
class Reading:
    """A value, and where it was found."""

    value: float
    where: str


Read = Callable[[Sequence[Figure]], Iterable[Reading]]


@dataclass(frozen=True, slots=True)
class Target:
    """`bound` is the highest value that meets it, or with `at_least` the lowest; the worst reading is judged."""

    name: str
    bound: float
    read: Read
    unit: str = ""
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """`worst` is None where nothing was measured that the target speaks of."""

    target: Target
    worst: Reading | None

    @property
    def word(self) -> str:
        if self.worst is None:
            return "not measured"
        value, bound = self.worst.value, self.target.bound
        return "met" if (value >= bound if self.target.at_least else value <= bound) else "missed"


def _chosen(figures: Sequence[Figure], scenario: str, begins: str, contestant: str = OURS) -> Iterator[Figure]:
    """Those with samples whose case begins so."""
    for one in figures:
        if one.scenario == scenario and one.contestant == contestant and one.case.startswith(begins) and one.samples:
            yield one


def _where(one: Figure) -> str:
    return f"{one.case}, {one.size}"


def _of(scenario: str, begins: str, value: Callable[[Figure], float], size: str = "") -> Read:
    """A number of each of our figures in these cases, and of this size where one is named."""

    def read(figures: Sequence[Figure]) -> Iterator[Reading]:
        for one in _chosen(figures, scenario, begins):
            if size in ("", one.size):
                yield Reading(value(one), _where(one))

    return read


def _number(name: str) -> Callable[[Figure], float]:
    return lambda one: one.median(name)


def _against(
    name: str, scenario: str, case: str, peer: str, peer_case: str | None = None, peer_name: str | None = None
) -> Read:
    """Our number as a share of a peer's, in the same size; in the same case and of the same name unless told."""

    def read(figures: Sequence[Figure]) -> Iterator[Reading]:
        theirs = {(one.case, one.size): one for one in _chosen(figures, scenario, "", peer)}
        for one in _chosen(figures, scenario, case):
            other = theirs.get((peer_case or one.case, one.size))
            if other is not None:
                yield Reading(one.median(name) / other.median(peer_name or name), _where(one))

    return read


def _inverse(read: Read) -> Read:
    """How many times faster instead of which share."""
    return lambda figures: [Reading(1 / one.value, one.where) for one in read(figures)]


def _grown(scenario: str, case: str, name: str, sizes: tuple[str, str]) -> Read:
    """A number of the second size as a share of the first."""

    def read(figures: Sequence[Figure]) -> Iterator[Reading]:
        found = {one.size: one for one in _chosen(figures, scenario, case)}
        if set(sizes) <= set(found):
            first, last = (found[size] for size in sizes)
            yield Reading(last.median(name) / first.median(name), f"{first.size} to {last.size}")

    return read


def _grown_by_case(scenario: str, cases: tuple[str, str], name: str) -> Read:
    """The same of two cases."""

    def read(figures: Sequence[Figure]) -> Iterator[Reading]:
        found = {one.case: one for one in _chosen(figures, scenario, "")}
        if set(cases) <= set(found):
            first, last = (found[case] for case in cases)
            yield Reading(last.median(name) / first.median(name), f"{first.case} to {last.case}")

    return read


def _exponent(name: str) -> Read:
    def read(figures: Sequence[Figure]) -> Iterator[Reading]:
        found = sorted(_chosen(figures, "memory", ""), key=lambda one: one.median("read"))
        if len(found) >= len(SHAPES):
            records = [one.median("read") for one in found]
            where = f"{records[0]:,.0f} to {records[-1]:,.0f} records"
            yield Reading(growth_exponent(records, [one.median(name) for one in found]), where)

    return read


def _latency_bound(one: Figure) -> float:
    """Wall time as a multiple of what calls of 100 ms take with so many in flight."""
    in_flight = min(_IN_FLIGHT * SHAPES[one.size].regions, _IN_FLIGHT_TOTAL)
    return one.median("wall_seconds") / (one.median("api_calls") * 0.1 / in_flight)


def _all_ours(name: str) -> Read:
    def read(figures: Sequence[Figure]) -> Iterator[Reading]:
        for one in figures:
            if one.contestant == OURS and one.values(name):
                yield Reading(max(one.values(name)), f"{one.scenario}: {_where(one)}")

    return read


def _wal_of_pages(one: Figure) -> float:
    return one.median("wal_mb") * 3000 / one.median("api_calls")


def _kilobyte_cpu(one: Figure) -> float:
    return one.median("cpu_seconds") * 1e6 / (one.median("api_bytes") / 1024)


def _ratio(name: str, to: str) -> Callable[[Figure], float]:
    return lambda one: one.median(name) / one.median(to)


TARGETS = (
    Target(
        "load: rate of new rows, raw COPY of all that they write = 1",
        0.60,
        _inverse(_against("wall_seconds", "load", "new", COPY)),
        at_least=True,
    ),
    Target(
        "load: rate of unchanged rows, raw COPY of them without owed calls = 1",
        3,
        _inverse(_against("wall_seconds", "load", "unchanged", COPY, "new", "records_seconds")),
        at_least=True,
    ),
    Target("unchanged sync: entity rows written", 0, _of("sync", "unchanged, 0", _number("entity_rows_written"))),
    Target("unchanged sync: WAL for 3,000 calls", 1, _of("sync", "unchanged, 0", _wal_of_pages, "large"), "MB"),
    Target(
        "unchanged sync: calls for comments and requirements",
        0,
        _of("sync", "unchanged, 0", _number("api_child_calls")),
    ),
    Target(
        "unchanged sync: times faster than the script",
        20,
        _inverse(_against("wall_seconds", "sync", "unchanged", SCRIPT)),
        at_least=True,
    ),
    Target("first sync: wall time, dlt = 1", 1 / 3, _against("wall_seconds", "sync", "first, 0 ms", DLT)),
    Target("first sync at 20 ms: wall time, dlt = 1", 1 / 5, _against("wall_seconds", "sync", "first, 20 ms", DLT)),
    Target("first sync: client CPU, dlt = 1", 1 / 3, _against("cpu_seconds", "sync", "first, 0 ms", DLT)),
    Target("first sync: peak RSS", 100, _of("sync", "first", _number("peak_rss_mb")), "MB"),
    Target(
        "under the budget: wall time, calls / budget = 1",
        1.05,
        _of("budget", "", _ratio("wall_seconds", "budget_seconds")),
    ),
    Target("under the budget: calls, least possible = 1", 1.02, _of("budget", "", _ratio("api_calls", "least_calls"))),
    Target(
        "first sync at 100 ms: wall time, calls x latency / in flight = 1",
        1.15,
        _of("sync", "first, 100 ms", _latency_bound),
    ),
    Target("lists: client CPU for 1 KB of answers", 100, _of("memory", "", _kilobyte_cpu), "us"),
    Target("peak RSS of any run", 120, _all_ours("peak_rss_mb"), "MB"),
    Target("peak RSS, 10k to 1M records", 1.10, _grown("memory", "", "peak_rss_mb", ("small", "large"))),
    Target("peak RSS, 8 to 200 regions", 1.10, _grown_by_case("regions", ("8 regions", "200 regions"), "peak_rss_mb")),
    Target("growth of wall time with records, exponent", 1.05, _exponent("wall_seconds")),
    Target(
        "hourly run: wall time, with 100 times the old tasks",
        1.10,
        _grown_by_case("hourly", ("1 x old tasks", "100 x old tasks"), "wall_seconds"),
    ),
    Target(
        "hourly run: buffers touched, with 100 times the old tasks",
        1.50,
        _grown_by_case("hourly", ("1 x old tasks", "100 x old tasks"), "buffers_hit"),
    ),
    Target(
        "event loop: p99 of its lag in a first sync of 8 regions",
        50,
        _of("sync", "first, 0 ms", _number("lag_p99_ms"), "large"),
        "ms",
    ),
)


def judge(figures: Sequence[Figure], targets: Sequence[Target] = TARGETS) -> list[Verdict]:
    """One verdict for each target."""
    verdicts = []
    for target in targets:
        readings = sorted(target.read(figures), key=lambda one: one.value, reverse=not target.at_least)
        verdicts.append(Verdict(target, readings[0] if readings else None))
    return verdicts
