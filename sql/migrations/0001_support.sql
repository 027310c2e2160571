-- What the mirror needs to run: regions, tokens, leases, the log, what was rejected, what is owed.

-- Regions as the configuration has them. A region that no configuration has any more stays as it is, and is late; only a
-- person retires it.
CREATE TABLE regions (
    region_code TEXT PRIMARY KEY,
    region_name TEXT,
    company_id BIGINT,
    breezeway_company_id BIGINT,
    -- false: retired by a person (`regions retire`), and nothing else.
    is_active BOOLEAN NOT NULL DEFAULT true,
    -- Days around today within which hidden tasks and stays are read at the pace of the freshness target.
    near_days INTEGER NOT NULL DEFAULT 14,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- What a region's rows are a copy of: one address of the API, one client_id, some companies. Everything that is remembered
-- about a region (checkpoints, missing records, what is not available) speaks of this source and is reset with it.
CREATE TABLE region_sources (
    region_code TEXT PRIMARY KEY REFERENCES regions (region_code) DEFERRABLE,
    -- Normalised: lower-case scheme and host, no default port, no slash at the end.
    api_address TEXT NOT NULL,
    -- A hash of address and client_id: the account's name in leases, logs and metrics.
    account TEXT NOT NULL,
    -- The companies whose records are stored; NULL with all_companies: every one that the pair sees.
    company_ids BIGINT[],
    all_companies BOOLEAN NOT NULL DEFAULT false,
    -- When a reading of its properties first showed that this is the right source. NULL: not yet, nothing else is stored.
    confirmed_at TIMESTAMPTZ,
    -- Why nothing is read: the configuration or the account shows another source. NULL: it is read.
    blocked_at TIMESTAMPTZ,
    blocked_why TEXT,
    -- A person took another source for the region's own (`regions adopt`); what that source does not show is retired.
    adopted_at TIMESTAMPTZ,
    adopted_by TEXT
);

-- Properties of other companies that the region's pair shows as well: they and what belongs to them is left out.
CREATE TABLE left_out_properties (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    property_id BIGINT NOT NULL,
    company_id BIGINT,
    seen_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (region_code, property_id)
);

-- What some process's configuration says is read. A claim lasts for the freshness target of its entity. `name` is an entity,
-- or the list of a parent that costs calls of its own (task_comments).
CREATE TABLE claims (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    name TEXT NOT NULL,
    claimed_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (region_code, name)
);

-- Tokens, shared by successive processes. Setting access_token and refresh_token to NULL forces new ones.
CREATE TABLE api_tokens (
    region_code TEXT PRIMARY KEY REFERENCES regions (region_code) DEFERRABLE,
    company_id BIGINT,
    -- NULL when the credentials come from the configuration, which wins.
    client_id TEXT,
    client_secret TEXT,
    access_token TEXT,
    refresh_token TEXT,
    -- The account (as in region_sources) that the token was issued to: for no other one is it used. NULL: put here by hand.
    issued_to TEXT,
    token_expires_at TIMESTAMPTZ,
    last_refreshed_at TIMESTAMPTZ,
    token_generation_count BIGINT NOT NULL DEFAULT 0,
    last_error TEXT
);

-- Fencing tokens rise over all accounts and for ever, so that they also order what different accounts wrote. One row with
-- the newest one. A sequence would be 32 ahead on a standby, or behind; and this is never behind the clock either, so that
-- an older copy of the database gives none out again.
CREATE TABLE account_fences (
    is_only BOOLEAN PRIMARY KEY DEFAULT true CHECK (is_only),
    fence BIGINT NOT NULL DEFAULT 0
);

-- One row per account (equal client_id, kept as a hash): who works it, and its budget across processes.
CREATE TABLE account_leases (
    account TEXT PRIMARY KEY,
    fence BIGINT NOT NULL DEFAULT 0,
    -- NULL: free. Text for people ("host, process 4711"), identity for finding out whether it still lives.
    owner TEXT,
    owner_identity TEXT,
    -- A random name of this claim. Two servers of one past may give out one fence twice, and never this.
    claim_id UUID,
    claimed_at TIMESTAMPTZ,
    renewed_at TIMESTAMPTZ,
    expires_at TIMESTAMPTZ NOT NULL DEFAULT 'epoch',
    next_call_at TIMESTAMPTZ NOT NULL DEFAULT 'epoch',
    paused_until TIMESTAMPTZ NOT NULL DEFAULT 'epoch',
    next_token_call_at TIMESTAMPTZ NOT NULL DEFAULT 'epoch'
);

-- How many transactions have written under the leases of an account, counted in each of them: a holder that was told of
-- more than are here knows that the database went back. It counts in several slots, so that no merge waits for another.
CREATE TABLE lease_batches (
    account TEXT NOT NULL REFERENCES account_leases (account) ON DELETE CASCADE DEFERRABLE,
    slot INTEGER NOT NULL,
    batches BIGINT NOT NULL,
    PRIMARY KEY (account, slot)
) WITH (fillfactor = 50);

-- One row per region, entity and run. It belongs to operators: nothing refers to it.
CREATE TABLE etl_sync_log (
    region_code TEXT NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    run_id UUID,
    entity_type TEXT NOT NULL,
    sync_status TEXT NOT NULL CHECK (sync_status IN ('running', 'success', 'partial', 'failed')),
    sync_started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    sync_completed_at TIMESTAMPTZ,
    last_successful_sync_at TIMESTAMPTZ,
    records_processed BIGINT NOT NULL DEFAULT 0,
    records_new BIGINT NOT NULL DEFAULT 0,
    records_updated BIGINT NOT NULL DEFAULT 0,
    records_unchanged BIGINT NOT NULL DEFAULT 0,
    records_deleted BIGINT NOT NULL DEFAULT 0,
    records_rejected BIGINT NOT NULL DEFAULT 0,
    api_calls_made BIGINT NOT NULL DEFAULT 0,
    owed_calls BIGINT NOT NULL DEFAULT 0,
    error_message TEXT,
    -- What else the run should tell: lists that were null, characters changed, problems by property …
    details JSONB,
    PRIMARY KEY (region_code, id),
    FOREIGN KEY (region_code) REFERENCES regions (region_code) DEFERRABLE
);
CREATE INDEX etl_sync_log_latest ON etl_sync_log (region_code, entity_type, sync_started_at DESC);

-- Records that could not be stored, whole, until they come back well.
CREATE TABLE rejected_records (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    entity_type TEXT NOT NULL,
    -- The record's id, or a hash of its payload: always short.
    record_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    payload JSONB,
    first_seen_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    last_seen_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    resolved_at TIMESTAMPTZ,
    -- A person lives with it, as long as its payload stays the same.
    accepted_at TIMESTAMPTZ,
    accepted_by TEXT,
    accepted_why TEXT,
    PRIMARY KEY (region_code, id),
    UNIQUE (region_code, entity_type, record_id)
);

-- What a run could not read, and what a person has said to it. A problem that the next reading does not meet is resolved.
CREATE TABLE problems (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    entity_type TEXT NOT NULL,
    -- list: a list, of the region (record_id 0) or of one property; children: the list of one parent that costs a call of its
    -- own; record: a record's own address.
    kind TEXT NOT NULL CHECK (kind IN ('list', 'children', 'record')),
    -- As in walks and owed_calls; of a record its entity's first list.
    source TEXT NOT NULL,
    record_id BIGINT NOT NULL,
    -- The same in words, for people.
    what TEXT NOT NULL DEFAULT '',
    -- The kind of the error, as in core/errors.py; not_available: the account does not have this address.
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    first_seen_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    last_seen_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    resolved_at TIMESTAMPTZ,
    -- A person lives with it, as long as its code stays the same.
    accepted_at TIMESTAMPTZ,
    accepted_by TEXT,
    accepted_why TEXT,
    PRIMARY KEY (region_code, id),
    UNIQUE (region_code, kind, source, record_id)
);

-- Calls that a parent's transaction promised: its children of this source must be read again.
CREATE TABLE owed_calls (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    source TEXT NOT NULL,
    parent_id BIGINT NOT NULL,
    -- The order of the payload that made it owed: only a call that began later settles it.
    owed_order BIGINT NOT NULL,
    -- They were never read since the parent is known: what they bring completes it, and is no change in its history.
    is_first BOOLEAN NOT NULL DEFAULT false,
    PRIMARY KEY (region_code, source, parent_id)
);

-- Addresses that an account does not have, and when to ask again.
CREATE TABLE unavailable_sources (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    since TIMESTAMPTZ NOT NULL DEFAULT now(),
    try_again_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (region_code, source)
);

-- How old each entity's last success may be. Operators may change it; v_sync_status judges by it.
CREATE TABLE sync_promises (
    entity_type TEXT PRIMARY KEY,
    promise INTERVAL NOT NULL
);
INSERT INTO sync_promises (entity_type, promise) VALUES
    ('properties', '2 hours'),
    ('reservations', '2 hours'),
    ('tasks', '2 hours'),
    ('people', '25 hours'),
    ('supplies', '25 hours'),
    ('tags', '25 hours'),
    ('property_contacts', '25 hours'),
    ('templates', '8 days'),
    ('subdepartments', '8 days');
