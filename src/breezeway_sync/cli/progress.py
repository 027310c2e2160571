"""Progress bars from events, on a terminal only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from breezeway_sync.core.events import Emit, EntityAdvanced, EntityFinished, EntityStarted, Event


@contextmanager
def bars(console: Console, emit: Emit) -> Iterator[Emit]:
    """An Emit that also draws; without a terminal it only passes on."""
    if not console.is_terminal:
        yield emit
        return
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    lines: dict[tuple[str, str], TaskID] = {}

    def draw(event: Event) -> None:
        match event:
            case EntityStarted():
                label = f"{event.region} {event.entity}"
                lines[event.region, event.entity] = progress.add_task(label, total=None, unit="")
            case EntityAdvanced():
                line = lines.get((event.region, event.entity))
                if line is not None:
                    progress.update(line, completed=event.done, total=event.total, unit=event.unit)
            case EntityFinished():
                line = lines.pop((event.region, event.entity), None)
                if line is not None:
                    progress.remove_task(line)
            case _:
                pass
        emit(event)

    with progress:
        yield draw
