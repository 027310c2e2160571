"""A second machine: which company a record belongs to, whose credentials a region has, and what lists do not show.

Three regions are copies of three companies, two of them read with one pair. Between runs companies change, properties
move from one to the other, tasks are finished and hidden, pairs are swapped and rotated, rows of the mirror are deleted
and edited by hand; lists have no totals or wrong ones, and records slip at the seam of two pages. After each run what
`require_fresh` lets pass must be so, nothing may be mixed, and nothing may be deleted that is still there.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import psycopg
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from psycopg.rows import dict_row

from breezeway_sync.core.events import ignore
from breezeway_sync.core.verification import FAILED, INCOMPLETE, PROVED
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.streams import NAMES
from breezeway_sync.service import deletes, regions, verification
from breezeway_sync.service.runner import RunReport
from tests.claims.api import PAGED, Api, Company, Json, day
from tests.claims.conftest import Place, not_green, without_pauses
from tests.convergence.ground import Ground
from tests.convergence.scene import told

Key: TypeAlias = tuple[str, int]
"""A table and an id of the API."""

# Table: the column of its id, the column and the field that tell its versions apart.
TABLES = {
    "properties": ("property_id", "property_name", "name"),
    "reservations": ("reservation_id", "access_code", "access_code"),
    "tasks": ("task_id", "task_name", "name"),
    "supplies": ("supply_id", "supply_name", "name"),
}
OF_HOMES = {"reservations": "property_id", "tasks": "home_id"}
COMPANIES = {"nashville": 1, "austin": 2, "tulsa": 3}
CLIENTS = {"nashville": "client-1", "austin": "client-2", "tulsa": "client-1"}
BY_HAND = (
    "DELETE FROM tasks WHERE task_id % 3 = 0", "TRUNCATE tasks CASCADE", "DELETE FROM task_costs",
    "DELETE FROM reservations", "DELETE FROM supplies",
)  # fmt: skip
DAMAGE = (
    ("tasks", "UPDATE tasks SET task_name = 'by hand'"), ("tasks", "UPDATE task_costs SET cost = cost + 1"),
    ("properties", "UPDATE properties SET property_name = 'by hand'"),
    ("reservations", "UPDATE reservations SET access_code = 'by hand'"),
)  # fmt: skip
MISTAKES = ("swapped pairs", "another's pair", "another company", "one region only", "tasks off")
PAID = "SELECT cost FROM task_costs c JOIN tasks t ON t.id = c.task_pk WHERE t.deleted_at IS NULL"
FRESH = "30 minutes"
"""A run reads everything anew: whoever is so fresh has what changed before it."""
MOST_RUNS = 7

numbers = st.integers(0, 99)
codes = st.sampled_from(sorted(COMPANIES))


class Owners(RuleBasedStateMachine):
    """`ground` is set by whoever runs it."""

    ground: Ground

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        dsn = self.stack.enter_context(self.ground.database())
        self.connection = self.stack.enter_context(psycopg.connect(dsn, autocommit=True, row_factory=dict_row))
        self.connection.execute("SET search_path TO breezeway, breezeway_internal")
        self.stack.enter_context(without_pauses())
        self.loop = self.stack.enter_context(asyncio.Runner())
        folder = Path(self.stack.enter_context(TemporaryDirectory()))
        self.api = Api()
        self.place = Place(self.api, self.ground.serve(self.api.app), dsn, self._rows, folder)
        self.place.more = {"api": {"page_size": 3}}
        for code, company in COMPANIES.items():
            self.place.add(code, company, homes=2, tasks=5, client=CLIENTS[code])
        self.ever: dict[int, set[Key]] = defaultdict(set)
        self.damaged: set[str] = set()
        self.touched: set[Key] = set()
        self.runs = self.count = 0
        self.has_said_empty = False

    # --- what happens to the companies ------------------------------------------------------------------

    @initialize(is_copied=st.booleans())
    def begin(self, is_copied: bool) -> None:
        if is_copied:
            self._run()

    @rule(code=codes, table=st.sampled_from(sorted(TABLES)), nth=numbers)
    def edit(self, code: str, table: str, nth: int) -> None:
        company = self._company(code)
        if (number := _pick(company, table, nth)) is not None:
            self._put(company, table, number)

    @rule(code=codes, nth=numbers)
    def finish_and_hide(self, code: str, nth: int) -> None:
        """Lists leave it out from now on. Of what was never shown nobody can know."""
        company = self._company(code)
        known = sorted(self._live()[code].keys() & {("tasks", one) for one in company.records["tasks"]})
        if not known:
            return
        number = known[nth % len(known)][1]
        self.count += 1
        status = {"code": "finished", "name": "Finished", "stage": "finished"}
        self._put(company, "tasks", number, type_task_status=status, costs=[{"id": self.count, "cost": 85}])
        company.hidden.add(("tasks", number))

    @rule(code=codes, table=st.sampled_from(sorted(TABLES)), nth=numbers)
    def create(self, code: str, table: str, nth: int) -> None:
        company = self._company(code)
        home = _pick(company, "properties", nth)
        self.count += 1
        number = company.id * 100_000 + self.count
        if table not in OF_HOMES:
            self._put(company, table, number)
        elif home is not None:
            self._put(company, table, number, **{OF_HOMES[table]: home})

    @rule(code=codes, table=st.sampled_from(sorted(TABLES)), nth=numbers)
    def delete(self, code: str, table: str, nth: int) -> None:
        company = self._company(code)
        if (number := _pick(company, table, nth)) is not None:
            _take(company, table, number)

    @rule(code=codes, to=codes, nth=numbers)
    def move(self, code: str, to: str, nth: int) -> None:
        """A property changes hands, with its tasks and stays."""
        old, new = self._company(code), self._company(to)
        number = _pick(old, "properties", nth)
        if number is None or old is new:
            return
        for (table, key), record in _take(old, "properties", number).items():
            old.hidden.discard((table, key))
            new.records[table][key] = record | ({"company_id": new.id} if table == "properties" else {})
        told("companies", "a property moves")

    @rule(code=codes, is_new=st.booleans())
    def rotate(self, code: str, is_new: bool) -> None:
        """Another secret, or another pair for the same companies."""
        client = self.place.regions[code]["client_id"]
        self.count += 1
        name = f"client-{self.count + 100}" if is_new else client
        self.api.pairs[name] = self.api.pairs[client]
        self.api.secrets[name] = f"secret-{self.count}"
        for table in self.place.regions.values():
            if table["client_id"] == client:
                table |= {"client_id": name, "client_secret": self.api.secrets[name]}
        told("companies", "a new pair" if is_new else "a new secret")

    # --- what happens to the product --------------------------------------------------------------------

    @precondition(lambda self: self.runs)
    @rule(statement=st.sampled_from(BY_HAND))
    def delete_by_hand(self, statement: str) -> None:
        self._rows(statement)
        told("by hand", statement)

    @precondition(lambda self: self.runs)
    @rule(damage=st.sampled_from(DAMAGE))
    def edit_by_hand(self, damage: tuple[str, str]) -> None:
        """A hash does not show it: a comparison must."""
        table, statement = damage
        if self.connection.execute(statement.encode()).rowcount > 0:
            self.damaged.add(table)
        told("by hand", statement)

    @rule(
        hours=st.sampled_from((1.0, 2.0, 26.0, 200.0)),
        mistake=st.one_of(st.none(), st.none(), st.sampled_from(MISTAKES)),
        has_totals=st.booleans(),
        total_error=st.sampled_from((0, 0, -1, 1)),
        slip=st.booleans(),
    )
    def run(self, hours: float, mistake: str | None, has_totals: bool, total_error: int, slip: bool) -> None:
        self.place.later(hours)
        self.api.has_totals, self.api.total_error = has_totals, total_error
        if slip:
            self.api.before = self._slip
        try:
            with self._mistaken(mistake):
                self._run()
        finally:
            self.api.well()
            self.api.has_totals, self.api.total_error = True, 0

    def teardown(self) -> None:
        try:
            self._converge()
        finally:
            self.stack.close()

    # --- how --------------------------------------------------------------------------------------------

    def _run(self) -> RunReport:
        before, self.touched = self._live(), set()
        for company in self.api.companies.values():
            self.ever[company.id] |= _keys(company)
        report: RunReport = self.loop.run(self.place.run())
        self.runs += 1
        for company in self.api.companies.values():
            self.ever[company.id] |= _keys(company)
        for code in COMPANIES:
            self._nothing_is_mixed(code)
            gone = before[code].keys() - self._live()[code].keys()
            wrong = gone & _keys(self._company(code))
            assert not wrong, f"{code}: {wrong} are deleted, and the API has them"
            self._fresh_is_exact(code)
        return report

    def _nothing_is_mixed(self, code: str) -> None:
        for table, (column, *_) in TABLES.items():
            found = self._rows(f"SELECT {column} AS number FROM {table} WHERE region_code = '{code}'")
            foreign = {(table, row["number"]) for row in found} - self.ever[COMPANIES[code]]
            assert not foreign, f"{code}: {foreign} belong to another company"

    def _fresh_is_exact(self, code: str) -> None:
        live, company = self._live()[code], self._company(code)
        for table, (_column, _name, field) in TABLES.items():
            if not self._is_fresh(code, table):
                continue
            told("companies", f"fresh {table} compared")
            for number, record in company.records[table].items():
                if (table, number) in self.touched:
                    continue
                assert (table, number) in live, f"{code}: {table} is fresh without {number}"
                if table not in self.damaged:
                    assert live[table, number] == record[field], f"{code}: {table} is fresh with an old {number}"

    def _is_fresh(self, code: str, table: str) -> bool:
        try:
            self._rows(f"SELECT require_fresh('{code}', '{table}', '{FRESH}')")
        except psycopg.Error as error:
            if error.sqlstate != "BZ001":
                raise
            return False
        return True

    def _converge(self) -> None:
        """Undisturbed runs, a day apart; a person approves what is held. Then everything is as the companies have."""
        for number in range(MOST_RUNS):
            self.place.later(26)
            report = self._run()
            needs_review = self._approve()
            if number >= 1 and not needs_review and self._differences().keys() <= self.damaged:
                break
        assert not not_green(report), not_green(report)
        self._certify()
        assert not (found := self._differences()), found
        told("process", "converged")

    def _certify(self) -> None:
        """What was edited by hand is found, then repaired. Otherwise everything is proved."""
        damaged = self._differences()
        assert damaged.keys() <= self.damaged, damaged
        self.damaged = set()
        results = self._verify(repair=False)
        for table in damaged:
            assert FAILED in {results[code, table] for code in COMPANIES}, (damaged, results)
        told("companies", "verification_results")
        if damaged:
            results = self._verify(repair=True)
            told("companies", "repairs")
        # Nothing is asked where there is no property, and zero calls prove nothing.
        for code in COMPANIES:
            if not self._company(code).records["properties"]:
                assert {results.pop((code, name)) for name in ("tasks", "property_contacts")} == {INCOMPLETE}
        others = {place: result for place, result in results.items() if result != PROVED}
        assert not others, others

    def _verify(self, *, repair: bool) -> dict[tuple[str, str], str]:
        request = verification.VerificationRequest(tuple(COMPANIES), NAMES, whole=True, repair=repair)
        settings = self.place.settings()
        report = self.loop.run(verification.verify(settings, request, emit=ignore, tell=lambda _text: None))
        return {(one.region, one.entity): one.result for one in report.verifications}

    def _differences(self) -> dict[str, list[str]]:
        """What is not as the companies have it, by table."""
        found: dict[str, list[str]] = defaultdict(list)
        live = self._live()
        for code in COMPANIES:
            company = self._company(code)
            for table, (_column, _name, field) in TABLES.items():
                expected = {(table, number): record[field] for number, record in company.records[table].items()}
                have = {key: value for key, value in live[code].items() if key[0] == table}
                if expected != have:
                    found[table].append(f"{code}: {sorted(expected.items() ^ have.items())}")
        costs = sorted(float(one["cost"]) for company in self.api.companies.values() for one in _costs(company))
        paid = sorted(float(row["cost"]) for row in self._rows(PAID))
        if costs != paid:
            found["tasks"].append(f"paid {paid}, owed {costs}")
        return found

    def _approve(self) -> bool:
        """A person believes what is held, and says of a company that has no property left, or none of those that were
        known, that it is so."""
        empty = {code for code in COMPANIES if not self._company(code).records["properties"]}
        blocked = self._rows("SELECT region_code FROM region_sources WHERE blocked_why IS NOT NULL")
        adopted = {row["region_code"] for row in blocked} | (set() if self.has_said_empty else empty)
        if adopted:
            found = self.loop.run(regions.adopt(self.place.settings(), sorted(adopted), emit=ignore))
            assert not [one.error for one in found if one.error], found
            self.has_said_empty |= bool(empty)
            told("companies", "a source adopted")
            return True
        held = self._rows("SELECT DISTINCT region_code, entity_type FROM missing_records WHERE state = 'needs_review'")
        for row in held:
            entity = next(one for one in ENTITIES if one.name == row["entity_type"])
            self.loop.run(deletes.approve(self.place.settings(), row["region_code"], entity, ()))
        return bool(held)

    def _live(self) -> dict[str, dict[Key, Any]]:
        found: dict[str, dict[Key, Any]] = {code: {} for code in COMPANIES}
        for table, (column, name, _field) in TABLES.items():
            live = f"SELECT region_code, {column} AS number, {name} AS name FROM {table} WHERE deleted_at IS NULL"
            for row in self._rows(live):
                found[row["region_code"]][table, row["number"]] = row["name"]
        return found

    def _slip(self, _client: str, path: str) -> None:
        """Before a second page is answered, a record of the first one goes: another slips past between them."""
        if not re.search(r"[?&]page=2", path):
            return
        self.api.before = lambda _client, _path: None
        table = PAGED[path.split("?", maxsplit=1)[0]]
        for company in self.api.companies.values():
            records = company.records[table]
            home = re.search(r"home_id=(\d+)", path)
            first = [one for one in records if home is None or str(records[one].get("home_id")) == home[1]]
            if first:
                self.touched |= _take(company, table, first[0]).keys()
                told("companies", "a record slips at a seam")
                return

    @contextmanager
    def _mistaken(self, mistake: str | None) -> Iterator[None]:
        """The configuration with one thing wrong in it."""
        right = {code: dict(table) for code, table in self.place.regions.items()}
        regions, more = self.place.regions, dict(self.place.more)
        pairs = {code: {name: table[name] for name in ("client_id", "client_secret")} for code, table in right.items()}
        match mistake:
            case "swapped pairs":
                regions["nashville"] |= pairs["austin"]
                regions["austin"] |= pairs["nashville"]
            case "another's pair":
                regions["austin"] |= pairs["nashville"]
            case "another company":
                regions["austin"]["company_id"] = 4711
            case "one region only":
                self.place.regions = {"tulsa": regions["tulsa"]}
            case "tasks off":
                self.place.more["entities"] = {"tasks": {"enabled": False}}
        if mistake:
            told("companies", mistake)
        try:
            yield
        finally:
            self.place.regions, self.place.more = right, more

    def _company(self, code: str) -> Company:
        return self.api.companies[COMPANIES[code]]

    def _put(self, company: Company, table: str, number: int, **values: Json) -> None:
        self.count += 1
        if table == "reservations":
            values["_updated"] = day()
        self.api.put(company, table, number, **{TABLES[table][2]: f"change {self.count}"} | values)

    def _rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        cursor = self.connection.execute(statement.encode(), values or None)
        return cursor.fetchall() if cursor.description else []


def _costs(company: Company) -> list[Json]:
    return [cost for task in company.records["tasks"].values() for cost in task["costs"]]


def _keys(company: Company) -> set[Key]:
    return {(table, number) for table in TABLES for number in company.records[table]}


def _pick(company: Company, table: str, nth: int) -> int | None:
    found = sorted(company.records[table])
    return found[nth % len(found)] if found else None


def _take(company: Company, table: str, number: int) -> dict[Key, Json]:
    """Take a record out, a property with its tasks and stays."""
    taken = {(table, number): company.records[table].pop(number)}
    if table == "properties":
        for other, field in OF_HOMES.items():
            for key in [key for key, record in company.records[other].items() if record[field] == number]:
                taken |= _take(company, other, key)
    return taken
