"""What people see: bars on a terminal and nowhere else, colours unless they are declined."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cli.support import Finished, Stage

pytestmark = pytest.mark.process

COLOURED = re.compile(r"\x1b\[(?:[0-9]+;)*(?:3[0-8]|9[0-7])(?:;[0-9]+)*m")


@contextmanager
def terminal() -> Iterator[tuple[int, list[bytes]]]:
    """One end of a pseudo-terminal, and what was written to it by the end of the block."""
    ours, theirs = os.openpty()
    seen: list[bytes] = []

    def read() -> None:
        while True:
            try:
                piece = os.read(ours, 65_536)
            except OSError:  # the other end is closed
                return
            if not piece:
                return
            seen.append(piece)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield theirs, seen
    finally:
        os.close(theirs)
        reader.join()
        os.close(ours)


async def on_a_terminal(stage: Stage, **colours: str) -> tuple[Finished, str]:
    stage.setup.options.latency_seconds = 0.02
    with terminal() as (theirs, seen):
        finished = await stage.run(stderr=theirs, variables={"TERM": "xterm-256color", **colours}).end()
    return finished, b"".join(seen).decode()


async def test_bars_on_a_terminal_and_clean_results_in_a_pipe(stage: Stage) -> None:
    finished, shown = await on_a_terminal(stage)
    assert finished.code == 0
    assert "\x1b" not in finished.out
    assert finished.out.startswith("region ")
    assert "nashville tasks" in shown
    assert re.search(r"\d+/\d+", shown)
    assert COLOURED.search(shown)
    assert '"event"' not in shown


async def test_colours_can_be_declined(stage: Stage) -> None:
    finished, shown = await on_a_terminal(stage, NO_COLOR="1")
    assert finished.code == 0
    assert "nashville tasks" in shown
    assert not COLOURED.search(shown)


async def test_warnings_stand_between_the_bars_as_text(stage: Stage) -> None:
    stage.setup.faults.add("404", path="/companies/templates")
    finished, shown = await on_a_terminal(stage, NO_COLOR="1")
    assert finished.code == 0
    assert "entity_unavailable" in shown
    assert '"event"' not in shown
    assert not COLOURED.search(shown)


async def test_no_bars_and_no_colours_without_a_terminal(stage: Stage) -> None:
    finished = await stage.ran(variables={"TERM": "xterm-256color"})
    assert finished.code == 0
    assert "\x1b" not in finished.out + finished.err
    assert "━" not in finished.err
