"""Where a machine plays: accounts, the service that simulates them, the database, and everybody's time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
from hypothesis import currently_in_test_context, event
from hypothesis.stateful import RuleBasedStateMachine
from psycopg import sql
from psycopg.rows import TupleRow

from breezeway_sync.cli.world import settings_for
from breezeway_sync.entities.streams import NAMES
from breezeway_sync.sandbox.app import create_app
from breezeway_sync.sandbox.options import Options
from breezeway_sync.sandbox.simulator import Call, Sandbox
from breezeway_sync.sandbox.world import World
from breezeway_sync.service.runner import RunRequest
from breezeway_sync.service.settings import Settings
from tests.convergence.changes import CHANGES, twin
from tests.convergence.dice import Dice
from tests.convergence.draws import Edit, Planned, Token, small
from tests.convergence.ground import Ground
from tests.convergence.history import History
from tests.convergence.moving_time import START, MovingTime
from tests.convergence.process import Fate, Place, Process
from tests.convergence.watcher import Watcher

HOUR = 3600.0

TRIED: Counter[tuple[str, str]] = Counter()
"""What was tried so far, by all machines of this process."""


def told(what: str, name: str, count: int = 1) -> None:
    TRIED[what, name] += count
    if currently_in_test_context():
        event(f"{what}: {name}")


class Scene(RuleBasedStateMachine):
    """Everything but the rules. `ground` is set by whoever runs it."""

    ground: Ground

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.dsn = self.stack.enter_context(self.ground.database())
        self.time = MovingTime()
        self.specs = small()
        self.world = World(self.specs, now=self.time.now)
        rng = Dice(0)
        for _ in range(3):
            twin(self.world, rng)
        self.history = History(self.world, self.time)
        options = Options(data_calls=None, auth_interval_seconds=None, max_concurrency=None)
        self.app = create_app(self.world, options)
        self.sandbox: Sandbox = self.app.state.sandbox
        self.sandbox.on_call = self._called
        self.sandbox.on_answer = lambda call, answer: self.history.answered(call, answer, self._asked_at[id(call)])
        self._asked_at: dict[int, float] = {}
        self._planned: list[Planned] = []
        self._calls = self._runs = self._processes = 0
        self.watcher = Watcher(self.dsn, self.history)
        self.stack.callback(self.watcher.close)
        self._connect()
        self.stack.callback(lambda: self.admin.close())
        self._is_kept = False
        self.stack.callback(self._drop_copy)
        self.frozen: list[Process] = []
        self._names: dict[int, str] = {}
        settings = settings_for(
            {one.code: one for one in self.specs},
            "http://sandbox.invalid",
            self.dsn,
            page_size=3,
            requests_per_minute=1_000_000,
            auth_interval_seconds=0,
        )
        sync = settings.sync.model_copy(update={"batch_rows": 7})
        self.place = Place(
            time=self.time,
            app=self.app,
            settings=settings.model_copy(update={"sync": sync}),
            dsn=self.dsn,
            pool_size=self.ground.pool_size,
            sent=self._sent,
            look=self.watcher.look,
            is_locked=self._is_locked,
            disconnect=self._disconnect,
            demote=self._demote,
            keep=self._keep,
            go_back=self._go_back,
        )

    def _change(self, edit: Edit) -> None:
        name, nth, seed = edit
        rng = Dice(seed, self.history.hot)
        if name in CHANGES:
            accounts = [self.world.account(self.specs[nth].code)]
            is_done = CHANGES[name](accounts[0], rng)
        else:
            accounts = list(self.world.accounts.values())
            is_done = twin(self.world, rng)
        if is_done:
            TRIED["changed", name] += 1
            for account in accounts:
                self.history.note(account)

    def _mistaken(self, mistake: str | None) -> Settings:
        """The configuration with one thing wrong in it."""
        right = self.place.settings
        if mistake is None:
            return right
        told("configuration", mistake)
        (one, mine), (other, theirs) = right.regions.items()
        pair = {"client_id": theirs.client_id, "client_secret": theirs.client_secret}
        own = {"client_id": mine.client_id, "client_secret": mine.client_secret}
        regions = {
            "swapped pairs": {one: mine.model_copy(update=pair), other: theirs.model_copy(update=own)},
            "another's pair": {one: mine.model_copy(update=pair), other: theirs},
            "another's company": {one: mine.model_copy(update={"company_id": 4711}), other: theirs},
            "one region only": {other: theirs},
        }.get(mistake, right.regions)
        off = {"comments off": "task_comments", "people off": "people"}.get(mistake)
        entities = {
            name: entity.model_copy(update={"enabled": name != off and entity.enabled})
            for name, entity in right.entities.items()
        }
        return right.model_copy(update={"regions": regions, "entities": entities})

    def _end_tokens(self, token: Token) -> None:
        """Access tokens end after a day, refresh tokens after 30, and either when the service forgets it."""
        if token is None:
            return
        what, nth = token
        if what.endswith("revoked"):
            account = self.world.account(self.specs[nth].code)
            self.sandbox.tokens.revoke(account, "access" if what.startswith("access") else None)
        else:
            self._pass(25 * HOUR if what.startswith("access") else 31 * 24 * HOUR)
        told("token", what)

    def _called(self, call: Call) -> None:
        self._asked_at[id(call)] = self.time.seconds
        self._calls += 1
        while self._planned and self._planned[0][0] <= self._calls:
            self._change(self._planned.pop(0)[1])
            told("change", "between the calls of a run")

    def _sent(self, scope: Any, status: int, body: bytes) -> None:
        self.history.sent(scope["path"], status, body)
        if any(one.kind == "blank" and one.hits for one in self.sandbox.faults.rules):
            self.history.lists.blanked = self.time.seconds
        token = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("JWT ")
        account = self.sandbox.tokens.owner(token)
        if account is not None:
            query = scope["query_string"].decode()
            self.history.evidence.sent(account, scope["path"], query, status, body)

    def _process(self, fate: Fate, turn: int, *, full: bool, planned: list[Planned]) -> Process:
        self._calls = 0
        self._planned = sorted(planned)
        request = RunRequest(tuple(self.place.settings.regions), NAMES, full=full, wait_seconds=0.0)
        process = Process(self.place, request, fate, turn)
        self._processes += 1
        process.number = self._processes
        return process

    def _wake(self, process: Process) -> None:
        """Evidence and absences are told apart by the run, and by when it began."""
        evidence = self.history.evidence
        evidence.run, evidence.began = process.number, process.began
        process.wake()

    def _pass(self, seconds: float) -> None:
        """For everybody: the service, processes, and what the database has a time for."""
        self.time.seconds += seconds
        for statement in (
            "UPDATE account_leases SET expires_at = expires_at - $1, next_call_at = next_call_at - $1, "
            "paused_until = paused_until - $1, next_token_call_at = next_token_call_at - $1",
            "UPDATE unavailable_sources SET try_again_at = try_again_at - $1",
            "UPDATE rolling_refreshes SET paced_at = paced_at - $1, counted_at = counted_at - $1",
        ):
            self.admin.execute(statement.replace("$1", f"interval '{seconds} s'").encode())

    def _well(self) -> None:
        for one in self.sandbox.faults.rules:
            TRIED["fault", self._names[one.id]] += one.hits
            if one.hits and currently_in_test_context():
                event(f"fault: {self._names[one.id]}")
        self.sandbox.faults.clear()

    def _lose_leases(self) -> None:
        """A frozen process renews nothing: its leases run out."""
        self.admin.execute("UPDATE account_leases SET expires_at = clock_timestamp() - interval '1 s'")

    def _is_locked(self) -> bool:
        """Also when a transaction only waits for such a lock; it takes rows only after it has the lease."""
        found = self.admin.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_class c ON c.oid = relation WHERE relname = 'account_leases' "
            "AND pid <> pg_backend_pid() AND mode <> 'AccessShareLock'"
        ).fetchone()
        return found != (0,)

    def _disconnect(self) -> None:
        self.admin.execute(
            "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'breezeway-sync'"
        )

    def _connect(self) -> None:
        self.admin = psycopg.connect(self.dsn, autocommit=True)
        self.admin.execute("SET search_path TO breezeway, breezeway_internal")

    def _demote(self, *, is_over: bool = False) -> None:
        """What was connected before could still write."""
        what = sql.SQL("RESET default_transaction_read_only" if is_over else "SET default_transaction_read_only = on")
        self.admin.execute(sql.SQL("ALTER DATABASE {} {}").format(self._name(), what))
        self._disconnect()

    def _name(self, suffix: str = "") -> sql.Identifier:
        return sql.Identifier(f"{psycopg.conninfo.conninfo_to_dict(self.dsn)['dbname']}{suffix}")

    @contextmanager
    def _server(self) -> Iterator[psycopg.Connection[TupleRow]]:
        """The server, while nobody is connected to the database."""
        self.watcher.close()
        self._disconnect()
        self.admin.close()
        with psycopg.connect(self.dsn, dbname="postgres", autocommit=True) as server:
            yield server
        self._connect()
        self.watcher.connect()

    def _keep(self) -> None:
        self._drop_copy()
        self.watcher.remember()
        with self._server() as server:
            server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(self._name("_copy"), self._name()))
        self._is_kept = True

    def _go_back(self) -> None:
        with self._server() as server:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(self._name()))
            server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(self._name(), self._name("_copy")))
        self.watcher.forget()

    def _drop_copy(self) -> None:
        if self._is_kept:
            with psycopg.connect(self.dsn, dbname="postgres", autocommit=True) as server:
                server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(self._name("_copy")))
        self._is_kept = False

    def _cut_off(self) -> dict[str, float]:
        """When the runs began that were cut off, by region."""
        found = self.admin.execute("SELECT region_code, began_at FROM unfinished_runs").fetchall()
        return {code: (at - START).total_seconds() for code, at in found}

    def _live_homes(self) -> set[tuple[str, int]]:
        return {(code, key) for name, code, key in self.watcher.live if name == "properties"}
