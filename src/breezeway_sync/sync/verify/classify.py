"""Decides what a difference means that was seen twice. Pure.

`late` depends on how far the list of the record was read (`checkpoints`). The API does not say when a record went. So
a record that is gone from the API is `late` at first. It is no longer `late` after a complete scan that began after
the comparison first found it gone, if that scan did not find it missing either.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from breezeway_sync.core.verification import Class
from breezeway_sync.entities.comparison import ClaimedState, LastRead, LastScans, Row, Stored
from breezeway_sync.entities.decode import Item
from breezeway_sync.entities.model import Entity
from breezeway_sync.entities.plan import plan_of
from breezeway_sync.entities.rows import JsonObject
from breezeway_sync.entities.validate import RejectedRecord, ValidRecord, validate
from breezeway_sync.sync.verify.values import instant, whole

# The API's times are whole seconds, and its clock is not ours.
SKEW = timedelta(minutes=2)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def reading_of(
    entity: Entity, known: ClaimedState, discriminator: str | None, record: Mapping[str, object]
) -> LastScans:
    """How far the list has been read that a record, or the row of one, belongs to."""
    source = next(one for one in entity.sources if one.discriminator == discriminator)
    parent = 0 if source.per is None else whole(record.get(source.per))
    return known.lists.get((source.name, -1 if parent is None else parent), LastScans())


def last_read(
    entity: Entity, known: ClaimedState, discriminator: str | None, key: int, record: Mapping[str, object]
) -> LastRead:
    """Up to when a record's changes are known: by its list, or by its own address where lists do not show it."""
    if (discriminator or "", key) in known.absent:
        return LastRead(known.absent[discriminator or "", key] or _NEVER, known.highest_key)
    return LastRead(reading_of(entity, known, discriminator, record).watermark, known.highest_key)


def of_unlike(
    record: Mapping[str, object], kept_updated_at: object, last: LastRead, *, is_as_loaded: bool | None
) -> Class:
    """Both have the record and it differs.

    `is_as_loaded` says whether the API still shows what was loaded: then the row is WRONG, whatever its `updated_at`.
    Otherwise with `updated_at` on both sides: the same is WRONG; another one is LATE when the change came after its
    list was read, and UNEXPLAINED when that read should have brought it. Without: the API has changed.
    """
    if is_as_loaded:
        return Class.WRONG
    changed, known = instant(record.get("updated_at")), instant(kept_updated_at)
    if changed is not None and known is not None:
        if changed == known:
            return Class.WRONG
        return Class.LATE if _is_after(changed, last) else Class.UNEXPLAINED
    if is_as_loaded is None:
        return Class.UNEXPLAINED
    return Class.LATE


def of_missing(record: Mapping[str, object], key: int, last: LastRead) -> Class:
    """The API has it, the mirror does not. One that was created after its list was read is LATE.

    A record without `created_at` counts as new when its id is higher than all that the mirror knows.
    """
    created = instant(record.get("created_at"))
    if created is not None and last.watermark is not None:
        return Class.LATE if _is_after(created, last) else Class.MISSING
    is_new = last.highest_key is not None and key > last.highest_key
    return Class.LATE if is_new else Class.MISSING


def of_gone(entity: Entity, known: ClaimedState, discriminator: str | None, key: int, row: Row) -> Class:
    """The mirror has it, the API does not. Nobody says when it went.

    LATE: the mirror is proving its deletion already, or only a walk over the whole list will begin to. SURPLUS: such
    a walk came after it was first found gone and noted nothing; or the row was never read from the API.
    """
    if (discriminator or "", key) in known.absent:
        return Class.LATE
    if row.get("payload_hash") is None:
        return Class.SURPLUS
    notified_at = known.gone.get(name_of(discriminator, key))
    last_full_scan_at = reading_of(entity, known, discriminator, row).last_full_scan_at
    return (
        Class.SURPLUS
        if notified_at is not None and last_full_scan_at is not None and notified_at < last_full_scan_at
        else Class.LATE
    )


def name_of(discriminator: str | None, key: int | None) -> str:
    """A record's name in certificates."""
    return " ".join(str(one) for one in (discriminator, key) if one is not None)


def of_called(items: object, last: LastRead, *, is_pending_read: bool) -> Class:
    """A list with a call of its own differs: LATE while the call is owed, or when its newest item is newer."""
    if is_pending_read:
        return Class.LATE
    known = (
        [instant(item.get("created_at")) for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    )
    newest = max((one for one in known if one is not None), default=None)
    return Class.LATE if newest is not None and _is_after(newest, last) else Class.WRONG


def name_of_nameless(entity: Entity, item: Item) -> str | None:
    """The name that the loader rejects a record without an id by; None for one that it takes."""
    judged = validate(plan_of(entity), item)
    return judged.record_id if isinstance(judged, RejectedRecord) else None


def _is_after(moment: datetime, last: LastRead) -> bool:
    return last.watermark is not None and moment > last.watermark - SKEW


def is_as_loaded(entity: Entity, record: JsonObject, stored: Stored) -> bool | None:
    """Whether the API still shows what the row was made from; None where that was never noted.

    The only use of the loader's hash, and only for the class of a difference that was found without it.
    """
    noted, valid_records = stored.row.get("payload_hash"), validate(plan_of(entity), record)
    if not isinstance(noted, str) or not isinstance(valid_records, ValidRecord):
        return None
    return noted == valid_records.payload_hash.hex()
