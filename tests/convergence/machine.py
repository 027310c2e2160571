"""The state machine: accounts that change, an API that fails, processes that die, and two undisturbed runs."""

from __future__ import annotations

import sys
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from breezeway_sync.core.errors import BreezewaySyncError
from breezeway_sync.core.events import Crashed, LeaseClaimed
from breezeway_sync.service.runner import RunReport
from tests.convergence.draws import (
    BY_HAND,
    Edit,
    Planned,
    Token,
    Wrong,
    edits,
    fates,
    fault,
    faults,
    mistakes,
    planned,
    tokens,
    waits,
)
from tests.convergence.ending import faults_of, read_truth, used_tags
from tests.convergence.honesty import is_honest
from tests.convergence.person import approve_all
from tests.convergence.process import Fate, Process
from tests.convergence.scene import HOUR, TRIED, Scene, told
from tests.convergence.watcher import Live

REST_SECONDS = 8 * 24 * HOUR
"""After so long everything is due that has a pace of its own: what lists leave out is asked for again."""
MOST_RUNS = 6


class Convergence(Scene):
    """See the package. `ground` is set by whoever runs it."""

    @initialize(is_copied=st.booleans())
    def begin(self, is_copied: bool) -> None:
        """What vanishes before the first copy is never missed."""
        if is_copied:
            self.run(("ends", 0), False, [], [], None)

    # --- what happens to accounts and API -------------------------------------------------------------

    @rule(many=st.lists(edits, min_size=1, max_size=5))
    def change(self, many: list[Edit]) -> None:
        for edit in many:
            self._change(edit)
        told("change", "between runs", len(many))

    # --- what happens to the product ------------------------------------------------------------------

    @rule(
        fate=fates,
        full=st.booleans(),
        planned=planned,
        wrong=st.lists(faults, max_size=4),
        token=tokens,
        hours=waits,
        mistake=mistakes,
        has_totals=st.booleans(),
    )
    def run(
        self,
        fate: tuple[Fate, int],
        full: bool,
        planned: list[Planned],
        wrong: list[Wrong],
        token: Token,
        hours: float = 0.0,
        mistake: str | None = None,
        has_totals: bool = True,
    ) -> None:
        """A run, some hours after the one before, that may be disturbed in every way; some of the changes come
        between its calls."""
        self._pass(hours * HOUR)
        told("time", f"{hours:g} h later")
        self._end_tokens(token)
        for name, path, every, skip, times in wrong:
            added = self.sandbox.faults.add_rule(fault(name, path, every=every, skip=skip, times=times))
            self._names[added.id] = name
        (last,) = self.admin.execute("SELECT coalesce(max(id), 0) FROM etl_sync_log").fetchone() or (0,)
        interrupted = self._cut_off()
        self.sandbox.options.omit_all_totals = not has_totals
        right, self.place.settings = self.place.settings, self._mistaken(mistake)
        try:
            process = self._process(*fate, full=full, planned=planned)
            self._wake(process)
        finally:
            self.place.settings = right
        self._runs += 1
        told("run", "full" if full else "of what changed")
        if process.is_frozen:
            self.frozen.append(process)
            self._lose_leases()
        if process.fate == "demoted":
            self._demote(is_over=True)
        told("process", "ended by itself" if process.is_spared else process.fate)
        self._well()
        self._judge(process)
        if process.report is not None:
            lists, began = self.history.lists, process.began
            green = is_honest(self.world, lists, self.watcher, process.report, began, interrupted, is_full=full)
            TRIED["watched", "regions that were green after a run"] += green
        if fate[0] in ("ends", "cancelled") and not self.frozen:
            self._is_tidy(process, last, was_cancelled=fate[0] == "cancelled")

    @precondition(lambda self: self.frozen)
    @rule()
    def wake_a_frozen_process(self) -> None:
        """It goes on where it stood, with answers that may be old and a lease that may be another's."""
        process = self.frozen.pop(0)
        self._wake(process)
        told("process", "woken")
        self._judge(process)

    @precondition(lambda self: self._runs > 0 and not self.frozen)
    @rule(statement=st.sampled_from(BY_HAND))
    def delete_by_hand(self, statement: str) -> None:
        """Somebody deletes rows of the mirror: the next runs bring them again."""
        if self.watcher.lose(statement):
            told("by hand", statement)

    @precondition(lambda self: self._runs > 2)
    @rule()
    def converge(self) -> None:
        """Two full runs that nothing disturbs; then mirror and truth are the same.

        After a person has let go of what was held two more are needed, and one more after a property has gone,
        whose tasks nobody lists any more.
        """
        self._well()
        self.sandbox.options.omit_all_totals = False
        self._pass(REST_SECONDS)
        self.watcher.look()
        known, used = self.watcher.live, {code: used_tags(self.watcher.mirror, code) for code in self.world.accounts}
        runs, expected = 0, 2
        while runs < expected:
            homes = self._live_homes()
            report = self._undisturbed()
            runs += 1
            if approve_all(self.place.settings, self.admin, self.history.evidence):
                expected = max(expected, runs + 2)
                told("end", "held, then approved")
            if homes - self._live_homes():
                expected = max(expected, runs + 1)
                told("end", "a property gone")
            assert expected <= MOST_RUNS, "it comes to no end"
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

    def _undisturbed(self) -> RunReport:
        process = self._process("ends", 0, full=True, planned=[])
        self._wake(process)
        assert process.error is None, process.error
        assert process.report is not None
        self.watcher.look()
        return process.report

    def _judge(self, process: Process) -> None:
        self._planned = []
        crashed = [one for one in process.events if isinstance(one, Crashed)]
        assert not crashed, crashed
        assert process.error is None or isinstance(process.error, BreezewaySyncError), repr(process.error)
        self.watcher.look()

    def _is_tidy(self, process: Process, last: int, *, was_cancelled: bool) -> None:
        """Whoever ends by himself gives everything back and closes his rows of the log, those after `last`.

        Not what was just being claimed for him when he was cancelled: that is taken over like a dead one's.
        """
        leases = self.admin.execute("SELECT account, fence FROM account_leases WHERE owner IS NOT NULL").fetchall()
        claimed = {(one.account, one.fence) for one in process.events if isinstance(one, LeaseClaimed)}
        held = claimed & set(leases)
        assert not held, f"leases that were not given back: {held}"
        running = self.admin.execute(
            "SELECT region_code, entity_type FROM etl_sync_log WHERE sync_status = 'running' AND id > %s", (last,)
        ).fetchall()
        # One whose writing was cancelled after it was written is closed by the next run.
        assert was_cancelled or not running, f"rows of the log that were not closed: {running}"

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
        pending_reads = self.admin.execute("SELECT count(*) FROM pending_child_reads").fetchone()
        assert pending_reads == (0,), pending_reads
