"""`python3 dev.py bench`: measure, judge, write."""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path

from bench import database, machine
from bench.ground import Ground, Scenario, say
from bench.peers import PEERS
from bench.processes import Failed
from bench.report import PAGE, RESULTS, Results, measured, render
from bench.scenarios import ALL
from bench.shapes import SHAPES

ENVIRONMENTS = Path(__file__).resolve().parents[1] / ".venv-peers"


def main(arguments: Sequence[str]) -> int:
    """The exit code: 1 where a scenario failed, of which nothing is shown. A missed target is a finding, no failure."""
    given = _given(arguments)
    command = shlex.join(["python3", "dev.py", "bench", *arguments])
    with database.server() as dsn, tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        ground = Ground(partial(database.fresh, dsn), Path(scratch), ENVIRONMENTS)
        if "sync" in given.scenarios:
            for peer in PEERS:
                peer.prepare(ground)
        results = Results(command, machine.describe(dsn), ())
        failed = []
        for name in given.scenarios:
            scenario: Scenario = import_module(f"bench.scenarios.{name}").run
            try:
                figures = scenario(ground, given.sizes, given.runs)
            except Failed as error:
                failed.append(f"{name} failed: {error}")
                say(failed[-1])
                continue
            results = Results(command, results.machine, (*results.figures, *figures))
            if given.results:
                results.write(given.results)
    sys.stdout.write(measured(results) + "\n")
    if given.results == RESULTS:
        PAGE.write_text(render(), encoding="utf-8")
    for line in failed:
        say(line)
    return 1 if failed else 0


def _given(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev.py bench", description=__doc__)
    parser.add_argument("--sizes", type=_some_of(SHAPES), default=tuple(SHAPES), help=", ".join(SHAPES))
    parser.add_argument("--scenarios", type=_some_of(ALL), default=ALL, help=", ".join(ALL))
    parser.add_argument("--runs", type=int, default=3, help="rounds, of which each figure is the median")
    parser.add_argument("--quick", action="store_true", help="one round of the small size, to try it")
    parser.add_argument(
        "--results", type=Path, help=f"JSON file to write; of a whole bench {RESULTS.name}, which the document shows"
    )
    given = parser.parse_args(arguments)
    if given.quick:
        given.sizes, given.runs = ("small",), 1
    is_full = set(given.sizes) == set(SHAPES) and set(given.scenarios) == set(ALL)
    given.results = (given.results and given.results.resolve()) or (RESULTS if is_full else None)
    return given


def _some_of(known: Iterable[str]) -> Callable[[str], tuple[str, ...]]:
    """Reads `one,another`; a name that is not known is a mistake of usage."""

    def some(text: str) -> tuple[str, ...]:
        names = tuple(text.split(","))
        if unknown := set(names).difference(known):
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}; wanted: {', '.join(known)}")
        return names

    return some


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
