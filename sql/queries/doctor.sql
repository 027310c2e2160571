-- name: server_facts
-- What the server is, who we are on it, and what time it has. data_directory is NULL for those who may not see it;
-- is_local: through a Unix socket or the loopback.
SELECT
    current_setting('server_version_num')::int AS version_number,
    current_setting('server_version') AS version,
    current_database()::text AS database_name,
    current_user::text AS role_name,
    clock_timestamp() AS server_time,
    pg_is_in_recovery() AS is_standby,
    current_setting('default_transaction_read_only') = 'on' AS is_read_only,
    pg_database_size(current_database()) AS database_bytes,
    coalesce(host(inet_server_addr()) IN ('127.0.0.1', '::1'), true) AS is_local,
    (SELECT setting FROM pg_settings WHERE name = 'data_directory') AS data_directory;

-- name: missing_rights
-- What the role would need on the schema and its relations and does not have; an empty result is a good one.
-- $1: the names of the schemas.
SELECT 'database' AS kind, NULL AS schema_name, current_database()::text AS name, right_name
FROM unnest(ARRAY['TEMPORARY']) right_name
WHERE NOT has_database_privilege(current_database(), right_name)
UNION ALL
SELECT 'database', NULL, current_database()::text, 'CREATE'
WHERE (SELECT count(*) FROM pg_namespace WHERE nspname = ANY ($1)) < cardinality($1::text[]) AND NOT has_database_privilege(current_database(), 'CREATE')
UNION ALL
SELECT 'schema', n.nspname::text, n.nspname::text, right_name
FROM pg_namespace n CROSS JOIN unnest(ARRAY['USAGE', 'CREATE']) right_name
WHERE n.nspname = ANY ($1) AND NOT has_schema_privilege(n.oid, right_name)
UNION ALL
SELECT 'table', n.nspname::text, c.relname::text, right_name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) right_name
WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p') AND NOT has_table_privilege(c.oid, right_name)
UNION ALL
SELECT 'view', n.nspname::text, c.relname::text, 'SELECT'
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1) AND c.relkind IN ('v', 'm') AND NOT has_table_privilege(c.oid, 'SELECT')
ORDER BY 1, 2, 3, 4;

-- name: known_parents
-- A live record of each region, the newest, to ask for its children once; NULL where there is none.
SELECT r.region_code, (
    SELECT max(t.{key}) FROM {schema}.{table} t WHERE t.region_code = r.region_code AND t.deleted_at IS NULL
) AS key
FROM {schema}.regions r;

-- name: migration_ledger
-- Which migrations made this schema, and when.
SELECT version, name, checksum, applied_at FROM {schema}.breezeway_sync_migrations ORDER BY version;

-- name: rejections
-- Records that could not be stored, without what they hold; $1 how many.
SELECT region_code, entity_type, record_id, reason, first_seen_at, last_seen_at, resolved_at
FROM {schema}.rejected_records ORDER BY last_seen_at DESC, id DESC LIMIT $1;

-- name: unavailable_since
-- Addresses that an account was found not to have.
SELECT region_code, source, reason, since, try_again_at FROM {internal}.unavailable_sources ORDER BY 1, 2;
