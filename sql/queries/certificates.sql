-- name: lists_read
-- How far the lists of some sources have been read.
SELECT source, parent_id, covered_at, whole_at FROM {schema}.walks WHERE region_code = $1 AND source = ANY ($2::text[]);

-- name: absent_records
-- Live records that their lists do not show, and when their own address answered last.
SELECT kind, record_id, asked_at FROM {schema}.missing_records WHERE region_code = $1 AND entity_type = $2;

-- name: save_certificate
-- $5: seconds that it took.
INSERT INTO {schema}.certificates (
    region_code, run_id, entity_type, started_at, finished_at, result, sample_seed, api_calls_made, compared,
    late_differences, missing_differences, surplus_differences, wrong_differences, unexplained_differences,
    differences, error_message
) VALUES (
    $1, $2, $3, $4::timestamptz, $4::timestamptz + make_interval(secs => $5), $6, $7, $8, $9::jsonb, $10, $11, $12, $13, $14, $15::jsonb, $16
);
