"""Compares child lists that need a call per parent: those with pending child reads, and those of every home."""

from __future__ import annotations

from collections.abc import Sequence

from breezeway_sync.core.errors import ApiError, EmptyAnswer, NotFound
from breezeway_sync.core.verification import Class
from breezeway_sync.entities.comparison import LastRead, LastScans, ListScope
from breezeway_sync.entities.decode import Item
from breezeway_sync.entities.model import CalledChild
from breezeway_sync.sync.job import each
from breezeway_sync.sync.missing import LEAST_SAMPLE, sample
from breezeway_sync.sync.status_rules import means_unavailable
from breezeway_sync.sync.verify import classify
from breezeway_sync.sync.verify.bench import Bench
from breezeway_sync.sync.verify.compare import paths_unlike, unlike_items


def is_of(called: CalledChild, path: str) -> bool:
    """Whether a difference's path lies in the list of a called child."""
    name = called.child.items
    return path.startswith(name) and path[len(name) : len(name) + 1] in ("", "[", ":")


async def compare_called(bench: Bench, called: CalledChild, parents: Sequence[int], *, is_closed: bool) -> None:
    """The lists of these parents. `is_closed`: the account was found not to have them, which is asked again first."""
    if is_closed:
        first = sample(called.source.name, parents, LEAST_SAMPLE)
        if not any([await _is_there(bench, called, key) for key in first]):
            bench.count("unavailable", int(bool(first)))
            return
    await each(parents, bench.extent.workers, lambda key: compare_one(bench, called, key))


async def _is_there(bench: Bench, called: CalledChild, key: int) -> bool:
    try:
        await bench.children(called.source, key)
    except ApiError as error:
        return not means_unavailable(error, empty_counts=called.source.empty_means_unavailable)
    return True


async def compare_one(bench: Bench, called: CalledChild, key: int) -> None:
    """Compare the list of one parent. Where it differs, read it again before that is noted."""
    try:
        if await _unlike(bench, called, key) is None:
            return
        again = await _unlike(bench, called, key)
        if again is not None and not bench.is_accepted(called.source.name, key):
            paths, kind = again
            bench.differ(None, key, paths, Class.LATE if await _is_stale(bench, key) else kind)
    except ApiError as error:
        bench.trouble("children", called.source.name, key, error)


async def _is_stale(bench: Bench, key: int) -> bool:
    """Whether the parent itself has changed after the last read, which will have its lists read again."""
    record = await bench.own(key)
    stored = (await bench.mirror.stored(bench.region, ListScope(bench.entity), [key])).get(key)
    if record is None or stored is None or not paths_unlike(bench.entity, record, stored):
        return False
    last = classify.last_read(bench.entity, bench.known, None, key, record)
    as_loaded = classify.is_as_loaded(bench.entity, record, stored)
    return classify.of_unlike(record, stored.row.get("updated_at"), last, is_as_loaded=as_loaded) is Class.LATE


async def _unlike(bench: Bench, called: CalledChild, key: int) -> tuple[list[str], Class] | None:
    """Where the list of one parent differs and what that means; None where it does not.

    A parent without such a list, and one that has gone meanwhile, are left to the other comparisons.
    """
    source, child = called.source, called.child
    try:
        items = list((await bench.children(source, key)).items)
    except (NotFound, EmptyAnswer) as error:
        if isinstance(error, EmptyAnswer) and not source.empty_means_unavailable:
            raise
        bench.count(f"{source.name} not found")
        bench.looked_again.add((source.name, key))
        return None
    stored, is_pending_read = await bench.mirror.called(bench.region, bench.entity, called, key)
    if stored is None:
        bench.looked_again.add((source.name, key))
        return _of_unknown(bench, called, key, items)
    _note(bench, called, key)
    extra = stored.row.get("extra")
    kept = extra.get(f"/{child.items}") if isinstance(extra, dict) else None
    paths = unlike_items(child, items, stored.children[child.table], kept)
    last = classify.last_read(bench.entity, bench.known, None, key, stored.row)
    if not called.pending_reads:
        last = LastRead(bench.known.lists.get((source.name, key), LastScans()).watermark, None)
    return (paths, classify.of_called(items, last, is_pending_read=is_pending_read)) if paths else None


def _note(bench: Bench, called: CalledChild, key: int) -> None:
    bench.listed.setdefault(called.source.name, set()).add(key)
    if not called.pending_reads:  # nothing else is compared of these parents
        bench.seen.add((None, key))


def _of_unknown(bench: Bench, called: CalledChild, key: int, items: list[Item]) -> tuple[list[str], Class] | None:
    """The mirror does not have the parent: that is noted here, unless the parent itself is compared."""
    if called.pending_reads or not items:
        return None
    _note(bench, called, key)
    return [called.child.items], Class.LATE if key in bench.late_homes else Class.MISSING
