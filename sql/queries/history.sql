-- name: record_in_history
-- $1 region, $2 entity, $3 keys to which $6 ('deleted' or 'undeleted') has just happened, $4 now, $5 the list they are
-- from (tags) or NULL.
INSERT INTO {schema}.record_history (region_code, entity_type, record_id, record_type, seen_at, what)
SELECT $1, $2, key, $5, $4, $6 FROM unnest($3::bigint[]) key ORDER BY key;
