"""docs/schema.md from the catalog and the migrations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.model import CalledChild, Child, ColumnKind, Entity, Field, TagLinks
from breezeway_sync.store.files import read_migrations
from breezeway_sync.store.retention import MIRROR, RULES

HEAD = """\
# What is in the database

Two schemas in your own PostgreSQL, 15 or newer, without extensions: what people query is in `breezeway` (or what
`database.schema` says), the bookkeeping of the service in `breezeway_internal`, which no reader needs. Written from the
catalog and the migrations by `python3 dev.py docs`; `python3 dev.py check` fails when it is out of date.

## What holds for every table

- Every key begins with `region_code`: `PRIMARY KEY (region_code, id)`, natural keys and foreign keys
  likewise, so that a link never crosses regions. `id` is the mirror's own number.
- What no column takes, and any value that does not fit its column, is in `extra` (JSONB) under the API's own
  names; NULL when there is nothing. Items that a list of its own brought and no row can take stand in their
  parent's `extra` under the last part of that list's address (`"/comments"`); an API field whose own name begins
  with a slash gets a second one.
- A timestamp without offset is UTC. Dates and times of day are as the API sends them, of a zone that it does not name.
- `''` stays `''`, `[]` stays `[]`, null is NULL. U+0000 is removed and
  half a surrogate pair becomes U+FFFD; both are counted in `etl_sync_log.details`.
- `deleted_at` marks what the API no longer has; views show live rows only. A record that comes back is
  undeleted. `deletions.reason` says why it went: work that was done in a home which left the account
  (`property_left`) was done; what a payroll has to leave out is `not_found` and `status`. Count
  `t.deleted_at IS NULL OR EXISTS (SELECT FROM deletions d WHERE d.region_code = t.region_code AND d.entity_type =
  'tasks' AND d.record_id = t.task_id AND d.undone_at IS NULL AND d.reason = 'property_left')`.
- Rows that somebody deletes by hand are missed at once (`lost_rows`), and read again by the next run. Who deletes a
  region for good says first `SET breezeway_sync.writing = 'on'`.
- `synced_at` is when the mirror last wrote the row. An unchanged record is not written at all.
- `payload_hash`, `mapping_version` and `read_order` are the mirror's own: what a row was made from, and the
  order of the request that brought it.
- API text is in no plain index, since long values cannot be: external ids have hash indexes, and status
  codes a prefix. To use the latter, filter by `left(task_status_code, 32) = 'finished'`.
"""

KEPT = f"""
## What keeps each table small

Nothing grows for ever. `serve` deletes what is not kept every six hours, `run` at its end.

- **the mirror's own tables**: {MIRROR}."""

_COMMENTED = re.compile(
    r"((?:^--[^\n]*\n)+)CREATE (TABLE|VIEW|SEQUENCE) (\w+)"
    r"( \(\n.*?\n\)(?: WITH [^;]*)?|[^;]*)?;",
    re.MULTILINE | re.DOTALL,
)
_SWAP = "SELECT set_config('search_path'"
"""What a migration makes after this is in the other schema."""
_FUNCTION = re.compile(r"((?:^--[^\n]*\n)+)CREATE FUNCTION (\w+)\((.*?)\)\s+RETURNS (\w+)", re.MULTILINE | re.DOTALL)
_COLUMN = re.compile(r"^    ([a-z_]+) ([A-Z]+(?:\[\])?)", re.MULTILINE)


def render() -> str:
    """The whole document."""
    parts = [HEAD, "## The mirror\n"]
    for entity in ENTITIES:
        parts += _entity(entity)
    parts.append("## Support tables\n")
    parts += _support(is_internal=False)
    parts.append("## Views\n")
    parts += _views(is_internal=False)
    parts.append("\n## Functions\n")
    parts += _functions()
    parts.append("\n## Bookkeeping, in `breezeway_internal`\n")
    parts.append("It may change with any release. Nothing but the service has to read it.\n")
    parts += _support(is_internal=True)
    parts += _views(is_internal=True)
    parts.append(KEPT)
    parts += [f"- **{name}**: {rule.words}." for name, rule in sorted(RULES.items()) if rule.words != MIRROR]
    return "\n".join(parts).rstrip() + "\n"


