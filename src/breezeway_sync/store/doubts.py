"""Notes live rows that a comparison did not find in the API.

They are candidates: the next runs must prove the deletion.
"""

from __future__ import annotations

from collections.abc import Sequence

from breezeway_sync.core.clock import Clock
from breezeway_sync.entities.missing_states import MissingEvent, after
from breezeway_sync.entities.model import Entity, Source
from breezeway_sync.store.absence_sql import absence_sql
from breezeway_sync.store.holder import Holder


class StoredDoubts:
    """Written under the account's lease; what is noted as missing already keeps its state and its proofs."""

    def __init__(self, holder: Holder, clock: Clock) -> None:
        self._holder = holder
        self._clock = clock

    async def note(self, region: str, entity: Entity, source: Source, parent: int, keys: Sequence[int]) -> None:
        """Note rows of one list. Raises LeaseLost, DatabaseError."""
        holder, now = self._holder, self._clock.now()
        async with holder.database.transaction("noting what the API does not have") as connection:
            await holder.check(connection)
            await connection.execute(
                absence_sql(entity, holder.database.schema).note,
                region,
                source.discriminator or "",
                list(keys),
                source.name,
                parent,
                after(MissingEvent.NOT_LISTED, None),
                now,
                holder.run_id,
                f"a comparison with the API did not find it on {now:%Y-%m-%d %H:%M:%S} UTC",
                False,
            )
