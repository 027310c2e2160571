-- name: pending_parents
-- The next parents whose children of a source are owed, newest (highest id) first, from $3 down. What a person has
-- accepted is asked for once a day; what answered 404 at its own address waits for its second proof, or for an answer.
SELECT o.parent_id FROM {internal}.pending_child_reads o
WHERE o.region_code = $1 AND o.source = $2 AND o.parent_id <= $3 AND NOT EXISTS (
    SELECT FROM {internal}.v_accepted_child_reads a
    WHERE a.region_code = $1 AND a.source = $2 AND a.parent = o.parent_id::text
      AND a.last_seen_at BETWEEN now() - interval '1 day' AND now() + interval '5 minutes'
) AND NOT EXISTS (
    SELECT FROM {internal}.missing_records m
    WHERE m.region_code = $1 AND m.entity_type = '{entity}' AND m.kind = '' AND m.record_id = o.parent_id
      AND m.not_found_at IS NOT NULL
)
ORDER BY o.parent_id DESC LIMIT $4;

-- name: pending_parents_near
-- The same among parents that are planned for the day $5, the one before or the one after.
WITH near AS MATERIALIZED (
    SELECT t.{key} FROM {schema}.{table} t
    WHERE t.region_code = $1 AND {last} >= $5::date - 1 AND {first} <= $5::date + 1
)
SELECT o.parent_id FROM {internal}.pending_child_reads o JOIN near n ON n.{key} = o.parent_id
WHERE o.region_code = $1 AND o.source = $2 AND o.parent_id <= $3 AND NOT EXISTS (
    SELECT FROM {internal}.v_accepted_child_reads a
    WHERE a.region_code = $1 AND a.source = $2 AND a.parent = o.parent_id::text
      AND a.last_seen_at BETWEEN now() - interval '1 day' AND now() + interval '5 minutes'
) AND NOT EXISTS (
    SELECT FROM {internal}.missing_records m
    WHERE m.region_code = $1 AND m.entity_type = '{entity}' AND m.kind = '' AND m.record_id = o.parent_id
      AND m.not_found_at IS NOT NULL
)
ORDER BY o.parent_id DESC LIMIT $4;

-- name: pending_sample
-- Some parents that owe a call of a source, spread over all of them, the same ones each time.
SELECT parent_id FROM {internal}.pending_child_reads
WHERE region_code = $1 AND source = $2
ORDER BY hashint8(parent_id), parent_id LIMIT $3;

-- name: count_pending_reads
-- How many calls are still owed, by source.
SELECT source, count(*) AS pending_reads FROM {internal}.v_pending_child_reads
WHERE region_code = $1 AND source = ANY ($2::text[])
GROUP BY source;

-- name: request_all_reads
-- Every live record owes its call of a source again; since now ($4) none is forgotten, see walks. Where the list has never
-- answered, what comes is a first load and no change.
WITH told AS (
    INSERT INTO {internal}.checkpoints AS w (region_code, source, parent_id, last_full_scan_at) VALUES ($1, $2, 0, $4)
    ON CONFLICT (region_code, source, parent_id) DO UPDATE SET last_full_scan_at = EXCLUDED.last_full_scan_at
)
INSERT INTO {internal}.pending_child_reads AS o (region_code, source, parent_id, pending_order, is_first)
SELECT t.region_code, $2, t.{key}, $3, NOT EXISTS (
    SELECT FROM {internal}.checkpoints w
    WHERE w.region_code = $1 AND w.source = $2 AND w.parent_id = 0 AND w.watermark IS NOT NULL
)
FROM {schema}.{table} t
WHERE t.region_code = $1 AND t.deleted_at IS NULL
ON CONFLICT (region_code, source, parent_id) DO UPDATE SET pending_order = greatest(o.pending_order, EXCLUDED.pending_order);

