"""SIGHUP: what changed applies without a restart; a bad file changes nothing and is told."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from breezeway_sync.cli.world import settings_for
from breezeway_sync.service.reload import changes
from breezeway_sync.service.settings import EntitySettings, Settings
from tests.cli.support import Starter, until
from tests.conftest import Rows
from tests.daemon.support import Daemon, configured, eventually, logged, nothing_is_open, ready, schedule, serve
from tests.helpers import sandboxed, tiny

NOBODY = "http://127.0.0.1:1"
DSN = "postgresql://x@/x"


def settings(count: int = 2, **tables: object) -> Settings:
    specs = {one.code: one for one in tiny(count)}
    return settings_for(specs, NOBODY, DSN).model_copy(update=tables)


def test_nothing_changed() -> None:
    assert changes(settings(), settings()) == ()


def test_what_changed_in_sentences() -> None:
    old = settings()
    new = settings(
        3,
        entities={**old.entities, "people": EntitySettings(enabled=False)},
        schedule=old.schedule.model_copy(update={"hourly_seconds": 60.0}),
        http=old.http.model_copy(update={"port": 1}),
    )
    assert changes(old, new) == (
        "region smoky added",
        "entity people changed",
        "[schedule] changed",
        "[http] changed: this needs a restart",
    )
    assert changes(new, old)[0] == "region smoky removed, its data stays"


def test_every_table_that_changed_is_told() -> None:
    old = settings()
    for table in set(Settings.model_fields) - {"regions", "entities"}:
        model = getattr(old, table)
        other = model.model_copy(update={next(iter(type(model).model_fields)): "another"})
        (told,) = changes(old, old.model_copy(update={table: other}))
        assert told.startswith(f"[{table}] changed")


def test_secrets_are_not_told() -> None:
    old, specs = settings(1), {one.code: one for one in tiny(1)}
    spec = next(iter(specs.values()))
    new = settings_for({spec.code: spec}, NOBODY, "postgresql://x:another-secret@/x").model_copy()
    told = changes(old, new)
    assert told == ("[database] changed: this needs a restart",)
    assert "another-secret" not in " ".join(told)


async def reloaded(daemon: Daemon) -> dict[str, object]:
    """Ask for it, and what came of it."""
    before = daemon.count("configuration_reloaded")
    daemon.running.send(signal.SIGHUP)
    await logged(daemon, "configuration_reloaded", before + 1)
    return daemon.lines("configuration_reloaded")[-1]


def edit(config: Path, old: str, new: str) -> None:
    text = config.read_text(encoding="utf-8")
    assert old in text
    config.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.process
async def test_reloads_of_a_running_daemon(start: Starter, dsn: str, rows: Rows) -> None:
    specs = tiny(3)
    async with sandboxed(dsn, specs) as setup:
        config, port = configured(start.folder, setup.url, dsn, specs[:2], schedule(1000, 1000, 1000))
        daemon = serve(start, config, port)
        await ready(daemon)
        await logged(daemon, "cycle_finished", 2)
        done = "SELECT DISTINCT region_code FROM etl_sync_log WHERE sync_status = 'success' AND id > %s"

        def since(newest: int) -> set[str]:
            return {row["region_code"] for row in rows(done, newest)}

        def newest() -> int:
            return int(rows("SELECT max(id) AS id FROM etl_sync_log")[0]["id"])

        # A region is added: it was never read, so it begins at once, and the others go on as they were.
        checkpoint = newest()
        configured(start.folder, setup.url, dsn, specs, schedule(1000, 1000, 1000), port=port)
        told = await reloaded(daemon)
        assert told["changes"] == [f"region {specs[2].code} added"]
        await until(lambda: since(checkpoint) == {specs[2].code}, 20, "the new region is not read")
        await logged(daemon, "cycle_finished", 3)

        # Another interval applies at once.
        edit(config, "hourly_seconds = 1000", "hourly_seconds = 1")
        told = await reloaded(daemon)
        assert told["changes"] == ["[schedule] changed"]
        assert "error" not in told
        checkpoint = newest()
        await until(lambda: len(since(checkpoint)) == 3, 20, "the new interval does not apply")

        # A bad file: the settings from before stay, and everybody is told.
        good = config.read_text(encoding="utf-8")
        edit(config, "hourly_seconds = 1\n", 'hourly_seconds = "soon"\n')
        told = await reloaded(daemon)
        assert "schedule.hourly_seconds" in str(told["error"])
        checkpoint = newest()
        await until(lambda: len(since(checkpoint)) == 3, 20, "the settings from before do not stay")
        status, body = await daemon.answer("/health/ready")
        assert status == 200
        assert "the changed configuration is not in effect" in body
        metrics = await daemon.metrics()
        assert metrics["breezeway_sync_configuration_last_reload_successful", frozenset()] == 0
        config.write_text(good, encoding="utf-8")
        assert "error" not in await reloaded(daemon)
        assert "not in effect" not in (await daemon.answer("/health"))[1]

        # A region is removed while everything is under way: its data stays, its work ends, the rest goes on.
        setup.options.latency_seconds = 0.1
        configured(start.folder, setup.url, dsn, specs[1:], schedule(1, 1, 1), port=port)
        told = await reloaded(daemon)
        assert f"region {specs[0].code} removed, its data stays" in str(told["changes"])
        setup.options.latency_seconds = 0
        free = "SELECT 1 FROM etl_sync_log WHERE sync_status = 'running' AND region_code = %s"
        await until(lambda: not rows(free, specs[0].code), 20, "the removed region is worked for ever")
        checkpoint = newest()
        await until(lambda: since(checkpoint) == {one.code for one in specs[1:]}, 20, "the others do not go on")
        assert rows("SELECT is_active FROM regions WHERE region_code = %s", specs[0].code) == [{"is_active": True}]
        assert rows("SELECT 1 FROM tasks WHERE region_code = %s AND deleted_at IS NULL", specs[0].code)

        # And comes back.
        configured(start.folder, setup.url, dsn, specs, schedule(1, 1, 1), port=port)
        await reloaded(daemon)
        checkpoint = newest()
        await until(lambda: len(since(checkpoint)) == 3, 20, "the region does not come back")
        assert daemon.lines("crashed") == []
        daemon.running.send(signal.SIGTERM)
        ended = await daemon.running.end(25)
    assert ended.code == 0, ended.err[-2000:]
    nothing_is_open(rows)


@pytest.mark.process
async def test_a_stop_after_a_reload_reaches_cycles_from_before(start: Starter, dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, tiny()) as setup:
        setup.options.latency_seconds = 0.4
        config, port = configured(start.folder, setup.url, dsn, tiny(), schedule(1000), api="max_in_flight = 1")
        daemon = serve(start, config, port)
        await logged(daemon, "cycle_started")
        edit(config, "hourly_seconds = 1000", "hourly_seconds = 900")
        await reloaded(daemon)
        assert daemon.lines("cycle_finished") == []
        calls = setup.stats.total
        daemon.running.send(signal.SIGTERM)
        ended = await daemon.running.end(5)
        assert setup.stats.total <= calls + 2
    assert ended.code == 0, ended.err[-2000:]
    nothing_is_open(rows)


@pytest.mark.process
async def test_regions_without_credentials_fail_by_name(start: Starter, dsn: str, rows: Rows) -> None:
    """And are worked as soon as somebody puts a pair into api_tokens, or corrects the one that stands there."""
    spec = tiny()[0]
    async with sandboxed(dsn, [spec]) as setup:
        config, port = configured(start.folder, setup.url, dsn, [spec], schedule(1, 1, 1))
        text = config.read_text(encoding="utf-8").splitlines()
        config.write_text("\n".join(line for line in text if not line.startswith("client_")), encoding="utf-8")
        daemon = serve(start, config, port)
        await ready(daemon)
        refused = "SELECT error_message FROM etl_sync_log WHERE sync_status = 'failed' AND entity_type = 'tasks'"
        await until(lambda: rows(refused), 20, "nobody says that there are no credentials")
        assert "no credentials" in rows(refused)[0]["error_message"]
        put = (
            "INSERT INTO api_tokens (region_code, client_id, client_secret) VALUES (%s, %s, %s) "
            "ON CONFLICT (region_code) DO UPDATE SET client_id = EXCLUDED.client_id, "
            "client_secret = EXCLUDED.client_secret"
        )
        rows(put, spec.code, spec.client_id, "a-mistake")
        await logged(daemon, "token_failed")
        rows(put, spec.code, spec.client_id, spec.client_secret)

        async def is_served() -> bool:
            return bool(json.loads((await daemon.answer("/health"))[1])["status"] == "ok")

        await eventually(is_served, 30, "it is not well")
        daemon.running.send(signal.SIGTERM)
        assert (await daemon.running.end(25)).code == 0
