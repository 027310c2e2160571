-- name: delete_old_log_rows
-- At most $2 rows that ended more than $1 seconds ago, but never the latest of a region and entity.
DELETE FROM {schema}.etl_sync_log d USING (
    SELECT l.region_code, l.id FROM {schema}.etl_sync_log l
    WHERE l.sync_status <> 'running' AND l.sync_completed_at < clock_timestamp() - make_interval(secs => $1::float8)
      AND EXISTS (
        SELECT FROM {schema}.etl_sync_log n
        WHERE n.region_code = l.region_code AND n.entity_type = l.entity_type AND n.sync_started_at > l.sync_started_at
      )
    ORDER BY l.sync_started_at LIMIT $2
) old
WHERE d.region_code = old.region_code AND d.id = old.id
RETURNING d.id;

-- name: delete_old_certificates
-- At most $2 certificates older than $1 seconds; the newest of a region and entity that came to its end stays.
DELETE FROM {internal}.verification_results d USING (
    SELECT c.region_code, c.id FROM {internal}.verification_results c
    WHERE c.started_at < clock_timestamp() - make_interval(secs => $1::float8) AND EXISTS (
        SELECT FROM {internal}.verification_results n
        WHERE n.region_code = c.region_code AND n.entity_type = c.entity_type AND n.started_at > c.started_at
          AND n.result <> 'incomplete'
    )
    ORDER BY c.started_at LIMIT $2
) old
WHERE d.region_code = old.region_code AND d.id = old.id
RETURNING d.id;

-- name: prune_history
-- At most $2 rows that were seen more than $1 seconds ago, the oldest first.
DELETE FROM {schema}.record_history h USING (
    SELECT region_code, id FROM {schema}.record_history
    WHERE seen_at < clock_timestamp() - make_interval(secs => $1::float8)
    ORDER BY seen_at LIMIT $2
) old
WHERE h.region_code = old.region_code AND h.id = old.id
RETURNING h.id;

-- name: delete_old_rejects
-- At most $2 rejections that were resolved more than $1 seconds ago; without an id they say nothing any more a day later.
DELETE FROM {schema}.rejected_records d USING (
    SELECT region_code, id FROM {schema}.rejected_records
    WHERE resolved_at < clock_timestamp() - CASE WHEN record_id LIKE 'payload %'
        THEN least(make_interval(secs => $1::float8), interval '1 day') ELSE make_interval(secs => $1::float8) END
    LIMIT $2
) old
WHERE d.region_code = old.region_code AND d.id = old.id AND d.resolved_at IS NOT NULL
RETURNING d.id;

-- name: delete_old_problems
-- At most $2 problems that were resolved more than $1 seconds ago.
DELETE FROM {internal}.problems d USING (
    SELECT region_code, id FROM {internal}.problems
    WHERE resolved_at < clock_timestamp() - make_interval(secs => $1::float8) LIMIT $2
) old
WHERE d.region_code = old.region_code AND d.id = old.id AND d.resolved_at IS NOT NULL
RETURNING d.id;

-- name: delete_old_deletions
-- At most $2 deletions older than $1 seconds of records that were deleted again since.
DELETE FROM {schema}.deletions d USING (
    SELECT o.region_code, o.id FROM {schema}.deletions o
    WHERE o.deleted_at < clock_timestamp() - make_interval(secs => $1::float8) AND EXISTS (
        SELECT FROM {schema}.deletions n
        WHERE n.region_code = o.region_code AND n.entity_type = o.entity_type AND n.kind = o.kind
          AND n.record_id = o.record_id AND n.id > o.id
    )
    LIMIT $2
) old
WHERE d.region_code = old.region_code AND d.id = old.id
RETURNING d.id;

-- name: delete_old_fields
-- At most $2 paths that no reading has shown for $1 seconds before the latest one of their entity, or that come after
-- the 5,000 that were shown last.
DELETE FROM {schema}.field_profiles d USING (
    SELECT region_code, entity_type, path FROM (
        SELECT region_code, entity_type, path, last_seen_at,
            max(last_seen_at) OVER (PARTITION BY region_code, entity_type) AS newest,
            row_number() OVER (PARTITION BY region_code, entity_type ORDER BY last_seen_at DESC, path) AS place
        FROM {schema}.field_profiles
    ) f
    WHERE last_seen_at < newest - make_interval(secs => $1::float8) OR place > 5000
    LIMIT $2
) old
WHERE d.region_code = old.region_code AND d.entity_type = old.entity_type AND d.path = old.path
RETURNING d.path;

-- name: delete_old_backfills
-- At most $2 lists of backfills that were cut off too long ago to go on ($1 is not asked).
DELETE FROM {internal}.backfills d USING (
    SELECT region_code, source, parent_id, since, until FROM {internal}.backfills
    WHERE read_at < clock_timestamp() - interval '7 days' AND $1::float8 > 0 LIMIT $2
) old
WHERE d.region_code = old.region_code AND d.source = old.source AND d.parent_id = old.parent_id
  AND d.since = old.since AND d.until = old.until
RETURNING d.source;

-- name: delete_old_alert_states
-- At most $2 subjects that do not fail and of which nobody was told for $1 seconds: the next failure is a first one.
DELETE FROM {internal}.alert_states d USING (
    SELECT region_code, subject, version FROM {internal}.alert_states
    WHERE failing_since IS NULL AND notified_at < clock_timestamp() - make_interval(secs => $1::float8)
      AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
    LIMIT $2
) old
WHERE d.region_code = old.region_code AND d.subject = old.subject AND d.version = old.version
RETURNING d.subject;

-- name: delete_old_leases
-- At most $2 accounts that nobody has claimed for $1 seconds. Fences are given out for all accounts together, so that
-- one that comes back repeats none.
DELETE FROM {internal}.account_leases d USING (
    SELECT account, fence FROM {internal}.account_leases
    WHERE owner IS NULL AND greatest(claimed_at, renewed_at, expires_at, next_call_at, paused_until, next_token_call_at)
        < clock_timestamp() - make_interval(secs => $1::float8)
      AND claimed_at IS NOT NULL
    LIMIT $2
) old
WHERE d.account = old.account AND d.fence = old.fence AND d.owner IS NULL
RETURNING d.account;
