"""What machines draw: changes, faults, fates; and how small the accounts are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeAlias

from hypothesis import strategies as st

from breezeway_sync.sandbox.faults import FaultRule
from breezeway_sync.sandbox.spec import AccountSpec, resized
from tests.convergence.changes import CHANGES
from tests.convergence.process import Fate
from tests.helpers import tiny

MOST_TURNS = 6_500
"""A little more steps than an undisturbed full run takes."""
MOST_CALLS = 250

#: What can be wrong with an answer: kind, and the settings of the rule.
FAULTS: dict[str, dict[str, Any]] = {
    "429": {"kind": "429"},
    "429 with a time in the body": {"kind": "429", "hint": "body", "retry_after": 7},
    "429 with a time in the header": {"kind": "429", "hint": "header", "retry_after": 7},
    "500": {"kind": "status", "status": 500},
    "503": {"kind": "status", "status": 503},
    "401": {"kind": "401"},
    "403 in HTML": {"kind": "403_html"},
    "403 in JSON": {"kind": "403_json"},
    "404": {"kind": "404"},
    "422": {"kind": "422"},
    "empty body": {"kind": "empty"},
    "cut body": {"kind": "cut"},
    "HTML with status 200": {"kind": "html"},
    "error object with status 200": {"kind": "error_object"},
    "null with status 200": {"kind": "null"},
    "connection reset": {"kind": "drop"},
    "slow answer": {"kind": "slow", "delay": 20},
    "no answer in time": {"kind": "slow", "delay": 1000},
    "late answer, overtaken by others": {"kind": "late", "delay": 20},
    "blank list": {"kind": "blank"},
}
PATHS = (
    "", "", r"/task/\?", r"/task/\?.*page=[2-9]", r"/task/\d+$", r"/comments", r"/requirements", r"/property\?",
    r"/property\?.*page=[2-9]", r"/reservation\?",
    r"/reservation\?.*page=[2-9]", r"/contacts", r"/people", r"/supplies",
    r"/reservation/\d+$", r"updated_at", r"scheduled_date",
    r"/tags", r"/companies", r"/auth/",
)  # fmt: skip
SMALL = {
    "properties": 4, "tasks_per_property": 8, "reservations_per_property": 3, "people": 4, "supplies": 7,
    "task_tags": 4, "reservation_tags": 3, "property_tags": 2, "templates": 3, "subdepartments": 2,
}  # fmt: skip
TOKEN_ENDS = ("access token expires", "both tokens expire", "access token revoked", "both tokens revoked")

Edit: TypeAlias = tuple[str, int, int]
"""The name of a change, which account, and the seed of its dice."""
Planned: TypeAlias = tuple[int, Edit]
"""Before which call of a run."""
Wrong: TypeAlias = tuple[str, str, int, int, int]
"""The name of a fault, where, every so many calls, after so many, and how many of them."""
Token: TypeAlias = tuple[str, int] | None
"""How tokens end before a run, and whose."""

edits = st.tuples(
    st.sampled_from([*CHANGES, "delete", "hide from lists", "same id in two regions"]),
    st.integers(0, 1),
    st.integers(0, 9999),
)
planned = st.lists(st.tuples(st.integers(1, MOST_CALLS), edits), max_size=6)
faults = st.tuples(
    st.sampled_from(sorted(FAULTS)), st.sampled_from(PATHS), st.integers(1, 5), st.integers(0, 12), st.integers(1, 9)
)
waits = st.sampled_from((0.0, 0.2, 1.5, 23.0, 27.0, 80.0, 200.0))
"""Hours between runs: within what a run that was cut off is gone on with, and beyond every pace."""
tokens = st.one_of(st.none(), st.none(), st.none(), st.tuples(st.sampled_from(TOKEN_ENDS), st.integers(0, 1)))
#: What a configuration can have wrong for one run, by name.
MISTAKES = ("swapped pairs", "another's pair", "another's company", "one region only", "comments off", "people off")
mistakes = st.one_of(st.none(), st.none(), st.sampled_from(MISTAKES))
#: What somebody deletes in the mirror.
BY_HAND = (
    "DELETE FROM breezeway.tasks WHERE task_id % 3 = 0", "TRUNCATE breezeway.tasks CASCADE",
    "DELETE FROM breezeway.task_costs", "DELETE FROM breezeway.task_comments", "DELETE FROM breezeway.reservations",
    "TRUNCATE breezeway.reservation_guests", "DELETE FROM breezeway.people",
)  # fmt: skip
fates: st.SearchStrategy[tuple[Fate, int]] = st.one_of(
    st.just(("ends", 0)),
    st.tuples(
        st.sampled_from(["cancelled", "killed", "killed", "killed", "frozen", "disconnected", "demoted", "gone back"]),
        st.integers(1, MOST_TURNS),
    ),
)


def small(count: int = 2) -> list[AccountSpec]:
    """Accounts so small that a run takes a moment, with lists of several pages."""
    specs = [resized(one, **SMALL) for one in tiny(count)]
    return [replace(specs[0], properties=5), *specs[1:]]


def fault(name: str, path: str, **settings: Any) -> FaultRule:
    return FaultRule(path=path, **FAULTS[name], **settings)
