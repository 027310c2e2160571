"""Shared by all commands: where results and messages go, and the option that names the configuration."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, ConsoleOptions, JustifyMethod, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from breezeway_sync.core.events import Emit
from breezeway_sync.core.text import visible, visible_json

ConfigOption = Annotated[
    Path | None,
    # Whether it can be read is for `load_settings` to find out: a bad configuration (78), not bad usage (2).
    typer.Option(
        "--config",
        "-c",
        help="Configuration file; otherwise $BREEZEWAY_SYNC_CONFIG and the usual places.",
        readable=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def _finite(seconds: float) -> float:
    """`nan` and `inf` are numbers for the parser."""
    if not math.isfinite(seconds):
        raise typer.BadParameter("expected a number of seconds", param_hint="--wait")
    return seconds


WaitOption = Annotated[
    float,
    typer.Option(
        min=0,
        callback=_finite,
        help="Seconds to wait for an account that another process uses. "
        "The command always waits long enough (up to 15 s) to detect a live process.",
    ),
]


class PlainConsole(Console):
    """A console that prints text literally: no markup, and terminal control characters are escaped.
    Styles are given as `Text` or `style`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, highlight=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))


def out() -> Console:
    """The console for results. It is wide when stdout is not a terminal, so pipes get whole lines."""
    return PlainConsole(width=None if sys.stdout.isatty() else 200)


def err() -> Console:
    """Progress and messages."""
    return PlainConsole(stderr=True)


def shown(text: str, style: str = "") -> Text:
    """External text as a table cell, with control characters escaped."""
    return Text(visible(text), style=style)


def columns(*names: str, right: Collection[str] = (), folded: bool = False) -> Table:
    """An empty table with these columns: those in `right` hold numbers, `folded` ones break what is too long."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        justify: JustifyMethod = "right" if name in right else "left"
        table.add_column(name, justify=justify, overflow="fold" if folded else "ellipsis")
    return table


def say(text: object, *, is_json: bool = False) -> None:
    """Print one line of a result, with terminal control characters escaped."""
    typer.echo(visible_json(str(text)) if is_json else visible(str(text)))


def log_to_stderr(level: str) -> Emit:
    """Log lines on stderr: text for people on a terminal, where quiet is enough, JSON otherwise."""
    from breezeway_sync.ops import logs

    is_terminal = sys.stderr.isatty()
    quiet = is_terminal and level == "info"
    logs.configure(
        "warning" if quiet else level, as_json=not is_terminal, colors=is_terminal and "NO_COLOR" not in os.environ
    )
    return logs.log_events()


def tell(sentence: str) -> None:
    """A sentence for people, on stderr."""
    err().print(f"breezeway-sync: {sentence}", markup=False, soft_wrap=True)


_UNITS = ((86_400.0, "d"), (3600.0, "h"), (60.0, "min"))


def span(seconds: float | None) -> str:
    """A length of time as people say it: 45 s, 12 min, 3.5 h, 8 d; "" for none."""
    if seconds is None:
        return ""
    for size, unit in _UNITS:
        if abs(seconds) >= size:
            # One decimal at most, and none where it says nothing: 1.5 h, 25 h, 8 d.
            count = f"{seconds / size:.1f}" if abs(seconds) < 10 * size else f"{seconds / size:.0f}"
            return f"{count.removesuffix('.0')} {unit}"
    return f"{seconds:.0f} s"
