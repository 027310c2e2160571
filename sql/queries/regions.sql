-- name: save_region
-- A region as the configuration has it; written only when something differs. Who retired it brings it back.
INSERT INTO {schema}.regions AS r (region_code, region_name, company_id, breezeway_company_id, near_days)
VALUES ($1, $2, $3, $3, $4)
ON CONFLICT (region_code) DO UPDATE SET
    region_name = EXCLUDED.region_name,
    company_id = EXCLUDED.company_id,
    breezeway_company_id = EXCLUDED.breezeway_company_id,
    near_days = EXCLUDED.near_days,
    updated_at = EXCLUDED.updated_at
WHERE (r.region_name, r.company_id, r.breezeway_company_id, r.near_days)
    IS DISTINCT FROM (EXCLUDED.region_name, EXCLUDED.company_id, EXCLUDED.breezeway_company_id, EXCLUDED.near_days);

-- name: claim
-- A process says that it reads these entities and lists ($2) of these regions ($1), all at one moment.
INSERT INTO {schema}.claims (region_code, name, claimed_at)
SELECT code, name, now() FROM unnest($1::text[]) code CROSS JOIN unnest($2::text[]) name
ON CONFLICT (region_code, name) DO UPDATE SET claimed_at = EXCLUDED.claimed_at;
