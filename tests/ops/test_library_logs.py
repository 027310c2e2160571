"""What libraries log becomes a line of ours, without what they quote."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from breezeway_sync.ops import logs


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers, root.level
    stream = io.StringIO()
    logs.configure("debug", stream=stream)
    yield stream
    root.handlers = before
    root.setLevel(level)
    structlog.reset_defaults()


def read(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_arguments_and_further_lines_are_left_out(lines: io.StringIO) -> None:
    logging.getLogger("apscheduler").warning("job %s was missed\nby %s", "door code 4471", "Ada Guest")
    logging.getLogger("apscheduler").info("not heard")
    (line,) = read(lines)
    assert (line["event"], line["logger"], line["level"]) == ("library", "apscheduler", "warning")
    assert line["message"] == "job %s was missed"
    assert "4471" not in lines.getvalue()


async def test_errors_of_forgotten_tasks_are_named_by_their_class(lines: io.StringIO) -> None:
    loop = asyncio.get_running_loop()
    loop.call_exception_handler({"message": "Task exception was never retrieved", "exception": ValueError("secret")})
    (line,) = read(lines)
    assert (line["logger"], line["error"]) == ("asyncio", "ValueError")
    assert "secret" not in lines.getvalue()
