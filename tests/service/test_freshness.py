"""What a payroll asks before it pays: up to when is everything here, and is anything missing?"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.streams import NAMES
from breezeway_sync.store import migrate
from breezeway_sync.store.database import Database
from tests.conftest import Rows
from tests.helpers import Setup, sandboxed, tiny

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```sql\n(.*?)```", README, re.DOTALL)
FRESH = "SELECT require_fresh('nashville', 'tasks', '2 hours') AS at"
TASKS_ONLY = "SELECT require_fresh('nashville', 'tasks', '2 hours', with_comments => false) AS at"


@pytest.fixture
async def mirrored(dsn: str) -> AsyncIterator[Setup]:
    """Two regions, read once."""
    async with sandboxed(dsn, tiny(2)) as setup:
        await setup.run()
        yield setup


def as_of(rows: Rows, region: str | None = "nashville", entity: str = "tasks") -> datetime | None:
    (found,) = rows("SELECT as_of(%s, %s) AS at", region, entity)
    at: datetime | None = found["at"]
    return at


def refusal(rows: Rows, statement: str = FRESH) -> str:
    """What it says; the data was used where it says nothing."""
    with pytest.raises(psycopg.Error) as caught:
        rows(statement)
    assert caught.value.sqlstate == "BZ001"
    return str(caught.value)


async def test_it_is_the_oldest_list_that_counts(mirrored: Setup, rows: Rows) -> None:
    lists = rows("SELECT min(watermark) AS at FROM checkpoints WHERE region_code = 'nashville' AND source = 'tasks'")
    properties = rows(
        "SELECT watermark AS at FROM checkpoints WHERE region_code = 'nashville' AND source = 'properties'"
    )
    assert as_of(rows) == min(lists[0]["at"], properties[0]["at"])
    assert rows(FRESH) == [{"at": as_of(rows)}]
    rows("UPDATE checkpoints SET watermark = watermark - interval '1 hour' WHERE (region_code, source, parent_id) = "
         "(SELECT region_code, source, parent_id FROM checkpoints WHERE source = 'tasks' ORDER BY 1, 3 LIMIT "
         "1)")  # fmt: skip
    assert rows("SELECT as_of('nashville', 'tasks') - as_of('all', 'tasks') > interval '59 minutes' AS x")[0]["x"]
    assert as_of(rows, None) == as_of(rows, "all") == as_of(rows, "austin")
    for entity in NAMES:
        assert as_of(rows, "all", entity), entity
        assert rows("SELECT require_fresh(NULL, %s, '2 hours') = as_of(NULL, %s) AS x", entity, entity)[0]["x"]


async def test_it_reads_as_a_statement_and_in_a_join(mirrored: Setup, rows: Rows) -> None:
    query = "SELECT count(*) AS n FROM tasks CROSS JOIN require_fresh('nashville', 'tasks', %s) AS fresh"
    assert rows(query.replace("%s", "'2 hours'"))[0]["n"] > 0
    assert "older than" in refusal(rows, query.replace("%s", "'0 seconds'"))


async def test_the_examples_for_readers_run(mirrored: Setup, rows: Rows) -> None:
    (payroll,) = [one for one in EXAMPLES if "require_fresh" in one]
    rows(OWE)  # which is no reason in the payroll's example
    for example in EXAMPLES:
        rows(example)
    rows(REJECT)
    with pytest.raises(psycopg.Error, match="1 rejected records"):
        rows(payroll)


async def test_a_property_that_is_new_or_unread_makes_it_unknown(mirrored: Setup, rows: Rows) -> None:
    rows("DELETE FROM checkpoints WHERE (region_code, source, parent_id) = (SELECT region_code, source, parent_id "
         "FROM checkpoints "
         "WHERE source = 'tasks' AND region_code = 'nashville' ORDER BY 3 LIMIT 1)")  # fmt: skip
    assert as_of(rows) is None
    assert as_of(rows, "all") is None
    assert as_of(rows, "austin") is not None
    assert "got 1 of" in refusal(rows)
    assert "lists never read to the end" in refusal(rows)
    rows("UPDATE properties SET deleted_at = now() WHERE property_id NOT IN "
         "(SELECT parent_id FROM checkpoints WHERE source = 'tasks' AND region_code = 'nashville')")  # fmt: skip
    assert as_of(rows) is not None


async def test_what_was_never_read_is_not_fresh_in_all_either_unless_a_person_accepts_it(
    mirrored: Setup, rows: Rows
) -> None:
    rows("INSERT INTO unavailable_sources (region_code, source, reason, try_again_at) VALUES "
         "('nashville', 'task_tags', 'x', now()), ('nashville', 'templates', 'x', now())")  # fmt: skip
    rows("DELETE FROM checkpoints WHERE source IN ('task_tags', 'templates') AND region_code = 'nashville'")
    for entity in ("tags", "templates"):
        for region in ("nashville", "all"):
            assert as_of(rows, region, entity) is None
            told = refusal(rows, f"SELECT require_fresh('{region}', '{entity}', '1 day')")
            assert "nashville: got 1 lists that this account does not have" in told
            assert "austin" not in told
        assert as_of(rows, "austin", entity) is not None
    rows("INSERT INTO problems (region_code, entity_type, kind, source, record_id, code, message, accepted_at) VALUES "
         "('nashville', 'tags', 'list', 'task_tags', 0, 'not_available', 'x', now()), "
         "('nashville', 'templates', 'list', 'templates', 0, 'not_available', 'x', now())")  # fmt: skip
    for entity in ("tags", "templates"):
        assert as_of(rows, "all", entity) == min(as_of(rows, code, entity) for code in ("austin", "nashville"))  # type: ignore[type-var]
        rows("SELECT require_fresh('all', %s, '1 day')", entity)
    rows("UPDATE problems SET last_seen_at = last_seen_at - interval '2 days'")
    assert "got as of" in refusal(rows, "SELECT require_fresh('nashville', 'templates', '1 day')")


async def test_a_part_that_is_switched_off_is_not_waited_for_and_an_entity_is_refused(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        off = {name: {"enabled": False} for name in ("task_tags", "people")}
        changed = setup.settings.model_dump()
        changed["entities"] |= off
        setup.settings = type(setup.settings)(**changed)
        await setup.run(entity="tags")
        assert as_of(rows, "nashville", "tags") is not None
        assert as_of(rows, "nashville", "people") is None
        assert "it is off" in refusal(rows, "SELECT require_fresh('all', 'people', '1 day')")


async def test_unknown_names(mirrored: Setup, rows: Rows) -> None:
    assert as_of(rows, "nowhere") is None
    assert as_of(rows, "all", "nothing") is None
    assert "no such data (nowhere tasks)" in refusal(rows, "SELECT require_fresh('nowhere', 'tasks', '2 hours')")
    assert "no such data (all nothing)" in refusal(rows, "SELECT require_fresh('all', 'nothing', '2 hours')")
    rows("UPDATE regions SET is_active = false")
    assert as_of(rows, "all") is None
    assert "no such data" in refusal(rows, "SELECT require_fresh(NULL, 'tasks', '2 hours')")


OLD = "UPDATE checkpoints SET watermark = watermark - interval '3 hours'"
REJECT = (
    "INSERT INTO rejected_records (region_code, entity_type, record_id, reason) VALUES ('nashville', 'tasks', '1', 'x')"
)
HOLD = (
    "INSERT INTO missing_records (region_code, entity_type, kind, record_id, source, parent_id, state, missing_since, "
    "missing_run, why) VALUES ('nashville', 'tasks', '', 1, 'tasks', 1, 'needs_review', now(), gen_random_uuid(), 'x')"
)
OWE = "INSERT INTO pending_child_reads VALUES ('nashville', 'task_comments', 1, 1)"
RUN = (
    "INSERT INTO etl_sync_log (region_code, entity_type, sync_status, sync_started_at, sync_completed_at, "
    "pending_child_reads) "
    "VALUES ('nashville', 'tasks', '{}', clock_timestamp(), clock_timestamp(), {})"
)


WINDOW = "scheduled_date BETWEEN current_date - 13 AND current_date + 13"
FAR = f"NOT {WINDOW}"
EXPIRE = "UPDATE claims SET claimed_at = claimed_at - interval '3 hours'"
BLOCK = (
    "INSERT INTO region_sources (region_code, api_address, account, blocked_why) VALUES ('nashville', 'a', 'b', 'why') "
    "ON CONFLICT (region_code) DO UPDATE SET blocked_why = EXCLUDED.blocked_why"
)
HIDE = (
    "INSERT INTO missing_records (region_code, entity_type, kind, record_id, source, parent_id, state, missing_since, "
    "missing_run, why, asked_at) (SELECT region_code, 'tasks', '', task_id, 'tasks', home_id, 'hidden', now(), "
    "gen_random_uuid(), 'x', {1} FROM tasks WHERE region_code = 'nashville' AND {0} LIMIT 1)"
)

REASONS: list[tuple[str, str, bool]] = [
    # What happens, what is said of it, and whether it is pardoned without comments.
    (f"{OLD} WHERE region_code = 'nashville'", "got as of 2", False),
    (REJECT, "1 rejected records", False),
    (HOLD, "1 records gone at once", False),
    (OWE, "1 pending reads of comments and requirements", True),
    (RUN.format("partial", 0), "the last run was partial", False),
    (RUN.format("partial", 7), "the last run was partial", False),
    (RUN.format("failed", 7), "the last run was failed", False),
    ("DELETE FROM etl_sync_log WHERE region_code = 'nashville'", "no run has ended", False),
    (HIDE.format(WINDOW, "now() - interval '3 hours'"), "got as of 2", False),
    (HIDE.format(WINDOW, "NULL"), "no complete reading yet", False),
    (HIDE.format(FAR, "now() - interval '8 days'"), "what lists leave out as of 2", False),
    (HIDE.format(FAR, "NULL"), "nothing known of what lists leave out", False),
    (
        "UPDATE checkpoints SET last_full_scan_at = last_full_scan_at - interval '8 days' WHERE region_code = "
        "'nashville'",
        "what lists leave out as of 2",
        False,
    ),
    (
        "UPDATE checkpoints SET last_window_scan_at = last_window_scan_at - interval '3 hours' WHERE region_code "
        "= 'nashville'",
        "got as of 2",
        False,
    ),
    (
        f"{EXPIRE} WHERE region_code = 'nashville'",
        "a region that no process works any more",
        False,
    ),
    (
        f"{EXPIRE} WHERE (region_code, name) = ('nashville', 'tasks')",
        "it is off",
        False,
    ),
    (
        BLOCK,
        "source_changed: why",
        False,
    ),
    (
        "UPDATE checkpoints SET watermark = now() + interval '1 hour' WHERE region_code = 'nashville'",
        "lists never read to the end",
        False,
    ),
]


async def test_every_reason_to_refuse(mirrored: Setup, rows: Rows) -> None:
    for change, flaw, is_pardoned in REASONS:
        rows("BEGIN")
        rows(change)
        for statement in (FRESH, FRESH.replace("'nashville'", "'all'"), *([] if is_pardoned else [TASKS_ONLY])):
            rows("SAVEPOINT before")
            told = refusal(rows, statement)
            assert flaw in told
            assert "nashville: got " in told
            assert "wanted all of it, not older than 02:00:00" in told
            assert "`breezeway-sync run " in told
            rows("ROLLBACK TO before")
        if is_pardoned:
            assert rows(TASKS_ONLY) == [{"at": as_of(rows)}]
        assert rows(FRESH.replace("nashville", "austin")) == [{"at": as_of(rows, "austin")}]
        rows("ROLLBACK")


TODAY = "(SELECT min(task_id) FROM tasks WHERE region_code = 'nashville')"
HIDDEN = (
    "INSERT INTO missing_records (region_code, entity_type, kind, record_id, source, parent_id, state, missing_since, "
    f"missing_run, asked_at, why) VALUES ('nashville', 'tasks', '', {TODAY}, 'tasks', 1, 'hidden', now(), "
    "gen_random_uuid(), now() - interval '{}', 'x')"
)
SCHEDULED = (
    f"UPDATE tasks SET scheduled_date = current_date - {{}} WHERE region_code = 'nashville' AND task_id = {TODAY}"
)
PROBLEM = (
    "INSERT INTO problems (region_code, entity_type, kind, source, record_id, code, message) "
    "VALUES ('nashville', 'tasks', 'list', 'tasks', 1, 'refused', 'x')"
)
# Each clause of the sentence, and what breaks it.
SENTENCE: list[tuple[str, list[str], str]] = [
    ("some process reads every region", ["UPDATE claims SET claimed_at = now() - interval '3 hours'"], "no process"),
    ("from the source that it is a copy of", [
        "UPDATE region_sources SET blocked_at = now(), blocked_why = 'x'"], "source_changed"),
    ("every list was read to its end within two hours", [f"{OLD} WHERE region_code = 'nashville'"], "got as of"),
    ("hidden tasks and stays around today", [
        SCHEDULED.format(0), HIDDEN.format("3 hours")], "got as of"),
    ("other hidden records were read within seven days", [
        SCHEDULED.format(90), HIDDEN.format("8 days")], "what lists leave out as of"),
    ("no record is rejected", [REJECT], "1 rejected records"),
    ("no deletion needs review", [HOLD], "1 records gone at once"),
    ("no child read for comments and requirements is pending", [OWE], "pending reads of comments"),
    ("the last run was a success", [RUN.format("partial", 0)], "the last run was partial"),
    ("the last run was a success", [RUN.format("failed", 0)], "the last run was failed"),
]  # fmt: skip
SETTLED = "UPDATE etl_sync_log SET details = '{\"is_written\": true}' WHERE sync_status = 'partial'"


@pytest.mark.parametrize(("clause", "changes", "flaw"), SENTENCE)
async def test_the_readmes_sentence_about_require_fresh_is_literally_true(
    mirrored: Setup, rows: Rows, clause: str, changes: list[str], flaw: str
) -> None:
    rows("INSERT INTO region_sources (region_code, api_address, account, confirmed_at) "
         "VALUES ('nashville', 'https://x', 'x', now()) ON CONFLICT DO NOTHING")  # fmt: skip
    for statement in (FRESH, FRESH.replace("nashville", "all")):
        rows(statement)
    for change in changes:
        rows(change)
    assert clause in " ".join(README.split())
    for statement in (FRESH, FRESH.replace("nashville", "all")):
        assert flaw in refusal(rows, statement), clause


async def test_without_comments_a_run_that_was_partial_for_them_alone_is_no_reason(mirrored: Setup, rows: Rows) -> None:
    rows(RUN.format("partial", 7))
    rows(SETTLED)
    rows(OWE)
    rows(PROBLEM.replace("'list', 'tasks'", "'children', 'task_comments'"))
    assert "pending reads of comments" in refusal(rows)
    rows(TASKS_ONLY)
    rows(PROBLEM)  # and a list that could not be read
    assert "the last run was partial" in refusal(rows, TASKS_ONLY)


async def test_the_last_run_counts_as_a_success_once_what_kept_it_from_that_is_settled_or_accepted(
    mirrored: Setup, rows: Rows
) -> None:
    rows(PROBLEM)
    rows(RUN.format("partial", 0))
    rows(SETTLED)
    assert "the last run was partial" in refusal(rows)
    rows("UPDATE problems SET accepted_at = now()")
    rows(FRESH)
    assert "1 problems that a person accepted" in refusal(
        rows, FRESH.replace("'2 hours'", "'2 hours', accepted => false")
    )
    rows("UPDATE problems SET resolved_at = now()")
    rows(FRESH.replace("'2 hours'", "'2 hours', accepted => false"))
    rows(REJECT)
    assert "the last run was partial" in refusal(rows)
    rows("UPDATE rejected_records SET accepted_at = now()")
    rows(FRESH)
    rows(HOLD)
    assert "the last run was partial" in refusal(rows)


async def test_a_run_that_goes_on_is_no_reason(mirrored: Setup, rows: Rows) -> None:
    rows(RUN.format("running", 0))
    assert rows(FRESH) == [{"at": as_of(rows)}]


async def test_no_limit_is_no_permission(mirrored: Setup, rows: Rows) -> None:
    assert "got as of" in refusal(rows, "SELECT require_fresh('nashville', 'tasks', NULL)")


@pytest.mark.parametrize("change", [REJECT, HOLD])
async def test_what_waits_holds_the_moment_at_the_last_success_before(mirrored: Setup, rows: Rows, change: str) -> None:
    success = rows(
        "SELECT sync_started_at AS at FROM etl_sync_log WHERE (region_code, entity_type) = ('nashville', 'tasks')"
    )
    rows(change)
    await mirrored.run("nashville", "tasks")
    held = as_of(rows)
    assert held is not None
    assert held <= success[0]["at"]
    rows("UPDATE rejected_records SET first_seen_at = now() - interval '1 day'")
    rows("UPDATE missing_records SET missing_since = now() - interval '1 day'")
    assert as_of(rows) is None


async def test_it_knows_every_list_that_is_read(rows: Rows, mirrored: Setup) -> None:
    """The names in the view are those that the catalog has."""
    read = {source.name for entity in ENTITIES for source in entity.sources}
    called = [called for entity in ENTITIES for called in entity.called]
    read |= {one.source.name for one in called if not one.pending_reads}
    pending_reads = {one.source.name for one in called if one.pending_reads}
    (text,) = rows("SELECT pg_get_viewdef('v_freshness'::regclass) AS sql")
    assert {row["source"] for row in rows("SELECT DISTINCT source FROM checkpoints")} - pending_reads == read
    assert all(f"'{name}'::text" in text["sql"] for name in read)
    assert {row["entity_type"] for row in rows("SELECT DISTINCT entity_type FROM v_freshness")} == set(NAMES)


async def test_no_search_path_of_a_caller_matters(empty_dsn: str) -> None:
    async with Database(empty_dsn, "odd name") as database:
        await migrate.apply(database)
    with psycopg.connect(empty_dsn, autocommit=True) as connection:

        def run(statement: str) -> Any:
            return connection.execute(statement.encode()).fetchone()

        connection.execute("INSERT INTO \"odd name\".regions (region_code) VALUES ('nashville')")
        connection.execute("CREATE SCHEMA other; CREATE TABLE other.v_freshness (entity_type text)")
        connection.execute("CREATE TEMP TABLE v_freshness (entity_type text)")
        connection.execute('CREATE ROLE payroll; GRANT USAGE ON SCHEMA "odd name" TO payroll')
        connection.execute('GRANT SELECT ON "odd name".v_freshness TO payroll')
        for path in ("''", "other, pg_temp, pg_catalog"):
            connection.execute(f"SET search_path TO {path}".encode())
            assert run("SELECT \"odd name\".as_of('nashville', 'tasks')") == (None,)
            with pytest.raises(psycopg.Error, match="may not be used"):
                run("SELECT \"odd name\".require_fresh('nashville', 'tasks', '2 hours')")
        connection.execute("SET ROLE payroll")
        with pytest.raises(psycopg.Error, match="may not be used"):
            run("SELECT \"odd name\".require_fresh('nashville', 'tasks', '2 hours')")
        connection.execute("RESET ROLE; DROP OWNED BY payroll; DROP ROLE payroll")


async def test_a_comparison_with_the_api_can_be_asked_for(mirrored: Setup, rows: Rows) -> None:
    verified = "SELECT require_fresh('nashville', 'tasks', '2 hours', verified_within => '2 days') AS at"
    verification_result = (
        "INSERT INTO verification_results (region_code, run_id, entity_type, started_at, result, sample_seed, "
        "api_calls_made, "
        "compared, late_differences, missing_differences, surplus_differences, wrong_differences, "
        "unexplained_differences, differences) VALUES ('nashville', gen_random_uuid(), 'tasks', now() - interval '{}', "
        "'{}', 1, 1, '{{}}', 0, 0, 0, 0, 0, '[]')"
    )
    assert "no comparison with the API" in refusal(rows, verified)
    for age, result, flaw in (
        ("3 days", "proved", "a comparison with the API that is proved, of 2"),
        ("1 day", "late", None),
        ("1 hour", "failed", "a comparison with the API that is failed"),
        ("1 minute", "proved", None),
    ):
        rows(verification_result.format(age, result))
        if flaw is None:
            assert rows(verified) == [{"at": as_of(rows)}]
        else:
            assert flaw in refusal(rows, verified)
    assert rows(FRESH) == [{"at": as_of(rows)}]


async def test_what_a_person_accepted_passes_with_a_notice_and_can_be_refused(
    mirrored: Setup, dsn: str, rows: Rows
) -> None:
    (home,) = rows("SELECT min(parent_id) AS id FROM checkpoints WHERE source = 'tasks' AND region_code = 'nashville'")
    rows("DELETE FROM checkpoints WHERE source = 'tasks' AND region_code = 'nashville' AND parent_id = %s", home["id"])
    rows(OWE)
    rows(REJECT)
    rows("INSERT INTO problems (region_code, entity_type, kind, source, record_id, code, message, accepted_at) VALUES "
         "('nashville', 'tasks', 'list', 'tasks', %s, 'refused', 'x', now()), "
         "('nashville', 'tasks', 'children', 'task_comments', 1, 'server_failed', 'x', now())", home["id"])  # fmt: skip
    rows("UPDATE rejected_records SET accepted_at = now()")
    with psycopg.connect(dsn, autocommit=True) as connection:
        notices: list[str] = []
        connection.add_notice_handler(lambda one: notices.append(one.message_primary or ""))
        connection.execute(FRESH.replace("require_fresh", "breezeway.require_fresh").encode())
    assert notices == ["tasks is complete but for 3 accepted problems, see `breezeway-sync problems list`"]
    told = refusal(rows, "SELECT require_fresh('nashville', 'tasks', '2 hours', accepted => false)")
    assert "3 problems that a person accepted" in told
    rows("UPDATE problems SET resolved_at = now()")
    assert "1 of" in refusal(rows)


async def test_hidden_records_of_any_age_can_be_accepted(mirrored: Setup, rows: Rows) -> None:
    rows("UPDATE checkpoints SET last_full_scan_at = last_full_scan_at - interval '80 days'")
    assert "what lists leave out" in refusal(rows)
    for within in ("NULL", "'90 days'"):
        found = rows(f"SELECT require_fresh('nashville', 'tasks', '2 hours', hidden_within => {within}) AS at")
        assert found == [{"at": as_of(rows)}]
