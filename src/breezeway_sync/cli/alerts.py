"""`breezeway-sync alerts test`: sends one message on every channel now."""

from __future__ import annotations

import typer

from breezeway_sync.cli import loop
from breezeway_sync.cli.common import ConfigOption, say
from breezeway_sync.core.error_codes import ExitCode
from breezeway_sync.core.errors import ConfigurationError

alerts_app = typer.Typer(help="Alerts by e-mail and webhook.", no_args_is_help=True)


@alerts_app.callback()
def alerts() -> None:
    """Commands of their own below `alerts`, also while there is only one."""


@alerts_app.command("test")
def send(config: ConfigOption = None) -> None:
    """Send a test message on every configured channel. Exit 1 when a channel fails."""
    from breezeway_sync.ops.alerts import send_test
    from breezeway_sync.service.settings import load_settings

    settings = load_settings(config)
    results = loop.run(send_test(settings.alerts))
    if not results:
        raise ConfigurationError(
            "no channel is configured", where="alerts", hint="set [alerts.smtp] or [alerts.webhook]"
        )
    for result in results:
        remark = f"sent, but {result.remark}" if result.remark else "sent"
        said = f"not sent: {result.error}" if result.error else remark
        say(f"{result.channel}: {said}")
    raise typer.Exit(ExitCode.INCOMPLETE if any(result.error for result in results) else ExitCode.OK)
