"""Compares again what an earlier comparison found. A difference stays until a comparison shows that it is gone."""

from __future__ import annotations

from collections.abc import Iterable

from breezeway_sync.core.verification import Class, Difference, VerificationResult
from breezeway_sync.entities.comparison import ListScope
from breezeway_sync.entities.model import CalledChild
from breezeway_sync.sync.job import each
from breezeway_sync.sync.verify.bench import Bench, Name
from breezeway_sync.sync.verify.called import compare_called, is_of


def record_of(difference: Difference) -> Name | None:
    """The record that a difference is about; None for one that is about a whole list."""
    *kind, key = difference.key.split(" ") if difference.key else [""]
    return (kind[0] if kind else None, int(key)) if key else None


def called_of(bench: Bench, difference: Difference) -> CalledChild | None:
    """The called list in which a difference lies."""
    return next((one for one in bench.entity.called if is_of(one, difference.path)), None)


def first_of_open(bench: Bench, called: CalledChild) -> list[int]:
    """The parents whose list was found to differ, at most as many as a sample looks at."""
    return _at_most(bench, _keys_of(one for one in bench.open if called_of(bench, one) is called))


def _keys_of(found: Iterable[Difference]) -> list[int]:
    """The ids of the records that differences are about, each once."""
    names = (record_of(one) for one in found)
    return list(dict.fromkeys(name[1] for name in names if name is not None))


def _at_most(bench: Bench, keys: list[int]) -> list[int]:
    """As many of these as the comparison looks at again."""
    return keys if bench.extent.whole else keys[: bench.extent.open_records]


def records_of(bench: Bench, found: Iterable[Difference]) -> list[Name]:
    """The records that differ by themselves, or are on one side only."""
    named = (record_of(one) for one in found if called_of(bench, one) is None)
    return list(dict.fromkeys(name for name in named if name is not None))


def parents_of(bench: Bench, called: CalledChild, found: Iterable[Difference]) -> list[int]:
    """The parents whose list of a called child differs, or is missing with its parent."""
    return _keys_of(
        one for one in found if called_of(bench, one) is called or (one.path == "" and one.kind is Class.MISSING)
    )


async def compare_repaired(bench: Bench, first: VerificationResult) -> None:
    """Compare once more all that a comparison has found, after it was repaired. Raises ApiError, DatabaseError."""
    bench.known = await bench.mirror.known(bench.region, bench.entity)
    bench.open, bench.troubles = first.unexplained, []
    # What is about a whole list cannot be repaired, and stays found.
    kept = [one for one in first.differences if one.kind is Class.LATE or record_of(one) is None]
    bench.differences = dict.fromkeys(kept)
    bench.seen -= set(records_of(bench, bench.open))
    names = records_of(bench, bench.open) if bench.stream.child is None else []
    if bench.entity.own_address is None:
        for source in bench.entity.sources:
            keys = [key for kind, key in names if kind == source.discriminator]
            await bench.judge_all(source, bench.params(source), ListScope(bench.entity, source.discriminator), keys)
    else:
        await each(names, bench.extent.workers, lambda name: bench.judge_own(ListScope(bench.entity), name[1]))
        await bench.links()
    bench.looked_again = set(names)
    for called in bench.stream.called:
        parents = parents_of(bench, called, bench.open)
        bench.listed.setdefault(called.source.name, set()).difference_update(parents)
        await compare_called(bench, called, parents, is_closed=False)
    bench.count("compared again after a repair", len(bench.open))


async def compare_open(bench: Bench) -> None:
    """Compare the records that were found to differ before and that this comparison has not looked at yet."""
    if bench.entity.own_address is None:
        return
    some = _at_most(bench, _keys_of(one for one in bench.open if not _is_settled(bench, one)))
    await each(some, bench.extent.workers, lambda key: bench.judge_own(ListScope(bench.entity), key))
    bench.looked_again.update((None, key) for key in some)


def carry_over(bench: Bench) -> None:
    """Keep the earlier differences that this comparison did not look at."""
    for one in bench.open:
        if not _is_settled(bench, one):
            bench.differences[one] = None


def _is_settled(bench: Bench, difference: Difference) -> bool:
    """Whether this comparison has looked at the place of a difference."""
    called, name = called_of(bench, difference), record_of(difference)
    if name is None:
        return True
    if any(link.column == difference.path for link in bench.entity.links):
        return "links" in bench.compared
    if called is not None:
        source = called.source.name
        was_listed = name[1] in bench.listed.get(source, ())
        return was_listed or source in bench.extent.disabled or (source, name[1]) in bench.looked_again
    is_listed = bench.entity.own_address is None and not bench.troubles and bool(bench.compared)
    return name in bench.seen or name in bench.looked_again or is_listed
