"""The certificate compares everything, reaches people, and heals."""

from __future__ import annotations

import pytest

from tests.claims.conftest import Place, not_green


async def filled(place: Place) -> None:
    company = place.add("nashville", 1, homes=3)
    for task in company.records["tasks"].values():
        task |= {"rate_paid": "10.00 USD", "costs": [{"id": task["id"], "cost": 5}]}
        company.children["comments", task["id"]] = [{"id": task["id"], "comment": "x"}]
        company.children["requirements", task["id"]] = [{"action": ["Fold"], "response": "check"}]
    for home in company.records["properties"]:
        company.children["contacts", home] = [{"id": home, "name": "Owner"}]
    assert not_green(await place.run()) == []


async def test_an_exact_mirror_is_proved(place: Place) -> None:
    await filled(place)
    done = await place.command("verify", "--all")
    assert done.code == 0, done.said
    assert place.rows("SELECT DISTINCT result FROM v_latest_verifications") == [{"result": "proved"}]
    assert place.refusal("all", "tasks", ", verified_within => '2 days'") is None


DAMAGES = [
    "UPDATE task_comments SET comment = 'y' WHERE comment_id = (SELECT min(comment_id) FROM task_comments)",
    "UPDATE tasks SET rate_paid = 999",
    "UPDATE task_costs SET cost = 999",
    "UPDATE property_contacts SET name = 'Nobody'",
    "UPDATE task_requirements SET response = 'no'",
    "UPDATE reservations SET checkout_date = checkout_date + 1",
    "UPDATE tasks SET property_pk = NULL",
    "UPDATE tasks SET deleted_at = now()",
    "DELETE FROM properties WHERE property_id = 1000",
    "DELETE FROM task_comments",
    "UPDATE people SET first_name = 'Bob'",
    "UPDATE tasks SET extra = '{\"x\": 1}'",
    # A change of the API would look like this, but the API still shows what was loaded.
    "UPDATE tasks SET rate_paid = 999, updated_at = updated_at - interval '1 day'",
    # The newest records, which have no time of their own, are no new ones.
    "UPDATE reservations SET deleted_at = now() WHERE reservation_id = (SELECT max(reservation_id) FROM reservations)",
    "UPDATE tasks SET extra = '[1]'",
    "DELETE FROM people WHERE person_id = (SELECT max(person_id) FROM people)",
]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_damage_is_found_told_and_repaired(place: Place, damage: str) -> None:
    await filled(place)
    place.rows(damage)
    done = await place.command("verify", "--all")
    assert done.code == 1, done.said
    done = await place.command("status", "--check")
    assert done.code == 4, done.said
    done = await place.command("verify", "--all", "--repair")
    assert done.code == 0, done.said
    done = await place.command("verify", "--all")
    assert done.code == 0, done.said
    assert (await place.command("status", "--check")).code == 0


@pytest.mark.parametrize("damage", [one for one in DAMAGES if "deleted_at" not in one])
async def test_a_rewrite_heals_as_well(place: Place, damage: str) -> None:
    await filled(place)
    place.rows(damage)
    done = await place.command("run", "--rewrite")
    assert done.code == 0, done.said
    done = await place.command("verify", "--all")
    assert done.code == 0, done.said


async def test_an_empty_mirror_proves_nothing(place: Place) -> None:
    place.add("nashville", 1)
    done = await place.command("verify", "--all")
    assert done.code != 0, done.said
    assert place.rows("SELECT * FROM verification_results WHERE result = 'proved'") == []
    assert place.refusal("all", "tasks", ", verified_within => '2 days'") is not None


async def test_a_repair_of_a_mirror_that_is_right_writes_nothing(place: Place) -> None:
    await filled(place)
    before = place.rows("SELECT xmin::text, task_id FROM tasks ORDER BY 2")
    for command in (("verify", "--all", "--repair"), ("run", "--rewrite")):
        done = await place.command(*command)
        assert done.code == 0, done.said
    assert place.rows("SELECT xmin::text, task_id FROM tasks ORDER BY 2") == before


async def test_a_record_that_no_row_can_take_stays_found_until_a_person_accepts_it(place: Place) -> None:
    company = place.add("nashville", 1)
    company.records["supplies"][-1] = {"name": "nameless", "company_id": 1}
    await place.run()
    for more in ((), ("--repair",), ()):
        done = await place.command("verify", "--all", *more)
        assert done.code == 1, done.said
    (rejected,) = place.rows("SELECT id FROM rejected_records")
    done = await place.command("problems", "accept", f"r{rejected['id']}", "--why", "known")
    assert done.code == 0, done.said
    assert (await place.command("run")).code == 0
    done = await place.command("verify", "--all")
    assert done.code == 0, done.said
    assert (await place.command("status", "--check")).code == 0
    company.records["supplies"][-1]["name"] = "another"
    assert (await place.command("verify", "--all")).code == 1


async def test_what_a_person_accepts_that_a_table_refuses_fails_no_comparison(place: Place) -> None:
    company = place.add("nashville", 1)
    await place.run()
    place.rows("ALTER TABLE tasks ADD CONSTRAINT ours CHECK (task_name <> 'bad')")
    place.rows("ALTER TABLE property_contacts ADD CONSTRAINT ours CHECK (name <> 'bad')")
    place.api.put(company, "tasks", 100000, name="bad")
    company.children["contacts", 1000] = [{"id": 1, "name": "bad"}]
    place.later(200)
    await place.run()
    ids = [f"r{one['id']}" for one in place.rows("SELECT id FROM rejected_records")]
    assert len(ids) == 2
    assert (await place.command("problems", "accept", *ids, "--why", "ours")).code == 0
    assert place.refusal("all", "property_contacts") is None
    assert (await place.command("run")).code == 0
    done = await place.command("verify", "--all")
    assert done.code == 0, done.said
    assert place.rows("SELECT DISTINCT result FROM v_latest_verifications") == [{"result": "proved"}]
    assert (await place.command("status", "--check")).code == 0
