-- name: writability
-- Whether the server takes writes at all.
SELECT
    pg_is_in_recovery() AS is_standby,
    current_setting('transaction_read_only')::boolean AS is_read_only;

-- name: freshness
-- Each region and entity against its freshness target, those that nobody asks for as off.
SELECT
    k.region_code,
    coalesce(r.region_name, r.region_code) AS region_name,
    k.name AS entity_type,
    s.sync_status,
    s.last_successful_sync_at,
    extract(epoch FROM s.age)::float8 AS age_seconds,
    extract(epoch FROM p.freshness_target)::float8 AS freshness_target_seconds,
    coalesce(s.is_late, false) AS is_late,
    s.records_processed,
    s.api_calls_made,
    s.duration_seconds::float8 AS duration_seconds,
    s.error_message,
    k.state AS claim,
    s.error_code
FROM {internal}.v_claims k
JOIN {schema}.regions r ON r.region_code = k.region_code
JOIN {schema}.freshness_targets p ON p.entity_type = k.name
LEFT JOIN {schema}.v_sync_status s ON s.region_code = k.region_code AND s.entity_type = k.name
WHERE k.state <> 'retired'
ORDER BY 1, 3;

-- name: recent_runs
-- The latest rows of the log, newest first; $1 how many, $2 not older than so many seconds.
SELECT
    region_code,
    entity_type,
    sync_status,
    sync_started_at,
    sync_completed_at,
    extract(epoch FROM coalesce(sync_completed_at, clock_timestamp()) - sync_started_at)::float8 AS duration_seconds,
    records_processed,
    records_new,
    records_updated,
    records_unchanged,
    records_deleted,
    records_rejected,
    api_calls_made,
    pending_child_reads,
    error_message,
    error_code
FROM {schema}.etl_sync_log
WHERE sync_started_at > now() - make_interval(secs => $2::float8)
ORDER BY sync_started_at DESC, id DESC LIMIT $1;

-- name: lease_states
-- Who works which account, and when it may be called.
SELECT
    account,
    fence,
    CASE WHEN expires_at > clock_timestamp() THEN owner END AS owner,
    greatest(0, extract(epoch FROM expires_at - clock_timestamp()))::float8 AS expires_in_seconds,
    greatest(0, extract(epoch FROM paused_until - clock_timestamp()))::float8 AS paused_for_seconds,
    greatest(0, extract(epoch FROM next_token_call_at - clock_timestamp()))::float8 AS next_token_call_in_seconds
FROM {internal}.account_leases ORDER BY account;

-- name: token_states
-- When each region's token ends and what went wrong last; never the token.
SELECT t.region_code, t.token_expires_at, t.last_refreshed_at, t.token_generation_count, t.last_error
FROM {schema}.api_tokens t JOIN {schema}.regions r ON r.region_code = t.region_code AND r.is_active
ORDER BY 1;

-- name: region_states
-- Calls still owed, rejections and problems still open, those that a person has accepted, and records that wait for a
-- person, by region.
SELECT
    r.region_code,
    coalesce((SELECT jsonb_object_agg(o.source, o.pending_reads) FROM (
        SELECT w.source, count(*) AS pending_reads FROM {internal}.v_pending_child_reads w
        WHERE w.region_code = r.region_code
        GROUP BY w.source
    ) o), '{}')::text AS pending_reads,
    (
        SELECT count(*) FROM {schema}.rejected_records x
        WHERE x.region_code = r.region_code AND x.resolved_at IS NULL AND x.accepted_at IS NULL
    ) AS rejected_open,
    (
        SELECT count(*) FROM {internal}.problems p
        WHERE p.region_code = r.region_code AND p.resolved_at IS NULL AND p.accepted_at IS NULL
    ) AS problems_open,
    coalesce((SELECT jsonb_object_agg(a.entity_type, a.accepted) FROM (
        SELECT entity_type, count(*) AS accepted FROM (
            SELECT entity_type FROM {internal}.problems
            WHERE region_code = r.region_code AND resolved_at IS NULL AND accepted_at IS NOT NULL
            UNION ALL
            SELECT entity_type FROM {schema}.rejected_records
            WHERE region_code = r.region_code AND resolved_at IS NULL AND accepted_at IS NOT NULL
        ) both_tables GROUP BY entity_type
    ) a), '{}')::text AS accepted,
    coalesce((SELECT jsonb_object_agg(m.entity_type, m.held) FROM (
        SELECT entity_type, count(*) AS held FROM {internal}.missing_records
        WHERE region_code = r.region_code AND state = {needs_review} GROUP BY entity_type
    ) m), '{}')::text AS held
FROM {schema}.regions r WHERE r.is_active ORDER BY 1;

-- name: last_successes
-- The last success of every region and entity, for going on after a restart. From one pair to the next by the index: the
-- log holds thousands of rows of each.
WITH RECURSIVE pairs AS (
    (SELECT region_code, entity_type FROM {schema}.etl_sync_log ORDER BY region_code, entity_type LIMIT 1)
    UNION ALL
    SELECT next.* FROM pairs p CROSS JOIN LATERAL (
        SELECT l.region_code, l.entity_type FROM {schema}.etl_sync_log l
        WHERE (l.region_code, l.entity_type) > (p.region_code, p.entity_type)
        ORDER BY l.region_code, l.entity_type LIMIT 1
    ) next
)
SELECT p.region_code, p.entity_type, (
    SELECT max(l.last_successful_sync_at) FROM {schema}.etl_sync_log l
    WHERE l.region_code = p.region_code AND l.entity_type = p.entity_type
) AS last_success
FROM pairs p;
