"""What a difference that was seen twice means. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from breezeway_sync.core.certificate import Class
from breezeway_sync.entities.admit import Admitted, admit
from breezeway_sync.entities.comparison import LastRead, Stored
from breezeway_sync.entities.model import Entity
from breezeway_sync.entities.plan import plan_of
from breezeway_sync.entities.rows import JsonObject
from breezeway_sync.sync.verify.values import instant

# Two clocks are compared, the API's and the database's.
SKEW = timedelta(minutes=2)


def of_unlike(
    record: Mapping[str, object], kept_updated_at: object, last: LastRead, *, is_as_loaded: bool | None
) -> Class:
    """Both have the record and it differs.

    With `updated_at` on both sides: the same is WRONG; another one is LATE when the change came after the
    last read began, and UNEXPLAINED when that read should have brought it. Without: `is_as_loaded` says
    whether the API still shows what was loaded; then the row is WRONG, otherwise the API has changed.
    """
    changed, known = instant(record.get("updated_at")), instant(kept_updated_at)
    if changed is not None and known is not None:
        if changed == known:
            return Class.WRONG
        return Class.LATE if _is_after(changed, last) else Class.UNEXPLAINED
    if is_as_loaded is None:
        return Class.UNEXPLAINED
    return Class.WRONG if is_as_loaded else Class.LATE


def of_missing(record: Mapping[str, object], key: int, last: LastRead) -> Class:
    """The API has it, the mirror does not. One that was created after the last read began is LATE.

    A record without `created_at` counts as new when its id is higher than all that the mirror knows.
    """
    created = instant(record.get("created_at"))
    if created is not None and last.started_at is not None:
        return Class.LATE if _is_after(created, last) else Class.MISSING
    is_new = last.highest_key is not None and key > last.highest_key
    return Class.LATE if is_new else Class.MISSING


def of_called(items: object, last: LastRead, *, is_owed: bool) -> Class:
    """A list with a call of its own differs: LATE while the call is owed, or when its newest item is newer."""
    if is_owed:
        return Class.LATE
    known = (
        [instant(item.get("created_at")) for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    )
    newest = max((one for one in known if one is not None), default=None)
    return Class.LATE if newest is not None and _is_after(newest, last) else Class.WRONG


def _is_after(moment: datetime, last: LastRead) -> bool:
    return last.started_at is not None and moment > last.started_at - SKEW


def is_as_loaded(entity: Entity, record: JsonObject, stored: Stored) -> bool | None:
    """Whether the API still shows what the row was made from; None where that was never noted.

    The only use of the loader's hash, and only for the class of a difference that was found without it.
    """
    noted, admitted = stored.row.get("payload_hash"), admit(plan_of(entity), record)
    if not isinstance(noted, str) or not isinstance(admitted, Admitted):
        return None
    return noted == "\\x" + admitted.payload_hash.hex()
