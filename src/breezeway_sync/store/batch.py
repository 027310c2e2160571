"""Prepares a batch before it is stored: keys and hashes, the records that differ from the mirror, and their rows.

Only records whose hash differs become rows. An unchanged record costs one index look-up and no WAL.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from breezeway_sync.core.waiting import in_slices, together
from breezeway_sync.entities.batch import Incoming, Loaded
from breezeway_sync.entities.plan import EntityPlan
from breezeway_sync.entities.rows import Unstorable, build, record_key
from breezeway_sync.entities.validate import RejectedRecord, ValidRecord, reject, validate
from breezeway_sync.store.database import Database, Row
from breezeway_sync.store.deletion import DeletionScope
from breezeway_sync.store.rejects import RejectionNote
from breezeway_sync.store.sql import EntitySql
from breezeway_sync.store.staging import Candidate


@dataclass(slots=True, eq=False)
class Batch:
    """Records of one list. `newest` is the newest version of each, by key; `candidates` are those that differ.

    `unchanged` are stored as they are.
    `is_rewrite`: no record is taken to be stored because its hash is, so that every one is a candidate.
    """

    region: str
    plan: EntityPlan
    sql: EntitySql
    discriminator: str | None
    pending_sources: tuple[str, ...]
    loaded: Loaded
    newest: dict[int, tuple[ValidRecord, int]] = field(default_factory=dict)
    unchanged: set[int] = field(default_factory=set)
    candidates: list[Candidate] = field(default_factory=list)
    refusals: list[RejectionNote] = field(default_factory=list)
    is_rewrite: bool = False

    @property
    def scope(self) -> DeletionScope:
        return DeletionScope(self.region, self.plan.entity, self.discriminator or "")

    @property
    def kind(self) -> tuple[str, ...]:
        return (self.discriminator,) if self.discriminator else ()

    def refuse(self, valid_records: ValidRecord, order: int, reason: str) -> None:
        self.refusals.append(RejectionNote(reject(valid_records.record, reason, valid_records.key), order))

    async def compare(self, database: Database, incoming: Sequence[Incoming]) -> None:
        """Find the newest version of each record, and what differs from the stored hashes; make rows of that."""
        path = self.plan.entity.key.path
        named = (record_key(one.item, path) for one in incoming if isinstance(one.item, dict))
        keys = {key for key in named if key is not None}
        stored: dict[int, Row] = {}

        async def look_up() -> None:
            stored.update(await self._stored(database, keys))

        # PostgreSQL looks for the hashes while ours are made.
        await together((look_up(), self._validate(incoming)))
        await self._judge(stored)

    async def _judge(self, stored: Mapping[int, Row]) -> None:
        """Separate what is stored already from what is not, and make rows of this."""
        async for key, (valid_records, order) in in_slices(self.newest.items()):
            payload_hash = stored[key]["payload_hash"] if key in stored else None
            if self._is_stored(valid_records, stored.get(key)):
                self.unchanged.add(key)
                continue
            try:
                row = build(self.plan, key, valid_records.record)
            except Unstorable as error:
                self.refuse(valid_records, order, str(error))
                continue
            self.candidates.append(Candidate(valid_records, order, row, payload_hash != valid_records.payload_hash))

    async def _validate(self, incoming: Sequence[Incoming]) -> None:
        """Find the newest version of each record; what is none goes to the refusals."""
        async for one in in_slices(incoming):
            judged = validate(self.plan, one.item)
            if isinstance(judged, RejectedRecord):
                self.refusals.append(RejectionNote(judged, one.order))
                continue
            self.loaded.changed_characters += judged.changed_characters
            self.loaded.lists_not_sent += judged.lists_not_sent
            if judged.key not in self.newest or self.newest[judged.key][1] <= one.order:
                self.newest[judged.key] = (judged, one.order)

    async def _stored(self, database: Database, keys: Collection[int]) -> dict[int, Row]:
        async with database.connection("comparing hashes") as connection:
            rows = await connection.fetch(self.sql.lookup, self.region, list(keys), *self.kind)
        return {row["key"]: row for row in rows}

    def _is_stored(self, valid_records: ValidRecord, row: Row | None) -> bool:
        return (
            not self.is_rewrite
            and row is not None
            and row["payload_hash"] == valid_records.payload_hash
            and row["mapping_version"] == self.plan.version
        )
