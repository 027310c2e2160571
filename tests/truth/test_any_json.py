"""Any JSON in any field: no run fails, no other record suffers, nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any, get_args

import psycopg
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from breezeway_sync.sandbox.spec import AccountSpec, ChildKind, Kind
from tests.helpers import Setup, sandboxed
from tests.truth.api import decoded, served
from tests.truth.compare import Region
from tests.truth.conftest import accounts
from tests.truth.contract import BY_NAME, Table
from tests.truth.mirror import Row, mirror
from tests.truth.odd import Odd, encoded, records
from tests.truth.values import same_json, whole

KINDS: tuple[Kind, ...] = get_args(Kind)
MORE = {
    "properties": "bedrooms bathrooms year_built living_area wifi_name",
    "reservations": "adults children pets source",
    "tasks": "template template_name total_cost estimated_time estimated_rate itemized_cost billable task_series_id "
    "parent_task_id bill_to rate_type",
    "people": "name shifts",
    "templates": "name department",
}
CALLS: dict[str, tuple[ChildKind, ...]] = {"properties": ("contacts",), "tasks": ("comments", "requirements")}
#: Which part of the API a kind is read from, and with which entities it is copied.
PARTS = {"people": "small", "templates": "small", "subdepartments": "small"}
ENTITIES = {"properties": ("properties", "property_contacts")}


def table_of(kind: Kind) -> Table:
    return BY_NAME["tags" if kind.endswith("_tags") else kind]


class Arena:
    """A simulated account and its mirror that live as long as this file's tests."""

    def __init__(self, runner: asyncio.Runner, dsn: str, spec: AccountSpec, setup: Setup) -> None:
        self.runner, self.dsn, self.spec, self.setup = runner, dsn, spec, setup
        self.account = setup.world.account(spec.code)
        self.usual = {kind: self._richest(kind) for kind in KINDS}

    def _richest(self, kind: Kind) -> dict[str, Any]:
        """The record with the most in it, so that there is something to change in every list."""
        found = max(self.account.records(kind), key=lambda one: len(encoded(one)))
        return found | ({"guests": [{"first_name": "Ada"}], "tags": [{"id": 30}]} if kind == "reservations" else {})

    def put(self, kind: Kind, odd: Odd) -> int:
        number = self.account.new_id(kind)
        record = {**self.usual[kind], "id": number, **odd.changes} if odd.instead is None else odd.instead
        home = self.usual["tasks"]["home_id"] if kind == "tasks" else 0
        self.account.put_raw(kind, number, encoded(record), home_id=home)
        for name in CALLS.get(kind, ()):
            self.account.set_children_raw(name, number, encoded(odd.lists.get(name, [])))
        return number

    def copy(self, kind: Kind) -> tuple[Region, set[str]]:
        """One run of what belongs to this kind; what was served and stored, and how it ended."""
        return self.runner.run(self._copy(kind))

    async def _copy(self, kind: Kind) -> tuple[Region, set[str]]:
        table = table_of(kind)
        statuses: set[str] = set()
        for entity in ENTITIES.get(kind, (table.name,)):
            report = await self.setup.run(entity=entity, full=True)
            statuses |= {one.status for one in report.outcomes}
        truth = await asyncio.to_thread(served, self.setup.url, self.spec, PARTS.get(kind, table.name))
        tables = {table.name, "tags", *(child.name for child in (*table.lists, *table.calls))}
        return Region(self.spec.code, truth, mirror(self.dsn, *tables)), statuses

    def forget(self, kind: Kind, numbers: list[int]) -> None:
        """The next example begins with the usual records alone, and nothing rejected."""
        for number in numbers:
            self.account.delete(kind, number)
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute("DELETE FROM breezeway.rejected_records")


@pytest.fixture(scope="module")
def arena(databases: Any) -> Iterator[Arena]:
    (spec,) = accounts(1, properties=2, tasks_per_property=2, reservations_per_property=3)
    dsn = databases()
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        setup = runner.run(stack.enter_async_context(sandboxed(dsn, [spec])))
        runner.run(setup.run())
        yield Arena(runner, dsn, spec, setup)
        runner.run(stack.aclose())


