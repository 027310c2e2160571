-- name: reserve_token_call
-- Set the time of the next allowed token call by compare-and-set, before the call is made. One that is further away than
-- $2 and $3 seconds was written while the database's clock ran ahead.
UPDATE {internal}.account_leases
SET next_token_call_at = clock_timestamp() + make_interval(secs => $2::float8)
WHERE account = $1 AND next_token_call_at NOT BETWEEN clock_timestamp()
    AND clock_timestamp() + make_interval(secs => greatest($2::float8, $3))
RETURNING true;

-- name: token_call_wait
-- Seconds until the account's next token call is allowed.
SELECT greatest(0, extract(epoch FROM next_token_call_at - clock_timestamp()))::float8 AS wait_seconds
FROM {internal}.account_leases WHERE account = $1;

-- name: postpone_token_call
-- No token call before so many seconds; never earlier than what is set already.
UPDATE {internal}.account_leases
SET next_token_call_at = greatest(next_token_call_at, clock_timestamp() + make_interval(secs => $2::float8))
WHERE account = $1;

-- name: read_tokens
-- Everything that is stored for some regions, credentials put there by hand included.
SELECT region_code, client_id, client_secret, access_token, refresh_token, token_expires_at, last_refreshed_at
FROM {schema}.api_tokens WHERE region_code = ANY ($1::text[]) ORDER BY region_code;

-- name: read_account_tokens
-- The tokens in some regions' rows, without those that were issued to another account ($2). What was put there by hand counts.
SELECT t.access_token, t.refresh_token, t.token_expires_at, t.last_refreshed_at
FROM {schema}.api_tokens t
WHERE t.region_code = ANY ($1::text[]) AND coalesce(t.issued_to, $2) = $2
ORDER BY t.region_code;

-- name: save_token
-- Keep the newest token for every region of the account; credentials in the row stay as they are.
INSERT INTO {schema}.api_tokens AS t (
    region_code, company_id, issued_to, access_token, refresh_token, token_expires_at, last_refreshed_at,
    token_generation_count
)
SELECT region_code, company_id, $2, $3, $4, $5, $6, 1 FROM {schema}.regions WHERE region_code = ANY ($1::text[]) AND is_active
ON CONFLICT (region_code) DO UPDATE SET
    company_id = EXCLUDED.company_id,
    issued_to = EXCLUDED.issued_to,
    access_token = EXCLUDED.access_token,
    refresh_token = EXCLUDED.refresh_token,
    token_expires_at = EXCLUDED.token_expires_at,
    last_refreshed_at = EXCLUDED.last_refreshed_at,
    token_generation_count = t.token_generation_count + 1,
    last_error = NULL;

-- name: save_token_error
-- Why there is no token, for operators.
INSERT INTO {schema}.api_tokens (region_code, last_error)
SELECT code, $2 FROM unnest($1::text[]) code
ON CONFLICT (region_code) DO UPDATE SET last_error = EXCLUDED.last_error;
