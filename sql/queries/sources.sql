-- name: source_standing
-- What region $1 is a copy of, and another region that is not retired and was shown to copy one of the companies $3 at the
-- address $2, or something of the account $4, where no company is named. A region that never showed a property, nor was
-- adopted, has only its configuration's word for a company and keeps no other one from it.
SELECT
    NOT coalesce(r.is_active, true) AS is_retired,
    s.*,
    EXISTS (
        SELECT FROM {internal}.checkpoints w
        WHERE w.region_code = $1 AND w.source = 'properties' AND w.parent_id = 0 AND w.last_full_scan_at IS NOT NULL
    ) AS has_properties,
    (SELECT t.region_code FROM {internal}.region_sources t
     JOIN {schema}.regions x ON x.region_code = t.region_code AND x.is_active
     WHERE t.region_code <> $1 AND t.api_address = $2
       AND (t.confirmed_at IS NOT NULL OR t.adopted_at IS NOT NULL)
       AND (t.company_ids && $3::bigint[] OR t.account = $4 AND (t.all_companies OR cardinality($3::bigint[]) = 0))
     ORDER BY t.region_code LIMIT 1) AS twin,
    EXISTS (
        SELECT FROM {internal}.region_sources t
        JOIN {schema}.regions x ON x.region_code = t.region_code AND x.is_active
        WHERE t.region_code <> $1 AND t.account = $4
    ) AS is_shared,
    EXISTS (
        SELECT FROM {schema}.properties p WHERE p.region_code = $1 AND p.deleted_at IS NULL
    ) AS has_live
FROM (SELECT 1) one
LEFT JOIN {schema}.regions r ON r.region_code = $1
LEFT JOIN {internal}.region_sources s ON s.region_code = $1;

-- name: lock_sources
-- Two new regions of one company that begin at the same moment are judged one after the other.
SELECT pg_advisory_xact_lock(hashtextextended('{schema} region_sources', 0));

-- name: begin_source
-- A region that was never read: what it is to be a copy of.
INSERT INTO {internal}.region_sources (region_code, api_address, account, company_ids, all_companies)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT (region_code) DO NOTHING;

-- name: confirm_source
-- A reading of properties has shown that this is the right source.
UPDATE {internal}.region_sources SET
    api_address = $2, account = $3, company_ids = $4, all_companies = $5, confirmed_at = $6, blocked_at = NULL,
    blocked_why = NULL
WHERE region_code = $1;

-- name: block_source
-- Why nothing of the region is read; since when, if it was blocked before.
UPDATE {internal}.region_sources SET blocked_at = coalesce(blocked_at, $3), blocked_why = $2
WHERE region_code = $1 AND blocked_why IS DISTINCT FROM $2;

-- name: adopt_source
-- A person takes another source for the region's own.
INSERT INTO {internal}.region_sources AS s
    (region_code, api_address, account, company_ids, all_companies, adopted_at, adopted_by)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (region_code) DO UPDATE SET
    api_address = EXCLUDED.api_address,
    account = EXCLUDED.account,
    company_ids = EXCLUDED.company_ids,
    all_companies = EXCLUDED.all_companies,
    confirmed_at = NULL,
    blocked_at = NULL,
    blocked_why = NULL,
    adopted_at = EXCLUDED.adopted_at,
    adopted_by = EXCLUDED.adopted_by;

-- name: reset_source
-- What is remembered of a source by another door of it: how far it was read, what it did not show, what it did not have.
-- What a person said stays. Everything is read whole afterwards.
WITH checkpoints AS (DELETE FROM {internal}.checkpoints WHERE region_code = $1),
    backfills AS (DELETE FROM {internal}.backfills WHERE region_code = $1),
    unavailable AS (DELETE FROM {internal}.unavailable_sources WHERE region_code = $1),
    refreshes AS (DELETE FROM {internal}.rolling_refreshes WHERE region_code = $1)
DELETE FROM {internal}.missing_records WHERE region_code = $1 AND state <> {pinned};

