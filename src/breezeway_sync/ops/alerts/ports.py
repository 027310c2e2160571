"""The protocols of alerts: what they need from PostgreSQL and the settings without knowing them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from breezeway_sync.core.error_codes import ErrorCode
from breezeway_sync.core.errors import BreezewaySyncError
from breezeway_sync.ops.alerts.model import Message, StateRow


class NotDelivered(BreezewaySyncError):
    """A channel did not take a message. `again` tells whether trying once more may help."""

    code = ErrorCode.NOT_DELIVERED

    def __init__(self, what: str, *, actual: str | None = None, hint: str | None = None, again: bool) -> None:
        self.again = again
        super().__init__(what, actual=actual, hint=hint)


@dataclass(frozen=True, slots=True)
class ChannelResult:
    """What came of a message on one channel. `error` None: it was taken; `remark`: but not by everybody."""

    channel: str
    error: str | None = None
    remark: str | None = None


class Channel(Protocol):
    """A way to reach people; `seconds` bounds one attempt."""

    @property
    def name(self) -> str: ...
    @property
    def seconds(self) -> float: ...

    async def send(self, message: Message) -> str | None:
        """Send it; returns a remark, if there is one to make. Raises NotDelivered, free of addresses and secrets."""
        ...


class TroubledEntity(Protocol):
    """A region and entity that did not always succeed."""

    @property
    def region(self) -> str: ...
    @property
    def entity(self) -> str: ...
    @property
    def runs(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def partial(self) -> int: ...
    @property
    def error(self) -> str | None: ...
    @property
    def last_success(self) -> datetime | None: ...


class StoredBudget(Protocol):
    """The messages of the last hour, of all processes."""

    @property
    def sent_at(self) -> Sequence[datetime]: ...
    @property
    def suppressed(self) -> int: ...
    @property
    def version(self) -> int: ...


class AlertStore(Protocol):
    """What people have been told, shared by all processes.

    Saving writes the version after the one named, and returns False when somebody else has written since.
    Raises DatabaseError.
    """

    async def load(self, region: str, subjects: Sequence[str]) -> Mapping[str, StateRow]: ...

    async def save(
        self,
        region: str,
        subject: str,
        version: int,
        *,
        failing_since: datetime | None,
        failures: int,
        error: str | None,
        notified_at: datetime | None,
        thread: str | None,
        claimed_until: datetime | None,
    ) -> bool: ...

    async def load_budget(self) -> StoredBudget: ...

    async def save_budget(self, version: int, sent_at: Sequence[datetime], suppressed: int) -> bool: ...

    async def last_successes(self, region: str) -> Mapping[str, datetime]: ...

    async def troubles_since(self, moment: datetime) -> Sequence[TroubledEntity]: ...
