-- name: ensure_account
-- The account's row exists from its first claim on, for ever: its budget outlives every process.
WITH fences AS (INSERT INTO {internal}.account_fences DEFAULT VALUES ON CONFLICT (is_only) DO NOTHING)
INSERT INTO {internal}.account_leases (account) VALUES ($1) ON CONFLICT (account) DO NOTHING;

-- name: claim_lease
-- Take the lease when it is free, expired, or held by the owner named in $5 (found dead on this host).
-- A lease that was not given back leaves its budget in doubt: the successor waits $6 seconds, the time in which
-- a full bucket of calls drains. All times are the database's, so that no other clock matters; what its own has written
-- while it ran ahead lies in the future: such a renewal holds nothing, and no pause is longer than $7 seconds.
-- The fence follows the newest one and the seconds since 2020, which an older copy of the database has not forgotten.
WITH free AS (
    SELECT account, fence FROM {internal}.account_leases
    WHERE account = $1 AND (owner IS NULL OR expires_at < clock_timestamp() OR owner_identity = $5
        OR renewed_at > clock_timestamp() + make_interval(secs => $4::float8))
    FOR UPDATE
), next AS (
    UPDATE {internal}.account_fences f SET fence = greatest(
        f.fence + 1,
        (SELECT max(fence) + 1 FROM {internal}.account_leases),
        -- Orders are fences times 2^32: far below 2^31, whatever the clock says.
        least(2000000000, extract(epoch FROM clock_timestamp() - '2020-01-01 00:00:00+00'::timestamptz))::bigint)
    FROM free
    RETURNING f.fence, free.fence AS fence_before
)
UPDATE {internal}.account_leases l SET
    fence = next.fence,
    owner = $2,
    owner_identity = $3,
    claim_id = $8,
    claimed_at = clock_timestamp(),
    renewed_at = clock_timestamp(),
    expires_at = clock_timestamp() + make_interval(secs => $4::float8),
    next_call_at = least(
        clock_timestamp() + make_interval(secs => $7::float8),
        CASE WHEN l.owner IS NULL THEN l.next_call_at
            ELSE greatest(l.next_call_at, clock_timestamp() + make_interval(secs => $6::float8)) END),
    paused_until = least(l.paused_until, clock_timestamp() + make_interval(secs => $7::float8))
FROM next
WHERE l.account = $1
RETURNING
    l.fence,
    next.fence_before,
    greatest(0, extract(epoch FROM greatest(l.next_call_at, l.paused_until) - clock_timestamp()))::float8 AS wait_seconds;

-- name: see_lease
-- Who holds the account, and when he renewed the lease last.
SELECT owner, owner_identity, renewed_at
FROM {internal}.account_leases WHERE account = $1;

-- name: lease_fences
-- The newest fence of each account.
SELECT account, fence FROM {internal}.account_leases;

-- name: renew_lease
-- Prolong our own lease, and keep what a successor must know if we die now: when it may call.
UPDATE {internal}.account_leases SET
    renewed_at = clock_timestamp(),
    expires_at = clock_timestamp() + make_interval(secs => $4::float8),
    paused_until = greatest(paused_until, clock_timestamp() + make_interval(secs => $5::float8))
WHERE account = $1 AND fence = $2 AND claim_id = $3
RETURNING fence;

-- name: release_lease
-- Give the account back, with the time from which the next holder may call ($4 seconds from now).
UPDATE {internal}.account_leases SET
    owner = NULL,
    owner_identity = NULL,
    claim_id = NULL,
    expires_at = clock_timestamp(),
    next_call_at = clock_timestamp() + make_interval(secs => $4::float8),
    paused_until = greatest(paused_until, clock_timestamp() + make_interval(secs => $5::float8))
WHERE account = $1 AND fence = $2 AND claim_id = $3
RETURNING fence;

-- name: lease_standing
-- Whose the account is, and how many transactions have been counted, by slot.
SELECT
    l.fence,
    l.claim_id,
    ARRAY(SELECT b.slot FROM {internal}.lease_commits b WHERE b.account = $1 ORDER BY b.slot) AS slots,
    ARRAY(SELECT b.commits FROM {internal}.lease_commits b WHERE b.account = $1 ORDER BY b.slot) AS commits
FROM {internal}.account_leases l WHERE l.account = $1;

-- name: check_lease
-- The same, locked until the end of the transaction: nobody can take over in the middle of it. One more is counted in the
-- slot $2 where the claim is $3 and $4; `counted` is NULL for one that has none yet.
WITH lease AS (
    SELECT fence, claim_id FROM {internal}.account_leases WHERE account = $1 FOR SHARE
), counted AS (
    UPDATE {internal}.lease_commits b SET commits = b.commits + 1 FROM lease
    WHERE b.account = $1 AND b.slot = $2 AND lease.fence = $3 AND lease.claim_id = $4
    RETURNING b.commits
)
SELECT
    lease.fence,
    lease.claim_id,
    ARRAY(SELECT b.slot FROM {internal}.lease_commits b WHERE b.account = $1 ORDER BY b.slot) AS slots,
    ARRAY(SELECT b.commits FROM {internal}.lease_commits b WHERE b.account = $1 ORDER BY b.slot) AS commits,
    (SELECT commits FROM counted) AS counted
FROM lease;

-- name: first_batch
-- The first one of a slot; it may have become the second meanwhile.
INSERT INTO {internal}.lease_commits AS b (account, slot, commits) VALUES ($1, $2, 1)
ON CONFLICT (account, slot) DO UPDATE SET commits = b.commits + 1
RETURNING b.commits;
