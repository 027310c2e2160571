-- name: save_reject
-- A record that cannot be stored, kept whole; seen again it is updated, not added. What a later request brought stays.
-- Who has accepted it has accepted this payload; one that has come back well meanwhile is a new one.
INSERT INTO {schema}.rejected_records AS r (
    region_code, entity_type, kind, record_id, reason, payload, is_altered, read_order
)
SELECT $1, $2, $3, x.record_id, x.reason, x.payload, x.is_altered, x.read_order
FROM unnest($4::text[], $5::text[], $6::jsonb[], $7::boolean[], $8::bigint[])
    x (record_id, reason, payload, is_altered, read_order)
ON CONFLICT (region_code, entity_type, kind, record_id) DO UPDATE SET
    reason = EXCLUDED.reason,
    payload = EXCLUDED.payload,
    is_altered = EXCLUDED.is_altered,
    read_order = EXCLUDED.read_order,
    first_seen_at = CASE WHEN r.resolved_at IS NULL THEN r.first_seen_at ELSE EXCLUDED.first_seen_at END,
    last_seen_at = EXCLUDED.last_seen_at,
    resolved_at = NULL,
    accepted_at = CASE WHEN r.resolved_at IS NULL AND r.payload IS NOT DISTINCT FROM EXCLUDED.payload THEN r.accepted_at END,
    accepted_by = CASE WHEN r.resolved_at IS NULL AND r.payload IS NOT DISTINCT FROM EXCLUDED.payload THEN r.accepted_by END,
    accepted_why = CASE WHEN r.resolved_at IS NULL AND r.payload IS NOT DISTINCT FROM EXCLUDED.payload THEN r.accepted_why END
WHERE r.read_order <= EXCLUDED.read_order;

-- name: trim_nameless
-- Records without an id are told apart by their payload alone, which may change with each reading: resolved ones say
-- nothing any more, and of the open ones the newest $4 stay.
DELETE FROM {schema}.rejected_records d USING (
    SELECT id, row_number() OVER (
        ORDER BY resolved_at IS NOT NULL, accepted_at IS NULL, read_order DESC, last_seen_at DESC, id DESC
    ) AS place, resolved_at
    FROM {schema}.rejected_records
    WHERE region_code = $1 AND entity_type = $2 AND kind = $3 AND record_id LIKE 'payload %'
) old
WHERE d.region_code = $1 AND d.id = old.id AND (old.resolved_at IS NOT NULL OR old.place > $4);

-- name: open_rejects
-- Rejected records that have not come back well yet.
SELECT record_id FROM {schema}.rejected_records
WHERE region_code = $1 AND entity_type = $2 AND kind = $3 AND resolved_at IS NULL;

-- name: resolve_rejects
-- Rejected records that have come back and could be stored.
UPDATE {schema}.rejected_records SET resolved_at = now(), payload = NULL
WHERE region_code = $1 AND entity_type = $2 AND kind = $3 AND record_id = ANY ($4::text[]) AND resolved_at IS NULL;

-- name: list_rejects
-- Open rejections of some regions, of one entity or ($2 NULL) all, without what they hold.
SELECT
    region_code,
    entity_type,
    kind,
    record_id,
    reason,
    first_seen_at,
    last_seen_at,
    coalesce(octet_length(payload::text), 0) AS payload_bytes,
    accepted_why
FROM {schema}.rejected_records
WHERE region_code = ANY ($1::text[]) AND entity_type = coalesce($2, entity_type) AND resolved_at IS NULL
ORDER BY region_code, entity_type, kind, record_id;

-- name: reject_payloads
-- What was sent as one record ($3) and could not be stored, as JSON text.
SELECT payload::text AS payload
FROM {schema}.rejected_records
WHERE region_code = ANY ($1::text[]) AND entity_type = coalesce($2, entity_type) AND record_id = $3
  AND resolved_at IS NULL
ORDER BY region_code, entity_type, kind;

-- name: rejects_to_retry
-- The next open rejections of a region after the id $3, whole; $2 an entity or NULL for all, $4 how many.
SELECT id, entity_type, kind, record_id, reason, payload::text AS payload, is_altered, read_order
FROM {schema}.rejected_records
WHERE region_code = $1 AND entity_type = coalesce($2, entity_type) AND id > $3 AND resolved_at IS NULL
ORDER BY id LIMIT $4;

-- name: resolve_reject
-- One rejection whose record is in the mirror now.
UPDATE {schema}.rejected_records SET resolved_at = now(), payload = NULL
WHERE region_code = $1 AND id = $2 AND resolved_at IS NULL;

-- name: explain_reject
-- One rejection that stays, with the newest reason; when the API showed the record is another matter.
UPDATE {schema}.rejected_records SET reason = $3 WHERE region_code = $1 AND id = $2 AND resolved_at IS NULL;

-- name: count_open_rejects
-- How many records of an entity, or lists of its children, wait to be stored, and how many a person has accepted.
SELECT
    count(*) FILTER (WHERE accepted_at IS NULL) AS records,
    count(*) FILTER (WHERE accepted_at IS NOT NULL) AS accepted
FROM {schema}.rejected_records
WHERE region_code = $1 AND entity_type = ANY ($2::text[]) AND resolved_at IS NULL;

-- name: close_vanished_rejects
-- Rejected records of a list per property ($3) that say of no property that they are its own, or of one that is not
-- live: all of these lists were read whole since, a day later at least, as clocks may differ, and showed none of them.
-- What lists leave out is brought by its own address.
UPDATE {schema}.rejected_records r SET resolved_at = now(), payload = NULL
WHERE r.region_code = $1 AND r.entity_type = $2 AND r.resolved_at IS NULL AND r.last_seen_at + interval '1 day' < (
    SELECT min(coalesce(w.last_full_scan_at, '-infinity'))
    FROM {schema}.properties p
    LEFT JOIN {internal}.checkpoints w ON w.region_code = $1 AND w.source = $3 AND w.parent_id = p.property_id
    WHERE p.region_code = $1 AND p.deleted_at IS NULL
) AND NOT EXISTS (
    SELECT FROM {internal}.missing_records m
    WHERE m.region_code = $1 AND m.entity_type = $2 AND m.record_id::text = r.record_id AND m.state = {hidden}
);

-- name: close_unshown_rejects
-- Rejected records that a complete walk of their list, whose first request had the order $4, did not show any more. Of a
-- list per property, $5 is the field that names it and $6 its id. What lists leave out is brought by its own address.
UPDATE {schema}.rejected_records r SET resolved_at = now(), payload = NULL
WHERE r.region_code = $1 AND r.entity_type = $2 AND r.kind = $3 AND r.resolved_at IS NULL AND r.read_order < $4
  AND ($5::text IS NULL OR r.payload ->> $5 = $6::bigint::text)
  AND NOT EXISTS (
    SELECT FROM {internal}.missing_records m
    WHERE m.region_code = $1 AND m.entity_type = $2 AND m.kind = $3 AND m.record_id::text = r.record_id
      AND m.state = {hidden}
  );
