"""`breezeway-sync serve`: the daemon as a process, with its signals, logs and HTTP side."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack

from breezeway_sync import __version__
from breezeway_sync.cli.loop import tune_collector
from breezeway_sync.core.clock import SystemClock
from breezeway_sync.core.error_codes import ExitCode
from breezeway_sync.core.events import ServiceStarted
from breezeway_sync.ops import logs
from breezeway_sync.ops.hosts import AllowedHosts
from breezeway_sync.ops.http import create_app
from breezeway_sync.ops.serving import serving
from breezeway_sync.service.daemon import Daemon
from breezeway_sync.service.notify import Notifier
from breezeway_sync.service.observatory import Observatory
from breezeway_sync.service.settings import Settings

_CODES = {signal.SIGTERM: ExitCode.TERMINATED, signal.SIGINT: ExitCode.INTERRUPTED}


def serve(settings: Settings, load: Callable[[], Settings]) -> None:
    """Serve until SIGTERM or SIGINT; a second signal ends at once. SIGHUP reloads the configuration."""
    is_terminal = sys.stdout.isatty()
    logs.configure(
        settings.log.level,
        stream=sys.stdout,
        as_json=not is_terminal,
        colors=is_terminal and "NO_COLOR" not in os.environ,
    )
    tune_collector()
    asyncio.run(_serve(settings, load))


async def _serve(settings: Settings, load: Callable[[], Settings]) -> None:
    clock = SystemClock()
    daemons: list[Daemon] = []
    observatory = Observatory(settings, clock, is_busy=lambda: any(one.is_busy() for one in daemons))
    observatory.listen(logs.log_events())
    daemon = Daemon(settings, load, observatory, Notifier.from_environ(os.environ), clock)
    daemons.append(daemon)
    observatory.listen(daemon.alerting.observe)
    _listen_to_signals(daemon)
    async with AsyncExitStack() as stack:
        app = create_app(observatory, hosts=AllowedHosts(settings.http.host, settings.http.allowed_hosts))
        address = await stack.enter_async_context(serving(app, settings.http.host, settings.http.port))
        observatory.emit(ServiceStarted(__version__, address, str(settings.source) if settings.source else None))
        await daemon.run()


def _listen_to_signals(daemon: Daemon) -> None:
    loop = asyncio.get_running_loop()
    caught: list[int] = []

    def stop(number: signal.Signals) -> None:
        if caught:
            os._exit(_CODES[number])
        caught.append(number)
        daemon.stop()

    for number in _CODES:
        loop.add_signal_handler(number, stop, number)
    loop.add_signal_handler(signal.SIGHUP, daemon.reload)
