-- name: alert_states
-- What people were told of some subjects of a region.
SELECT subject, failing_since, failures, error, notified_at, thread, claimed_until, version
FROM {internal}.alert_states WHERE region_code = $1 AND subject = ANY ($2::text[]);

-- name: save_alert_state
-- Write a state, unless somebody has written since version $3 was read (0: there was no row). A row means done.
INSERT INTO {internal}.alert_states AS s (
    region_code, subject, version, failing_since, failures, error, notified_at, thread, claimed_until
)
VALUES ($1, $2, $3::bigint + 1, $4, $5, $6, $7, $8, $9)
ON CONFLICT (region_code, subject) DO UPDATE SET
    version = EXCLUDED.version,
    failing_since = EXCLUDED.failing_since,
    failures = EXCLUDED.failures,
    error = EXCLUDED.error,
    notified_at = EXCLUDED.notified_at,
    thread = EXCLUDED.thread,
    claimed_until = EXCLUDED.claimed_until
WHERE s.version = $3
RETURNING s.version;

-- name: alert_budget
-- The messages of the last hour.
SELECT sent_at, suppressed, version FROM {internal}.alert_budget WHERE region_code = '';

-- name: save_alert_budget
-- Write the messages of the last hour, unless somebody has written since version $1 was read. A row means done.
INSERT INTO {internal}.alert_budget AS b (region_code, version, sent_at, suppressed)
VALUES ('', $1::bigint + 1, $2, $3)
ON CONFLICT (region_code) DO UPDATE SET
    version = EXCLUDED.version,
    sent_at = EXCLUDED.sent_at,
    suppressed = EXCLUDED.suppressed
WHERE b.version = $1
RETURNING b.version;

-- name: last_successes_of
-- The last success of each entity of a region.
SELECT entity_type, max(last_successful_sync_at) AS last_success
FROM {schema}.etl_sync_log WHERE region_code = $1 GROUP BY 1;

-- name: troubles_since
-- What did not succeed since $1, by region and entity. A run that was ended on purpose is no trouble.
SELECT
    region_code,
    entity_type,
    count(*) AS runs,
    count(*) FILTER (WHERE sync_status = 'failed') AS failed,
    count(*) FILTER (WHERE sync_status = 'partial') AS partial,
    (array_agg(error_message ORDER BY sync_started_at DESC) FILTER (WHERE sync_status <> 'success'))[1] AS error,
    max(last_successful_sync_at) AS last_success
FROM {schema}.etl_sync_log
WHERE sync_started_at >= $1 AND sync_status <> 'running'
  AND (sync_status <> 'failed' OR coalesce(error_code, '') <> ALL ($2::text[]))
GROUP BY 1, 2
HAVING bool_or(sync_status <> 'success')
ORDER BY 1, 2;
