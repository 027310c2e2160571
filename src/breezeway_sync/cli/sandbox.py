"""`breezeway-sync sandbox`: serves the simulated API on a port, for any client."""

from __future__ import annotations

import asyncio

from rich.console import Console

from breezeway_sync.cli import loop
from breezeway_sync.core.errors import ConfigurationError
from breezeway_sync.sandbox.app import create_app
from breezeway_sync.sandbox.options import Options
from breezeway_sync.sandbox.server import running
from breezeway_sync.sandbox.spec import AccountSpec, demo_accounts, resized
from breezeway_sync.sandbox.world import World


def serve(
    out: Console,
    *,
    port: int,
    regions: int,
    properties: int,
    tasks: int,
    reservations: int,
    seed: int,
    latency_ms: float,
    limits: bool,
) -> None:
    """Serve until a signal; prints a configuration that points at it. Raises ConfigurationError on a busy port."""
    accounts = [
        resized(one, properties=properties, tasks_per_property=tasks, reservations_per_property=reservations)
        for one in demo_accounts(regions)
    ]
    options = Options(latency_seconds=latency_ms / 1000)
    if not limits:
        options.data_calls = options.auth_interval_seconds = options.max_concurrency = None
    loop.run(_serve(out, port, accounts, World(accounts, seed=seed), options))


async def _serve(out: Console, port: int, accounts: list[AccountSpec], world: World, options: Options) -> None:
    try:
        async with running(create_app(world, options), port=port) as url:
            out.print(configuration(url, accounts), markup=False, soft_wrap=True)
            out.file.flush()
            await asyncio.Event().wait()
    except OSError as error:
        raise ConfigurationError(
            "the sandbox cannot listen",
            where=f"127.0.0.1:{port}",
            actual=error.strerror or type(error).__name__,
            hint="choose another --port",
        ) from error


def configuration(url: str, accounts: list[AccountSpec]) -> str:
    """The part of a config.toml that makes breezeway-sync read this sandbox."""
    lines = ["[api]", f'base_url = "{url}"']
    for one in accounts:
        lines += [
            "",
            f"[regions.{one.code}]",
            f'name = "{one.name}"',
            f"company_id = {one.company_id}",
            f'client_id = "{one.client_id}"',
            f'client_secret = "{one.client_secret}"',
        ]
    return "\n".join(lines)
