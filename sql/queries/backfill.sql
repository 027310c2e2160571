-- name: save_backfills
-- Lists of some days that have been read.
INSERT INTO {schema}.backfills (region_code, source, parent_id, since, until, read_at)
SELECT $1, x.source, x.parent_id, x.since, x.until, $2
FROM unnest($3::text[], $4::bigint[], $5::date[], $6::date[]) x (source, parent_id, since, until)
ON CONFLICT (region_code, source, parent_id, since, until) DO UPDATE SET read_at = EXCLUDED.read_at;

-- name: backfills
-- Lists that a backfill of these days has read before it was cut off, from $5 to now ($6).
SELECT parent_id FROM {schema}.backfills
WHERE region_code = $1 AND source = $2 AND since = $3 AND until = $4 AND read_at BETWEEN $5 AND $6;

-- name: end_backfill
-- All of these days has been read: the same days asked for again are read again.
DELETE FROM {schema}.backfills WHERE region_code = $1 AND source = $2 AND since = $3 AND until = $4;

-- name: owe_planned
-- The tasks of one property that are planned on these days owe these calls.
INSERT INTO {schema}.owed_calls AS o (region_code, source, parent_id, owed_order)
SELECT $1, source, t.task_id, $6
FROM {schema}.tasks t CROSS JOIN unnest($2::text[]) source
WHERE t.region_code = $1 AND t.home_id = $3 AND t.scheduled_date BETWEEN $4 AND $5 AND t.deleted_at IS NULL
ON CONFLICT (region_code, source, parent_id) DO UPDATE SET owed_order = greatest(o.owed_order, EXCLUDED.owed_order);

-- name: stock_planned
-- Live tasks of every live property that are planned on these days.
SELECT p.property_id AS parent_id, count(t.id) AS records
FROM {schema}.properties p
LEFT JOIN {schema}.tasks t ON t.region_code = $1 AND t.home_id = p.property_id AND t.deleted_at IS NULL
    AND t.scheduled_date BETWEEN $2 AND $3
WHERE p.region_code = $1 AND p.deleted_at IS NULL
GROUP BY p.property_id;

-- name: stock_stays
-- Live reservations whose stay touches these days.
SELECT 0::bigint AS parent_id, count(*) AS records FROM {schema}.reservations
WHERE region_code = $1 AND deleted_at IS NULL AND checkin_date <= $3 AND checkout_date >= $2;
