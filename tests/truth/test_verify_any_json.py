"""Whatever a field holds, comparing finds no difference in what was just copied, but for what was rejected."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from breezeway_sync.core.verification import Class, Difference
from breezeway_sync.sandbox.spec import Kind
from breezeway_sync.service.verification import VerificationRequest, verify
from tests.truth.odd import Odd, records
from tests.truth.test_any_json import CALLS, ENTITIES, MORE, Arena, arena, table_of, usual_item

__all__ = ["arena"]


def is_expected(at: Difference) -> bool:
    """What was rejected, and whole records that earlier examples left in the mirror."""
    return at.kind in (Class.MISSING, Class.SURPLUS) or (at.kind is Class.LATE and at.path == "")


@pytest.mark.parametrize("kind", ["properties", "reservations", "tasks", "people"])
def test_any_json_compares_equal(arena: Arena, kind: Kind) -> None:
    calls: dict[str, Any] = {name: usual_item(arena, name, kind) for name in CALLS.get(kind, ())}

    @settings(max_examples=4, phases=[Phase.generate])
    @given(st.lists(records(arena.usual[kind], calls, MORE.get(kind, "").split()), min_size=4, max_size=8))
    def every_example(odd: list[Odd]) -> None:
        numbers = [arena.put(kind, one) for one in odd]
        try:
            arena.copy(kind)
            wanted = VerificationRequest(
                (arena.spec.code,), ENTITIES.get(kind, (table_of(kind).name,)), sample_records=1000
            )
            work = verify(arena.setup.settings, wanted, emit=arena.setup.events.append, tell=lambda _sentence: None)
            verifications = arena.runner.run(work).verifications
            assert [one.error for one in verifications if one.error] == []
            assert [at for one in verifications for at in one.differences if not is_expected(at)] == []
        finally:
            arena.forget(kind, numbers)

    every_example()
