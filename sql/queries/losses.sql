-- name: lost_tables
-- Whether rows of a region were deleted by hand.
SELECT FROM {internal}.lost_rows WHERE region_code = $1 LIMIT 1;

-- name: take_lost_rows
-- What was deleted by hand, by table: the records and lists that are known, and whether it may be any of the region.
WITH taken AS (
    DELETE FROM {internal}.lost_rows WHERE region_code = $1 RETURNING entity_type, table_name, record_id, parent_id
)
SELECT
    entity_type,
    table_name,
    bool_or(record_id IS NULL) AS is_any,
    coalesce(array_agg(record_id) FILTER (WHERE record_id IS NOT NULL), ARRAY[]::bigint[]) AS records,
    coalesce(array_agg(DISTINCT parent_id) FILTER (WHERE parent_id IS NOT NULL), ARRAY[]::bigint[]) AS parents
FROM taken GROUP BY entity_type, table_name ORDER BY entity_type, table_name;

-- name: ask_for_lost
-- Lost records ($4, and with $7 any that is known to be hidden) are asked for at their own address, unless their list ($3)
-- shows them before. One that a person keeps stays kept.
WITH asked AS (
    SELECT record_id AS id FROM {internal}.missing_records m
    WHERE $7 AND m.region_code = $1 AND m.entity_type = $2
    UNION
    SELECT id FROM unnest($4::bigint[]) id
)
INSERT INTO {internal}.missing_records AS m (region_code, entity_type, kind, record_id, source, parent_id, state,
    missing_since, missing_run, why)
SELECT $1, $2, '', a.id, $3, 0, {new_rows_lost}, $5, $6, 'its rows were deleted by hand' FROM asked a
ON CONFLICT (region_code, entity_type, kind, record_id) DO UPDATE SET
    state = EXCLUDED.state, asked_at = NULL, last_listed_at = NULL, why = EXCLUDED.why
WHERE m.state IN {changed_by_rows_lost} OR m.state = {returning};
