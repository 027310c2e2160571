"""Records as nobody would expect them: strategies, and the bytes that are served."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hypothesis import strategies as st

from tests.truth.values import clean

Json: TypeAlias = Any

#: What json.dumps cannot write, by a name that stands for it.
_RAW = {
    "<1e400>": b"1e400",
    "<-1e400>": b"-1e400",
    "<1e-400>": b"1e-400",
    "<1.10>": b"1.10",
    "<-0.0>": b"-0.0",
    "<20 digits>": b"12345678901234567890",
    "<deep>": b"[" * 300 + b'{"a":1}' + b"]" * 300,
    "<deep object>": b'{"a":' * 300 + b"null" + b"}" * 300,
    "<huge>": b'"' + b"x" * 200_000 + b'"',
    "<control>": b'"tab\there\x01and\x1f"',
}

_KNOWN = (
    "", " ", "5", "1.5", "-3", "007", "1e3", "+5", "１２", "NaN", "true", "null", "active",
    "2026-01-30", "2026-01-30T18:07:54", "2026-01-30T18:07:54Z", "2026-01-30T18:07:54.123456789+02:00",
    "2026-02-30", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "infinity", "epoch", "now",
    "09:00:00", "9:00", "24:00:00", "09:00:00+02:00", "1,250.00 USD", "12.5 EUR", "1,2 USD", "USD",
    "x" * 300, "a\0b", "\ud800", "\udc00\ud800", "\\u0000",
)  # fmt: skip

_texts = st.text(st.characters(), max_size=8) | st.text(st.characters(categories=["Cs", "Cc", "Lu"]), max_size=4)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from(_KNOWN),
    st.sampled_from(sorted(_RAW)),
    _texts,
)


def _told_apart(made: dict[str, Json]) -> bool:
    """Names stay different when the mirror has cleaned them."""
    return len({clean(name) for name in made}) == len(made)


_names = st.sampled_from(["", "id", "name", "code", "note", "number", "a.b", "$", "extra", "ünï", "x" * 300]) | _texts
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3).filter(_told_apart),
    max_leaves=6,
)


@dataclass(frozen=True)
class Odd:
    """One record that is put: changes of a usual one, what its calls answer; or no object at all."""

    changes: dict[str, Json] = field(default_factory=dict)
    lists: dict[str, list[Json]] = field(default_factory=dict)
    instead: Json | None = None


def items(usual: Json) -> st.SearchStrategy[Json]:
    """An item of a list: a usual one with something else in it, or anything."""
    if not isinstance(usual, dict):
        return values
    ids = st.sampled_from([1, 1, 2, "1", 1.5, True, None, -7, 2**63]) | values
    changed = st.dictionaries(st.sampled_from(sorted(usual)), values, max_size=3)
    return st.builds(lambda number, change: {**usual, "id": number, **change}, ids, changed) | changed | values


def records(usual: dict[str, Json], calls: dict[str, Json], more: list[str]) -> st.SearchStrategy[Odd]:
    """Odd records made of a usual one; `calls` has a usual item of each list that has a call of its own."""
    names = st.sampled_from(sorted((usual.keys() | set(more)) - {"id"}))
    odd_names = _names.filter(lambda name: clean(name) not in usual and clean(name) != "id")
    nested = {name: item[0] for name, item in usual.items() if isinstance(item, list) and item}
    lists = {name: st.lists(items(item), max_size=4) for name, item in nested.items()}
    changes = st.builds(
        lambda known, unknown, inner: unknown | known | inner,
        st.dictionaries(names, values, min_size=1, max_size=4),
        st.dictionaries(odd_names, values, max_size=2).filter(_told_apart),
        st.fixed_dictionaries({}, optional=lists),
    )
    called = st.fixed_dictionaries(
        {}, optional={name: st.lists(items(item), max_size=4) for name, item in calls.items()}
    )
    usable = st.builds(Odd, changes.filter(_told_apart), called)
    unusable = st.builds(
        lambda number, change: Odd({**change, "id": number}),
        st.sampled_from(["abc", 1.5, True, [], {}, "<20 digits>", "<1e400>", None]),
        changes.filter(_told_apart),
    )
    return usable | usable | usable | unusable | st.builds(lambda value: Odd(instead=value), leaves)


def encoded(value: Json) -> bytes:
    """JSON as a careless service would write it."""
    body = json.dumps(value, separators=(",", ":")).encode()
    for name, raw in _RAW.items():
        body = body.replace(f'"{name}"'.encode(), raw)
    return body
