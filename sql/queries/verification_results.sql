-- name: lists_read
-- How far the lists of some sources have been read.
SELECT source, parent_id, watermark, last_full_scan_at FROM {internal}.checkpoints WHERE region_code = $1 AND source = ANY ($2::text[]);

-- name: absent_records
-- Live records that their lists do not show, and when their own address answered last.
SELECT kind, record_id, asked_at FROM {internal}.missing_records WHERE region_code = $1 AND entity_type = $2;

-- name: source_compared
-- Which companies' records a region mirrors (NULL: every one), which properties it leaves out, why it is in doubt.
SELECT CASE WHEN NOT s.all_companies THEN s.company_ids END AS company_ids, s.blocked_why,
    ARRAY(SELECT l.property_id FROM {internal}.excluded_properties l WHERE l.region_code = $1) AS excluded
FROM {internal}.region_sources s WHERE s.region_code = $1;

-- name: accepted_places
-- What a person lives with: lists, children and records that cannot be read or stored. The id of a rejected record is text.
SELECT kind, source, record_id FROM {internal}.problems
WHERE region_code = $1 AND resolved_at IS NULL AND accepted_at IS NOT NULL
UNION
SELECT k.kind, r.entity_type, r.record_id::bigint
FROM {schema}.rejected_records r CROSS JOIN (VALUES ('record'), ('children'), ('rejected')) k (kind)
WHERE r.region_code = $1 AND r.resolved_at IS NULL AND r.accepted_at IS NOT NULL
  AND CASE WHEN r.record_id ~ '^-?[0-9]{1,19}$'
    THEN r.record_id::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 ELSE false END;

-- name: accepted_nameless
-- Records without an id that a person lives with, by the name that their payload gives them.
SELECT entity_type, record_id FROM {schema}.rejected_records
WHERE region_code = $1 AND resolved_at IS NULL AND accepted_at IS NOT NULL AND record_id LIKE 'payload %';

-- name: unresolved_differences
-- What the latest comparison that came to its end has found, without what was late.
SELECT d.key, d.path, d.class
FROM (
    SELECT c.differences FROM {internal}.verification_results c
    WHERE c.region_code = $1 AND c.entity_type = $2 AND c.result <> 'incomplete'
    ORDER BY c.started_at DESC, c.id DESC LIMIT 1
) c, jsonb_to_recordset(c.differences) AS d (key TEXT, path TEXT, class TEXT)
WHERE d.class <> 'late';

-- name: region_is_known
-- A row when there is such a region.
SELECT region_code FROM {schema}.regions WHERE region_code = $1;

-- name: certificate_states
-- The latest comparison of each active region and entity that came to its end, and when one was last begun. $1: now;
-- what a clock that was set back has left in the future does not count.
WITH RECURSIVE pairs AS (
    (SELECT region_code, entity_type FROM {internal}.verification_results ORDER BY region_code, entity_type LIMIT 1)
    UNION ALL
    SELECT next.* FROM pairs p CROSS JOIN LATERAL (
        SELECT n.region_code, n.entity_type FROM {internal}.verification_results n
        WHERE (n.region_code, n.entity_type) > (p.region_code, p.entity_type)
        ORDER BY n.region_code, n.entity_type LIMIT 1
    ) next
)
SELECT t.region_code, t.entity_type, t.tried_at, c.started_at AS compared_at, c.result, c.sample_seed, c.late_differences,
    c.missing_differences, c.surplus_differences, c.wrong_differences, c.unexplained_differences
FROM (
    SELECT p.region_code, p.entity_type, (
        SELECT max(a.started_at) FROM {internal}.verification_results a
        WHERE a.region_code = p.region_code AND a.entity_type = p.entity_type AND a.started_at <= $1
    ) AS tried_at
    FROM pairs p
) t
JOIN {schema}.regions r ON r.region_code = t.region_code AND r.is_active
LEFT JOIN LATERAL (
    SELECT * FROM {internal}.verification_results n
    WHERE n.region_code = t.region_code AND n.entity_type = t.entity_type AND n.started_at <= $1
      AND n.result <> 'incomplete'
    ORDER BY n.started_at DESC, n.id DESC LIMIT 1
) c ON true
WHERE t.tried_at IS NOT NULL
ORDER BY t.region_code, t.entity_type;

-- name: save_verification
-- $5: seconds that it took.
INSERT INTO {internal}.verification_results (
    region_code, run_id, entity_type, started_at, finished_at, result, sample_seed, api_calls_made, compared,
    late_differences, missing_differences, surplus_differences, wrong_differences, unexplained_differences,
    differences, error_message, is_whole
) VALUES (
    $1, $2, $3, $4::timestamptz, $4::timestamptz + make_interval(secs => $5), $6, $7, $8, $9::jsonb, $10, $11, $12, $13, $14, $15::jsonb, $16, $17
);
