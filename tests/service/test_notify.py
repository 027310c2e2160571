"""Messages to the service manager, on a socket as it has one."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from breezeway_sync.service.notify import LONGEST_STATUS, Notifier


class Manager:
    """The listening end."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.settimeout(2)

    def heard(self) -> str:
        return self._socket.recv(4096).decode()

    def close(self) -> None:
        self._socket.close()


ABSTRACT = pytest.param(
    "abstract", marks=pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's")
)


@pytest.fixture(params=["file", ABSTRACT])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    name = f"@breezeway-sync-{secrets.token_hex(8)}" if request.param == "abstract" else str(tmp_path / "notify")
    listening = Manager(name)
    yield listening
    listening.close()


def test_every_message_as_the_manager_reads_it(manager: Manager) -> None:
    notifier = Notifier.from_environ({"NOTIFY_SOCKET": manager.address})
    assert notifier.ready()
    assert manager.heard() == "READY=1"
    assert notifier.ready("2 regions")
    assert manager.heard() == "READY=1\nSTATUS=2 regions"
    assert notifier.status("mirroring nashville")
    assert manager.heard() == "STATUS=mirroring nashville"
    assert notifier.watchdog()
    assert manager.heard() == "WATCHDOG=1"
    assert notifier.stopping("finishing 1 batch")
    assert manager.heard() == "STOPPING=1\nSTATUS=finishing 1 batch"


def test_a_reload_says_when_it_began(manager: Manager) -> None:
    before = time.monotonic_ns() // 1000
    assert Notifier(manager.address).reloading()
    first, second = manager.heard().split("\n")
    assert first == "RELOADING=1"
    name, _, moment = second.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(moment) <= time.monotonic_ns() // 1000


def test_a_status_is_one_line_and_not_too_long(manager: Manager) -> None:
    notifier = Notifier(manager.address)
    notifier.status("a\nREADY=1\r\n b")
    assert manager.heard() == "STATUS=a READY=1 b"
    notifier.status("x" * 10_000)
    assert manager.heard() == "STATUS=" + "x" * LONGEST_STATUS
    assert notifier.status("a lone \ud800 surrogate")
    assert manager.heard() == "STATUS=a lone ? surrogate"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_nobody_to_tell(environ: dict[str, str]) -> None:
    notifier = Notifier.from_environ({**environ, "WATCHDOG_USEC": "60000000"})
    assert notifier.watchdog_seconds is None
    heard = [notifier.ready(), notifier.reloading(), notifier.stopping(), notifier.status("x"), notifier.watchdog()]
    assert heard == [False] * 5


@pytest.mark.parametrize("address", ["/nowhere/at/all", "/" + "x" * 500, "@nobody\0here", "/dev/null"])
def test_nobody_who_listens_is_no_error(address: str) -> None:
    assert not Notifier.from_environ({"NOTIFY_SOCKET": address}).ready()


def test_a_manager_that_has_gone_or_hangs_is_no_error(tmp_path: Path) -> None:
    hanging = Manager(str(tmp_path / "notify"))
    notifier = Notifier(hanging.address)
    began = time.monotonic()
    assert not all(notifier.watchdog() for _ in range(20_000))  # stops at the first that finds the queue full
    assert time.monotonic() - began < 20
    hanging.close()
    assert not notifier.watchdog()


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": str(os.getpid())}, 1.5),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": str(os.getpid() + 1)}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "²"}, None),
    ],
)
def test_how_often_the_manager_wants_to_hear(variables: dict[str, str], seconds: float | None) -> None:
    assert Notifier.from_environ({"NOTIFY_SOCKET": "/run/notify", **variables}).watchdog_seconds == seconds
