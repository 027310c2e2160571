"""Builds channels and rules from the configuration.

The settings come as a protocol, because they belong to the service.
"""

from __future__ import annotations

from datetime import time, timedelta
from typing import Protocol
from uuid import uuid4

from breezeway_sync.core.clock import Clock, SystemClock
from breezeway_sync.core.events import Emit, ignore
from breezeway_sync.core.retry import RetryPolicy
from breezeway_sync.ops.alerts.deliver import deliver
from breezeway_sync.ops.alerts.mail import MailChannel, Server
from breezeway_sync.ops.alerts.model import Message, Rules
from breezeway_sync.ops.alerts.ports import Channel, ChannelResult
from breezeway_sync.ops.alerts.webhook import WebhookChannel
from breezeway_sync.ops.alerts.words import TEST_BODY, TEST_TITLE


class Secret(Protocol):
    """A text that does not show itself."""

    def get_secret_value(self) -> str: ...


class SmtpSettings(Protocol):
    """`[alerts.smtp]`; used when `host` and `sender` are given."""

    @property
    def host(self) -> str | None: ...
    @property
    def port(self) -> int: ...
    @property
    def security(self) -> str: ...
    @property
    def username(self) -> str | None: ...
    @property
    def password(self) -> Secret | None: ...
    @property
    def sender(self) -> str | None: ...
    @property
    def recipients(self) -> tuple[str, ...]: ...
    @property
    def ca_file(self) -> str | None: ...
    @property
    def timeout_seconds(self) -> float: ...


class WebhookSettings(Protocol):
    """`[alerts.webhook]`; used when `url` is given."""

    @property
    def url(self) -> Secret | None: ...
    @property
    def timeout_seconds(self) -> float: ...


class AlertSettings(Protocol):
    """`[alerts]`. Zero and empty texts mean never."""

    @property
    def warn_after_minutes(self) -> float: ...
    @property
    def remind_hours(self) -> float: ...
    @property
    def max_per_hour(self) -> int: ...
    @property
    def summary_at(self) -> str: ...
    @property
    def on_partial(self) -> bool: ...
    @property
    def smtp(self) -> SmtpSettings: ...
    @property
    def webhook(self) -> WebhookSettings: ...


def rules_of(settings: AlertSettings) -> Rules:
    """When to tell what."""
    return Rules(
        warn_after=timedelta(minutes=settings.warn_after_minutes) if settings.warn_after_minutes else None,
        remind=timedelta(hours=settings.remind_hours) if settings.remind_hours else None,
        max_per_hour=settings.max_per_hour,
        summary_at=time.fromisoformat(settings.summary_at) if settings.summary_at else None,
        on_partial=settings.on_partial,
    )


def channels_of(settings: AlertSettings, clock: Clock) -> tuple[Channel, ...]:
    """The channels that are configured; none when alerts are off."""
    channels: list[Channel] = []
    smtp, webhook = settings.smtp, settings.webhook
    if smtp.host is not None and smtp.sender is not None:
        password = smtp.password.get_secret_value() if smtp.password else None
        server = Server(smtp.host, smtp.port, smtp.security, smtp.username, password, smtp.ca_file)
        channels.append(MailChannel(server, smtp.sender, smtp.recipients, seconds=smtp.timeout_seconds, clock=clock))
    if webhook.url is not None:
        channels.append(WebhookChannel(webhook.url.get_secret_value(), webhook.timeout_seconds))
    return tuple(channels)


async def send_test(settings: AlertSettings, *, clock: Clock | None = None, emit: Emit = ignore) -> list[ChannelResult]:
    """Send one test message on every configured channel, at once and counted nowhere; empty when there is none."""
    return await send_test_on(channels_of(settings, clock or SystemClock()), emit=emit)


async def send_test_on(channels: tuple[Channel, ...], *, emit: Emit = ignore) -> list[ChannelResult]:
    """The same, one try each: somebody waits for the answer."""
    return await deliver(
        channels, Message(TEST_TITLE, TEST_BODY, uuid4().hex), emit=emit, retries=RetryPolicy(attempts=1)
    )
