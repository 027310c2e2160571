"""The deletion state machine: the states of a record that lists do not show, and every transition between them.

A row of `missing_records` holds the state; a record without a row is in its list. A deletion is the end of CANDIDATE,
by proof: `store.proof`. SQL takes states and transitions from here, through the places that `sql_places` fills.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache
from typing import Final


class MissingState(StrEnum):
    """Why a record is asked for, or is not."""

    CANDIDATE = "candidate"
    """Its own address is asked; it is deleted when that answers 404 in two runs."""
    NEEDS_REVIEW = "needs_review"
    """The mass-deletion guard stopped the deletion; a person decides."""
    HIDDEN = "hidden"
    """Lists leave it out, its own address answers: it stays live, and is asked for now and then."""
    PINNED = "pinned"
    """A person decided that it stays."""
    RETURNING = "returning"
    """It is not live here, and becomes live as soon as its own address answers."""


class MissingEvent(StrEnum):
    """What happens to such a record."""

    NOT_LISTED = "not_listed"
    """A complete scan of its list did not show it."""
    LIST_DISBELIEVED = "list_disbelieved"
    """The same, where the guard does not believe the list and no own address can be asked."""
    DOUBTED = "doubted"
    """Its own address answered 404 in passing, or its property has left."""
    ANSWERED = "answered"
    """Its own address answered with the record."""
    NOT_FOUND = "not_found"
    """Its own address answered 404."""
    TOO_MANY = "too_many"
    """It would be deleted together with more records than the guard believes."""
    APPROVED = "approved"
    REJECTED = "rejected"
    RESTORED = "restored"
    """A person undid its deletion."""
    HOME_RETURNED = "home_returned"
    """The property with which it had left came back."""
    ROWS_LOST = "rows_lost"
    """Somebody deleted its rows by hand."""


_S, _E = MissingState, MissingEvent


def _to(state: MissingState, *before: MissingState) -> dict[MissingState | None, MissingState]:
    return dict.fromkeys(before, state)


TRANSITIONS: Final[Mapping[MissingEvent, Mapping[MissingState | None, MissingState]]] = {
    _E.NOT_LISTED: {None: _S.CANDIDATE},
    _E.LIST_DISBELIEVED: {None: _S.NEEDS_REVIEW},
    _E.DOUBTED: {None: _S.CANDIDATE, **_to(_S.CANDIDATE, _S.NEEDS_REVIEW, _S.HIDDEN)},
    _E.ANSWERED: _to(_S.HIDDEN, _S.CANDIDATE, _S.NEEDS_REVIEW, _S.RETURNING),
    _E.NOT_FOUND: _to(_S.CANDIDATE, _S.HIDDEN, _S.RETURNING),
    _E.TOO_MANY: _to(_S.NEEDS_REVIEW, _S.CANDIDATE),
    _E.APPROVED: _to(_S.CANDIDATE, _S.NEEDS_REVIEW, _S.PINNED),
    _E.REJECTED: _to(_S.PINNED, _S.NEEDS_REVIEW, _S.CANDIDATE, _S.HIDDEN),
    _E.RESTORED: {None: _S.PINNED, **_to(_S.PINNED, *(one for one in _S if one is not _S.PINNED))},
    _E.HOME_RETURNED: {None: _S.RETURNING},
    _E.ROWS_LOST: {None: _S.RETURNING, **_to(_S.RETURNING, _S.CANDIDATE, _S.NEEDS_REVIEW, _S.HIDDEN)},
}
"""The state after each event, by the state before; None: no row. A state that is not named stays as it is."""


def after(event: MissingEvent, state: MissingState | None) -> MissingState | None:
    """The state after an event; None: still no row."""
    return TRANSITIONS[event].get(state, state)


def changed_by(event: MissingEvent) -> list[MissingState]:
    """The states that an event changes."""
    return [state for state in TRANSITIONS[event] if state is not None]


@cache
def sql_places() -> dict[str, str]:
    """What queries leave open, as SQL: `{candidate}` is a state; of an event, `{after_answered}` is the state after it
    of a row `m`, `{new_doubted}` that of a record without a row, `{changed_by_doubted}` the states that it changes."""
    places = {f"{{{state}}}": f"'{state}'" for state in MissingState}
    for event, changes in TRANSITIONS.items():
        moves = " ".join(f"WHEN '{before}' THEN '{to}'" for before, to in changes.items() if before is not None)
        places[f"{{after_{event}}}"] = f"CASE m.state {moves} ELSE m.state END" if moves else "m.state"
        places[f"{{new_{event}}}"] = f"'{changes[None]}'" if None in changes else "NULL"
        places[f"{{changed_by_{event}}}"] = f"({_listed(changed_by(event))})"
    return places


def _listed(states: Iterable[MissingState]) -> str:
    return ", ".join(f"'{state}'" for state in states) or "NULL"
