"""The host names that the status page answers to: no foreign page may read it through somebody's browser.

A foreign name may point to 127.0.0.1 at any time (DNS rebinding), but the browser still sends that name in `Host`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

EVERYBODY = "*"
_NAME_AND_PORT = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[^:\[\]/?#@\\\s]+)(?::[0-9]{1,5})?")


class AllowedHosts:
    """The names of the status page: those of loopback, the one that it listens on, and the given ones."""

    def __init__(self, listens_on: str = "127.0.0.1", given: Iterable[str] = ()) -> None:
        self._names = {_normal(name) for name in (listens_on, *given)}
        self._is_open = EVERYBODY in self._names
        self._has_any_address = _is_unspecified(listens_on)

    def answer_for(self, host: str | None) -> bool:
        """Whether the page answers a request with this `Host`. One without it (HTTP/1.0) comes from no browser."""
        if self._is_open or host is None:
            return True
        match = _NAME_AND_PORT.fullmatch(host)
        if match is None:
            return False
        name = _normal(match["name"])
        if name in self._names or name == "localhost" or name.endswith(".localhost"):
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        # Nobody can point an address elsewhere, unlike a name.
        return address.is_loopback or self._has_any_address


def _normal(name: str) -> str:
    return name.lower().removeprefix("[").removesuffix("]").removesuffix(".")


def _is_unspecified(name: str) -> bool:
    if not name:
        return True
    try:
        return ipaddress.ip_address(_normal(name)).is_unspecified
    except ValueError:
        return False
