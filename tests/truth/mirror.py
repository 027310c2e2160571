"""The mirror's rows, read with another driver than the product's."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import set_json_loads

from tests.truth.contract import BY_NAME
from tests.truth.values import deeply

Row: TypeAlias = dict[str, Any]

#: What the mirror keeps for itself, and what every table has.
OWN = frozenset(
    {"region_code", "id", "synced_at", "deleted_at", "payload_hash", "mapping_version", "read_order"}
    | {"system_created_at", "system_updated_at"}
)


def _loads(data: bytes | str) -> Any:
    with deeply():
        return json.loads(data, parse_float=Decimal)


@dataclass(frozen=True, slots=True)
class Mirror:
    """All rows of all tables, and any further question."""

    dsn: str
    tables: dict[str, list[Row]]

    def of(self, table: str, region: str) -> list[Row]:
        return [row for row in self.tables[table] if row["region_code"] == region]

    def children(self, table: str, region: str) -> dict[int, list[Row]]:
        """The rows of a child table by their parent's key."""
        found: dict[int, list[Row]] = defaultdict(list)
        for row in self.of(table, region):
            found[row[BY_NAME[table].parent]].append(row)
        return found

    def ask(self, statement: str) -> list[Row]:
        return _ask(self.dsn, statement)


def _ask(dsn: str, statement: str) -> list[Row]:
    with psycopg.connect(dsn, autocommit=True, row_factory=dict_row) as connection:
        set_json_loads(_loads, connection)
        connection.execute("SET search_path TO breezeway, breezeway_internal")
        return connection.execute(statement.encode()).fetchall()


def mirror(dsn: str, *tables: str) -> Mirror:
    """The named tables, or all; and what could not be stored."""
    wanted = tables or tuple(BY_NAME)
    return Mirror(dsn, {name: _ask(dsn, f"SELECT * FROM {name}") for name in (*wanted, "rejected_records")})
