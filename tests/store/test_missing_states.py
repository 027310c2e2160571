"""The deletion state machine: one table, in Python and in SQL."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from breezeway_sync.entities.missing_states import (
    TRANSITIONS,
    MissingEvent,
    MissingState,
    after,
    changed_by,
    sql_places,
)
from tests.conftest import Rows

ROOT = Path(__file__).parents[2]
PERSON = {MissingEvent.APPROVED, MissingEvent.RESTORED, MissingEvent.REJECTED}


def test_every_event_and_every_state_is_in_the_table() -> None:
    assert set(TRANSITIONS) == set(MissingEvent)
    assert {state for changes in TRANSITIONS.values() for state in changes.values()} == set(MissingState)
    assert all(before is not to for changes in TRANSITIONS.values() for before, to in changes.items())


def test_only_a_person_changes_what_a_person_pinned_or_has_to_review() -> None:
    moved = {event for event in MissingEvent if after(event, MissingState.PINNED) is not MissingState.PINNED}
    assert moved == {MissingEvent.APPROVED}
    left = {event for event in MissingEvent if after(event, MissingState.NEEDS_REVIEW) is not MissingState.NEEDS_REVIEW}
    # Its own address answered, so nothing is left to decide; or another reason came up that asks anew.
    assert left == PERSON | {MissingEvent.ANSWERED, MissingEvent.DOUBTED, MissingEvent.ROWS_LOST}


@pytest.mark.parametrize("event", MissingEvent)
def test_sql_says_the_same(rows: Rows, event: MissingEvent) -> None:
    places = sql_places()
    states = ", ".join(f"('{state}')" for state in MissingState)
    found = rows(
        f"SELECT m.state, {places[f'{{after_{event}}}']} AS after, {places[f'{{new_{event}}}']} AS fresh, "
        f"m.state IN {places[f'{{changed_by_{event}}}']} AS changes FROM (VALUES {states}) m (state)"
    )
    for row in found:
        state = MissingState(row["state"])
        assert row["after"] == after(event, state)
        assert row["fresh"] == after(event, None)
        assert bool(row["changes"]) == (state in changed_by(event))


def test_the_schema_takes_these_states_and_no_other() -> None:
    text = (ROOT / "sql/migrations/0001_baseline.sql").read_text(encoding="utf-8")
    (found,) = re.findall(r"state TEXT NOT NULL CHECK \(state IN \(([^)]*'candidate'[^)]*)\)\)", text)
    assert set(re.findall(r"'(\w+)'", found)) == set(MissingState)


def test_no_statement_spells_a_state_itself() -> None:
    spelled = re.compile("|".join(f"'{state}'|\"{state}\"" for state in MissingState))
    files = [*(ROOT / "sql/queries").glob("*.sql")]
    files += [
        one for layer in ("store", "sync", "entities") for one in (ROOT / "src/breezeway_sync" / layer).rglob("*.py")
    ]
    found = [path.name for path in files if spelled.search(path.read_text(encoding="utf-8"))]
    assert found == ["missing_states.py"]
