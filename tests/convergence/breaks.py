"""The product broken on purpose, one promise at a time: what the machine must notice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from breezeway_sync.api import answers, client
from breezeway_sync.core.errors import BadAnswer
from breezeway_sync.entities import validate
from breezeway_sync.entities.asking import Control
from breezeway_sync.entities.batch import Loaded
from breezeway_sync.entities.checkpoints import Checkpoint
from breezeway_sync.entities.decode import ListBody
from breezeway_sync.store import acknowledged, holder, merge
from breezeway_sync.store.database import Database
from breezeway_sync.store.holder import Holder
from breezeway_sync.store.leases import Lease
from breezeway_sync.store.load import Loader
from breezeway_sync.store.merge import Merger
from breezeway_sync.sync import lists, proof

Break = Callable[[], AbstractContextManager[Any]]


def children_follow_their_record() -> AbstractContextManager[Any]:
    """The record is committed alone, its embedded children by a second transaction."""
    whole, children = Merger.merge, Merger._merge_children
    alone: set[int] = set()

    async def some(self: Merger, staged: Any, batch: Any, *rest: Any) -> None:
        if id(batch) not in alone:
            await children(self, staged, batch, *rest)

    async def twice(self: Merger, batch: Any, candidates: list[Any], reached: Sequence[Checkpoint]) -> Loaded:
        alone.add(id(batch))
        found = await whole(self, batch, candidates, ())
        alone.discard(id(batch))
        found.add(await whole(self, batch, candidates, reached))
        return found

    return patch.multiple(Merger, merge=twice, _merge_children=some)


def vanished_children_stay() -> AbstractContextManager[Any]:
    """What a list no longer shows is not deleted."""

    async def keep(*_: Any) -> int:
        return 0

    return patch.object(merge, "delete_vanished", keep)


def order_is_ignored() -> AbstractContextManager[Any]:
    """Within a run, the answer that is handled last wins, whenever it was asked for."""
    return patch.multiple(
        Lease,
        order=lambda self, _requested_at: self.fence << 32,
    )


def cut_answers_are_empty_lists() -> AbstractContextManager[Any]:
    """A body that cannot be read is taken for a list without items."""
    whole = answers.read_items

    def read(endpoint: str, answer: Any) -> ListBody:
        try:
            return whole(endpoint, answer)
        except BadAnswer:
            return ListBody((), is_bare=True)

    return patch.object(client, "read_items", read)


def hashes_see_only_lengths() -> AbstractContextManager[Any]:
    """Two contents of equal length are taken for the same."""
    whole = validate.digest
    return patch.object(validate, "digest", lambda text: whole(len(text).to_bytes(8, "big")))


def leases_are_not_checked() -> AbstractContextManager[Any]:
    """A process writes although another one has the account."""

    async def pass_by(*_: Any) -> None:
        return None

    return patch.object(Holder, "check", pass_by)


def calls_are_settled_before_they_are_stored() -> AbstractContextManager[Any]:
    """What is owed is struck out in a transaction of its own, then the answer is stored."""
    whole = Loader.load_children

    async def early(
        self: Loader, region: str, entity: Any, child: Any, source: str, sets: Sequence[Any], **more: Any
    ) -> Any:
        async with self._database.connection("settling") as connection:
            keys, orders = [one.parent_key for one, _ in sets], [order for _, order in sets]
            await connection.execute(self._database.query("settle_calls"), region, source, keys, orders)
        return await whole(self, region, entity, child, source, sets, **more)

    return patch.object(Loader, "load_children", early)


def absence_is_deletion() -> AbstractContextManager[Any]:
    """What a batch does not show is marked as deleted."""
    whole = Loader._store

    async def refresh(self: Loader, batch: Any, *rest: Any) -> Any:
        loaded = await whole(self, batch, *rest)
        if batch.plan.entity.name == "tasks":
            async with self._database.connection("sweeping") as connection:
                await connection.execute(
                    "UPDATE breezeway.tasks SET deleted_at = now() WHERE region_code = $1 AND task_id <> ALL ($2)",
                    batch.region,
                    list(batch.newest),
                )
        return loaded

    return patch.object(Loader, "_store", refresh)


def pages_end_at_the_first() -> AbstractContextManager[Any]:
    """Only the first page of a list is read."""
    whole = answers.read_items

    def read(endpoint: str, answer: Any) -> ListBody:
        body = whole(endpoint, answer)
        return body if body.is_bare else ListBody(body.items, is_bare=True)

    return patch.object(client, "read_items", read)


def _said_otherwise(query: str, old: str, new: str) -> AbstractContextManager[Any]:
    """One statement of the product, with something else in it."""
    whole = Database.query

    def said(self: Database, name: str) -> str:
        text = whole(self, name)
        if name != query:
            return text
        assert old in text
        return text.replace(old, new)

    return patch.object(Database, "query", said)


def the_first_404_is_deletion() -> AbstractContextManager[Any]:
    """No second run is waited for."""
    return _said_otherwise("note_gone", "not_found_run <> $5 AS is_proven", "true AS is_proven")


def a_404_needs_no_control() -> AbstractContextManager[Any]:
    """Nobody asks whether the address answers for a record that is listed."""

    async def anything(_job: Any, _gone: list[int]) -> Control:
        return Control(0)

    return patch.object(proof, "_control", anything)


def every_reading_is_complete() -> AbstractContextManager[Any]:
    """Watermarks move, and what was not shown is missing, whatever one reading of a list says."""
    return patch.object(lists, "proven_by", lambda readings: readings)


def marks_come_before_their_records() -> AbstractContextManager[Any]:
    """How far a list was read is committed alone, then what it has shown."""
    whole = Merger.merge

    async def late(self: Merger, batch: Any, candidates: list[Any], reached: Sequence[Checkpoint]) -> Loaded:
        if not candidates:
            return await whole(self, batch, candidates, reached)
        found = await self.checkpoint(batch.scope, reached) if reached else Loaded()
        found.add(await whole(self, batch, candidates, ()))
        return found

    return patch.object(Merger, "merge", late)


def nobody_counts_what_was_acknowledged() -> AbstractContextManager[Any]:
    """A server that has the claim is believed to have everything that was committed under it."""
    whole = acknowledged.flaw_of
    return patch.object(holder, "flaw_of", lambda claim, _told, found: whole(claim, {}, found))


BREAKS: dict[str, Break] = {
    made.__name__: made
    for made in (
        children_follow_their_record,
        vanished_children_stay,
        order_is_ignored,
        cut_answers_are_empty_lists,
        hashes_see_only_lengths,
        leases_are_not_checked,
        calls_are_settled_before_they_are_stored,
        absence_is_deletion,
        pages_end_at_the_first,
        the_first_404_is_deletion,
        a_404_needs_no_control,
        every_reading_is_complete,
        marks_come_before_their_records,
        nobody_counts_what_was_acknowledged,
    )
}
