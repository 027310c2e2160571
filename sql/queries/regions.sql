-- name: save_region
-- A region as the configuration has it; written only when something differs. A retired one stays retired.
INSERT INTO {schema}.regions AS r (region_code, region_name, company_id, breezeway_company_id, window_days)
VALUES ($1, $2, $3, $3, $4)
ON CONFLICT (region_code) DO UPDATE SET
    region_name = EXCLUDED.region_name,
    company_id = EXCLUDED.company_id,
    breezeway_company_id = EXCLUDED.breezeway_company_id,
    window_days = EXCLUDED.window_days,
    updated_at = EXCLUDED.updated_at
WHERE (r.region_name, r.company_id, r.breezeway_company_id, r.window_days)
    IS DISTINCT FROM (EXCLUDED.region_name, EXCLUDED.company_id, EXCLUDED.breezeway_company_id, EXCLUDED.window_days);

-- name: claim
-- A process says that it reads these entities and lists ($2) of these regions ($1), all of a region at one moment; not again
-- within a minute of the same words, which would only write rows.
INSERT INTO {internal}.claims (region_code, name, claimed_at)
SELECT code, name, now() FROM unnest($1::text[]) code CROSS JOIN unnest($2::text[]) name
WHERE EXISTS (
    SELECT FROM unnest($2::text[]) said (name)
    LEFT JOIN {internal}.claims c ON c.region_code = code AND c.name = said.name
    WHERE c.claimed_at IS NULL OR c.claimed_at NOT BETWEEN now() - interval '1 minute' AND now()
        OR c.claimed_at < (SELECT max(x.claimed_at) FROM {internal}.claims x WHERE x.region_code = code)
)
ON CONFLICT (region_code, name) DO UPDATE SET claimed_at = EXCLUDED.claimed_at;

-- name: region_list
-- Every region that the mirror has: what it is a copy of, whether somebody works it, how many live rows it has.
SELECT
    r.region_code,
    coalesce(r.region_name, r.region_code) AS region_name,
    CASE
        WHEN NOT r.is_active THEN 'retired'
        WHEN s.blocked_why IS NOT NULL THEN 'source_changed'
        WHEN NOT EXISTS (SELECT FROM {internal}.v_claims k WHERE k.region_code = r.region_code AND k.state = 'attended')
            OR EXISTS (SELECT FROM {internal}.v_claims k WHERE k.region_code = r.region_code AND k.state = 'unattended')
            THEN 'unattended'
        WHEN s.confirmed_at IS NULL THEN 'unconfirmed'
        ELSE 'attended'
    END AS state,
    s.company_ids,
    coalesce(s.all_companies, false) AS all_companies,
    s.api_address,
    s.account,
    (SELECT max(c.claimed_at) FROM {internal}.claims c WHERE c.region_code = r.region_code) AS claimed_at,
    s.confirmed_at,
    s.adopted_at,
    s.adopted_by,
    s.blocked_why
FROM {schema}.regions r LEFT JOIN {internal}.region_sources s ON s.region_code = r.region_code
ORDER BY r.region_code;

-- name: region_state
-- A row where the region is there: its account, and whether anything of it was ever confirmed.
SELECT s.account, s.confirmed_at IS NOT NULL OR s.adopted_at IS NOT NULL AS has_source
FROM {schema}.regions r LEFT JOIN {internal}.region_sources s ON s.region_code = r.region_code
WHERE r.region_code = $1;

-- name: retire_region
-- A person takes a region out; its rows stay. No token is kept for it.
WITH tokens AS (
    UPDATE {schema}.api_tokens SET
        access_token = NULL, refresh_token = NULL, issued_to = NULL, token_expires_at = NULL, last_refreshed_at = NULL
    WHERE region_code = $1
)
UPDATE {schema}.regions SET is_active = false, updated_at = now() WHERE region_code = $1 AND is_active
RETURNING region_code;

-- name: bring_back_region
-- What a person retired is read again.
UPDATE {schema}.regions SET is_active = true, updated_at = now() WHERE region_code = $1 AND NOT is_active;

-- name: region_tables
-- Every table of the schemas whose rows belong to a region.
SELECT c.table_schema, c.table_name FROM information_schema.columns c
JOIN information_schema.tables t USING (table_schema, table_name)
WHERE c.table_schema = ANY ($1) AND c.column_name = 'region_code' AND t.table_type = 'BASE TABLE'
ORDER BY c.table_schema, c.table_name;

-- name: has_credentials
-- Whether credentials were put into a region's row by hand.
SELECT EXISTS (SELECT FROM {schema}.api_tokens WHERE region_code = $1 AND client_id IS NOT NULL);