-- name: forget_owed_all
-- Records changed and owe nothing of these sources, which are switched off.
UPDATE {internal}.checkpoints SET last_full_scan_at = NULL
WHERE region_code = $1 AND source = ANY ($2::text[]) AND parent_id = 0 AND last_full_scan_at IS NOT NULL;

-- name: note_called_answer
-- A source that is called parent by parent has answered, at $3 (NULL: the lists of its parents say so themselves).
INSERT INTO {internal}.checkpoints AS w (region_code, source, parent_id, watermark) VALUES ($1, $2, 0, $3)
ON CONFLICT (region_code, source, parent_id) DO UPDATE SET
    watermark = coalesce(EXCLUDED.watermark, w.watermark),
    refused_run = NULL;

-- name: note_called_refusal
-- A whole sample of such a source was refused in the run $3: whether another one had found the same.
INSERT INTO {internal}.checkpoints AS w (region_code, source, parent_id, refused_run) VALUES ($1, $2, 0, $3)
ON CONFLICT (region_code, source, parent_id) DO UPDATE SET refused_run = coalesce(w.refused_run, EXCLUDED.refused_run)
RETURNING refused_run <> $3 AS is_second;

-- name: request_reads_again
-- One live record ($3) owes its call of a source ($2) again, at the order $4.
INSERT INTO {internal}.pending_child_reads AS o (region_code, source, parent_id, pending_order)
SELECT t.region_code, $2, t.{key}, $4
FROM {schema}.{table} t
WHERE t.region_code = $1 AND t.{key} = $3 AND t.deleted_at IS NULL
ON CONFLICT (region_code, source, parent_id) DO UPDATE SET pending_order = greatest(o.pending_order, EXCLUDED.pending_order)
RETURNING o.parent_id;

-- name: owe_restored
-- Parents ($3) that a person made live again: of deleted ones nothing is owed, so these calls were not made meanwhile.
INSERT INTO {internal}.pending_child_reads (region_code, source, parent_id, pending_order)
SELECT $1, source, parent_id, 0
FROM unnest($2::text[]) source CROSS JOIN unnest($3::bigint[]) parent_id
WHERE EXISTS (
    SELECT FROM {internal}.v_claims k WHERE k.region_code = $1 AND k.name = source AND k.state IN ('attended', 'unattended')
)
ON CONFLICT (region_code, source, parent_id) DO NOTHING;

-- name: owe_calls
-- Parents whose content is new or changed: their children of these sources must be read.
INSERT INTO {internal}.pending_child_reads AS o (region_code, source, parent_id, pending_order, is_first)
SELECT $1, source, parent.id, parent.read_order, parent.is_new
FROM unnest($2::text[]) source
CROSS JOIN unnest($3::bigint[], $4::bigint[], $5::boolean[]) parent (id, read_order, is_new)
ON CONFLICT (region_code, source, parent_id) DO UPDATE SET
    pending_order = greatest(o.pending_order, EXCLUDED.pending_order),
    is_first = o.is_first OR EXCLUDED.is_first;

-- name: read_first
-- Parents ($3) of a source whose children are read for the first time; the next time is another matter.
UPDATE {internal}.pending_child_reads SET is_first = false
WHERE region_code = $1 AND source = $2 AND parent_id = ANY ($3::bigint[]) AND is_first
RETURNING parent_id;

-- name: walked_parents
-- Parents ($3) whose list of a source was read before.
SELECT parent_id FROM {internal}.checkpoints WHERE region_code = $1 AND source = $2 AND parent_id = ANY ($3::bigint[]);

-- name: settle_calls
-- Calls that brought children, unless their parent changed again after they began.
DELETE FROM {internal}.pending_child_reads o
USING unnest($3::bigint[], $4::bigint[]) done (parent_id, read_order)
WHERE o.region_code = $1 AND o.source = $2 AND o.parent_id = done.parent_id AND o.pending_order <= done.read_order;