def _entity(entity: Entity) -> Iterator[str]:
    addresses = ", ".join(f"`{source.path}`" for source in entity.sources)
    yield f"### {entity.table}\n\nRead from {addresses}.\n"
    rows = [(entity.discriminator, "text", "which list it is from")] if entity.discriminator else []
    rows.append((entity.key.name, "bigint", f"`{entity.key.path}`, the natural key"))
    rows += [(link.column, "bigint", f"`{link.target}.id` found by `{link.by}`") for link in entity.links]
    rows += [row for field in entity.fields for row in _field(field)]
    known = {row[0] for row in rows}
    rows += [(one.column, one.kind.value, one.rule.value) for one in entity.derived if one.column not in known]
    if entity.keeps_own_times:
        rows.append(("system_created_at", "timestamptz", "when the mirror first stored it"))
        rows.append(("system_updated_at", "timestamptz", "when the mirror last saw its content change"))
    yield _table(rows)
    for child in entity.children:
        yield from _child(child, entity, f"the list `{child.items}` of each record")
    for called in entity.called:
        yield from _child(called.child, entity, _call(called))
    for tags in entity.tags:
        yield _tags(tags, entity)


def _call(called: CalledChild) -> str:
    when = "for new and changed records" if called.pending_reads else "for every record, each time"
    return f"`{called.source.path}`, one call per record, {when}"


def _child(child: Child, entity: Entity, origin: str) -> Iterator[str]:
    yield f"### {child.table}\n\nFrom {origin}.\n"
    rows = [(entity.pk, "bigint", f"`{entity.table}.id`")]
    if child.key:
        rows.append(
            (child.key.name, "bigint", f"`{child.key.path}`" + (", may be NULL" if child.key_may_be_null else ""))
        )
    if child.key is None or child.key_may_be_null:
        rows.append(("ordinal", "bigint", "place in the list, from 0" + (", of those without id" if child.key else "")))
    if child.position:
        rows.append((child.position, "bigint", "place of the first appearance in the list, from 0"))
    rows += [row for field in child.fields for row in _field(field)]
    rows += [(one.column, one.kind.value, one.rule.value) for one in child.derived]
    yield _table(rows)


def _tags(tags: TagLinks, entity: Entity) -> str:
    rows = [
        (entity.pk, "bigint", f"`{entity.table}.id`"),
        ("tag_pk", "bigint", f"`tags.id`, of type `{tags.tag_type}`"),
    ]
    return f"### {tags.table}\n\nFrom the list `{tags.items}` of each record.\n\n" + _table(rows)


def _field(field: Field) -> Iterator[tuple[str, str, str]]:
    origin = " or ".join(f"`{path}`" for path in (field.path, *field.also))
    if field.kind is ColumnKind.MONEY:
        yield field.name, "numeric", f"{origin}, the amount"
        yield f"{field.name}_currency", "text", f"{origin}, the currency"
    else:
        yield field.name, field.kind.value, origin


def _table(rows: Iterable[tuple[str, str, str]]) -> str:
    short = {"timestamp with time zone": "timestamptz", "time without time zone": "time"}
    lines = [f"| {name} | {short.get(kind, kind)} | {origin} |" for name, kind, origin in rows]
    return "\n".join(["| column | type | from |", "|---|---|---|", *lines, ""])


def _statements(*, is_internal: bool) -> Iterator[tuple[str, str, str, str]]:
    for migration in read_migrations():
        for part in migration.text.split(_SWAP)[int(is_internal) :: 2]:
            for comment, kind, name, body in _COMMENTED.findall(part):
                yield kind, name, _sentence(comment), body or ""


def _sentence(comment: str) -> str:
    return " ".join(line.removeprefix("--").strip() for line in comment.strip().splitlines())


def _support(*, is_internal: bool) -> Iterator[str]:
    mirror = {entity.table for entity in ENTITIES}
    mirror |= {child.table for entity in ENTITIES for child in entity.children}
    mirror |= {called.child.table for entity in ENTITIES for called in entity.called}
    mirror |= {tags.table for entity in ENTITIES for tags in entity.tags}
    for kind, name, text, body in _statements(is_internal=is_internal):
        if kind == "TABLE" and name not in mirror:
            columns = ", ".join(f"`{column}` {sql_type.lower()}" for column, sql_type in _COLUMN.findall(body))
            yield f"### {name}\n\n{text}\n\n{columns}\n"


def _views(*, is_internal: bool) -> Iterator[str]:
    for kind, name, text, _ in _statements(is_internal=is_internal):
        if kind == "VIEW":
            yield f"- **{name}**: {text}"


def _functions() -> Iterator[str]:
    for migration in read_migrations():
        for comment, name, arguments, result in _FUNCTION.findall(migration.text):
            yield f"- **{name}** `({arguments.lower()}) → {result.lower()}`: {_sentence(comment)}"
