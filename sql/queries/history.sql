-- name: record_in_history
-- $1 region, $2 entity, $3 keys to which $6 ('deleted' or 'undeleted') has just happened, $4 now, $5 the list they are
-- from (tags) or NULL.
INSERT INTO {schema}.record_history (region_code, entity_type, record_id, record_type, seen_at, what)
SELECT $1, $2, key, $5, $4, $6 FROM unnest($3::bigint[]) key ORDER BY key;

-- name: prune_history
-- At most $2 rows that were seen more than $1 seconds ago, the oldest first.
DELETE FROM {schema}.record_history h
USING (
    SELECT region_code, id FROM {schema}.record_history
    WHERE seen_at < clock_timestamp() - make_interval(secs => $1::float8)
    ORDER BY seen_at LIMIT $2
) old
WHERE h.region_code = old.region_code AND h.id = old.id
RETURNING h.id;
