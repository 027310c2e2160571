"""What the process lacks, thrown at one place once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

NO_THREAD = "can't start new thread"
KINDS = ("memory", "thread")


def lack(kind: str) -> Exception:
    """As CPython says it."""
    return MemoryError() if kind == "memory" else RuntimeError(NO_THREAD)


def once(
    monkeypatch: pytest.MonkeyPatch,
    owner: object,
    name: str,
    kind: str = "memory",
    only: Callable[..., bool] = lambda *_, **__: True,
) -> list[Exception]:
    """Let the first call of `owner.name` that `only` picks fail; the list that is returned is empty from then on."""
    real: Callable[..., Any] = getattr(owner, name)
    left = [lack(kind)]

    def lacking(*arguments: Any, **named: Any) -> Any:
        if left and only(*arguments, **named):
            raise left.pop()
        return real(*arguments, **named)

    monkeypatch.setattr(owner, name, lacking)
    return left
