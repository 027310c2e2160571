"""Sends one message on every channel, with limited time and tries. It never raises."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from breezeway_sync.core.events import AlertDelivered, Emit, OperatorNotice
from breezeway_sync.core.retry import RetryPolicy, retried
from breezeway_sync.ops.alerts.model import Message
from breezeway_sync.ops.alerts.ports import Channel, ChannelResult, NotDelivered

DELIVERIES = RetryPolicy(first_seconds=2.0, factor=4.0, jitter=0.5, attempts=3)
"""Of one message on one channel."""


def longest_seconds(channels: Sequence[Channel], retries: RetryPolicy = DELIVERIES) -> float:
    """How long `deliver` may take at most."""
    slowest = max((channel.seconds for channel in channels), default=0.0)
    waits = (retries.wait_seconds(failed, chance=lambda: 1.0) or 0.0 for failed in range(1, retries.attempts))
    return slowest * retries.attempts + sum(waits)


async def deliver(
    channels: Sequence[Channel], message: Message, *, emit: Emit, retries: RetryPolicy = DELIVERIES
) -> list[ChannelResult]:
    """What came of it on each channel, in their order; failures are told to `emit`, without addresses."""
    results = await asyncio.gather(*(_deliver(channel, message, retries) for channel in channels))
    for result in results:
        emit(AlertDelivered(result.channel, result.error))
        if result.error is None and result.remark is not None:
            emit(OperatorNotice(f"an alert was sent by {result.channel}, but {result.remark}"))
    return results


async def _deliver(channel: Channel, message: Message, retries: RetryPolicy) -> ChannelResult:
    try:
        remark = await retried(lambda: _attempt(channel, message), retries, NotDelivered, lambda error: error.again)
    except NotDelivered as error:
        return ChannelResult(channel.name, error.message)
    return ChannelResult(channel.name, remark=remark)


async def _attempt(channel: Channel, message: Message) -> str | None:
    """One try within its deadline. Raises NotDelivered, whatever happens."""
    try:
        async with asyncio.timeout(channel.seconds):
            return await channel.send(message)
    except NotDelivered:
        raise
    except TimeoutError as error:
        raise NotDelivered("no answer in time", actual=f"nothing for {channel.seconds:g} s", again=True) from error
    except Exception as error:  # a channel's bug must not reach a sync; its text may hold addresses
        raise NotDelivered("an unexpected error", actual=type(error).__name__, again=False) from error
