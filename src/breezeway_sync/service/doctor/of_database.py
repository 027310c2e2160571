"""Turns facts about the database into findings. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from breezeway_sync.service.doctor.findings import DATABASE, FAIL, OK, SCHEMA, WARN, DoctorFinding
from breezeway_sync.store.doctor import MissingRight, ServerFacts
from breezeway_sync.store.files import Migration, quote
from breezeway_sync.store.migrate import OLDEST_SERVER

SKEW_SECONDS = 5.0
LARGE_SKEW_SECONDS = 300.0  # tokens are renewed half an hour early, so this is far from harm, and far from right
NAMED = 3


def of_server(facts: ServerFacts) -> list[DoctorFinding]:
    """Version, and whether it takes writes at all."""
    found = [DoctorFinding(DATABASE, "connection", OK, f'database "{facts.database}" as role "{facts.role}"')]
    if facts.version_number < OLDEST_SERVER:
        oldest = OLDEST_SERVER // 10_000
        found.append(
            DoctorFinding(DATABASE, "version", FAIL, f"PostgreSQL {facts.version}", f"use PostgreSQL {oldest} or newer")
        )
    else:
        found.append(DoctorFinding(DATABASE, "version", OK, f"PostgreSQL {facts.version}"))
    if facts.is_standby:
        remedy = "let database.dsn name the primary, or all hosts, of which the one that takes writes is used"
        found.append(DoctorFinding(DATABASE, "writing", FAIL, "the server is a standby (read-only)", remedy))
    elif facts.is_read_only:
        found.append(
            DoctorFinding(
                DATABASE,
                "writing",
                FAIL,
                "the role's or the database's transactions are read-only",
                "reset default_transaction_read_only for the role and the database",
            )
        )
    return found


def of_clock(skew_seconds: float) -> DoctorFinding:
    """The database's clock against this machine's; positive: the database is ahead."""
    apart = abs(skew_seconds)
    which = "ahead of" if skew_seconds > 0 else "behind"
    if apart <= SKEW_SECONDS:
        return DoctorFinding(DATABASE, "clock", OK, f"{apart:.1f} s {which} this machine's")
    level = FAIL if apart > LARGE_SKEW_SECONDS else WARN
    return DoctorFinding(
        DATABASE, "clock", level, f"{apart:.0f} s {which} this machine's", "synchronise both clocks with NTP"
    )


def of_rights(missing: Sequence[MissingRight], facts: ServerFacts, *, is_current: bool) -> DoctorFinding:
    """Rights against what a run needs. Where no migration has to run, no right to create is needed either."""
    if not missing:
        return DoctorFinding(DATABASE, "rights", OK, f'role "{facts.role}" has every right it needs')
    needed_now = [one for one in missing if not (is_current and one.right == "CREATE")]
    groups: dict[tuple[str, str], list[str]] = {}
    for one in missing:
        groups.setdefault((one.kind, one.right), []).append(one.name)
    lacks = "; ".join(f"{right} on {_named(kind, names)}" for (kind, right), names in groups.items())
    grants = "; ".join(dict.fromkeys(_grant(one, facts) for one in missing))
    return DoctorFinding(DATABASE, "rights", FAIL if needed_now else WARN, f'role "{facts.role}" lacks {lacks}', grants)


def _named(kind: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{kind} {', '.join(names[:NAMED])}{more}"


def _grant(missing: MissingRight, facts: ServerFacts) -> str:
    role = quote(facts.role)
    if missing.schema is None:
        return f"GRANT {missing.right} ON DATABASE {quote(facts.database)} TO {role}"
    if missing.kind == "schema":
        return f"GRANT {missing.right} ON SCHEMA {quote(missing.schema)} TO {role}"
    return f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {quote(missing.schema)} TO {role}"


def of_migrations(pending: Sequence[Migration], schema: str, *, auto_migrate: bool) -> DoctorFinding:
    """Whether the tables are this version's."""
    if not pending:
        return DoctorFinding(SCHEMA, schema, OK, "up to date")
    count = f"{len(pending)} migration{'s' if len(pending) != 1 else ''} to run"
    if auto_migrate:
        return DoctorFinding(
            SCHEMA, schema, WARN, count, "run `breezeway-sync migrate`; otherwise the next run does it"
        )
    return DoctorFinding(SCHEMA, schema, FAIL, count, "run `breezeway-sync migrate`: database.auto_migrate is off")
