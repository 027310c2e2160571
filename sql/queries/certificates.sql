-- name: last_success_started
-- When the last success of a region and entity began.
SELECT sync_started_at FROM {schema}.etl_sync_log
WHERE region_code = $1 AND entity_type = $2 AND sync_status = 'success'
ORDER BY sync_started_at DESC LIMIT 1;

-- name: save_certificate
-- $5: seconds that it took.
INSERT INTO {schema}.certificates (
    region_code, run_id, entity_type, started_at, finished_at, result, sample_seed, api_calls_made, compared,
    late_differences, missing_differences, surplus_differences, wrong_differences, unexplained_differences,
    differences, error_message
) VALUES (
    $1, $2, $3, $4::timestamptz, $4::timestamptz + make_interval(secs => $5), $6, $7, $8, $9::jsonb, $10, $11, $12, $13, $14, $15::jsonb, $16
);
