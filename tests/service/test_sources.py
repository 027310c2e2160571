"""What is remembered belongs to a source: a wrong pair, company or address costs its region's freshness, no more."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from breezeway_sync.core.outcome import FAILED, SUCCESS
from breezeway_sync.entities.catalog.reservations import RESERVATIONS
from breezeway_sync.sandbox.spec import resized
from breezeway_sync.service import deletes as deletes_service
from breezeway_sync.service import regions, verification
from breezeway_sync.service.runner import RunReport
from tests.conftest import Rows
from tests.helpers import Setup, outcome, sandboxed, tiny

MIRRORED = ("properties", "reservations", "tasks", "people", "supplies", "tags", "templates", "subdepartments")


def ignore(_event: object) -> None:
    pass


def change(setup: Setup, region: str, **update: Any) -> None:
    """Another configuration of one region."""
    found = dict(setup.settings.regions)
    found[region] = found[region].model_copy(update=update)
    setup.settings = setup.settings.model_copy(update={"regions": found})


def pair_of(setup: Setup, code: str) -> dict[str, SecretStr]:
    spec = setup.world.account(code).spec
    return {"client_id": SecretStr(spec.client_id), "client_secret": SecretStr(spec.client_secret)}


def contents(rows: Rows, region: str) -> dict[str, list[Any]]:
    """All live rows of a region, and when each was written."""
    return {
        table: rows(
            f"SELECT id, synced_at FROM {table} WHERE region_code = %s AND deleted_at IS NULL ORDER BY 1", region
        )
        for table in MIRRORED
    }


def live(rows: Rows, table: str, region: str) -> set[int]:
    key = {"properties": "property_id", "reservations": "reservation_id", "tasks": "task_id"}[table]
    found = rows(f"SELECT {key} AS key FROM {table} WHERE region_code = %s AND deleted_at IS NULL", region)
    return {one["key"] for one in found}


def statuses(report: RunReport, region: str) -> set[str]:
    return {one.status for one in report.outcomes if one.region == region}


def faults(report: RunReport, region: str) -> set[str | None]:
    return {one.error_code for one in report.outcomes if one.region == region}


@pytest.mark.parametrize("has_company", [True, False])
async def test_a_wrong_pair_costs_that_regions_freshness_and_nothing_else(
    dsn: str, rows: Rows, has_company: bool
) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        if not has_company:
            change(setup, "nashville", company_id=None)
            change(setup, "austin", company_id=None)
        assert {one.status for one in (await setup.run()).outcomes} == {SUCCESS}
        before = {code: contents(rows, code) for code in ("nashville", "austin")}
        due_scans = rows("SELECT * FROM checkpoints WHERE region_code = 'nashville' ORDER BY source, parent_id")
        right = pair_of(setup, "nashville")
        change(setup, "nashville", **pair_of(setup, "austin"))
        for full in (False, True, True):
            report = await setup.run(full=full)
            assert statuses(report, "austin") == {SUCCESS}
            assert statuses(report, "nashville") == {FAILED}
        assert {code: contents(rows, code) for code in ("nashville", "austin")} == before
        if has_company:
            assert faults(report, "nashville") == {"source_changed"}
            said = outcome(report, "tasks", "nashville").error or ""
            assert "regions adopt nashville" in said
            assert "3 known properties" in said
        change(setup, "nashville", **right)
        assert {one.status for one in (await setup.run()).outcomes} == {SUCCESS}
        assert {code: contents(rows, code) for code in ("nashville", "austin")} == before
        assert len(rows("SELECT * FROM checkpoints WHERE region_code = 'nashville'")) == len(due_scans)
    assert rows("SELECT count(*) n FROM deletions") == [{"n": 0}]
    assert rows("SELECT blocked_why FROM region_sources") == [{"blocked_why": None}] * 2


@pytest.mark.parametrize("update", [{}, {"company_id": 8561}])
async def test_nothing_is_compared_with_another_source(dsn: str, rows: Rows, update: dict[str, Any]) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        await setup.run()
        change(setup, "nashville", **pair_of(setup, "austin"), **update)
        found = dict(setup.settings.regions)
        del found["austin"]
        setup.settings = setup.settings.model_copy(update={"regions": found})
        request = verification.VerificationRequest(("nashville",), ("tasks", "people"))
        report = await verification.verify(setup.settings, request, emit=ignore, tell=lambda _text: None)
    assert {one.error_code for one in report.verifications} <= {"not_read", "source_changed"}
    assert {one["result"] for one in rows("SELECT result FROM verification_results")} == {"incomplete"}


async def test_two_swapped_pairs_heal_as_soon_as_they_are_right(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        right = {code: pair_of(setup, code) for code in ("nashville", "austin")}
        change(setup, "nashville", **right["austin"])
        change(setup, "austin", **right["nashville"])
        await setup.run()
        for code, pair in right.items():
            change(setup, code, **pair)
        assert {one.status for one in (await setup.run()).outcomes} == {SUCCESS}
        for code in right:
            assert live(rows, "properties", code) == set(setup.world.account(code).ids("properties"))
            assert live(rows, "tasks", code) == set(setup.world.account(code).ids("tasks"))


async def test_a_token_is_used_only_for_the_pair_that_it_was_issued_to(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        await setup.run("nashville", "people")
        first = rows("SELECT issued_to, access_token FROM api_tokens WHERE region_code = 'nashville'")
        right = pair_of(setup, "nashville")
        change(setup, "nashville", **pair_of(setup, "austin"))
        await setup.run("nashville", "people")
        second = rows("SELECT issued_to, access_token FROM api_tokens WHERE region_code = 'nashville'")
        assert first[0]["issued_to"] != second[0]["issued_to"]
        change(setup, "nashville", **right)
        calls = setup.stats.token_calls
        assert outcome(await setup.run("nashville", "people"), "people").status == SUCCESS
        assert setup.stats.token_calls == calls + 1
        assert rows("SELECT issued_to FROM api_tokens WHERE region_code = 'nashville'") == [
            {"issued_to": first[0]["issued_to"]}
        ]


async def test_a_company_that_was_mistyped_at_first_is_corrected_without_a_word(dsn: str, rows: Rows) -> None:
    """Nothing was ever shown of it: there is nothing that a person could lose."""
    async with sandboxed(dsn) as setup:
        change(setup, "nashville", company_id=77)
        await setup.run()
        assert rows("SELECT confirmed_at FROM region_sources") == [{"confirmed_at": None}]
        change(setup, "nashville", company_id=8558)
        assert statuses(await setup.run(), "nashville") == {SUCCESS}
        assert live(rows, "tasks", "nashville") == set(setup.world.account("nashville").ids("tasks"))


async def test_a_rotated_secret_changes_nothing(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        before = rows("SELECT * FROM region_sources"), rows("SELECT access_token FROM api_tokens")
        covered = rows("SELECT min(last_full_scan_at) AS at FROM checkpoints WHERE source = 'reservations'")
        change(setup, "nashville", client_secret=SecretStr("rotated"))
        assert {one.status for one in (await setup.run()).outcomes} == {SUCCESS}
        assert setup.stats.token_calls == 1
    assert (rows("SELECT * FROM region_sources"), rows("SELECT access_token FROM api_tokens")) == before
    assert rows("SELECT min(last_full_scan_at) AS at FROM checkpoints WHERE source = 'reservations'") == covered


async def test_a_new_client_id_of_the_same_company_is_read_whole_and_deletes_nothing_before(
    dsn: str, rows: Rows
) -> None:
    """The same account by another door: what was remembered of it is reset once properties were seen again."""
    first, second = tiny(2)
    async with sandboxed(dsn, [first, resized(second)]) as setup:
        await setup.run("nashville")
        before = contents(rows, "nashville")
        whole = rows("SELECT max(last_full_scan_at) AS at FROM checkpoints")[0]["at"]
        account = setup.world.account("nashville")
        setup.world._clients["another-door"] = account
        change(setup, "nashville", client_id=SecretStr("another-door"))
        report = await setup.run("nashville", "tasks")
        assert statuses(report, "nashville") == {SUCCESS}
        assert rows("SELECT count(*) n FROM checkpoints WHERE last_full_scan_at <= %s", whole) == [{"n": 0}]
        report = await setup.run("nashville")
        assert statuses(report, "nashville") == {SUCCESS}
        assert outcome(report, "reservations").read == account.count("reservations")
        assert contents(rows, "nashville") == before
    assert rows("SELECT count(*) n FROM deletions") == [{"n": 0}]


@pytest.mark.parametrize("update", [{"company_id": 77}, {"company_id": (8558, 8561)}, {"company_id": "all"}])
async def test_another_company_blocks_the_region_before_anything_is_called(
    dsn: str, rows: Rows, update: dict[str, Any]
) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        before = contents(rows, "nashville")
        calls = setup.stats.total
        change(setup, "nashville", **update)
        report = await setup.run(full=True)
        assert setup.stats.total == calls
        assert faults(report, "nashville") == {"source_changed"}
        assert "8558" in (outcome(report, "people").error or "")
        assert rows("SELECT blocked_why IS NOT NULL AS b FROM region_sources") == [{"b": True}]
        assert contents(rows, "nashville") == before
        change(setup, "nashville", company_id=8558)
        assert {one.status for one in (await setup.run()).outcomes} == {SUCCESS}
        assert rows("SELECT blocked_why FROM region_sources") == [{"blocked_why": None}]


async def test_another_address_blocks_and_another_spelling_of_it_does_not(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        api = setup.settings.api
        for url, expected in (
            (setup.url.upper().replace("HTTP", "http") + "/", SUCCESS),
            ("http://127.0.0.1:1/x", FAILED),
        ):
            same = api.model_copy(update={"base_url": url})
            setup.settings = setup.settings.model_copy(update={"api": same})
            report = await setup.run()
            assert statuses(report, "nashville") == {expected}
    assert faults(report, "nashville") == {"source_changed"}


async def test_a_list_of_properties_without_a_known_one_blocks_also_while_the_pair_is_the_same(
    dsn: str, rows: Rows
) -> None:
    """The service shows another account's records: nothing is deleted, nothing mixed."""
    async with sandboxed(dsn) as setup:
        change(setup, "nashville", company_id=None)
        await setup.run()
        before = contents(rows, "nashville")
        account = setup.world.account("nashville")
        kept = {one: account.get("properties", one) for one in account.ids("properties")}
        for key, record in kept.items():
            account.hide("properties", key)
            account.put("properties", {**record, "id": key + 1_000_000})
        report = await setup.run()
        assert outcome(report, "properties").error_code == "source_changed"
        assert {outcome(report, name).error_code for name in ("reservations", "tasks")} == {"source_changed"}
        assert faults(await setup.run(entity="people"), "nashville") == {"source_changed"}
        assert live(rows, "properties", "nashville") == set(kept)
        for key in kept:
            account.show("properties", key)
            account.delete("properties", key + 1_000_000)
        assert {one.status for one in (await setup.run()).outcomes} == {SUCCESS}
        assert contents(rows, "nashville") == before