-- name: refresh_state
-- Seconds since a rolling sweep owed calls last, and how many live records it has to go round. It begins now where it
-- never did. They are counted once a day, and as long as there are none. A time of the future was written by a
-- clock that has been set back: it counts as that far behind.
WITH begun AS (
    INSERT INTO {internal}.rolling_refreshes (region_code, source, next_id, paced_at)
    VALUES ($1, $2, 9223372036854775807, clock_timestamp())
    ON CONFLICT (region_code, source) DO NOTHING
), counted AS (
    UPDATE {internal}.rolling_refreshes SET
        parents = (SELECT count(*) FROM {schema}.{table} t WHERE t.region_code = $1 AND t.deleted_at IS NULL),
        counted_at = clock_timestamp()
    WHERE region_code = $1 AND source = $2
      AND (parents = 0 OR counted_at NOT BETWEEN clock_timestamp() - interval '1 day' AND clock_timestamp())
    RETURNING parents
)
SELECT
    coalesce(abs(extract(epoch FROM clock_timestamp() - s.paced_at)), 0)::float8 AS elapsed_seconds,
    coalesce(c.parents, s.parents, 0) AS parents
FROM (VALUES (1)) one
LEFT JOIN {internal}.rolling_refreshes s ON s.region_code = $1 AND s.source = $2
LEFT JOIN counted c ON true;

-- name: rolling_refresh
-- The next live records ($4 of them, newest first, round and round) owe a call of this source.
WITH place AS (
    SELECT next_id FROM {internal}.rolling_refreshes WHERE region_code = $1 AND source = $2 FOR UPDATE
), ahead AS (
    SELECT t.{key}, 0 AS round FROM {schema}.{table} t, place
    WHERE t.region_code = $1 AND t.deleted_at IS NULL AND t.{key} <= place.next_id
    ORDER BY t.{key} DESC LIMIT $4
), again AS (
    SELECT t.{key}, 1 AS round FROM {schema}.{table} t, place
    WHERE t.region_code = $1 AND t.deleted_at IS NULL AND t.{key} > place.next_id
    ORDER BY t.{key} DESC LIMIT $4
), chosen AS (
    SELECT * FROM (SELECT * FROM ahead UNION ALL SELECT * FROM again) both_rounds ORDER BY round, {key} DESC LIMIT $4
), moved AS (
    UPDATE {internal}.rolling_refreshes SET
        paced_at = clock_timestamp(),
        next_id = (
            SELECT CASE {key} WHEN -9223372036854775808 THEN 9223372036854775807 ELSE {key} - 1 END
            FROM chosen ORDER BY round DESC, {key} LIMIT 1
        )
    WHERE region_code = $1 AND source = $2 AND EXISTS (SELECT FROM chosen)
)
INSERT INTO {internal}.pending_child_reads AS o (region_code, source, parent_id, pending_order)
SELECT $1, $2, c.{key}, $3 FROM chosen c
ON CONFLICT (region_code, source, parent_id) DO UPDATE SET pending_order = greatest(o.pending_order, EXCLUDED.pending_order);

-- name: begin_pass
-- A region's run begins at $2. One that did not end and was seen within the last $3 seconds goes on: ours keeps its
-- beginning, for a day at most, so that no chain of restarts leaves a list unread for longer.
INSERT INTO {internal}.unfinished_runs AS p (region_code, began_at, seen_at) VALUES ($1, $2, $2)
ON CONFLICT (region_code) DO UPDATE SET
    began_at = CASE WHEN p.seen_at BETWEEN $2::timestamptz - make_interval(secs => $3::float8) AND $2
        AND p.began_at BETWEEN $2::timestamptz - interval '1 day' AND $2 THEN p.began_at ELSE $2 END,
    seen_at = $2
RETURNING began_at;

-- name: touch_pass
-- A region's run is still at it; written every half minute at most.
UPDATE {internal}.unfinished_runs SET seen_at = $2 WHERE region_code = $1 AND seen_at < $2::timestamptz - interval '30 seconds';

-- name: end_pass
-- A region's run has ended.
DELETE FROM {internal}.unfinished_runs WHERE region_code = $1;
