-- name: open_log_row
-- A region and entity has begun.
INSERT INTO {schema}.etl_sync_log (region_code, entity_type, run_id, sync_status, sync_started_at, last_successful_sync_at)
VALUES ($1, $2, $3, 'running', clock_timestamp(), (
    SELECT max(last_successful_sync_at) FROM {schema}.etl_sync_log WHERE region_code = $1 AND entity_type = $2
))
RETURNING id;

-- name: close_log_row
-- A region and entity has ended; a success is its own last success. A row that somebody has closed stays so.
UPDATE {schema}.etl_sync_log SET
    sync_status = $3,
    sync_completed_at = ended.at,
    last_successful_sync_at = CASE WHEN $3 = 'success' THEN ended.at ELSE last_successful_sync_at END,
    records_processed = $4,
    records_new = $5,
    records_updated = $6,
    records_unchanged = $7,
    records_deleted = $8,
    records_rejected = $9,
    api_calls_made = $10,
    pending_child_reads = $11,
    error_message = $12,
    details = $13::jsonb,
    error_code = $14
FROM (SELECT clock_timestamp() AS at OFFSET 0) ended
WHERE region_code = $1 AND id = $2 AND sync_status = 'running';

-- name: close_orphans
-- Rows left `running` by a process that is gone: we hold the lease of their account, so nobody is working them.
UPDATE {schema}.etl_sync_log SET
    sync_status = 'failed',
    sync_completed_at = clock_timestamp(),
    error_message = 'process ended',
    error_code = 'process_ended'
WHERE sync_status = 'running' AND region_code = ANY ($1::text[])
RETURNING region_code, entity_type;

-- name: close_unattended
-- Rows left `running` for regions that nobody works any more: nobody will claim their account again.
UPDATE {schema}.etl_sync_log l SET
    sync_status = 'failed',
    sync_completed_at = clock_timestamp(),
    error_message = 'process ended',
    error_code = 'process_ended'
FROM (SELECT region_code, max(claimed_at) AS claimed_at FROM {internal}.claims GROUP BY region_code) c
WHERE l.sync_status = 'running' AND c.region_code = l.region_code
  AND c.claimed_at < clock_timestamp() - interval '1 day'
  AND l.sync_started_at < clock_timestamp() - interval '1 day';
