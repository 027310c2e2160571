-- name: property_ids
-- Every live property of a region, inactive ones included: tasks and contacts are asked for by property. Those
-- where somebody arrives or leaves today ($2) or tomorrow come first, so that they are fresh where time is short.
WITH busy AS (
    SELECT property_id, min(day) AS day
    FROM (
        SELECT r.property_id, r.checkin_date AS day FROM {schema}.reservations r
        WHERE r.region_code = $1 AND r.deleted_at IS NULL AND r.checkin_date BETWEEN $2::date AND $2::date + 1
        UNION ALL
        SELECT r.property_id, r.checkout_date FROM {schema}.reservations r
        WHERE r.region_code = $1 AND r.deleted_at IS NULL AND r.checkout_date BETWEEN $2::date AND $2::date + 1
    ) stays
    GROUP BY property_id
)
SELECT p.property_id FROM {schema}.properties p LEFT JOIN busy b ON b.property_id = p.property_id
WHERE p.region_code = $1 AND p.deleted_at IS NULL
ORDER BY b.day NULLS LAST, p.property_id;

-- name: unavailable_sources
-- Addresses that the account did not have; without the reason those whose time to be asked again has come. It is within a
-- day: what is further away was written by a clock that ran ahead.
SELECT source, CASE WHEN try_again_at BETWEEN clock_timestamp() AND clock_timestamp() + interval '25 hours'
    THEN reason END AS reason
FROM {internal}.unavailable_sources WHERE region_code = $1;

-- name: mark_unavailable
-- The account does not have this address; ask again in $4 seconds. True when that was not known before.
INSERT INTO {internal}.unavailable_sources AS u (region_code, source, reason, try_again_at)
VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4::float8))
ON CONFLICT (region_code, source) DO UPDATE SET reason = EXCLUDED.reason, try_again_at = EXCLUDED.try_again_at
RETURNING xmax = 0 AS is_new;

-- name: mark_available
-- The address answers (again).
DELETE FROM {internal}.unavailable_sources WHERE region_code = $1 AND source = $2;

-- name: mirror_counts
-- Live rows by region, for the summary that the demo prints.
SELECT * FROM {schema}.v_region_stats ORDER BY region_code;

-- name: linkage
-- How many tasks are linked to their reservation, by region.
SELECT * FROM {schema}.v_task_reservation_linkage ORDER BY region_code;

-- name: gap_counts
-- Fields of the API that no column takes.
SELECT entity_type, field, json_type, row_count FROM {schema}.v_field_gaps ORDER BY row_count DESC, 1, 2;
