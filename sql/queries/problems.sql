-- name: accepted_problems
-- What a person has accepted of an entity, and the code that it has.
SELECT kind, source, record_id, code FROM {internal}.problems
WHERE region_code = $1 AND entity_type = $2 AND resolved_at IS NULL AND accepted_at IS NOT NULL;

-- name: save_problems
-- What a run has met, at the moment $9. Who has accepted it has accepted this code; one that was resolved meanwhile is
-- a new one.
INSERT INTO {internal}.problems AS p (
    region_code, entity_type, kind, source, record_id, what, code, message, first_seen_at, last_seen_at
)
SELECT $1, $2, x.kind, x.source, x.record_id, x.what, x.code, x.message, $9::timestamptz, $9
FROM unnest($3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[])
    x (kind, source, record_id, what, code, message)
ON CONFLICT (region_code, kind, source, record_id) DO UPDATE SET
    entity_type = EXCLUDED.entity_type,
    what = EXCLUDED.what,
    code = EXCLUDED.code,
    message = EXCLUDED.message,
    first_seen_at = CASE WHEN p.resolved_at IS NULL THEN p.first_seen_at ELSE EXCLUDED.first_seen_at END,
    last_seen_at = EXCLUDED.last_seen_at,
    resolved_at = NULL,
    accepted_at = CASE WHEN p.resolved_at IS NULL AND p.code = EXCLUDED.code THEN p.accepted_at END,
    accepted_by = CASE WHEN p.resolved_at IS NULL AND p.code = EXCLUDED.code THEN p.accepted_by END,
    accepted_why = CASE WHEN p.resolved_at IS NULL AND p.code = EXCLUDED.code THEN p.accepted_why END;

-- name: resolve_problems
-- Problems of an entity that the run which ends at $4 has not met and that are settled since they were met last: the
-- list was read to its end, the call is not owed ($3: the lists whose calls are), the account has the address, the
-- record's own address answered, or what it is about is not live any more.
UPDATE {internal}.problems p SET resolved_at = $4
WHERE p.region_code = $1 AND p.entity_type = $2 AND p.resolved_at IS NULL AND p.last_seen_at <> $4 AND (
    CASE
        WHEN p.code = 'not_available' THEN NOT EXISTS (
            SELECT FROM {internal}.unavailable_sources u WHERE u.region_code = $1 AND u.source = p.source
        )
        WHEN p.kind = 'record' THEN NOT EXISTS (
            SELECT FROM {internal}.missing_records m
            WHERE m.region_code = $1 AND m.entity_type = $2 AND m.record_id = p.record_id
              AND (m.asked_at > p.last_seen_at) IS NOT TRUE
        )
        WHEN p.kind = 'children' AND p.source = ANY ($3::text[]) THEN NOT EXISTS (
            SELECT FROM {internal}.pending_child_reads o
            WHERE o.region_code = $1 AND o.source = p.source AND o.parent_id = p.record_id
        )
        ELSE EXISTS (
            SELECT FROM {internal}.checkpoints w
            WHERE w.region_code = $1 AND w.source = p.source AND w.parent_id = p.record_id
              AND w.watermark > p.last_seen_at
        )
    END
    OR CASE
        WHEN p.kind = 'list' AND p.record_id = 0 THEN false
        WHEN p.kind = 'list' THEN NOT EXISTS (
            SELECT FROM {schema}.properties x
            WHERE x.region_code = $1 AND x.property_id = p.record_id AND x.deleted_at IS NULL
        )
        ELSE NOT EXISTS (
            SELECT FROM {schema}.{table} t
            WHERE t.region_code = $1 AND t.{key} = p.record_id AND t.deleted_at IS NULL
        )
    END
);

-- name: list_problems
-- Problems and rejected records of some regions, open or ($2) all that are kept; what nobody has accepted comes first.
SELECT * FROM (
    SELECT
        'p' || p.id AS id,
        p.region_code,
        p.entity_type,
        p.what,
        p.code,
        p.message,
        p.first_seen_at,
        p.last_seen_at,
        p.resolved_at,
        p.accepted_at,
        p.accepted_by,
        p.accepted_why
    FROM {internal}.problems p
    UNION ALL
    SELECT
        'r' || r.id,
        r.region_code,
        r.entity_type,
        concat_ws(' ', nullif(r.kind, ''), 'record', r.record_id),
        'rejected',
        r.reason,
        r.first_seen_at,
        r.last_seen_at,
        r.resolved_at,
        r.accepted_at,
        r.accepted_by,
        r.accepted_why
    FROM {schema}.rejected_records r
) x
WHERE region_code = ANY ($1::text[]) AND (resolved_at IS NULL OR $2)
ORDER BY resolved_at IS NOT NULL, accepted_at IS NOT NULL, region_code, entity_type, first_seen_at, id;

-- name: accept_problems
-- A person ($3) lives with these problems ($1), for a reason ($4).
UPDATE {internal}.problems SET accepted_at = $2, accepted_by = $3, accepted_why = $4
WHERE id = ANY ($1::bigint[]) AND resolved_at IS NULL
RETURNING id;

-- name: accept_rejects
-- A person ($3) lives with these rejected records ($1), for a reason ($4).
UPDATE {schema}.rejected_records SET accepted_at = $2, accepted_by = $3, accepted_why = $4
WHERE id = ANY ($1::bigint[]) AND resolved_at IS NULL
RETURNING id;

-- name: problems_by_id
-- Open problems that are to be read again.
SELECT id, kind, source, record_id, what FROM {internal}.problems
WHERE id = ANY ($1::bigint[]) AND resolved_at IS NULL ORDER BY region_code, id;

-- name: problem_standings
-- What became of problems ($2) of a region after they were read again.
SELECT id, resolved_at IS NULL AS is_open, code, message FROM {internal}.problems
WHERE region_code = $1 AND id = ANY ($2::bigint[]);

-- name: regions_of_problems
-- Regions that have open problems or rejected records.
SELECT region_code FROM {internal}.problems WHERE resolved_at IS NULL
UNION
SELECT region_code FROM {schema}.rejected_records WHERE resolved_at IS NULL;
