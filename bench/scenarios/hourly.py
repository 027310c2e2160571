"""An unchanged hourly run of the same accounts while the tables hold ten and a hundred times as many old tasks.

A tenth of the tasks changed in the hour before: within their overlap, lists show them again and they are compared.
"""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg.sql import SQL, Identifier

from bench.contestants import CALLED, Collected, ours
from bench.ground import Ground, say
from bench.measured import OURS, Figure, Sample
from bench.processes import Failed
from bench.server import Api, serving
from bench.shapes import Shape
from breezeway_sync.entities.model import Interval
from breezeway_sync.entities.streams import STREAMS

SCENARIO = "hourly"
FACTORS = (1, 10, 100)
SHAPE = Shape(1, 300, 8, 3)
SIZE = "small"
_RECENT_SHARE = 0.1
#: Of each round; an hour takes well under a second.
_HOURS = 3
_HOURLY = tuple(stream.name for stream in STREAMS.values() if stream.interval is Interval.HOURLY)
_MOVED = {
    "task_id": SQL("t.task_id + n * 1000000000000"),
    **{name: SQL("t.{} - interval '20 years'").format(Identifier(name)) for name in ("created_at", "updated_at")},
    "scheduled_date": SQL("t.scheduled_date - 7300"),
}


def case(factor: int) -> str:
    return f"{factor} x old tasks"


def run(ground: Ground, sizes: Sequence[str], runs: int) -> list[Figure]:
    """One size, whichever are asked for. The tables grow within a round; old tasks have none of the children."""
    del sizes
    collected = Collected(SCENARIO)
    with serving(SHAPE) as api:
        for number in range(runs):
            with ground.database() as dsn:
                ours(api, dsn, disabled=CALLED)
                api.change_tasks(_RECENT_SHARE, number)
                ours(api, dsn, disabled=CALLED)
                for factor in FACTORS:
                    _age(dsn, factor)
                    _hour(api, dsn)  # once without counting, so that every page is in the cache
                    for _hours in range(_HOURS):
                        collected.add(case(factor), SIZE, OURS, _hour(api, dsn))
            say(f"hourly: round {number + 1} of {runs} done")
    return collected.figures()


def _hour(api: Api, dsn: str) -> Sample:
    sample = ours(api, dsn, entities=_HOURLY, disabled=CALLED)
    if sample.numbers["entity_rows_written"]:
        raise Failed(f"{sample.numbers['entity_rows_written']:.0f} rows were written by a run without any change")
    return sample


def _age(dsn: str, factor: int) -> None:
    """Copy the tasks of the first sync, 20 years back, until there are so many times as many."""
    with psycopg.connect(dsn, autocommit=True, options="-c search_path=breezeway,breezeway_internal") as connection:
        found = connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'tasks'::regclass AND attnum > 0 AND NOT attisdropped "
            "AND attidentity = ''"
        )
        columns = [name for (name,) in found]
        counted = connection.execute("SELECT count(*) / count(*) FILTER (WHERE task_id < 1000000000000) FROM tasks")
        held = counted.fetchone() or (1,)
        connection.execute(
            SQL(
                "INSERT INTO tasks ({}) SELECT {} FROM tasks t, generate_series(%s::bigint, %s) AS n "
                "WHERE t.task_id < 1000000000000"
            ).format(
                SQL(", ").join(map(Identifier, columns)),
                SQL(", ").join(_MOVED.get(name, SQL("t.{}").format(Identifier(name))) for name in columns),
            ),
            (held[0], factor - 1),
        )
