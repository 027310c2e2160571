-- name: owed_parents
-- The next parents whose children of a source are owed, newest (highest id) first, below the last one seen.
SELECT parent_id FROM {schema}.owed_calls
WHERE region_code = $1 AND source = $2 AND parent_id < $3
ORDER BY parent_id DESC LIMIT $4;

-- name: count_owed
-- How many calls are still owed, by source.
SELECT source, count(*) AS owed FROM {schema}.owed_calls
WHERE region_code = $1 AND source = ANY ($2::text[]) GROUP BY source;

-- name: owe_all
-- Every live task owes its comments and requirements again.
INSERT INTO {schema}.owed_calls AS o (region_code, source, parent_id, owed_order)
SELECT t.region_code, source, t.task_id, $3
FROM {schema}.tasks t CROSS JOIN unnest($2::text[]) source
WHERE t.region_code = $1 AND t.deleted_at IS NULL
ON CONFLICT (region_code, source, parent_id) DO UPDATE SET owed_order = greatest(o.owed_order, EXCLUDED.owed_order);

-- name: owe_again
-- One live task ($3) owes its call of a source ($2) again, at the order $4.
INSERT INTO {schema}.owed_calls AS o (region_code, source, parent_id, owed_order)
SELECT t.region_code, $2, t.task_id, $4
FROM {schema}.tasks t
WHERE t.region_code = $1 AND t.task_id = $3 AND t.deleted_at IS NULL
ON CONFLICT (region_code, source, parent_id) DO UPDATE SET owed_order = greatest(o.owed_order, EXCLUDED.owed_order)
RETURNING o.parent_id;

-- name: owe_calls
-- Parents whose content is new or changed: their children of these sources must be read.
INSERT INTO {schema}.owed_calls AS o (region_code, source, parent_id, owed_order)
SELECT $1, source, parent.id, parent.read_order
FROM unnest($2::text[]) source CROSS JOIN unnest($3::bigint[], $4::bigint[]) parent (id, read_order)
ON CONFLICT (region_code, source, parent_id) DO UPDATE SET owed_order = greatest(o.owed_order, EXCLUDED.owed_order);

-- name: settle_calls
-- Calls that brought children, unless their parent changed again after they began.
DELETE FROM {schema}.owed_calls o
USING unnest($3::bigint[], $4::bigint[]) done (parent_id, read_order)
WHERE o.region_code = $1 AND o.source = $2 AND o.parent_id = done.parent_id AND o.owed_order <= done.read_order;
