-- name: stock_homes
-- How many live properties there are.
SELECT count(*) AS homes FROM {schema}.properties WHERE region_code = $1 AND deleted_at IS NULL;

-- name: stock_lists
-- Live records of every live property's list, and those planned from $2 to $3.
SELECT p.property_id AS parent_id, count(t.id) AS records, count(t.id) FILTER (WHERE {first} <= $3 AND {last} >= $2) AS near
FROM {schema}.properties p
LEFT JOIN {schema}.{table} t ON t.region_code = $1 AND {list} = p.property_id AND t.deleted_at IS NULL
WHERE p.region_code = $1 AND p.deleted_at IS NULL
GROUP BY p.property_id ORDER BY p.property_id;

-- name: stock_list
-- The same of the region's own list.
SELECT 0::bigint AS parent_id, count(*) AS records, count(*) FILTER (WHERE {first} <= $3::date AND {last} >= $2::date) AS near
FROM {schema}.{table} t WHERE t.region_code = $1 AND t.deleted_at IS NULL;

-- name: stock_sources
-- Sources of a region with lists that were read whole once, and those that the account does not have.
SELECT DISTINCT source, true AS is_read FROM {internal}.checkpoints WHERE region_code = $1 AND last_full_scan_at IS NOT NULL
UNION ALL
SELECT source, false FROM {internal}.unavailable_sources WHERE region_code = $1;

-- name: stock_pending_reads
-- Calls that are owed, by source.
SELECT source, count(*) AS calls FROM {internal}.pending_child_reads WHERE region_code = $1 GROUP BY source;

-- name: stock_changes
-- Records that were new or changed within the last $2 days, by entity, and over how many hours: from the first success
-- on, since what was read until then was the first load.
SELECT
    l.entity_type,
    sum(l.records_new + l.records_updated)::bigint AS records,
    extract(epoch FROM clock_timestamp() - greatest(
        min(first.at), clock_timestamp() - make_interval(days => $2::integer)
    ))::float8 / 3600 AS hours
FROM {schema}.etl_sync_log l
JOIN LATERAL (
    SELECT min(f.sync_completed_at) AS at FROM {schema}.etl_sync_log f
    WHERE f.region_code = $1 AND f.entity_type = l.entity_type AND f.sync_status = 'success'
) first ON l.sync_started_at >= first.at
WHERE l.region_code = $1 AND l.sync_started_at > clock_timestamp() - make_interval(days => $2::integer)
GROUP BY l.entity_type;

-- name: stock_unlisted
-- Live records that lists leave out, and those among them that are planned from $2 to $3.
SELECT count(*) AS records, count(t.id) AS near
FROM {internal}.missing_records m
LEFT JOIN {schema}.{table} t ON t.region_code = $1 AND t.{key} = m.record_id
    AND {first} <= $3::date AND {last} >= $2::date
WHERE m.region_code = $1 AND m.entity_type = '{entity}' AND m.state = {hidden};
