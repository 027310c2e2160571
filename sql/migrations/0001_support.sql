-- What the mirror needs to run: regions, tokens, leases, the log, what was rejected, what is owed.

-- Regions as the configuration has them; one gone from it becomes inactive, its data stays.
CREATE TABLE regions (
    region_code TEXT PRIMARY KEY,
    region_name TEXT,
    company_id BIGINT,
    breezeway_company_id BIGINT,
    is_active BOOLEAN NOT NULL DEFAULT true,
    -- The entities that the configuration asks for; NULL: all. What is not asked for is never late.
    enabled_entities TEXT[],
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- Tokens, shared by successive processes. Setting access_token and refresh_token to NULL forces new ones.
CREATE TABLE api_tokens (
    region_code TEXT PRIMARY KEY REFERENCES regions (region_code),
    company_id BIGINT,
    -- NULL when the credentials come from the configuration, which wins.
    client_id TEXT,
    client_secret TEXT,
    access_token TEXT,
    refresh_token TEXT,
    token_expires_at TIMESTAMPTZ,
    last_refreshed_at TIMESTAMPTZ,
    token_generation_count BIGINT NOT NULL DEFAULT 0,
    last_error TEXT
);

-- Fencing tokens rise over all accounts and for ever, so that they also order what different accounts wrote.
CREATE SEQUENCE account_fences;

-- One row per account (equal client_id, kept as a hash): who works it, and its budget across processes.
CREATE TABLE account_leases (
    account TEXT PRIMARY KEY,
    fence BIGINT NOT NULL DEFAULT 0,
    -- NULL: free. Text for people ("host, process 4711"), identity for finding out whether it still lives.
    owner TEXT,
    owner_identity TEXT,
    claimed_at TIMESTAMPTZ,
    renewed_at TIMESTAMPTZ,
    expires_at TIMESTAMPTZ NOT NULL DEFAULT 'epoch',
    next_call_at TIMESTAMPTZ NOT NULL DEFAULT 'epoch',
    paused_until TIMESTAMPTZ NOT NULL DEFAULT 'epoch',
    next_token_call_at TIMESTAMPTZ NOT NULL DEFAULT 'epoch'
);

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
    FOREIGN KEY (region_code) REFERENCES regions (region_code)
);
CREATE INDEX etl_sync_log_latest ON etl_sync_log (region_code, entity_type, sync_started_at DESC);

-- Records that could not be stored, whole, until they come back well.
CREATE TABLE rejected_records (
    region_code TEXT NOT NULL REFERENCES regions (region_code),
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    entity_type TEXT NOT NULL,
    -- The record's id, or a hash of its payload: always short.
    record_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    payload JSONB,
    first_seen_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    last_seen_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    resolved_at TIMESTAMPTZ,
    PRIMARY KEY (region_code, id),
    UNIQUE (region_code, entity_type, record_id)
);

-- Calls that a parent's transaction promised: its children of this source must be read again.
CREATE TABLE owed_calls (
    region_code TEXT NOT NULL REFERENCES regions (region_code),
    source TEXT NOT NULL,
    parent_id BIGINT NOT NULL,
    -- The order of the payload that made it owed: only a call that began later settles it.
    owed_order BIGINT NOT NULL,
    PRIMARY KEY (region_code, source, parent_id)
);

-- Addresses that an account does not have, and when to ask again.
CREATE TABLE unavailable_sources (
    region_code TEXT NOT NULL REFERENCES regions (region_code),
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
