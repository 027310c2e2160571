"""A small soak: what `python3 dev.py soak` does for as long as one likes. Its judge: `tests/soak/test_judge.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from breezeway_sync.store.retention import RULES
from tests.soak.judge import RECORDS, block, judge
from tests.soak.run import SUPPORT, SURPLUS, UNJUDGED, WITH_RECORDS, soak, soaking

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

REGIONS = 3
# The second tenth begins at cycle 30: caches are full by then.
CYCLES = 300
READINGS = 20
# A tenth is two readings here: what is under way moves the lower one by more than in a long soak.
BLOCK_GROWTH = 1.05


def test_a_service_keeps_its_size(tmp_path: Path, dsn: str) -> None:
    with soaking(tmp_path, dsn, REGIONS) as opened:
        readings = soak(opened, CYCLES, None, READINGS, lambda _reading: None)
    judgement = judge(readings, REGIONS, with_records=WITH_RECORDS, unjudged=UNJUDGED, block_growth=BLOCK_GROWTH)
    assert judgement.is_good, block(judgement)
    assert len(readings) == READINGS
    assert judgement.end.cycles >= CYCLES
    judged = {line.name for line in judgement.lines if line.bound is not None}
    assert judged >= {*SUPPORT} - UNJUDGED | {f"{name}, surplus" for name in SURPLUS}
    assert RULES.keys() - judged - UNJUDGED == RULES.keys() - {*SUPPORT}, "of mirrored tables there is one line"
    assert {line.name for line in judgement.lines} >= {RECORDS, *UNJUDGED}
    filled = {line.name for line in judgement.lines if line.last > 0}
    assert filled >= {"etl_sync_log", "field_profiles", "record_history", "rejected_records"}, "they have a retention"
