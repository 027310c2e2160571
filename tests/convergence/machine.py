"""The state machine: accounts that change, an API that fails, processes that die, and two undisturbed runs."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import ExitStack
from typing import Any

import psycopg
from hypothesis import currently_in_test_context, event
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from breezeway_sync.cli.world import settings_for
from breezeway_sync.core.errors import BreezewaySyncError
from breezeway_sync.core.events import Crashed
from breezeway_sync.sandbox.app import create_app
from breezeway_sync.sandbox.options import Options
from breezeway_sync.sandbox.simulator import Call, Sandbox
from breezeway_sync.sandbox.world import World
from breezeway_sync.service.runner import Report, Request
from breezeway_sync.sync.stages import NAMES
from tests.convergence.changes import CHANGES, Dice, twin
from tests.convergence.draws import (
    Edit,
    Planned,
    Token,
    Wrong,
    edits,
    fates,
    fault,
    faults,
    planned,
    small,
    tokens,
    waits,
)
from tests.convergence.ending import faults_of, read_truth, used_tags
from tests.convergence.ground import Ground
from tests.convergence.history import History
from tests.convergence.honesty import is_honest
from tests.convergence.moving_time import START, MovingTime
from tests.convergence.person import approve_all
from tests.convergence.process import Fate, Place, Process
from tests.convergence.watcher import Live, Watcher

HOUR = 3600.0
REST_SECONDS = 8 * 24 * HOUR
"""After so long everything is due that has a pace of its own: what lists leave out is asked for again."""
MOST_RUNS = 6

TRIED: Counter[tuple[str, str]] = Counter()
"""What was tried so far, by all machines of this process."""


def told(what: str, name: str, count: int = 1) -> None:
    TRIED[what, name] += count
    if currently_in_test_context():
        event(f"{what}: {name}")


class Convergence(RuleBasedStateMachine):
    """See the package. `ground` is set by whoever runs it."""

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
        self._began: dict[int, tuple[int, float]] = {}
        self._planned: list[Planned] = []
        self._calls = self._runs = 0
        self.watcher = Watcher(self.dsn, self.history)
        self.stack.callback(self.watcher.close)
        self.admin = self.stack.enter_context(psycopg.connect(self.dsn, autocommit=True))
        self.admin.execute("SET search_path TO breezeway")
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
        )

    # --- what happens to accounts and API -------------------------------------------------------------

    @rule(many=st.lists(edits, min_size=1, max_size=5))
    def change(self, many: list[Edit]) -> None:
        for edit in many:
            self._change(edit)
        told("change", "between runs", len(many))

    @rule(hours=waits)
    def wait(self, hours: float) -> None:
        """Time passes in which nothing runs."""
        self._pass(hours * HOUR)
        told("time", f"{hours:g} h without a run")

    # --- what happens to the product ------------------------------------------------------------------

    @rule(fate=fates, full=st.booleans(), planned=planned, wrong=st.lists(faults, max_size=4), token=tokens)
    def run(self, fate: tuple[Fate, int], full: bool, planned: list[Planned], wrong: list[Wrong], token: Token) -> None:
        """A run that may be disturbed in every way; some of the changes come between its calls."""
        self._end_tokens(token)
        for name, path, every, skip, times in wrong:
            added = self.sandbox.faults.add_rule(fault(name, path, every=every, skip=skip, times=times))
            self._names[added.id] = name
        (last,) = self.admin.execute("SELECT coalesce(max(id), 0) FROM etl_sync_log").fetchone() or (0,)
        cut_off = self._cut_off()
        process = self._process(*fate, full=full, planned=planned)
        self._wake(process)
        self._runs += 1
        told("run", "full" if full else "of what changed")
        if process.is_frozen:
            self.frozen.append(process)
            self._lose_leases()
        told("process", "ended by itself" if process.is_spared else process.fate)
        self._well()
        self._judge(process)
        if process.report is not None:
            since = self._began[id(process)][1]
            lists = self.history.lists
            green = is_honest(self.world, lists, self.watcher, process.report, since, cut_off, is_full=full)
            TRIED["watched", "regions that were green after a run"] += green
        if fate[0] in ("ends", "cancelled") and not self.frozen:
            self._is_tidy(last, was_cancelled=fate[0] == "cancelled")

    @precondition(lambda self: self.frozen)
    @rule()
    def wake_a_frozen_process(self) -> None:
        """It goes on where it stood, with answers that may be old and a lease that may be another's."""
        process = self.frozen.pop(0)
        self._wake(process)
        told("process", "woken")
        self._judge(process)

    @precondition(lambda self: self._runs > 2)
    @rule()
    def converge(self) -> None:
        """Two full runs that nothing disturbs; then mirror and truth are the same.

        After a person has let go of what was held two more are needed, and one more after a property has gone,
        whose tasks nobody lists any more.
        """
        self._well()
        self._pass(REST_SECONDS)
        self.watcher.look()
        known, used = self.watcher.live, {code: used_tags(self.watcher.mirror, code) for code in self.world.accounts}
        runs, wanted = 0, 2
        while runs < wanted:
            homes = self._live_homes()
            report = self._undisturbed()
            runs += 1
            if approve_all(self.place.settings, self.admin, self.history.evidence):
                wanted = max(wanted, runs + 2)
                told("end", "held, then approved")
            if homes - self._live_homes():
                wanted = max(wanted, runs + 1)
                told("end", "a property gone")
            assert wanted <= MOST_RUNS, "it comes to no end"
        bad = [one for one in report.outcomes if one.status != "success"]
        assert not bad, f"an undisturbed run ended so: {bad}"
        self._compare(known | self.watcher.live, used)
        self._runs = 0
        told("process", "converged")

    def teardown(self) -> None:
        try:
            while self.frozen:
                self.frozen.pop().kill()
            if sys.exc_info()[0] is None:  # else something has failed already
                self.converge()
        finally:
            self._well()
            TRIED["watched", "snapshots"] += self.watcher.snapshots
            TRIED["watched", "rows deleted, each with its proof"] += self.watcher.deletions
            TRIED["watched", "watermarks"] += self.watcher.claims.watermarks
            TRIED["watched", "rows compared with their versions"] += self.watcher.rows_checked
            self.stack.close()

    # --- how ------------------------------------------------------------------------------------------

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

    def _process(self, fate: Fate, turn: int, *, full: bool, planned: list[Planned]) -> Process:
        self._calls = 0
        self._planned = sorted(planned)
        request = Request(tuple(self.place.settings.regions), NAMES, full=full, wait_seconds=0.0)
        return Process(self.place, request, fate, turn)

    def _wake(self, process: Process) -> None:
        """Evidence and absences are told apart by the run, and by when it began."""
        evidence = self.history.evidence
        evidence.run, evidence.began = self._began.setdefault(id(process), (len(self._began), self.time.seconds))
        self.history.lists.begin()
        try:
            process.wake()
        finally:
            if not self.frozen and not process.is_frozen:
                self.history.lists.end()

    def _undisturbed(self) -> Report:
        process = self._process("ends", 0, full=True, planned=[])
        self._wake(process)
        assert process.error is None, process.error
        assert process.report is not None
        self.watcher.look()
        return process.report

    def _cut_off(self) -> dict[str, float]:
        """When the runs began that were cut off, by region."""
        found = self.admin.execute("SELECT region_code, began_at FROM passes").fetchall()
        return {code: (at - START).total_seconds() for code, at in found}

    def _live_homes(self) -> set[tuple[str, int]]:
        return {(code, key) for name, code, key in self.watcher.live if name == "properties"}

    def _sent(self, scope: Any, status: int, body: bytes) -> None:
        self.history.sent(scope["path"], status, body)
        if any(one.kind == "blank" and one.hits for one in self.sandbox.faults.rules):
            self.history.lists.blanked = self.time.seconds
        token = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("JWT ")
        account = self.sandbox.tokens.owner(token)
        if account is not None:
            query = scope["query_string"].decode()
            self.history.evidence.sent(account, scope["path"], query, status, body)

    def _judge(self, process: Process) -> None:
        self._planned = []
        crashed = [one for one in process.events if isinstance(one, Crashed)]
        assert not crashed, crashed
        assert process.error is None or isinstance(process.error, BreezewaySyncError), repr(process.error)
        self.watcher.look()

    def _is_tidy(self, last: int, *, was_cancelled: bool) -> None:
        """Whoever ends by himself gives everything back and closes his rows of the log, those after `last`."""
        held = self.admin.execute("SELECT account FROM account_leases WHERE owner IS NOT NULL").fetchall()
        assert not held, f"leases that were not given back: {held}"
        running = self.admin.execute(
            "SELECT region_code, entity_type FROM etl_sync_log WHERE sync_status = 'running' AND id > %s", (last,)
        ).fetchall()
        # One whose writing was cancelled after it was written is closed by the next run.
        assert was_cancelled or not running, f"rows of the log that were not closed: {running}"

    def _well(self) -> None:
        for one in self.sandbox.faults.rules:
            TRIED["fault", self._names[one.id]] += one.hits
            if one.hits and currently_in_test_context():
                event(f"fault: {self._names[one.id]}")
        self.sandbox.faults.clear()

    def _pass(self, seconds: float) -> None:
        """For everybody: the service, processes, and what the database has a time for."""
        self.time.seconds += seconds
        for statement in (
            "UPDATE account_leases SET expires_at = expires_at - $1, next_call_at = next_call_at - $1, "
            "paused_until = paused_until - $1, next_token_call_at = next_token_call_at - $1",
            "UPDATE unavailable_sources SET try_again_at = try_again_at - $1",
            "UPDATE sweeps SET paced_at = paced_at - $1",
        ):
            self.admin.execute(statement.replace("$1", f"interval '{seconds} s'").encode())

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

    def _compare(self, live: Live, used: dict[str, set[Any]]) -> None:
        heard = self.sandbox.on_call, self.sandbox.on_answer
        self.sandbox.on_call = self.sandbox.on_answer = None
        url, mirror = self.ground.serve(self.app), self.watcher.mirror
        for spec in self.specs:
            account, code = self.world.account(spec.code), spec.code
            truth = read_truth(url, spec, {key for region, key in self._live_homes() if region == code})
            found = list(faults_of(account, truth, mirror, live, used[code], self.history.evidence))
            assert not found, "\n".join(["the mirror is not the truth:", *found[:10]])
        self.sandbox.on_call, self.sandbox.on_answer = heard
        rejected = [row for row in mirror.tables["rejected_records"] if row["resolved_at"] is None]
        assert not rejected, rejected
        owed = self.admin.execute("SELECT count(*) FROM owed_calls").fetchone()
        assert owed == (0,), owed