-- name: forget_source
-- What is remembered of a source that the region is no copy of any more, beyond `reset_source`.
WITH runs AS (DELETE FROM {internal}.unfinished_runs WHERE region_code = $1),
    excluded AS (DELETE FROM {internal}.excluded_properties WHERE region_code = $1),
    fields AS (DELETE FROM {schema}.field_profiles WHERE region_code = $1),
    results AS (DELETE FROM {internal}.verification_results WHERE region_code = $1),
    problems AS (UPDATE {internal}.problems SET resolved_at = $2 WHERE region_code = $1 AND resolved_at IS NULL)
DELETE FROM {internal}.missing_records WHERE region_code = $1;

-- name: known_properties
-- The properties that a region has or had of this source; not those that went when a person adopted another one.
SELECT p.property_id FROM {schema}.properties p
WHERE p.region_code = $1 AND (p.deleted_at IS NULL OR NOT EXISTS (
    SELECT FROM {schema}.deletions d
    WHERE d.region_code = $1 AND d.entity_type = 'properties' AND d.record_id = p.property_id
      AND d.reason = 'source_adopted' AND d.undone_at IS NULL
));

-- name: excluded_homes
-- Homes of other companies that the region's pair shows as well: by the region's own list, and by those of other regions
-- with the same pair, unless the region has them itself.
SELECT property_id FROM {internal}.excluded_properties WHERE region_code = $1
UNION
SELECT p.property_id
FROM {internal}.region_sources me
JOIN {internal}.region_sources o ON o.account = me.account AND o.region_code <> me.region_code
JOIN {schema}.regions r ON r.region_code = o.region_code AND r.is_active
JOIN {schema}.properties p ON p.region_code = o.region_code AND p.deleted_at IS NULL
WHERE me.region_code = $1 AND NOT EXISTS (
    SELECT FROM {schema}.properties own
    WHERE own.region_code = $1 AND own.property_id = p.property_id AND own.deleted_at IS NULL
);

-- name: leave_out
-- Properties that a list shows under another company.
INSERT INTO {internal}.excluded_properties (region_code, property_id, company_id, seen_at)
SELECT $1, x.id, x.company, $4 FROM unnest($2::bigint[], $3::bigint[]) x (id, company)
ON CONFLICT (region_code, property_id) DO UPDATE SET company_id = EXCLUDED.company_id, seen_at = EXCLUDED.seen_at;

-- name: take_back
-- Properties that were left out and are the region's own again: the region's lists ($3) of what belongs to them are read
-- whole, it has not changed.
WITH back AS (
    DELETE FROM {internal}.excluded_properties WHERE region_code = $1 AND property_id = ANY ($2::bigint[])
    RETURNING property_id
)
DELETE FROM {internal}.checkpoints w
WHERE w.region_code = $1 AND (w.source = ANY ($3::text[]) OR w.parent_id IN (SELECT property_id FROM back));

-- name: adoption
-- A row where a person adopted the source of region $1 and this list ($2, $3) was not read whole since.
SELECT FROM {internal}.region_sources s
WHERE s.region_code = $1 AND s.adopted_at IS NOT NULL AND NOT EXISTS (
    SELECT FROM {internal}.checkpoints w
    WHERE w.region_code = $1 AND w.source = $2 AND w.parent_id = $3 AND w.last_full_scan_at IS NOT NULL
);

-- name: note_adopted
-- The first whole list of an adopted source did not show these.
UPDATE {internal}.missing_records SET is_adopted = true
WHERE region_code = $1 AND entity_type = $2 AND kind = $3 AND record_id = ANY ($4::bigint[]);

-- name: adopted_missing
-- Which of some records the first whole list of an adopted source did not show, and who adopted it.
SELECT m.record_id, m.missing_since, m.missing_run, s.adopted_at, s.adopted_by
FROM {internal}.missing_records m JOIN {internal}.region_sources s ON s.region_code = m.region_code
WHERE m.region_code = $1 AND m.entity_type = $2 AND m.kind = $3 AND m.record_id = ANY ($4::bigint[]) AND m.is_adopted;
