"""Messages about records that left the lists at once, and about rows that somebody deleted by hand. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from breezeway_sync.ops.alerts.model import Decision, MessageKind, entity_of
from breezeway_sync.ops.alerts.words import at, named, paragraphs, title_of


def left_title(region: str, kind: MessageKind, decisions: Sequence[Decision]) -> str:
    what = (
        "all missing records were checked" if kind is MessageKind.RECOVERED else "many records left the lists at once"
    )
    return title_of(region, decisions, what)


def left_body(region: str, kind: MessageKind, decisions: Sequence[Decision], suppressed: int) -> str:
    """The body: how many records disappeared from the lists at once, and what happens next."""
    if kind is MessageKind.RECOVERED:
        lines = [f"{entity_of(one.subject)}: checked, or listed again" for one in decisions]
        return paragraphs(f"Region {region}, no missing record is left to check:", *lines, suppressed=suppressed)
    lines = [
        f"{entity_of(one.subject)}: {one.told.failures} records disappeared from the lists at once; "
        f"the service checks each, newest "
        f"first, since {at(one.told.failing_since)}"
        for one in decisions
    ]
    return paragraphs(
        f"Region {region}:",
        *lines,
        "This alone deletes nothing. Until a record is checked, `as_of` says how old it is.",
        f"What to do: find out why Breezeway no longer lists them (`breezeway-sync deletes list {region}`). If that "
        "is correct, wait.",
        suppressed=suppressed,
    )


def lost_title(region: str, kind: MessageKind, decisions: Sequence[Decision]) -> str:
    what = "what was deleted by hand is read again" if kind is MessageKind.RECOVERED else "rows were deleted by hand"
    return title_of(region, decisions, what)


def lost_body(region: str, kind: MessageKind, decisions: Sequence[Decision], suppressed: int) -> str:
    """The body: which entities lost rows, and what happens next."""
    names = [entity_of(one.subject) for one in decisions]
    if kind is MessageKind.RECOVERED:
        return paragraphs(f"Region {region}, read again: {named(names)}.", suppressed=suppressed)
    return paragraphs(
        f"Region {region}: another program or person deleted rows of {named(names)}.",
        "The service reads them again from the API. Until then `require_fresh` refuses them.",
        "What to do: find out who deletes rows. breezeway-sync keeps an exact copy and restores it each time.",
        suppressed=suppressed,
    )
