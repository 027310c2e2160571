"""Messages about records that left the lists at once, and about rows that somebody deleted by hand. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from breezeway_sync.ops.alerts.model import Decision, MessageKind, entity_of
from breezeway_sync.ops.alerts.words import at, named, paragraphs, title_of


def left_title(region: str, kind: MessageKind, decisions: Sequence[Decision]) -> str:
    what = (
        "all that left the lists were asked for"
        if kind is MessageKind.RECOVERED
        else "many records left the lists at once"
    )
    return title_of(region, decisions, what)


def left_body(region: str, kind: MessageKind, decisions: Sequence[Decision], suppressed: int) -> str:
    """How many records left the lists at once, and what happens to them."""
    if kind is MessageKind.RECOVERED:
        lines = [f"{entity_of(one.subject)}: asked for, or shown by the lists again" for one in decisions]
        return paragraphs(f"Region {region}, nothing is left to be asked for:", *lines, suppressed=suppressed)
    lines = [
        f"{entity_of(one.subject)}: {one.told.failures} records left the lists at once; they are being asked, newest "
        f"first, since {at(one.told.failing_since)}"
        for one in decisions
    ]
    return paragraphs(
        f"Region {region}:",
        *lines,
        "Nothing is deleted by that. Until a record was asked for, `as_of` says how old it is.",
        f"What to do: find out why Breezeway lists them no more (`breezeway-sync deletes list {region}`). Where that "
        "is right, wait.",
        suppressed=suppressed,
    )


def lost_title(region: str, kind: MessageKind, decisions: Sequence[Decision]) -> str:
    what = "what was deleted by hand is read again" if kind is MessageKind.RECOVERED else "rows were deleted by hand"
    return title_of(region, decisions, what)


def lost_body(region: str, kind: MessageKind, decisions: Sequence[Decision], suppressed: int) -> str:
    """Whose rows somebody deleted, and what happens to them."""
    names = [entity_of(one.subject) for one in decisions]
    if kind is MessageKind.RECOVERED:
        return paragraphs(f"Region {region}, read again: {named(names)}.", suppressed=suppressed)
    return paragraphs(
        f"Region {region}: somebody else than breezeway-sync deleted rows of {named(names)}.",
        "They are read again from the API. Until then `require_fresh` refuses them.",
        "What to do: find out who deletes there. breezeway-sync keeps an exact copy and restores it each time.",
        suppressed=suppressed,
    )
