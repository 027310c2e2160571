-- name: stock_tasks
-- Live tasks of every live property, and those planned from $2 to $3.
SELECT p.property_id, count(t.id) AS records, count(t.id) FILTER (WHERE t.scheduled_date BETWEEN $2 AND $3) AS near
FROM {schema}.properties p
LEFT JOIN {schema}.tasks t ON t.region_code = $1 AND t.home_id = p.property_id AND t.deleted_at IS NULL
WHERE p.region_code = $1 AND p.deleted_at IS NULL
GROUP BY p.property_id ORDER BY p.property_id;

-- name: stock_lists
-- Live rows of what a region lists in pages, and stays among them that touch the days from $2 to $3.
SELECT 'properties' AS source, count(*) AS records, 0::bigint AS near FROM {schema}.properties WHERE region_code = $1 AND deleted_at IS NULL
UNION ALL
SELECT 'reservations', count(*), count(*) FILTER (WHERE checkin_date <= $3 AND checkout_date >= $2)
FROM {schema}.reservations WHERE region_code = $1 AND deleted_at IS NULL
UNION ALL
SELECT 'supplies', count(*), 0 FROM {schema}.supplies WHERE region_code = $1 AND deleted_at IS NULL;

-- name: stock_sources
-- Sources of a region with lists that were read whole once, and those that the account does not have.
SELECT DISTINCT source, true AS is_read FROM {schema}.walks WHERE region_code = $1 AND whole_at IS NOT NULL
UNION ALL
SELECT source, false FROM {schema}.unavailable_sources WHERE region_code = $1;

-- name: stock_owed
-- Calls that are owed, by source.
SELECT source, count(*) AS calls FROM {schema}.owed_calls WHERE region_code = $1 GROUP BY source;

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
-- Live records that lists leave out, by entity, and tasks and stays among them that are planned from $2 to $3.
SELECT m.entity_type, count(*) AS records, count(t.id) + count(s.id) AS near
FROM {schema}.missing_records m
LEFT JOIN {schema}.tasks t ON m.entity_type = 'tasks' AND t.region_code = $1 AND t.task_id = m.record_id
    AND t.scheduled_date BETWEEN $2 AND $3
LEFT JOIN {schema}.reservations s ON m.entity_type = 'reservations' AND s.region_code = $1
    AND s.reservation_id = m.record_id AND s.checkin_date <= $3 AND s.checkout_date >= $2
WHERE m.region_code = $1 AND m.state = 'unlisted'
GROUP BY m.entity_type;
