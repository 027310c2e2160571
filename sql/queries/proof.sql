-- name: forget_shown
-- What a list shows is missing no more, whatever its state was.
DELETE FROM {internal}.missing_records m USING unnest($4::bigint[]) shown (id)
WHERE m.region_code = $1 AND m.entity_type = $2 AND m.kind = $3 AND m.record_id = shown.id;

-- name: move_walks
-- How far lists that were read before have been read; returns those. ON CONFLICT would lock each row first, which
-- writes to it once more.
UPDATE {internal}.checkpoints w SET
    watermark = coalesce(x.watermark, w.watermark),
    last_full_scan_at = coalesce(x.last_full_scan_at, w.last_full_scan_at),
    mapping_version = coalesce(x.mapping_version, w.mapping_version),
    last_window_scan_at = coalesce(x.last_window_scan_at, w.last_window_scan_at)
FROM unnest($2::text[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::bigint[],
    $7::timestamptz[]) x (source, parent_id, watermark, last_full_scan_at, mapping_version, last_window_scan_at)
WHERE w.region_code = $1 AND w.source = x.source AND w.parent_id = x.parent_id
RETURNING w.source, w.parent_id;

-- name: save_walks
-- How far lists have been read: what is NULL in $4 to $7 stays.
INSERT INTO {internal}.checkpoints AS w (region_code, source, parent_id, watermark, last_full_scan_at, mapping_version, last_window_scan_at)
SELECT $1, x.* FROM unnest($2::text[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::bigint[],
    $7::timestamptz[]) x
ON CONFLICT (region_code, source, parent_id) DO UPDATE SET
    watermark = coalesce(EXCLUDED.watermark, w.watermark),
    last_full_scan_at = coalesce(EXCLUDED.last_full_scan_at, w.last_full_scan_at),
    mapping_version = coalesce(EXCLUDED.mapping_version, w.mapping_version),
    last_window_scan_at = coalesce(EXCLUDED.last_window_scan_at, w.last_window_scan_at);

-- name: standings
-- How far each list of a source has been read, and whether something that it did not show waits for a person.
SELECT w.*, EXISTS (
    SELECT FROM {internal}.missing_records m
    WHERE m.region_code = $1 AND m.source = $2 AND m.parent_id = w.parent_id AND m.state = {needs_review} AND m.not_found_at IS NULL
) AS is_doubtful
FROM {internal}.checkpoints w WHERE w.region_code = $1 AND w.source = $2;

-- name: near_lists
-- Whose lists should show live records that are planned for days from $2 to $3.
SELECT DISTINCT {list} AS parent_id FROM {schema}.{table} t
WHERE t.region_code = $1 AND t.deleted_at IS NULL AND {first} <= $3 AND {last} >= $2 AND {list} IS NOT NULL;

-- name: near_list
-- The same of the region's own list, which is found by the first such record.
SELECT 0::bigint AS parent_id FROM {schema}.{table} t
WHERE t.region_code = $1 AND t.deleted_at IS NULL AND {first} <= $3 AND {last} >= $2
ORDER BY t.region_code, {last} LIMIT 1;

-- name: answered_sources
-- Sources of a region of which a list was once read to its end.
SELECT DISTINCT source FROM {internal}.checkpoints WHERE region_code = $1 AND watermark IS NOT NULL;

-- name: note_deletions
-- The deletions with their evidence; they are missing no more, owe none of the calls $7, and what these brought and
-- could not be stored waits for nothing.
WITH deleted AS (
    INSERT INTO {schema}.deletions (region_code, entity_type, kind, record_id, deleted_at, reason, evidence)
    SELECT $1, $2, $3, x.id, $6, $8, x.evidence FROM unnest($4::bigint[], $5::jsonb[]) x (id, evidence)
), found AS (
    DELETE FROM {internal}.missing_records
    WHERE region_code = $1 AND entity_type = $2 AND kind = $3 AND record_id = ANY ($4::bigint[])
), closed AS (
    UPDATE {schema}.rejected_records SET resolved_at = now(), payload = NULL
    WHERE region_code = $1 AND entity_type = ANY ($7::text[]) AND record_id = ANY ($4::bigint[]::text[])
      AND resolved_at IS NULL
)
DELETE FROM {internal}.pending_child_reads WHERE region_code = $1 AND source = ANY ($7::text[]) AND parent_id = ANY ($4::bigint[]);

-- name: missing_groups
-- What is missing, by region, entity and state; the ids only when $3. What waits for a person comes first.
SELECT
    region_code,
    entity_type,
    state,
    count(*) AS records,
    min(missing_since) AS since,
    (array_agg(why ORDER BY missing_since DESC, record_id))[1] AS why,
    CASE WHEN $3 THEN
        array_agg(CASE kind WHEN '' THEN record_id::text ELSE kind || ':' || record_id END ORDER BY kind, record_id)
    END AS ids
FROM {internal}.missing_records
WHERE region_code = ANY ($1::text[]) AND entity_type = ANY ($2::text[])
GROUP BY region_code, entity_type, state
ORDER BY state <> {needs_review}, region_code, entity_type, state;

-- name: newest_deletions
-- The latest deletions, undone or not.
SELECT
    region_code,
    entity_type,
    CASE kind WHEN '' THEN record_id::text ELSE kind || ':' || record_id END AS record,
    deleted_at,
    reason,
    coalesce(evidence ->> 'why', '') AS why,
    undone_at,
    undone_by
FROM {schema}.deletions
WHERE region_code = ANY ($1::text[]) AND entity_type = ANY ($2::text[])
ORDER BY deleted_at DESC, id DESC LIMIT $3;

-- name: decide_missing
-- A person's word on records in one of the states $6: all of them, or those named by $4 and $5. What was proven of
-- a record that stays is void.
UPDATE {internal}.missing_records SET
    state = $3,
    decided_at = $7,
    decided_by = $8,
    not_found_at = CASE WHEN $3 <> {pinned} THEN not_found_at END,
    not_found_run = CASE WHEN $3 <> {pinned} THEN not_found_run END
WHERE region_code = $1 AND entity_type = $2 AND state = ANY ($6::text[])
  AND ($4::text[] IS NULL OR (kind, record_id) IN (SELECT * FROM unnest($4::text[], $5::bigint[])))
RETURNING kind, record_id;

-- name: keep_restored
-- Records that a person brought back stay, also while their lists ($5 and the properties' $6) do not show them.
INSERT INTO {internal}.missing_records (region_code, entity_type, kind, record_id, source, parent_id, state,
    missing_since, missing_run, why, decided_at, decided_by)
SELECT $1, $2, $3, x.id, $5, x.parent, {new_restored}, $7, $8, 'its deletion was undone', $7, $9
FROM unnest($4::bigint[], $6::bigint[]) x (id, parent)
ON CONFLICT (region_code, entity_type, kind, record_id) DO UPDATE SET
    state = EXCLUDED.state, why = EXCLUDED.why, decided_at = EXCLUDED.decided_at, decided_by = EXCLUDED.decided_by;

-- name: undo_deletions
-- Deletions that a person took back.
UPDATE {schema}.deletions SET undone_at = $5, undone_by = $6
WHERE region_code = $1 AND entity_type = $2 AND kind = $3 AND record_id = ANY ($4::bigint[]) AND undone_at IS NULL;

-- name: forget_elsewhere
-- What another list showed in the same run is not missing.
DELETE FROM {internal}.missing_records m USING unnest($3::bigint[]) shown (id)
WHERE m.region_code = $1 AND m.entity_type = $2 AND m.record_id = shown.id AND m.state <> {pinned};

-- name: count_missing
-- How many records of an entity are missing, by state.
SELECT state, count(*) AS records FROM {internal}.missing_records
WHERE region_code = $1 AND entity_type = $2 AND ($3::text IS NULL OR kind = $3) GROUP BY state;

-- name: count_waiting
-- How many records that one list does not show any more wait for what their own address says, or for a person.
SELECT count(*) FROM {internal}.missing_records
WHERE region_code = $1 AND entity_type = $2 AND kind = $3 AND source = $4 AND parent_id = $5
  AND state IN ({candidate}, {needs_review}) AND decided_at IS NULL;

-- name: note_answered
-- Their own addresses answer ($4: the moment before each was asked): lists leave them out.
UPDATE {internal}.missing_records m SET
    state = {after_answered},
    asked_at = x.at,
    not_found_at = NULL,
    not_found_run = NULL
FROM unnest($3::bigint[], $4::timestamptz[]) x (id, at)
WHERE m.region_code = $1 AND m.entity_type = $2 AND m.record_id = x.id;

-- name: note_gone
-- Their own addresses answer 404 ($4: the moment before each was asked); `is_second` where an earlier run had found the
-- same. What waits for a person goes on waiting, and what a person keeps stays.
UPDATE {internal}.missing_records m SET
    state = {after_not_found},
    asked_at = x.at,
    not_found_at = coalesce(m.not_found_at, $5),
    not_found_run = coalesce(m.not_found_run, $6)
FROM unnest($3::bigint[], $4::timestamptz[]) x (id, at)
WHERE m.region_code = $1 AND m.entity_type = $2 AND m.record_id = x.id
RETURNING m.record_id, m.state = {needs_review} AS is_held, m.state = {pinned} AS is_kept, m.missing_since, m.missing_run, m.not_found_at, m.not_found_run, m.decided_at,
    m.decided_by, m.not_found_run <> $6 AS is_second;

-- name: hold
-- Too many are gone at once: a person decides.
UPDATE {internal}.missing_records m SET state = {after_too_many}, why = $5
WHERE region_code = $1 AND entity_type = $2 AND kind = $3 AND record_id = ANY ($4::bigint[]);

-- name: deleted_at_once
-- How many records that lists lost in one of these runs ($4) were deleted since, without a person's word.
SELECT count(*) FROM {schema}.deletions
WHERE region_code = $1 AND entity_type = $2 AND kind = $3 AND undone_at IS NULL AND reason IN ('not_found', 'not_listed')
  AND evidence -> 'noticed' ->> 'run' = ANY ($4::text[]) AND NOT evidence ? 'approved_by';

-- name: twice_absent
-- Candidates without an address of their own that an earlier run's walk did not show either; of a list that is not believed
-- ($5 false) only those that a person has approved.
SELECT m.record_id, m.missing_since, m.missing_run, m.decided_at, m.decided_by FROM {internal}.missing_records m
WHERE m.region_code = $1 AND m.entity_type = $2 AND m.kind = $3 AND m.state = {candidate} AND m.missing_run <> $4
  AND NOT m.is_adopted AND (m.decided_at IS NOT NULL OR $5);

-- name: note_return
-- What was deleted and is shown by the API again. The lists ($6) of a home that comes back are read whole: what was
-- deleted with it comes back with it, and has not changed since they were read.
WITH returned AS (
    UPDATE {schema}.deletions SET undone_at = $5, undone_by = 'the API shows it again'
    WHERE region_code = $1 AND entity_type = $2 AND kind = $3 AND record_id = ANY ($4::bigint[]) AND undone_at IS NULL
    RETURNING record_id
), unread AS (
    DELETE FROM {internal}.checkpoints w USING returned x
    WHERE w.region_code = $1 AND w.source = ANY ($6::text[]) AND w.parent_id = x.record_id
)
SELECT record_id FROM returned;

-- name: ask_back
-- What was deleted because its property ($2) had left is asked for again, unless its list shows it before; lists of the
-- region ($5) with the entity ($6) that they show are read whole.
WITH gone AS (
    SELECT d.entity_type, d.record_id FROM {schema}.deletions d
    WHERE d.region_code = $1 AND d.reason = 'property_left' AND d.undone_at IS NULL
      AND (d.evidence ->> 'home')::bigint = ANY ($2::bigint[])
), unread AS (
    UPDATE {internal}.checkpoints w SET last_full_scan_at = NULL
    FROM unnest($5::text[], $6::text[]) list (source, entity_type)
    WHERE w.region_code = $1 AND w.source = list.source AND list.entity_type IN (SELECT entity_type FROM gone)
)
INSERT INTO {internal}.missing_records (region_code, entity_type, kind, record_id, source, parent_id, state,
    missing_since, missing_run, why)
SELECT $1, g.entity_type, '', g.record_id, g.entity_type, 0, {new_home_returned}, $3, $4, 'its property came back' FROM gone g
GROUP BY g.entity_type, g.record_id
ON CONFLICT (region_code, entity_type, kind, record_id) DO NOTHING;

-- name: companies
-- Whose records a region is a copy of; NULL: of every company that is seen, or it is not known.
SELECT CASE
    WHEN s.all_companies THEN NULL
    WHEN s.company_ids IS NOT NULL THEN s.company_ids
    WHEN r.company_id IS NOT NULL THEN ARRAY[r.company_id]
END AS ids
FROM {schema}.regions r LEFT JOIN {internal}.region_sources s ON s.region_code = r.region_code
WHERE r.region_code = $1;

-- name: homes_known
-- Of these properties ($2) those that the mirror has or had, with `is_excluded` those that are another company's by now.
SELECT x.id, o.property_id IS NOT NULL OR p.deleted_at IS NOT NULL AND EXISTS (
    SELECT FROM {schema}.deletions d
    WHERE d.region_code = $1 AND d.entity_type = 'properties' AND d.record_id = x.id AND d.reason = 'property_left'
      AND d.undone_at IS NULL
) AS is_excluded
FROM unnest($2::bigint[]) x (id)
LEFT JOIN {schema}.properties p ON p.region_code = $1 AND p.property_id = x.id
LEFT JOIN {internal}.excluded_properties o ON o.region_code = $1 AND o.property_id = x.id
WHERE p.id IS NOT NULL OR o.property_id IS NOT NULL;
