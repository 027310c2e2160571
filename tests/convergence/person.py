"""A person who believes whatever the product holds back, as `breezeway-sync deletes approve` has it."""

from __future__ import annotations

import asyncio

from psycopg import Connection
from psycopg.rows import TupleRow

from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.service import deletes
from breezeway_sync.service.settings import Settings
from tests.convergence.evidence import Evidence


def approve_all(settings: Settings, admin: Connection[TupleRow], evidence: Evidence) -> int:
    """Let go of all that is held; how many records."""
    held = admin.execute(
        "SELECT region_code, entity_type, kind, record_id FROM missing_records WHERE state = 'needs_review'"
    ).fetchall()
    for region, table, kind, number in held:
        evidence.approved.add((region, table, (kind, number) if kind else number))
    for region, table in sorted({(region, table) for region, table, *_ in held}):
        entity = next(one for one in ENTITIES if one.name == table)
        asyncio.run(deletes.approve(settings, region, entity, ()))
    return len(held)
