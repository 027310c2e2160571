"""`rejects list` and `rejects retry` as processes: what is shown, what is stored, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from breezeway_sync.core.clock import SystemClock
from breezeway_sync.core.events import ignore
from breezeway_sync.core.sources import account_key
from breezeway_sync.store import leases
from breezeway_sync.store.database import Database
from tests.cli.support import Finished, Stage, Starter, without_a_listener, write_config
from tests.conftest import Rows
from tests.helpers import tiny

pytestmark = pytest.mark.process

ODD = {"first_name": "Odd", "last_name": "Made\x9bup", "emails": ["odd.person@example.com"]}


async def rejects(stage: Stage, *arguments: str, shows: bool = False) -> Finished:
    finished = await stage.start.done("rejects", *arguments, "--config", stage.config)
    assert ("odd.person@example.com" in finished.out) == shows
    assert "odd.person@example.com" not in finished.err
    return finished


async def test_listed_kept_and_at_last_stored(stage: Stage, rows: Rows) -> None:
    empty = await rejects(stage, "list")
    assert (empty.code, empty.out) == (0, "nothing is rejected\n")
    account = stage.setup.world.account("nashville")
    number, nameless = account.new_id("people"), account.new_id("people")
    usual = next(iter(account.records("people")))
    account.put("people", {**usual, **ODD, "id": number})
    account.put_raw("people", nameless, b'{"first_name": "Nobody"}', home_id=0)
    rows("ALTER TABLE people ADD CONSTRAINT made_up CHECK (first_name <> 'Odd')")
    assert (await stage.ran("nashville", "people")).code == 1

    listed, as_json = await rejects(stage, "list"), await rejects(stage, "list", "nashville", "people", "--json")
    assert (listed.code, as_json.code) == (0, 0)
    assert len(listed.out.splitlines()) == 3
    found = {one["record_id"]: one for one in json.loads(as_json.out)["rejected"]}
    assert "23514" in found[str(number)]["reason"]
    assert found[str(number)]["payload_bytes"] > 50
    assert {one["region"] for one in found.values()} == {"nashville"}
    other = await rejects(stage, "list", "nashville", "tasks")
    assert (other.code, other.out) == (0, "nothing is rejected\n")
    shown = await rejects(stage, "list", "--payload", str(number), shows=True)
    assert shown.code == 0
    assert json.loads(shown.out) == {**usual, **ODD, "id": number}
    assert "\x9b" not in shown.out
    missing = await rejects(stage, "list", "--payload", "42424242")
    assert (missing.code, missing.out) == (2, "")

    calls = stage.setup.stats.total
    kept = await rejects(stage, "retry", "--json")
    assert kept.code == 1
    assert {one["came"] for one in json.loads(kept.out)["records"]} == {"rejected"}
    rows("ALTER TABLE people DROP CONSTRAINT made_up")
    stored = await rejects(stage, "retry", "nashville", "people", "--json")
    assert stored.code == 1  # the one without id stays
    assert {one["record_id"]: one["came"] for one in json.loads(stored.out)["records"]} == {
        **dict.fromkeys(set(found), "rejected"),
        str(number): "stored",
    }
    assert stage.setup.stats.total == calls
    assert rows("SELECT last_name FROM people WHERE person_id = %s", number) == [{"last_name": ODD["last_name"]}]
    account.delete("people", nameless)
    rows("UPDATE rejected_records SET resolved_at = now() WHERE record_id LIKE 'payload%%'")
    done = await rejects(stage, "retry")
    assert (done.code, done.out) == (0, "nothing is rejected\n")
    run = await stage.ran("nashville", "people", "--json")
    assert run.code == 0
    assert (json.loads(run.out)["outcomes"][0]["updated"], json.loads(run.out)["outcomes"][0]["new"]) == (0, 0)


async def test_comments_are_asked_for_again_by_the_next_run(stage: Stage, rows: Rows) -> None:
    account = stage.setup.world.account("nashville")
    number = next(iter(account.ids("tasks")))
    account.set_comments(number, [{"id": 1, "comment": "odd", "created_at": "2026-11-01T10:00:00"}])
    rows("ALTER TABLE task_comments ADD CONSTRAINT made_up CHECK (comment <> 'odd')")
    assert (await stage.ran()).code == 1
    rows("DELETE FROM pending_child_reads")  # as somebody may have done, to be green again
    rows("ALTER TABLE task_comments DROP CONSTRAINT made_up")
    retried = await rejects(stage, "retry", "nashville", "task_comments")
    assert retried.code == 1
    assert "the next run of tasks asks for it again" in retried.out
    assert (await stage.ran("nashville", "tasks")).code == 0
    assert rows("SELECT count(*) n FROM task_comments WHERE comment = 'odd'") == [{"n": 1}]
    assert (await rejects(stage, "retry")).code == 0


async def test_held_away_unknown_and_without_credentials(
    stage: Stage, database: Database, rows: Rows, tmp_path: Path, start: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.2)
    assert (await stage.ran("nashville", "people")).code == 0
    rows(
        "INSERT INTO rejected_records (region_code, entity_type, record_id, reason, payload) "
        """VALUES ('nashville', 'tasks', '1', 'x', '{"id": 1}')"""
    )
    other = leases.Owner("elsewhere, process 1", "elsewhere|boot|namespace|1|1")
    key = account_key(stage.setup.url, tiny()[0].client_id)
    async with leases.hold(
        database, key, clock=SystemClock(), wait_seconds=0, drain_seconds=0, emit=ignore, owner=other
    ):
        held = await rejects(stage, "retry", "--wait", "0")
    assert held.code == 75
    assert "elsewhere, process 1" in held.out
    unknown = await rejects(stage, "retry", "nashville", "task")
    assert (unknown.code, unknown.out) == (2, "")
    text = stage.config.read_text(encoding="utf-8")
    lines = [one for one in text.splitlines() if not one.startswith("client_")]
    stage.config.write_text("\n".join(lines), encoding="utf-8")
    nameless = await rejects(stage, "retry")
    assert nameless.code == 1
    assert "nashville: no credentials" in nameless.out
    assert rows("SELECT resolved_at FROM rejected_records") == [{"resolved_at": None}]
    away = f"postgresql://sync:pw@127.0.0.1:{without_a_listener()}/breezeway"
    for command in ("list", "retry"):
        config = write_config(tmp_path, stage.setup.url, away, tiny())
        finished = await start.done("rejects", command, "--config", config)
        assert (finished.code, finished.out) == (3, "")
