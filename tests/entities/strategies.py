"""JSON as the API might send it, for the property tests of this folder."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from decimal import Decimal

from hypothesis import strategies as st

from breezeway_sync.entities.decode import Json
from breezeway_sync.entities.model import Child, Entity, Field, TagLinks

storable_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
any_text = st.text(st.characters(), max_size=12)

numeric_text = st.from_regex(r"-?(0|[1-9]\d{0,25})(\.\d{1,9})?([eE][+-]?\d{1,7})?", fullmatch=True)
clock_text = st.from_regex(r"\d{2}:\d{2}(:\d{2}(\.\d{1,8})?)?", fullmatch=True)
stamp_text = st.from_regex(
    r"\d{4}-[01]\d-[0-3]\d([T ][0-2]\d:[0-5]\d(:[0-6]\d(\.\d{1,8})?)?(Z|[+-]\d{2}(:?\d{2})?)?)?",
    fullmatch=True,
)
money_text = st.from_regex(
    r"-?[\d,.]{1,9}( ?[A-Za-z$]{1,4})?|[A-Z]{3} -?\d{1,6}(\.\d\d)?|-?\d{1,3}(,\d{3}){1,2}\.\d\d EUR",
    fullmatch=True,
)
formatted_text = st.one_of(numeric_text, clock_text, stamp_text, money_text).map(
    lambda text: "".join(digit if digit.isascii() else "0" for digit in text)
)
zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(timezones=st.one_of(st.just(UTC), zones))

integers = st.one_of(
    st.integers(-1000, 1000), st.sampled_from([2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**45]), st.integers()
)
decimals = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False),
    st.sampled_from([Decimal(text) for text in ("42.0", "1E+3", "1e131000", "1e-16001", "-0.0", "2.50")]),
)
scalars = st.one_of(st.none(), st.booleans(), integers, decimals, storable_text, formatted_text)


def nested(leaves: st.SearchStrategy[Json], keys: st.SearchStrategy[str]) -> st.SearchStrategy[Json]:
    """Lists and objects of these leaves."""
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=8,
    )


json_values = nested(scalars, storable_text)
dirty_values = nested(st.one_of(scalars, any_text), any_text)

# Texts that look like structure, and structure around them.
tricky_text = st.text(st.sampled_from('[]{},:"\\\\ ea\U0001f511'), max_size=8)
tricky_values = nested(st.one_of(st.none(), st.booleans(), st.integers(), tricky_text, any_text), tricky_text)


def records(entity: Entity) -> st.SearchStrategy[dict[str, Json]]:
    """Objects with any value under any of the names that an entity declares, and under others."""
    optional = _names(entity.fields)
    optional |= {child.items: _mostly(child_lists(child)) for child in entity.children}
    optional |= {tags.items: _mostly(_tag_lists(tags)) for tags in entity.tags}
    optional |= {"unknown": json_values, "/comments": json_values}
    return st.fixed_dictionaries({}, optional=optional)


def child_lists(child: Child) -> st.SearchStrategy[list[Json]]:
    """Items of a list, among them some that are no objects; no two of one id, but copies of the whole."""
    item = st.fixed_dictionaries({}, optional={"unknown": json_values, **_names(child.fields)})
    if child.key is None:
        return st.lists(item | json_values, max_size=4)
    return _identified(item)


def _tag_lists(tags: TagLinks) -> st.SearchStrategy[list[Json]]:
    assert tags.items
    return _identified(st.fixed_dictionaries({}, optional={"name": json_values, "color": json_values}))


def _identified(item: st.SearchStrategy[dict[str, Json]]) -> st.SearchStrategy[list[Json]]:
    ids = st.none() | json_values | st.integers(1, 9)
    return st.builds(_joined, st.lists(st.tuples(ids, item), max_size=5), st.lists(scalars, max_size=2))


def _joined(pairs: list[tuple[Json, dict[str, Json]]], others: list[Json]) -> list[Json]:
    items: list[Json] = []
    known: set[str] = set()
    for key, item in pairs:
        if key is None or _same_id(key) not in known:
            items.append({**item, "id": key})
            known.add(_same_id(key))
    copies = [item for item in items[:1] if isinstance(item, dict) and item["id"] is not None]
    return [*items, *others, *copies]


def _same_id(value: Json) -> str:
    """Numbers and texts of numbers are one id, whatever their form."""
    try:
        number = Decimal(str(value))
    except ArithmeticError:
        return str(value)
    return str(int(number)) if number.is_finite() and abs(number.adjusted()) < 30 else str(value)


def _names(fields: tuple[Field, ...]) -> dict[str, st.SearchStrategy[Json]]:
    """One strategy per name: anything, and an object where something is declared below it."""
    below: dict[str, dict[str, st.SearchStrategy[Json]]] = {}
    for path in (path for field in fields for path in (field.path, *field.also)):
        first, _, rest = path.partition(".")
        below.setdefault(first, {})
        if rest:
            below[first][rest] = json_values
    return {
        name: st.fixed_dictionaries({}, optional={**inner, "more": json_values}) | json_values
        if inner
        else st.one_of(scalars, json_values)
        for name, inner in below.items()
    }


def _mostly(lists: st.SearchStrategy[list[Json]]) -> st.SearchStrategy[Json]:
    return st.one_of(lists, lists, lists, json_values)
