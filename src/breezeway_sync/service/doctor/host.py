"""Gathers facts about this machine."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_TIMEX_BYTES = 512  # struct timex has 208; zeros mean "change nothing"


def is_time_synchronised() -> bool | None:
    """What the kernel was told by whoever keeps its clock (chrony, timesyncd, …); None where it cannot be asked."""
    if sys.platform != "linux":
        return None
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != TIME_ERROR


def free_bytes(place: Path) -> int | None:
    """Room for the current user on a place's disk; None where the place cannot be seen."""
    try:
        return shutil.disk_usage(place).free
    except OSError:
        return None


def log_place(environ: Mapping[str, str] = os.environ) -> Path:
    """Where logs end up on this machine: the service's own directory, or the system's (the journal's too)."""
    named = environ.get("LOGS_DIRECTORY", "").partition(":")[0]
    return Path(named) if named else Path("/var/log")


def mode_of(path: Path | None) -> int | None:
    """A file's permissions; None where there is none to see."""
    try:
        return None if path is None else path.stat().st_mode
    except OSError:
        return None