def lost(region: Region, table: Table, company: int) -> list[str]:
    """Records that neither a row gives back nor rejected_records holds."""
    rows, rejected = region.rows(table), region.mirror.tables["rejected_records"]
    found: list[str] = []
    items = region.truth.tags.items() if table.name == "tags" else [("", region.truth.records[table.name])]
    for kind, served_items in items:
        for record in served_items:
            if is_of_another_company(record, company):
                continue
            number = whole(record.get("id")) if isinstance(record, dict) else None
            row = None if number is None else rows.get((kind, number) if kind else number)
            problems = ["no row"] if row is None else region.rebuilt(table, record, row)
            if problems and not any(is_payload(one["payload"], record) for one in rejected):
                found += [f"{str(record)[:200]}: {problem}" for problem in problems]
    return found


def is_of_another_company(record: Any, ours: int) -> bool:
    """The region takes one company's records; the lists show others as well."""
    company = whole(record.get("company_id")) if isinstance(record, dict) else None
    return company is not None and company != ours


def is_payload(payload: Any, record: Any) -> bool:
    """As it was sent, or as text where jsonb cannot hold it."""
    if same_json(payload, record):
        return True
    try:
        return isinstance(payload, str) and same_json(decoded(payload.encode()), record)
    except ValueError:
        return False


def check(arena: Arena, kind: Kind, odd: list[Odd]) -> Row:
    numbers = [arena.put(kind, one) for one in odd]
    try:
        region, statuses = arena.copy(kind)
        assert lost(region, table_of(kind), arena.spec.company_id) == []
        assert statuses <= {"success", "partial"}
        return {"region": region, "statuses": statuses}
    finally:
        arena.forget(kind, numbers)


@pytest.mark.parametrize("kind", KINDS)
def test_any_json_in_any_field(arena: Arena, kind: Kind) -> None:
    calls: dict[str, Any] = {name: usual_item(arena, name, kind) for name in CALLS.get(kind, ())}
    examples = {"tasks": 30, "reservations": 30, "properties": 20}.get(kind, 12)

    # Each example is a run: finding the smallest one would take minutes.
    @settings(max_examples=examples, phases=[Phase.generate])
    @given(st.lists(records(arena.usual[kind], calls, MORE.get(kind, "").split()), min_size=4, max_size=8))
    def every_example(odd: list[Odd]) -> None:
        check(arena, kind, odd)

    every_example()


def usual_item(arena: Arena, name: ChildKind, kind: Kind) -> Any:
    items: list[Any] = getattr(arena.account, name)(arena.usual[kind]["id"])
    return items[0] if items else {"id": 1}


@pytest.mark.parametrize("kind", ["task_tags", "templates", "subdepartments"])
def test_what_is_nested_thousands_of_levels_deep_is_kept(arena: Arena, kind: Kind) -> None:
    number = arena.account.new_id(kind)
    arena.account.put_raw(kind, number, b'{"id":%d,"name":%s}' % (number, b"[" * 3000 + b"]" * 3000), home_id=0)
    try:
        region, _statuses = arena.copy(kind)
        assert lost(region, table_of(kind), arena.spec.company_id) == []
    finally:
        arena.forget(kind, [number])


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("templates", {"odd\0": "first value", "odd": "second value"}),
        ("templates", {"template_name\0": "first value", "template_name": "second value"}),
        ("tasks", {"/comments": "first value"}),
        ("tasks", {"/requirements": [{"note": "first value"}]}),
        ("properties", {"/contacts": ["first value"]}),
    ],
    ids=["extra", "column", "comments", "requirements", "contacts"],
)
def test_names_that_meet_in_extra_lose_nothing(arena: Arena, kind: Kind, changes: dict[str, Any]) -> None:
    """Each value is still somewhere: in the row, or with the rejected records."""
    number = arena.put(kind, Odd(changes))
    try:
        region, _statuses = arena.copy(kind)
        table = table_of(kind)
        row = region.rows(table).get(number, {})
        held = [row.get("extra"), row.get("name"), [one["payload"] for one in region.mirror.tables["rejected_records"]]]
        assert [value for value in changes.values() if str(value) not in str(held)] == []
    finally:
        arena.forget(kind, [number])
