-- name: save_region
-- A region as the configuration has it; written only when something differs.
INSERT INTO {schema}.regions AS r (region_code, region_name, company_id, breezeway_company_id, enabled_entities,
    disabled_sources)
VALUES ($1, $2, $3, $3, $4::text[], $5::text[])
ON CONFLICT (region_code) DO UPDATE SET
    region_name = EXCLUDED.region_name,
    company_id = EXCLUDED.company_id,
    breezeway_company_id = EXCLUDED.breezeway_company_id,
    enabled_entities = EXCLUDED.enabled_entities,
    disabled_sources = EXCLUDED.disabled_sources,
    is_active = true,
    updated_at = EXCLUDED.updated_at
WHERE (r.region_name, r.company_id, r.breezeway_company_id, r.enabled_entities, r.disabled_sources, r.is_active)
    IS DISTINCT FROM (EXCLUDED.region_name, EXCLUDED.company_id, EXCLUDED.breezeway_company_id,
        EXCLUDED.enabled_entities, EXCLUDED.disabled_sources, true);

-- name: retire_regions
-- Regions that the configuration no longer has: inactive, their data stays.
UPDATE {schema}.regions SET is_active = false, updated_at = now()
WHERE is_active AND region_code <> ALL ($1::text[])
RETURNING region_code;
