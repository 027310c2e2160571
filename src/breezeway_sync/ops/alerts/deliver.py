"""Sending one message on every channel: bounded in time and tries, and without ever raising."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from breezeway_sync.core.events import AlertDelivered, Emit, Noticed
from breezeway_sync.ops.alerts.model import Message
from breezeway_sync.ops.alerts.ports import Channel, ChannelResult, NotDelivered

PAUSES_SECONDS = (2.0, 8.0)
"""Between the tries of one message, give or take a half; their number is one more."""
JITTER = (0.5, 1.5)


def longest_seconds(channels: Sequence[Channel], pauses: Sequence[float] = PAUSES_SECONDS) -> float:
    """How long `deliver` may take at most."""
    slowest = max((channel.seconds for channel in channels), default=0.0)
    return slowest * (len(pauses) + 1) + sum(pauses) * JITTER[1]


async def deliver(
    channels: Sequence[Channel], message: Message, *, emit: Emit, pauses: Sequence[float] = PAUSES_SECONDS
) -> list[ChannelResult]:
    """What came of it on each channel, in their order; failures are told to `emit`, without addresses."""
    results = await asyncio.gather(*(_deliver(channel, message, pauses) for channel in channels))
    for result in results:
        emit(AlertDelivered(result.channel, result.error))
        if result.error is None and result.remark is not None:
            emit(Noticed(f"an alert was sent by {result.channel}, but {result.remark}"))
    return results


async def _deliver(channel: Channel, message: Message, pauses: Sequence[float]) -> ChannelResult:
    for pause in (*pauses, None):
        try:
            return ChannelResult(channel.name, remark=await _attempt(channel, message))
        except NotDelivered as error:
            if pause is None or not error.again:
                return ChannelResult(channel.name, error.message)
        await asyncio.sleep(pause * random.uniform(*JITTER))  # noqa: S311 - spreads tries, guards nothing
    raise AssertionError("unreachable: the last try returns")


async def _attempt(channel: Channel, message: Message) -> str | None:
    """One try within its deadline. Raises NotDelivered, whatever happens."""
    try:
        async with asyncio.timeout(channel.seconds):
            return await channel.send(message)
    except NotDelivered:
        raise
    except TimeoutError as error:
        raise NotDelivered("no answer in time", got=f"nothing for {channel.seconds:g} s", again=True) from error
    except Exception as error:  # a channel's bug must not reach a sync; its text may hold addresses
        raise NotDelivered("an unexpected error", got=type(error).__name__, again=False) from error
