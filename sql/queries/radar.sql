-- name: known_fields
-- What was written down of an entity's paths.
SELECT path, types, first_seen_at, last_seen_at, seen_count, present_count, filled_count,
    appeared_at, type_changed_at, emptied_at, vanished_at
FROM {schema}.field_profiles WHERE region_code = $1 AND entity_type = $2;

-- name: save_fields
-- Write paths down; types come as text with commas.
INSERT INTO {schema}.field_profiles (
    region_code, entity_type, path, types, first_seen_at, last_seen_at, seen_count, present_count, filled_count,
    appeared_at, type_changed_at, emptied_at, vanished_at
)
SELECT $1, $2, x.path, string_to_array(x.types, ','), x.first_seen_at, x.last_seen_at, x.seen, x.present, x.filled,
    x.appeared_at, x.type_changed_at, x.emptied_at, x.vanished_at
FROM unnest(
    $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::bigint[], $8::bigint[], $9::bigint[],
    $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[]
) x (path, types, first_seen_at, last_seen_at, seen, present, filled, appeared_at, type_changed_at, emptied_at, vanished_at)
ON CONFLICT (region_code, entity_type, path) DO UPDATE SET
    types = EXCLUDED.types,
    last_seen_at = EXCLUDED.last_seen_at,
    seen_count = EXCLUDED.seen_count,
    present_count = EXCLUDED.present_count,
    filled_count = EXCLUDED.filled_count,
    appeared_at = EXCLUDED.appeared_at,
    type_changed_at = EXCLUDED.type_changed_at,
    emptied_at = EXCLUDED.emptied_at,
    vanished_at = EXCLUDED.vanished_at;

-- name: field_changes
-- Paths that appeared, vanished, changed their type or emptied, the latest first. $1 regions, $2 entities; NULL: all.
SELECT region_code, entity_type, path, types, first_seen_at, last_seen_at, what, changed_at,
    round(100.0 * filled_count / nullif(seen_count, 0), 1)::float8 AS filled_percent
FROM {schema}.field_profiles r,
LATERAL (VALUES
    ('appeared', appeared_at), ('vanished', vanished_at), ('type changed', type_changed_at), ('emptied', emptied_at)
) c (what, changed_at)
WHERE changed_at IS NOT NULL
  AND ($1::text[] IS NULL OR region_code = ANY ($1))
  AND ($2::text[] IS NULL OR entity_type = ANY ($2))
ORDER BY changed_at DESC, region_code, entity_type, path, what;

-- name: columns_of
-- The columns of a table ($2) of a schema ($1).
SELECT column_name::text AS name FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2;

-- name: reserved_words
-- Words that cannot name a column without quotes.
SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T');
