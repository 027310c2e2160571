-- name: ensure_account
-- The account's row exists from its first claim on, for ever: its budget outlives every process.
INSERT INTO {schema}.account_leases (account) VALUES ($1) ON CONFLICT (account) DO NOTHING;

-- name: claim_lease
-- Take the lease when it is free, expired, or held by the owner named in $5 (found dead on this host).
-- A lease that was not given back leaves its budget in doubt: the successor waits $6 seconds, the time in which
-- a full bucket of calls drains. All times are the database's, so that no other clock matters; what its own has written
-- while it ran ahead lies in the future: such a renewal holds nothing, and no pause is longer than $7 seconds.
UPDATE {schema}.account_leases SET
    fence = nextval('{schema}.account_fences'),
    owner = $2,
    owner_identity = $3,
    claimed_at = clock_timestamp(),
    renewed_at = clock_timestamp(),
    expires_at = clock_timestamp() + make_interval(secs => $4::float8),
    next_call_at = least(
        clock_timestamp() + make_interval(secs => $7::float8),
        CASE WHEN owner IS NULL THEN next_call_at
            ELSE greatest(next_call_at, clock_timestamp() + make_interval(secs => $6::float8)) END),
    paused_until = least(paused_until, clock_timestamp() + make_interval(secs => $7::float8))
WHERE account = $1 AND (owner IS NULL OR expires_at < clock_timestamp() OR owner_identity = $5
    OR renewed_at > clock_timestamp() + make_interval(secs => $4::float8))
RETURNING
    fence,
    greatest(0, extract(epoch FROM greatest(next_call_at, paused_until) - clock_timestamp()))::float8 AS wait_seconds;

-- name: see_lease
-- Who holds the account, and whether the lease has run out.
SELECT owner, owner_identity, renewed_at, expires_at < clock_timestamp() AS is_expired
FROM {schema}.account_leases WHERE account = $1;

-- name: renew_lease
-- Prolong our own lease, and keep what a successor must know if we die now: when it may call.
UPDATE {schema}.account_leases SET
    renewed_at = clock_timestamp(),
    expires_at = clock_timestamp() + make_interval(secs => $3::float8),
    paused_until = greatest(paused_until, clock_timestamp() + make_interval(secs => $4::float8))
WHERE account = $1 AND fence = $2 AND owner IS NOT NULL
RETURNING fence;

-- name: release_lease
-- Give the account back, with the time from which the next holder may call ($3 seconds from now).
UPDATE {schema}.account_leases SET
    owner = NULL,
    owner_identity = NULL,
    expires_at = clock_timestamp(),
    next_call_at = clock_timestamp() + make_interval(secs => $3::float8),
    paused_until = greatest(paused_until, clock_timestamp() + make_interval(secs => $4::float8))
WHERE account = $1 AND fence = $2
RETURNING fence;

-- name: check_lease
-- The fence of the account, locked until the end of the transaction: nobody can take over in the middle of it.
SELECT fence FROM {schema}.account_leases WHERE account = $1 FOR SHARE;
