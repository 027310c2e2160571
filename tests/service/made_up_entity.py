"""A process in which the product mirrors one entity more: a literal, a migration, a body in the sandbox.

`python -m tests.service.made_up_entity DSN` works through the life of two records and tells it in JSON. The catalog is
what everything is derived from when it is imported, so the literal must be in it before: hence a process of its own,
and imports below that.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from typing import Any

from breezeway_sync.entities import catalog
from breezeway_sync.entities.model import (
    AnswerShape,
    CalledChild,
    Child,
    ColumnKind,
    Company,
    Entity,
    Field,
    Interval,
    Link,
    Source,
)

INSPECTIONS = Entity(
    name="inspections",
    table="inspections",
    singular="inspection",
    key=Field("id", ColumnKind.BIGINT, "inspection_id"),
    interval=Interval.DAILY,
    own_address="/inspection/{id}",
    sources=(Source("inspections", "/inspection", AnswerShape.PAGES, company=Company.COMPANY_ID),),
    planned=("due_date", "due_date"),
    stamps=("created_at", "updated_at"),
    links=(Link("property_pk", by="property_id", target="properties"),),
    fields=(
        Field("property_id", ColumnKind.BIGINT),
        Field("grade", ColumnKind.TEXT),
        Field("due_date", ColumnKind.DATE),
        Field("created_at", ColumnKind.TIMESTAMP),
        Field("updated_at", ColumnKind.TIMESTAMP),
    ),
    children=(
        Child(
            "rooms", "inspection_rooms", Field("id", ColumnKind.BIGINT, "room_id"), (Field("name", ColumnKind.TEXT),)
        ),
    ),
    called=(
        CalledChild(
            source=Source("inspection_findings", "/inspection/{id}/findings", AnswerShape.LIST),
            child=Child(
                "findings",
                "inspection_findings",
                Field("id", ColumnKind.BIGINT, "finding_id"),
                (Field("text", ColumnKind.TEXT),),
            ),
        ),
    ),
)

MIGRATION = """
CREATE TABLE inspections (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    inspection_id BIGINT NOT NULL,
    property_pk BIGINT,
    property_id BIGINT,
    grade TEXT,
    due_date DATE,
    created_at TIMESTAMPTZ,
    updated_at TIMESTAMPTZ,
    extra JSONB,
    synced_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    deleted_at TIMESTAMPTZ,
    payload_hash BYTEA,
    mapping_version BIGINT,
    read_order BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (region_code, id),
    UNIQUE (region_code, inspection_id)
);
CREATE TABLE inspection_rooms (
    region_code TEXT NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    inspection_pk BIGINT NOT NULL,
    room_id BIGINT NOT NULL,
    name TEXT,
    extra JSONB,
    synced_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (region_code, id),
    UNIQUE (region_code, inspection_pk, room_id)
);
CREATE TABLE inspection_findings (
    region_code TEXT NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    inspection_pk BIGINT NOT NULL,
    finding_id BIGINT NOT NULL,
    text TEXT,
    extra JSONB,
    synced_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (region_code, id),
    UNIQUE (region_code, inspection_pk, finding_id)
);
INSERT INTO freshness_targets (entity_type, freshness_target) VALUES ('inspections', '25 hours');
"""


async def life(dsn: str) -> dict[str, Any]:
    """What is planned, read, loaded, deleted, found by a comparison and repaired."""
    from breezeway_sync.entities.streams import STAGES
    from breezeway_sync.sandbox import answers, app
    from breezeway_sync.sandbox.simulator import Call
    from breezeway_sync.service import runner
    from breezeway_sync.service.plan import plan
    from breezeway_sync.service.schedule import timetable
    from breezeway_sync.service.verification import VerificationRequest, verify
    from breezeway_sync.store import migrate
    from breezeway_sync.store.files import Migration, read_migrations
    from tests.helpers import Setup, outcome, sandboxed

    bodies: dict[int, dict[str, Any]] = {}

    def listed(_call: Call) -> answers.Answer:
        texts = [json.dumps(body).encode() for body in bodies.values()]
        return answers.envelope(texts, limit=100, page=1, totals=(1, len(texts)))

    def one(call: Call) -> answers.Answer:
        body = bodies.get(call.number("id"))
        return answers.not_found("Inspection") if body is None else answers.as_json(body)

    def findings(call: Call) -> answers.Answer:
        key = call.number("id")
        return answers.as_json([{"id": 10 * key, "text": bodies[key]["grade"]}])

    routes = (("/inspection", listed), ("/inspection/{id}", one), ("/inspection/{id}/findings", findings))
    app._READABLE = (*app._READABLE, *routes)

    known = read_migrations()
    new = Migration(len(known) + 1, "inspections", MIGRATION, hashlib.sha256(MIGRATION.encode()).hexdigest())
    setattr(migrate, "read_migrations", lambda: (*known, new))  # noqa: B010 - as if its file were there

    async def ran(setup: Setup) -> dict[str, int | str]:
        before = setup.stats.of(None, "/inspection/{id}/findings")
        found = outcome(await setup.run(), "inspections")
        calls = setup.stats.of(None, "/inspection/{id}/findings") - before
        counts = {name: getattr(found, name) for name in ("status", "new", "updated", "deleted", "pending_reads")}
        return {**counts, "calls for findings": calls}

    async def compared(setup: Setup, *, repair: bool = False) -> dict[str, Any]:
        expected = VerificationRequest(("nashville",), ("inspections",), repair=repair)
        report = await verify(setup.settings, expected, emit=setup.events.append, tell=lambda _sentence: None)
        return {one.result: [at.path for at in one.differences] for one in (*report.repaired, *report.verifications)}

    async def rows(setup: Setup, text: str) -> Any:
        async with runner.open_database(setup.settings) as database, database.connection("looking") as connection:
            found = await connection.fetch(text.replace("{schema}", database.schema))
            return [list(row.values()) for row in found]

    async with sandboxed(dsn) as setup:
        home = min(setup.world.account("nashville").ids("properties"))
        for key in range(1, 41):
            bodies[key] = {
                "id": key, "property_id": home, "grade": "good", "due_date": "2026-01-02", "rooms": [{"id": key}],
                "created_at": "2026-01-01T00:00:00", "updated_at": "2026-01-01T00:00:00",
            }  # fmt: skip
        told: dict[str, Any] = {"stages": STAGES}
        lines = timetable(setup.settings)
        told["line"] = [line.interval for line in lines if "inspections" in line.entities]
        told["first run"] = await ran(setup)
        (account,) = await plan(setup.settings, ["nashville"])
        told["plan"] = sorted(use.purpose for use in account.regions[0].uses if use.entity == "inspections")
        told["stored"] = await rows(
            setup,
            "SELECT i.grade, p.property_id = i.property_id, r.room_id, f.text FROM {schema}.inspections i "
            "JOIN {schema}.properties p ON p.id = i.property_pk "
            "JOIN {schema}.inspection_rooms r ON r.inspection_pk = i.id "
            "JOIN {schema}.inspection_findings f ON f.inspection_pk = i.id WHERE inspection_id = 1",
        )
        told["verified"] = await compared(setup)
        bodies[1] = {**bodies[1], "grade": "bad", "updated_at": "2026-01-03T00:00:00"}
        told["after a change"] = await ran(setup)
        del bodies[2]
        told["after it went"] = [(await ran(setup))["deleted"] for _ in range(3)]
        await rows(setup, "UPDATE {schema}.inspections SET grade = 'damaged' WHERE inspection_id = 3")
        told["damaged"] = await compared(setup)
        told["repaired"] = await compared(setup, repair=True)
        status = await rows(setup, "SELECT entity_type FROM {schema}.v_sync_status")
        told["status"] = ["inspections"] in status
        off = setup.settings.entities["inspections"].model_copy(update={"enabled": False})
        entities = {**setup.settings.entities, "inspections": off}
        lines = timetable(setup.settings.model_copy(update={"entities": entities}))
        told["switched off"] = [line.interval for line in lines if "inspections" in line.entities]
    return told


if __name__ == "__main__":
    catalog.ENTITIES = (*catalog.ENTITIES, INSPECTIONS)  # type: ignore[assignment]
    json.dump(asyncio.run(life(sys.argv[1])), sys.stdout)
