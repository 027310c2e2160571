-- name: save_backfills
-- Lists of some days that have been read.
INSERT INTO {internal}.backfills (region_code, source, parent_id, since, until, read_at)
SELECT $1, x.source, x.parent_id, x.since, x.until, $2
FROM unnest($3::text[], $4::bigint[], $5::date[], $6::date[]) x (source, parent_id, since, until)
ON CONFLICT (region_code, source, parent_id, since, until) DO UPDATE SET read_at = EXCLUDED.read_at;

-- name: backfills
-- Lists that a backfill of these days has read before it was cut off, from $5 to now ($6).
SELECT parent_id FROM {internal}.backfills
WHERE region_code = $1 AND source = $2 AND since = $3 AND until = $4 AND read_at BETWEEN $5 AND $6;

-- name: end_backfill
-- All of these days has been read: the same days asked for again are read again.
DELETE FROM {internal}.backfills WHERE region_code = $1 AND source = $2 AND since = $3 AND until = $4;

-- name: owe_planned
-- The records of one list ($3) that are planned on these days owe these calls.
INSERT INTO {internal}.pending_child_reads AS o (region_code, source, parent_id, pending_order)
SELECT $1, source, t.{key}, $6
FROM {schema}.{table} t CROSS JOIN unnest($2::text[]) source
WHERE t.region_code = $1 AND {list} = $3 AND {first} <= $5 AND {last} >= $4 AND t.deleted_at IS NULL
ON CONFLICT (region_code, source, parent_id) DO UPDATE SET pending_order = greatest(o.pending_order, EXCLUDED.pending_order);

-- name: planned_lists
-- Live records of every live property's list that are planned on these days.
SELECT p.property_id AS parent_id, count(t.id) AS records
FROM {schema}.properties p
LEFT JOIN {schema}.{table} t ON t.region_code = $1 AND {list} = p.property_id AND t.deleted_at IS NULL
    AND {first} <= $3 AND {last} >= $2
WHERE p.region_code = $1 AND p.deleted_at IS NULL
GROUP BY p.property_id;

-- name: planned_list
-- The same of the region's own list.
SELECT 0::bigint AS parent_id, count(*) AS records FROM {schema}.{table} t
WHERE t.region_code = $1 AND t.deleted_at IS NULL AND {first} <= $3 AND {last} >= $2;
