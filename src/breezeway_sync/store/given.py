"""Remembers the leases of this process. A database that has forgotten one of them went back to an older state."""

from __future__ import annotations

from collections.abc import Mapping

WHY = "the database went back since this account was worked last"

# By database and account, the newest fence; and of which of them people were told already.
_FENCES: dict[tuple[str, str], int] = {}
_TOLD: set[tuple[str, str]] = set()


def remember(address: str, account: str, fence: int) -> None:
    """This process was given a lease."""
    _FENCES[address, account] = fence
    _TOLD.discard((address, account))


def is_forgotten(address: str, account: str, fence: int) -> bool:
    """Whether a database that shows this fence has forgotten the lease that this process had before."""
    return fence < _FENCES.get((address, account), 0)


def is_news(address: str, account: str) -> bool:
    """Whether people are to be told that it went back; once, until this process has a lease again."""
    key = (address, account)
    is_new = key not in _TOLD
    _TOLD.add(key)
    return is_new


def forgotten(address: str, fences: Mapping[str, int]) -> list[str]:
    """The accounts of which a database with these fences has forgotten our lease, told of only once."""
    ours = [account for of, account in _FENCES if of == address]
    return [one for one in ours if is_forgotten(address, one, fences.get(one, 0)) and is_news(address, one)]
