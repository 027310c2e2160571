"""Reports the state of the service to systemd (sd_notify), without a library.

Each message is one datagram to the socket in $NOTIFY_SOCKET. Without a socket, or where nobody listens any more,
nothing happens: a lost message is never a reason to stop mirroring.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field

SEND_SECONDS = 0.5  # the manager's queue is full only when it hangs itself
LONGEST_STATUS = 500


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Notifier:
    """Messages to the service manager; each returns whether it was delivered, and none raises.

    `watchdog_seconds` is how long the manager waits between two `watchdog()` before it ends the process
    (call it twice as often), None when it does not watch this process.
    """

    address: str | None = None
    watchdog_seconds: float | None = None
    # One for all messages: the watchdog is also fed where no descriptor is left.
    _sender: socket.socket | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.address is not None:
            with contextlib.suppress(OSError):
                sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | getattr(socket, "SOCK_CLOEXEC", 0))
                sender.settimeout(SEND_SECONDS)
                object.__setattr__(self, "_sender", sender)
                weakref.finalize(self, sender.close)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Notifier:
        """What the manager has put into the environment of a service, or a notifier that tells nobody."""
        address = environ.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):
            return cls()
        return cls(address, _watchdog_seconds(environ))

    def ready(self, status: str | None = None) -> bool:
        """Started, or the configuration read again."""
        return self._send("READY=1", *_status(status))

    def reloading(self) -> bool:
        """The configuration is being read again; `ready` follows."""
        # Linux's monotonic clock is the one that the manager compares this with.
        return self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str | None = None) -> bool:
        """Asked to stop; what is under way is being finished."""
        return self._send("STOPPING=1", *_status(status))

    def status(self, text: str) -> bool:
        """The sentence that `systemctl status` shows."""
        return self._send(*_status(text))

    def watchdog(self) -> bool:
        """Still alive."""
        return self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> bool:
        if self.address is None or self._sender is None:
            return False
        # An address that begins with @ is abstract: no file, a zero byte in front of its name.
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            self._sender.sendto("\n".join(lines).encode(errors="replace"), address)
        except (OSError, ValueError):
            return False
        return True


def _status(text: str | None) -> tuple[str, ...]:
    """One line, however the text is broken: each further line would be a message of its own."""
    return () if text is None else ("STATUS=" + " ".join(text.split())[:LONGEST_STATUS],)


def _watchdog_seconds(environ: Mapping[str, str]) -> float | None:
    """WATCHDOG_USEC, when it is meant for this process."""
    microseconds, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID")
    if not re.fullmatch(r"[0-9]{1,18}", microseconds) or int(microseconds) == 0:
        return None
    return int(microseconds) / 1_000_000 if pid in (None, "", str(os.getpid())) else None