async def test_without_a_company_the_only_one_that_is_seen_is_stored(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        change(setup, "nashville", company_id=None)
        await setup.run("nashville", "people")
        assert rows("SELECT company_ids, all_companies FROM region_sources") == [
            {"company_ids": [8558], "all_companies": False}
        ]
        change(setup, "nashville", company_id=8558)
        assert statuses(await setup.run(), "nashville") == {SUCCESS}
        change(setup, "nashville", company_id=8561)
        assert faults(await setup.run(), "nashville") == {"source_changed"}


async def test_with_several_companies_and_none_configured_nothing_is_loaded_and_the_line_is_told(
    dsn: str, rows: Rows
) -> None:
    account = resized(tiny()[0], properties=20, sister_company_id=8561)
    async with sandboxed(dsn, [account]) as setup:
        change(setup, "nashville", company_id=None)
        report = await setup.run()
        assert faults(report, "nashville") == {"source_unclear"}
        said = outcome(report, "properties").error or ""
        for expected in ("18 properties of company 8558", "2 properties of company 8561", "company_id = 8558"):
            assert expected in said
        assert "company_id = [8558, 8561]" in said
        assert 'company_id = "all"' in said
        assert [rows(f"SELECT count(*) n FROM {table}") for table in MIRRORED] == [[{"n": 0}]] * len(MIRRORED)
        for company, count in ((8558, 18), ((8558, 8561), 20), ("all", 20)):
            rows("DELETE FROM region_sources")
            change(setup, "nashville", company_id=company)
            assert statuses(await setup.run(), "nashville") == {SUCCESS}
            assert rows("SELECT count(*) n FROM properties WHERE deleted_at IS NULL") == [{"n": count}]


async def test_records_of_another_company_in_a_mixed_list_are_left_out_with_what_belongs_to_their_homes(
    dsn: str, rows: Rows
) -> None:
    account = resized(tiny()[0], properties=20, sister_company_id=8561)
    async with sandboxed(dsn, [account]) as setup:
        setup.options.ignore_company = True
        report = await setup.run()
        assert statuses(report, "nashville") == {SUCCESS}
        assert outcome(report, "properties").details["left out: of another company"] == 2
        truth = setup.world.account("nashville")
        ours = {one["id"] for one in truth.records("properties") if one["company_id"] == 8558}
        assert live(rows, "properties", "nashville") == ours
        others = {one["id"] for one in truth.records("properties")} - ours
        stays = {one["id"] for one in truth.records("reservations") if one.get("property_id") not in others}
        assert live(rows, "reservations", "nashville") == stays
        excluded = outcome(report, "reservations").details["left out: of a home of another company"]
        assert excluded == truth.count("reservations") - len(stays)
        assert {row["home_id"] for row in rows("SELECT DISTINCT home_id FROM tasks")} <= ours
        assert rows("SELECT count(*) n FROM rejected_records") == [{"n": 0}]
        assert rows("SELECT count(*) n FROM missing_records") == [{"n": 0}]
        again = await setup.run(full=True)
        assert statuses(again, "nashville") == {SUCCESS}
        assert rows("SELECT count(*) n FROM missing_records") == [{"n": 0}]


async def test_a_property_that_a_mixed_list_shows_under_another_company_has_left_and_comes_back(
    dsn: str, rows: Rows
) -> None:
    async with sandboxed(dsn, [resized(tiny()[0], properties=20)]) as setup:
        setup.options.ignore_company = True
        await setup.run()
        truth = setup.world.account("nashville")
        moved = min(truth.ids("properties"))
        truth.patch("properties", moved, company_id=8561)
        await setup.run()
        assert moved not in live(rows, "properties", "nashville")
        assert rows("SELECT record_id, reason FROM deletions WHERE entity_type = 'properties'") == [
            {"record_id": moved, "reason": "property_left"}
        ]
        assert rows("SELECT property_id, company_id FROM excluded_properties") == [
            {"property_id": moved, "company_id": 8561}
        ]
        truth.patch("properties", moved, company_id=8558)
        await setup.run()
        assert moved in live(rows, "properties", "nashville")
        assert rows("SELECT * FROM excluded_properties") == []
        await setup.run()
        assert live(rows, "reservations", "nashville") == set(truth.ids("reservations"))
        assert live(rows, "tasks", "nashville") == set(truth.ids("tasks"))


async def test_regions_that_share_a_pair_hold_each_record_once_also_when_a_property_moves_between_them(
    dsn: str, rows: Rows
) -> None:
    """The list of stays shows those of both companies; of properties each region asks for its own."""
    account = resized(tiny()[0], properties=20, sister_company_id=8561)
    async with sandboxed(dsn, [account]) as setup:
        found = dict(setup.settings.regions)
        found["second"] = found["nashville"].model_copy(update={"company_id": 8561})
        setup.settings = setup.settings.model_copy(update={"regions": found})
        truth = setup.world.account("nashville")
        report = await setup.run()
        assert {one.status for one in report.outcomes} == {SUCCESS}
        twice = (
            "SELECT reservation_id FROM reservations WHERE deleted_at IS NULL AND property_id IN (SELECT property_id"
        )
        twice += " FROM properties) GROUP BY 1 HAVING count(*) > 1"
        assert rows(twice) == []
        homes = {one["id"]: one["company_id"] for one in truth.records("properties")}
        for code, company in (("nashville", 8558), ("second", 8561)):
            own = {home for home, of in homes.items() if of == company}
            assert live(rows, "properties", code) == own
            stays = {one["id"] for one in truth.records("reservations") if one.get("property_id") in own}
            assert live(rows, "reservations", code) & set(truth.ids("reservations")) >= stays
        calls = setup.stats.of(None, "/property/{id}")
        assert {one.status for one in (await setup.run(full=True)).outcomes} == {SUCCESS}
        assert setup.stats.of(None, "/property/{id}") - calls <= 2  # of homes that no company shows


async def test_a_new_code_with_a_company_that_another_region_has_is_refused_before_the_first_call(
    dsn: str, rows: Rows
) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        calls = setup.stats.total
        region = setup.settings.regions["nashville"]
        setup.settings = setup.settings.model_copy(update={"regions": {"music_city": region}})
        report = await setup.run()
        assert setup.stats.total == calls
        assert faults(report, "music_city") == {"source_taken"}
        said = outcome(report, "tasks").error or ""
        assert "regions rename nashville music_city" in said
        assert "regions retire nashville" in said
        await regions.rename(setup.settings, "nashville", "music_city", emit=ignore)
        before = rows("SELECT count(*) n FROM tasks WHERE deleted_at IS NULL")
        assert statuses(await setup.run(), "music_city") == {SUCCESS}
        assert rows("SELECT count(*) n FROM tasks WHERE deleted_at IS NULL") == before
        tables = [
            one["table_name"]
            for one in rows(
                "SELECT c.table_name FROM information_schema.columns c JOIN information_schema.tables t "
                "USING (table_schema, table_name) WHERE c.column_name = 'region_code' "
                "AND table_schema LIKE 'breezeway%%' AND t.table_type = 'BASE TABLE'"
            )
        ]
        assert len(tables) > 30
        for table in tables:
            assert rows(f"SELECT count(*) n FROM {table} WHERE region_code = 'nashville'") == [{"n": 0}]


@pytest.mark.parametrize("least", [1, 20])
async def test_an_adopted_source_is_read_whole_and_what_it_does_not_show_is_retired_and_can_be_undone(
    dsn: str, rows: Rows, least: int
) -> None:
    async with sandboxed(dsn, tiny(3)) as setup:  # the first two have the same ids
        await setup.run("nashville")
        deletes = setup.settings.deletes.model_copy(update={"guard_least_records": least})
        found = {"nashville": setup.settings.regions["nashville"]}
        setup.settings = setup.settings.model_copy(update={"regions": found, "deletes": deletes})
        change(setup, "nashville", company_id=8399, **pair_of(setup, "smoky"))
        assert faults(await setup.run(), "nashville") == {"source_changed"}
        (line,) = [one for one in await regions.listing(setup.settings) if one.code == "nashville"]
        assert (line.state, line.companies.ids) == ("source_changed", (8558,))
        before = {name: rows(f"SELECT count(*) n FROM {name}")[0]["n"] for name in MIRRORED}
        (done,) = await regions.adopt(setup.settings, ["nashville"], emit=ignore)
        assert (done.state, done.error) == (regions.ADOPTED, None)
        for _ in range(4):
            report = await setup.run()
        assert statuses(report, "nashville") == {SUCCESS}
        other = setup.world.account("smoky")
        for name in ("properties", "reservations", "tasks"):
            assert live(rows, name, "nashville") == set(other.ids(name))
        for name in MIRRORED:
            assert rows(f"SELECT count(*) n FROM {name}")[0]["n"] >= before[name]
        reasons = rows("SELECT DISTINCT entity_type, reason FROM deletions")
        by_entity = {(one["entity_type"], one["reason"]) for one in reasons}
        assert ("properties", "source_adopted") in by_entity
        # What belonged to a home that went, goes with it.
        assert {one["reason"] for one in reasons} <= {"source_adopted", "property_left"}
        assert rows("SELECT count(*) n FROM missing_records WHERE state = 'needs_review'") == [{"n": 0}]
        key = rows("SELECT record_id AS key FROM deletions WHERE entity_type = 'reservations' LIMIT 1")[0]["key"]
        assert await deletes_service.undo(setup.settings, "nashville", RESERVATIONS, [str(key)]) == 1
        await setup.run(full=True)
        assert key in live(rows, "reservations", "nashville")
        (same,) = await regions.adopt(setup.settings, ["nashville"], emit=ignore)
        assert same.state == regions.SAME
        (line,) = [one for one in await regions.listing(setup.settings) if one.code == "nashville"]
        assert (line.state, line.companies.ids) == ("attended", (8399,))


async def test_after_an_adoption_the_guard_holds_as_before(dsn: str, rows: Rows) -> None:
    """Rows that did not change since are no less guarded than others."""
    async with sandboxed(dsn) as setup:
        await setup.run()
        change(setup, "nashville", company_id="all")
        await regions.adopt(setup.settings, ["nashville"], emit=ignore)
        assert statuses(await setup.run(), "nashville") == {SUCCESS}
        deletes = setup.settings.deletes.model_copy(update={"guard_least_records": 1})
        setup.settings = setup.settings.model_copy(update={"deletes": deletes})
        account = setup.world.account("nashville")
        for key in list(account.ids("people")):
            account.hide("people", key)
        await setup.run(entity="people")
        await setup.run(entity="people")
    assert rows("SELECT count(*) n FROM people WHERE deleted_at IS NOT NULL") == [{"n": 0}]


async def test_a_retired_region_is_refused_and_its_company_is_free(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        assert await regions.retire(setup.settings, "nashville")
        assert not await regions.retire(setup.settings, "nashville")
        assert rows("SELECT access_token, refresh_token FROM api_tokens") == [
            {"access_token": None, "refresh_token": None}
        ]
        calls = setup.stats.total
        report = await setup.run()
        assert faults(report, "nashville") == {"region_retired"}
        assert "regions adopt nashville" in (outcome(report, "people").error or "")
        assert setup.stats.total == calls
        assert rows("SELECT is_active FROM regions") == [{"is_active": False}]
        old = setup.settings
        found = {"music_city": setup.settings.regions["nashville"]}
        setup.settings = setup.settings.model_copy(update={"regions": found})
        assert statuses(await setup.run(), "music_city") == {SUCCESS}
        for view in ("v_region_stats", "v_task_reservation_linkage", "v_properties_without_photos"):
            assert {one["region_code"] for one in rows(f"SELECT * FROM {view}")} <= {"music_city"}
        assert rows("SELECT count(*) n FROM v_region_stats") == [{"n": 1}]
        (refused,) = await regions.adopt(old, ["nashville"], emit=ignore)
        assert refused.error is not None
        assert refused.error.code == "source_taken"
        await regions.retire(setup.settings, "music_city")
        (done,) = await regions.adopt(old, ["nashville"], emit=ignore)
        assert (done.state, done.error) == (regions.ADOPTED, None)
        setup.settings = old
        assert statuses(await setup.run(), "nashville") == {SUCCESS}
