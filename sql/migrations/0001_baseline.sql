-- The whole schema of the first release. Later migrations add to it; none is edited any more.
--
-- What people query is in this schema, the bookkeeping of the service in `<schema>_internal`. Every key begins with the
-- region, so that a link never crosses regions. Nobody but the service needs a right in the second schema: views read it with
-- the rights of their owner.

-- === Regions, runs, what could not be stored =============================================================================

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
    window_days INTEGER NOT NULL DEFAULT 14,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
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
    pending_child_reads BIGINT NOT NULL DEFAULT 0,
    -- What is missing, in words; error_code is the gravest reason, for decisions.
    error_message TEXT,
    error_code TEXT,
    -- What else the run should tell: lists that were null, characters changed, problems by property …
    details JSONB,
    PRIMARY KEY (region_code, id),
    FOREIGN KEY (region_code) REFERENCES regions (region_code) DEFERRABLE
);
CREATE INDEX etl_sync_log_latest ON etl_sync_log (region_code, entity_type, sync_started_at DESC);
-- The last success of a region and entity, the runs of the last day, and what a dead process left: not the whole log.
CREATE INDEX etl_sync_log_success ON etl_sync_log (region_code, entity_type, last_successful_sync_at);
CREATE INDEX etl_sync_log_age ON etl_sync_log (sync_started_at);
CREATE INDEX etl_sync_log_running ON etl_sync_log (region_code) WHERE sync_status = 'running';

-- Records that could not be stored, whole, until they come back well.
CREATE TABLE rejected_records (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    entity_type TEXT NOT NULL,
    -- The record's id, or a hash of its payload: always short.
    record_id TEXT NOT NULL,
    -- Of a tag its type, otherwise ''.
    kind TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL,
    payload JSONB,
    first_seen_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    last_seen_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    resolved_at TIMESTAMPTZ,
    -- A person accepted it, as long as its payload stays the same.
    accepted_at TIMESTAMPTZ,
    accepted_by TEXT,
    accepted_why TEXT,
    -- The order of the request that brought the payload, as in the mirror's own rows; 0: not written down.
    read_order BIGINT NOT NULL DEFAULT 0,
    -- Characters of the payload were removed or replaced.
    is_altered BOOLEAN NOT NULL DEFAULT false,
    PRIMARY KEY (region_code, id),
    UNIQUE (region_code, entity_type, kind, record_id)
);
-- Those that are still open, not those that ever were.
CREATE INDEX rejected_records_open ON rejected_records (region_code, entity_type, kind, record_id)
    WHERE resolved_at IS NULL;

-- How old the last success of each entity may be. Operators may change it. v_sync_status judges by it.
CREATE TABLE freshness_targets (
    entity_type TEXT PRIMARY KEY,
    freshness_target INTERVAL NOT NULL
);
INSERT INTO freshness_targets (entity_type, freshness_target) VALUES
    ('properties', '2 hours'),
    ('reservations', '2 hours'),
    ('tasks', '2 hours'),
    ('people', '25 hours'),
    ('supplies', '25 hours'),
    ('tags', '25 hours'),
    ('property_contacts', '25 hours'),
    ('templates', '8 days'),
    ('subdepartments', '8 days');

-- === The mirror ==========================================================================================================
--
-- Types take whatever the API can legally send; what no column takes is in `extra`. payload_hash, mapping_version and
-- read_order are the mirror's own: what the stored content was made from, and the order of the request that brought it.

-- Tags of tasks, reservations and properties; one first seen on a record waits here for its list.
CREATE TABLE tags (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    tag_type TEXT NOT NULL CHECK (tag_type IN ('task', 'reservation', 'property')),
    tag_id BIGINT NOT NULL,
    tag_name TEXT,
    tag_description TEXT,
    extra JSONB,
    synced_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    deleted_at TIMESTAMPTZ,
    payload_hash BYTEA,
    mapping_version BIGINT,
    read_order BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (region_code, id),
    UNIQUE (region_code, tag_type, tag_id)
);

-- People in every state: active, invited, inactive.
CREATE TABLE people (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    person_id BIGINT NOT NULL,
    first_name TEXT,
    last_name TEXT,
    person_name TEXT,
    active BOOLEAN,
    accept_decline_tasks BOOLEAN,
    emails JSONB,
    employee_code TEXT,
    groups JSONB,
    type_departments JSONB,
    type_role TEXT,
    availability JSONB,
    extra JSONB,
    synced_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    deleted_at TIMESTAMPTZ,
    payload_hash BYTEA,
    mapping_version BIGINT,
    read_order BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (region_code, id),
    UNIQUE (region_code, person_id)
);

-- The stock list.
CREATE TABLE supplies (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    supply_id BIGINT NOT NULL,
    company_id BIGINT,
    supply_name TEXT,
    description TEXT,
    size TEXT,
    internal_id TEXT,
    unit_cost NUMERIC,
    stock_count NUMERIC,
    low_stock_alert BOOLEAN,
    low_stock_count NUMERIC,
    supply_category_id BIGINT,
    stock_status_code TEXT,
    stock_status_name TEXT,
    created_at TIMESTAMPTZ,
    updated_at TIMESTAMPTZ,
    extra JSONB,
    synced_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    deleted_at TIMESTAMPTZ,
    payload_hash BYTEA,
    mapping_version BIGINT,
    read_order BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (region_code, id),
    UNIQUE (region_code, supply_id)
);

-- Task templates.
CREATE TABLE templates (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    template_id BIGINT NOT NULL,
    name TEXT,
    department TEXT,
    extra JSONB,
    synced_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    deleted_at TIMESTAMPTZ,
    payload_hash BYTEA,
    mapping_version BIGINT,
    read_order BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (region_code, id),
    UNIQUE (region_code, template_id)
);

-- Subdepartments.
CREATE TABLE subdepartments (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    subdepartment_id BIGINT NOT NULL,
    name TEXT,
    extra JSONB,
    synced_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    deleted_at TIMESTAMPTZ,
    payload_hash BYTEA,
    mapping_version BIGINT,
    read_order BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (region_code, id),
    UNIQUE (region_code, subdepartment_id)
);

-- Properties, inactive ones included.
CREATE TABLE properties (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    property_id BIGINT NOT NULL,
    company_id BIGINT,
    property_name TEXT,
    property_status TEXT,
    property_display TEXT,
    address1 TEXT,
    address2 TEXT,
    city TEXT,
    state TEXT,
    zipcode TEXT,
    country TEXT,
    building TEXT,
    latitude NUMERIC,
    longitude NUMERIC,
    notes_general TEXT,
    notes_about TEXT,
    notes_access TEXT,
    notes_guest_access TEXT,
    notes_direction TEXT,
    notes_trash_info TEXT,
    notes_wifi TEXT,
    notes_external TEXT,
    notes_housekeeping TEXT,
    reference_property_id TEXT,
    reference_external_property_id TEXT,
    reference_company_id TEXT,
    wifi_name TEXT,
    wifi_password TEXT,
    bedrooms NUMERIC,
    bathrooms NUMERIC,
    living_area NUMERIC,
    year_built BIGINT,
    groups JSONB,
    extra JSONB,
    synced_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    deleted_at TIMESTAMPTZ,
    payload_hash BYTEA,
    mapping_version BIGINT,
    read_order BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (region_code, id),
    UNIQUE (region_code, property_id)
);

-- Photos in the order of the property's list.
CREATE TABLE property_photos (
    region_code TEXT NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    property_pk BIGINT NOT NULL,
    photo_id BIGINT NOT NULL,
    display_order BIGINT NOT NULL,
    url TEXT,
    caption TEXT,
    is_default BOOLEAN,
    original_url TEXT,
    extra JSONB,
    synced_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (region_code, id),
    UNIQUE (region_code, property_pk, photo_id),
    FOREIGN KEY (region_code, property_pk) REFERENCES properties (region_code, id) ON DELETE CASCADE DEFERRABLE
);

-- Contacts; their fields are documented nowhere, so all of them may be NULL.
CREATE TABLE property_contacts (
    region_code TEXT NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    property_pk BIGINT NOT NULL,
    contact_id BIGINT NOT NULL,
    contact_type TEXT,
    name TEXT,
    email TEXT,
    phone TEXT,
    extra JSONB,
    synced_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (region_code, id),
    UNIQUE (region_code, property_pk, contact_id),
    FOREIGN KEY (region_code, property_pk) REFERENCES properties (region_code, id) ON DELETE CASCADE DEFERRABLE
);

-- Stays, past ones included. property_pk stays NULL while the property is unknown.
CREATE TABLE reservations (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    reservation_id BIGINT NOT NULL,
    property_pk BIGINT,
    property_id BIGINT,
    status TEXT,
    checkin_date DATE,
    checkin_time TIME,
    checkin_early BOOLEAN,
    checkout_date DATE,
    checkout_time TIME,
    checkout_late BOOLEAN,
    access_code TEXT,
    guide_url TEXT,
    note TEXT,
    guest_type_code TEXT,
    guest_type_name TEXT,
    stay_type_code TEXT,
    stay_type_name TEXT,
    reservation_type_code TEXT,
    reservation_type_name TEXT,
    reference_reservation_id TEXT,
    reference_property_id TEXT,
    reference_external_property_id TEXT,
    flags JSONB,
    adults NUMERIC,
    children NUMERIC,
    pets NUMERIC,
    source TEXT,
    extra JSONB,
    synced_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    deleted_at TIMESTAMPTZ,
    payload_hash BYTEA,
    mapping_version BIGINT,
    read_order BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (region_code, id),
    UNIQUE (region_code, reservation_id),
    FOREIGN KEY (region_code, property_pk) REFERENCES properties (region_code, id) ON DELETE SET NULL (property_pk) DEFERRABLE
);

-- Guests have no id: their place in the list is the key.
CREATE TABLE reservation_guests (
    region_code TEXT NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    reservation_pk BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    first_name TEXT,
    last_name TEXT,
    emails JSONB,
    phone_numbers JSONB,
    guest_name TEXT,
    guest_email TEXT,
    guest_phone TEXT,
    is_primary BOOLEAN,
    extra JSONB,
    synced_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (region_code, id),
    UNIQUE (region_code, reservation_pk, ordinal),
    FOREIGN KEY (region_code, reservation_pk) REFERENCES reservations (region_code, id) ON DELETE CASCADE DEFERRABLE
);

-- Links.
CREATE TABLE reservation_tags (
    region_code TEXT NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    reservation_pk BIGINT NOT NULL,
    tag_pk BIGINT NOT NULL,
    PRIMARY KEY (region_code, id),
    UNIQUE (region_code, reservation_pk, tag_pk),
    FOREIGN KEY (region_code, reservation_pk) REFERENCES reservations (region_code, id) ON DELETE CASCADE DEFERRABLE,
    FOREIGN KEY (region_code, tag_pk) REFERENCES tags (region_code, id) ON DELETE CASCADE DEFERRABLE
);

-- Tasks. reservation_pk comes from linked_reservation_id, and only from it.
CREATE TABLE tasks (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    task_id BIGINT NOT NULL,
    property_pk BIGINT,
    reservation_pk BIGINT,
    home_id BIGINT,
    task_name TEXT,
    description TEXT,
    paused BOOLEAN,
    bill_to TEXT,
    rate_type TEXT,
    rate_paid NUMERIC,
    rate_paid_currency TEXT,
    created_by_id BIGINT,
    created_by_name TEXT,
    created_at TIMESTAMPTZ,
    updated_at TIMESTAMPTZ,
    started_at TIMESTAMPTZ,
    finished_at TIMESTAMPTZ,
    finished_by_id BIGINT,
    finished_by_name TEXT,
    task_status_code TEXT,
    task_status_name TEXT,
    task_status_stage TEXT,
    template_task_id BIGINT,
    template_name TEXT,
    department TEXT,
    priority TEXT,
    scheduled_date DATE,
    scheduled_time TIME,
    report_url TEXT,
    reference_property_id TEXT,
    linked_reservation_id BIGINT,
    linked_reservation_external_id TEXT,
    total_cost NUMERIC,
    total_time TEXT,
    estimated_time TEXT,
    estimated_rate NUMERIC,
    billable BOOLEAN,
    itemized_cost BOOLEAN,
    subdepartment_id BIGINT,
    subdepartment_name TEXT,
    summary_note TEXT,
    task_series_id BIGINT,
    parent_task_id BIGINT,
    requested_by_code TEXT,
    requested_by_id BIGINT,
    requested_by_name TEXT,
    tag_names JSONB,
    extra JSONB,
    system_created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    system_updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    synced_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    deleted_at TIMESTAMPTZ,
    payload_hash BYTEA,
    mapping_version BIGINT,
    read_order BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (region_code, id),
    UNIQUE (region_code, task_id),
    FOREIGN KEY (region_code, property_pk) REFERENCES properties (region_code, id) ON DELETE SET NULL (property_pk) DEFERRABLE,
    FOREIGN KEY (region_code, reservation_pk) REFERENCES reservations (region_code, id) ON DELETE SET NULL (reservation_pk) DEFERRABLE
);

-- Who is assigned, and whether they accepted.
CREATE TABLE task_assignments (
    region_code TEXT NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    task_pk BIGINT NOT NULL,
    assignment_id BIGINT NOT NULL,
    assignee_id BIGINT,
    assignee_name TEXT,
    employee_code TEXT,
    expires_at TIMESTAMPTZ,
    status TEXT,
    extra JSONB,
    synced_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (region_code, id),
    UNIQUE (region_code, task_pk, assignment_id),
    FOREIGN KEY (region_code, task_pk) REFERENCES tasks (region_code, id) ON DELETE CASCADE DEFERRABLE
);

-- Photos of a task.
CREATE TABLE task_photos (
    region_code TEXT NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    task_pk BIGINT NOT NULL,
    photo_id BIGINT NOT NULL,
    url TEXT,
    caption TEXT,
    uploaded_at TIMESTAMPTZ,
    extra JSONB,
    synced_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (region_code, id),
    UNIQUE (region_code, task_pk, photo_id),
    FOREIGN KEY (region_code, task_pk) REFERENCES tasks (region_code, id) ON DELETE CASCADE DEFERRABLE
);

-- Supplies used; a null id is legal, `ordinal` tells those apart. total_price is not quantity x unit_cost.
CREATE TABLE task_supplies (
    region_code TEXT NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    task_pk BIGINT NOT NULL,
    supply_usage_id BIGINT,
    ordinal BIGINT,
    supply_id BIGINT,
    name TEXT,
    description TEXT,
    size TEXT,
    quantity NUMERIC,
    unit_cost NUMERIC,
    total_price NUMERIC,
    bill_to TEXT,
    billable BOOLEAN,
    markup_pricing_type TEXT,
    markup_rate NUMERIC,
    extra JSONB,
    synced_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (region_code, id),
    UNIQUE NULLS NOT DISTINCT (region_code, task_pk, supply_usage_id, ordinal),
    FOREIGN KEY (region_code, task_pk) REFERENCES tasks (region_code, id) ON DELETE CASCADE DEFERRABLE
);

-- Costs; a null id is legal, `ordinal` tells those apart.
CREATE TABLE task_costs (
    region_code TEXT NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    task_pk BIGINT NOT NULL,
    cost_id BIGINT,
    ordinal BIGINT,
    cost NUMERIC,
    description TEXT,
    bill_to TEXT,
    type_cost_id BIGINT,
    type_cost_code TEXT,
    type_cost_name TEXT,
    created_at TIMESTAMPTZ,
    updated_at TIMESTAMPTZ,
    extra JSONB,
    synced_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (region_code, id),
    UNIQUE NULLS NOT DISTINCT (region_code, task_pk, cost_id, ordinal),
    FOREIGN KEY (region_code, task_pk) REFERENCES tasks (region_code, id) ON DELETE CASCADE DEFERRABLE
);

-- Comments, from a call of their own per task.
CREATE TABLE task_comments (
    region_code TEXT NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    task_pk BIGINT NOT NULL,
    comment_id BIGINT NOT NULL,
    comment TEXT,
    created_at TIMESTAMPTZ,
    author_id BIGINT,
    author_name TEXT,
    extra JSONB,
    synced_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (region_code, id),
    UNIQUE (region_code, task_pk, comment_id),
    FOREIGN KEY (region_code, task_pk) REFERENCES tasks (region_code, id) ON DELETE CASCADE DEFERRABLE
);

-- The checklist, from a call of its own per task. It has no ids: replaced as a set.
CREATE TABLE task_requirements (
    region_code TEXT NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    task_pk BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    section_name TEXT,
    action JSONB,
    response TEXT,
    type_requirement TEXT,
    photo_required BOOLEAN,
    photos JSONB,
    note TEXT,
    home_element_name TEXT,
    extra JSONB,
    synced_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (region_code, id),
    UNIQUE (region_code, task_pk, ordinal),
    FOREIGN KEY (region_code, task_pk) REFERENCES tasks (region_code, id) ON DELETE CASCADE DEFERRABLE
);

-- Links.
CREATE TABLE task_tags (
    region_code TEXT NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    task_pk BIGINT NOT NULL,
    tag_pk BIGINT NOT NULL,
    PRIMARY KEY (region_code, id),
    UNIQUE (region_code, task_pk, tag_pk),
    FOREIGN KEY (region_code, task_pk) REFERENCES tasks (region_code, id) ON DELETE CASCADE DEFERRABLE,
    FOREIGN KEY (region_code, tag_pk) REFERENCES tags (region_code, id) ON DELETE CASCADE DEFERRABLE
);

-- For following links, and for what people filter by. API text has no btree index, since values over 2.7 kB
-- cannot be in one: external ids, nearly unique, have hash indexes, status codes a prefix.
CREATE INDEX ON properties USING hash (reference_property_id) WHERE reference_property_id <> '';
CREATE INDEX ON properties USING hash (reference_external_property_id) WHERE reference_external_property_id <> '';

CREATE INDEX ON reservations (region_code, property_pk);
CREATE INDEX ON reservations (region_code, property_id) WHERE property_pk IS NULL;
CREATE INDEX ON reservations (region_code, checkin_date);
CREATE INDEX ON reservations (region_code, checkout_date);
CREATE INDEX ON reservations USING hash (reference_reservation_id) WHERE reference_reservation_id <> '';

CREATE INDEX ON tasks (region_code, property_pk);
CREATE INDEX ON tasks (region_code, home_id) WHERE property_pk IS NULL;
CREATE INDEX ON tasks (region_code, reservation_pk) WHERE reservation_pk IS NOT NULL;
CREATE INDEX ON tasks (region_code, linked_reservation_id) WHERE linked_reservation_id IS NOT NULL;
CREATE INDEX ON tasks (region_code, scheduled_date);
CREATE INDEX ON tasks (region_code, finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX ON tasks (region_code, updated_at);
CREATE INDEX ON tasks (region_code, left(task_status_code, 32));
CREATE INDEX ON tasks USING hash (linked_reservation_external_id) WHERE linked_reservation_external_id <> '';

CREATE INDEX ON task_assignments (region_code, assignee_id);
CREATE INDEX ON task_supplies (region_code, supply_id) WHERE supply_id IS NOT NULL;
CREATE INDEX ON task_tags (region_code, tag_pk);
CREATE INDEX ON reservation_tags (region_code, tag_pk);
-- Tasks of one property, whatever the property is to the mirror: all of them, or those planned on some days.
CREATE INDEX ON tasks (region_code, home_id, scheduled_date);
-- Stays of one property: what goes with it.
CREATE INDEX ON reservations (region_code, property_id);

-- === What happened to records, and what they look like ===================================================================

-- Every deletion with its evidence; append-only but for being undone.
CREATE TABLE deletions (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    entity_type TEXT NOT NULL,
    -- Of a tag its type, otherwise ''.
    kind TEXT NOT NULL,
    record_id BIGINT NOT NULL,
    deleted_at TIMESTAMPTZ NOT NULL,
    -- status: it says so itself; not_found: its own address answers 404; not_listed: two complete readings did not show it;
    -- property_left: its home left the account, work done there stays done; source_adopted: another source does not show it.
    reason TEXT NOT NULL CHECK (reason IN ('status', 'not_found', 'not_listed', 'property_left', 'source_adopted')),
    evidence JSONB NOT NULL,
    -- When it became live again, and by whom: a person, or the API that showed it again.
    undone_at TIMESTAMPTZ,
    undone_by TEXT,
    PRIMARY KEY (region_code, id)
);
CREATE INDEX ON deletions (region_code, entity_type, record_id);

-- One row for each thing that happened to a record of the entities in `[history]`. Rows are only ever added, and
-- deleted when they are older than history.retention_days.
CREATE TABLE record_history (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    entity_type TEXT NOT NULL,
    -- The API's id of the record.
    record_id BIGINT NOT NULL,
    -- The list it is from, for tags (tag_type); NULL for everything else.
    record_type TEXT,
    -- When the mirror saw it, which is later than when it happened.
    seen_at TIMESTAMPTZ NOT NULL,
    -- repaired: the API has not changed it, the mirror held something else (`verify --repair`, `run --rewrite`).
    what TEXT NOT NULL CHECK (what IN ('created', 'changed', 'repaired', 'deleted', 'undeleted')),
    -- The column, or the table of children, that changed; NULL unless something changed.
    field TEXT,
    -- A column's value, or all children of that table as a list; NULL for NULL.
    old_value JSONB,
    new_value JSONB,
    PRIMARY KEY (region_code, id)
);
CREATE INDEX record_history_life ON record_history (region_code, entity_type, record_id, id);
CREATE INDEX record_history_age ON record_history (seen_at);

-- One row for each path that a region's records ever had: `assignments[].name` is a name within a list's items. Counts
-- are those of the latest scan that was saved, at most once a day unless something changes. If you delete the rows of a
-- region and entity, its next scan counts as the first one and sends no alert.
CREATE TABLE field_profiles (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    entity_type TEXT NOT NULL,
    path TEXT NOT NULL,
    -- Every JSON type that it ever had, null left out.
    types TEXT[] NOT NULL,
    first_seen_at TIMESTAMPTZ NOT NULL,
    -- To the day.
    last_seen_at TIMESTAMPTZ NOT NULL,
    -- How often the object (or list) was there that the path belongs to, how often the path itself, how often filled:
    -- neither null nor empty.
    seen_count BIGINT NOT NULL,
    present_count BIGINT NOT NULL,
    filled_count BIGINT NOT NULL,
    -- NULL: it was there from the first reading on.
    appeared_at TIMESTAMPTZ,
    type_changed_at TIMESTAMPTZ,
    -- NULL again once it is filled, or there, again.
    emptied_at TIMESTAMPTZ,
    vanished_at TIMESTAMPTZ,
    PRIMARY KEY (region_code, entity_type, path)
);

-- === Bookkeeping, in <schema>_internal ===================================================================================
--
-- From here on new relations are made in the second schema of search_path, and names are looked up in both.
SELECT set_config('search_path', format('%I, %I', (current_schemas(false))[2], (current_schemas(false))[1]), true);

-- What a region's rows are a copy of: one address of the API, one client_id, some companies. Everything that is remembered
-- about a region (checkpoints, missing records, what is not available) speaks of this source and is reset with it.
CREATE TABLE region_sources (
    region_code TEXT PRIMARY KEY REFERENCES regions (region_code) DEFERRABLE,
    -- Normalised: lower-case scheme and host, no default port, no slash at the end.
    api_address TEXT NOT NULL,
    -- A hash of address and client_id: the account's name in leases, logs and metrics.
    account TEXT NOT NULL,
    -- The companies whose records are stored. NULL with all_companies: every company that the credentials see.
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

-- Properties of other companies that the region's credentials show as well. They and their records are left out.
CREATE TABLE excluded_properties (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    property_id BIGINT NOT NULL,
    company_id BIGINT,
    seen_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (region_code, property_id)
);

-- What the configuration of some process wants to be read. A claim lasts for the freshness target of its entity. `name` is an
-- entity, or a child list that costs calls of its own (task_comments).
CREATE TABLE claims (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    name TEXT NOT NULL,
    claimed_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (region_code, name)
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

-- How many transactions have committed under the leases of an account. Each of them counts itself. A process that remembers more
-- commits than are here knows that the database went back. Several slots keep merges from waiting for each other.
CREATE TABLE lease_commits (
    account TEXT NOT NULL REFERENCES account_leases (account) ON DELETE CASCADE DEFERRABLE,
    slot INTEGER NOT NULL,
    commits BIGINT NOT NULL,
    PRIMARY KEY (account, slot)
) WITH (fillfactor = 50);

-- How far each list was read: one row per list, of a region or of one property. A time is when the first request of a scan was
-- sent. The transaction that stores the last records of a scan writes its checkpoint, so it never claims more than is stored.
-- Comments and requirements cost a call per task. They have one row per region (parent 0): watermark is when the first one was
-- answered; since last_full_scan_at every new or changed task has its pending read. NULL: some tasks changed while these lists
-- were switched off, so all tasks get a pending read when the lists are switched on.
CREATE TABLE checkpoints (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    source TEXT NOT NULL,
    -- The property whose list it is; 0: the region's own.
    parent_id BIGINT NOT NULL,
    -- Every change before this moment is in the mirror. The last complete full or incremental scan moves it.
    watermark TIMESTAMPTZ,
    -- The last complete full scan, and the version of the mapping that it used.
    last_full_scan_at TIMESTAMPTZ,
    mapping_version BIGINT,
    -- The last complete window scan (what is planned around today), or incremental scan while nothing was planned there.
    last_window_scan_at TIMESTAMPTZ,
    -- For a list that costs a call per parent, in the row of the region: the first run in which the API refused a whole
    -- sample, with no answer since. A second such run proves that the account does not have the list.
    refused_run UUID,
    PRIMARY KEY (region_code, source, parent_id)
) WITH (fillfactor = 50);

-- One row per list and range of days (both included) that `backfill` has read completely. The transaction of the last records
-- writes it. A backfill that ends deletes its rows; those of an interrupted one count for a week.
CREATE TABLE backfills (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    source TEXT NOT NULL,
    -- The property whose list it is; 0: the region's own.
    parent_id BIGINT NOT NULL,
    since DATE NOT NULL,
    until DATE NOT NULL,
    read_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (region_code, source, parent_id, since, until)
);

-- A region's run that has begun and not ended. The next run that finds it knows that it was interrupted. Within an hour it does
-- not read again what the interrupted run has read.
CREATE TABLE unfinished_runs (
    region_code TEXT PRIMARY KEY REFERENCES regions (region_code) DEFERRABLE,
    began_at TIMESTAMPTZ NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL
);

-- Child lists that must be read: the transaction that stores a new or changed parent writes them.
CREATE TABLE pending_child_reads (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    source TEXT NOT NULL,
    parent_id BIGINT NOT NULL,
    -- The order of the payload that asked for it. Only a call that began later settles it.
    pending_order BIGINT NOT NULL,
    -- The children of this parent were never read: the first answer completes the record and is no change in its history.
    is_first BOOLEAN NOT NULL DEFAULT false,
    PRIMARY KEY (region_code, source, parent_id)
);

-- The rolling refresh of child lists: the parent with which it goes on (downwards), and when it last did.
CREATE TABLE rolling_refreshes (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    source TEXT NOT NULL,
    next_id BIGINT NOT NULL,
    paced_at TIMESTAMPTZ NOT NULL,
    -- How many live tasks it covers, and when they were counted: once a day.
    parents BIGINT NOT NULL DEFAULT 0,
    counted_at TIMESTAMPTZ NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (region_code, source)
);

-- Live records that a complete scan of their list did not show, and others whose own address has to be asked.
CREATE TABLE missing_records (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    entity_type TEXT NOT NULL,
    -- Of a tag its type, otherwise ''.
    kind TEXT NOT NULL,
    record_id BIGINT NOT NULL,
    -- The list that did not show it, as in checkpoints.
    source TEXT NOT NULL,
    parent_id BIGINT NOT NULL,
    -- candidate: its own address is asked, then it may be deleted. needs_review: the mass-deletion guard stopped it, a person
    -- decides. hidden: lists leave it out, its own address answers. pinned: a person decided that it stays. returning: not live
    -- in the mirror, live again as soon as its own address answers.
    state TEXT NOT NULL CHECK (state IN ('candidate', 'needs_review', 'hidden', 'pinned', 'returning')),
    missing_since TIMESTAMPTZ NOT NULL,
    missing_run UUID NOT NULL,
    -- The last complete scan before that which showed it.
    last_listed_at TIMESTAMPTZ,
    why TEXT NOT NULL,
    -- When its own address was asked last: the moment before the request.
    asked_at TIMESTAMPTZ,
    -- The first of two proofs: when its own address answered 404, and in which run.
    not_found_at TIMESTAMPTZ,
    not_found_run UUID,
    decided_at TIMESTAMPTZ,
    decided_by TEXT,
    -- The first whole list of a source that a person adopted did not show it: no second proof is asked for.
    is_adopted BOOLEAN NOT NULL DEFAULT false,
    PRIMARY KEY (region_code, entity_type, kind, record_id)
);

-- Rows of the mirror that somebody else deleted or truncated. The next run reads these records again. Until then the entity is not
-- fresh. There is no reference to regions, so that the rows of a region can be deleted in any order.
CREATE TABLE lost_rows (
    region_code TEXT NOT NULL,
    entity_type TEXT NOT NULL,
    table_name TEXT NOT NULL,
    -- The API's id of the record, or of a child's parent. NULL: any record of the region.
    record_id BIGINT,
    -- Of a task its property, whose list shows it.
    parent_id BIGINT,
    lost_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (region_code, table_name, record_id)
);

-- What a run could not read, and what a person has said to it. A problem that the next reading does not meet is resolved.
CREATE TABLE problems (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    entity_type TEXT NOT NULL,
    -- list: a list, of the region (record_id 0) or of one property; children: the list of one parent that costs a call of its
    -- own; record: a record's own address.
    kind TEXT NOT NULL CHECK (kind IN ('list', 'children', 'record')),
    -- As in checkpoints and pending_child_reads; for a record its entity's first list.
    source TEXT NOT NULL,
    record_id BIGINT NOT NULL,
    -- The same in words, for people.
    what TEXT NOT NULL DEFAULT '',
    -- The error's code, as in core/errors.py. not_available: the account does not have this address.
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    first_seen_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    last_seen_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    resolved_at TIMESTAMPTZ,
    -- A person accepted it, as long as its code stays the same.
    accepted_at TIMESTAMPTZ,
    accepted_by TEXT,
    accepted_why TEXT,
    PRIMARY KEY (region_code, id),
    UNIQUE (region_code, kind, source, record_id)
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

-- One row for each region, entity and comparison.
CREATE TABLE verification_results (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    run_id UUID NOT NULL,
    entity_type TEXT NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    -- proved: nothing of what was compared differs. late: only what the API changed after the last read. failed: something
    -- else differs, or did when it was last looked at. incomplete: not all was compared that should have been, or nothing.
    result TEXT NOT NULL CHECK (result IN ('proved', 'late', 'failed', 'incomplete')),
    -- Finds the same sample again.
    sample_seed BIGINT NOT NULL,
    api_calls_made BIGINT NOT NULL,
    -- How many records, lists, links … were looked at, by name.
    compared JSONB NOT NULL,
    late_differences BIGINT NOT NULL,
    missing_differences BIGINT NOT NULL,
    surplus_differences BIGINT NOT NULL,
    wrong_differences BIGINT NOT NULL,
    unexplained_differences BIGINT NOT NULL,
    -- A list of {"key", "path", "class"}, the first 10,000; never a value.
    differences JSONB NOT NULL,
    error_message TEXT,
    -- Whether everything was compared, or a sample: `compared` counts what.
    is_whole BOOLEAN NOT NULL DEFAULT false,
    PRIMARY KEY (region_code, id)
);
CREATE INDEX verification_results_latest ON verification_results (region_code, entity_type, started_at DESC);

-- Alerts that were sent. Both tables outlive regions, and an alert of no single region has the region_code '': so neither refers
-- to `regions`.

-- One row per subject that ever failed: an entity of a region, its comparison with the API, a region's credentials, long runs
-- of an account, the daily summary. Delete a row, and the next failure counts as the first one.
CREATE TABLE alert_states (
    region_code TEXT NOT NULL,
    subject TEXT NOT NULL,
    -- NULL: it does not fail.
    failing_since TIMESTAMPTZ,
    failures BIGINT NOT NULL DEFAULT 0,
    error TEXT,
    -- When the last alert was sent. NULL: none of this failure.
    notified_at TIMESTAMPTZ,
    -- The first message of this failure, which later ones answer.
    thread TEXT,
    -- While it lies in the future, one process is sending and the others wait.
    claimed_until TIMESTAMPTZ,
    -- Rises with every write; a writer names the one that it has read.
    version BIGINT NOT NULL,
    PRIMARY KEY (region_code, subject)
);

-- When messages went out in the last hour, and how many were suppressed since the last one. One row, of region_code ''.
CREATE TABLE alert_budget (
    region_code TEXT NOT NULL,
    sent_at TIMESTAMPTZ[] NOT NULL,
    suppressed BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (region_code)
);

-- Whether a process reads what is configured. attended: a living process claims it. off: the processes of this region do not
-- want it. unattended: the last process that claimed it is gone for longer than the freshness target. retired: a person took
-- the region out.
CREATE VIEW v_claims AS
WITH names (name, entity_type) AS (
    SELECT entity_type, entity_type FROM freshness_targets
    UNION ALL
    VALUES
        ('task_comments', 'tasks'),
        ('task_requirements', 'tasks'),
        ('task_tags', 'tags'),
        ('reservation_tags', 'tags'),
        ('property_tags', 'tags')
)
SELECT
    r.region_code,
    n.name,
    n.entity_type,
    c.claimed_at,
    CASE
        WHEN NOT r.is_active THEN 'retired'
        -- A time of the future was written by a wrong clock and says nothing.
        WHEN c.claimed_at BETWEEN now() - p.freshness_target AND now() + interval '5 minutes' THEN 'attended'
        WHEN c.claimed_at IS NOT NULL AND c.claimed_at >= last.claimed_at OR last.claimed_at IS NULL THEN 'unattended'
        ELSE 'off'
    END AS state
FROM regions r
CROSS JOIN names n
JOIN freshness_targets p ON p.entity_type = n.entity_type
LEFT JOIN claims c ON c.region_code = r.region_code AND c.name = n.name
LEFT JOIN LATERAL (
    SELECT max(x.claimed_at) AS claimed_at FROM claims x
    WHERE x.region_code = r.region_code AND x.claimed_at <= now() + interval '5 minutes'
) last ON true;

-- Live tasks and stays around today: what is read at the pace of the freshness target, hidden or not.
CREATE VIEW v_window_records AS
SELECT t.region_code, 'tasks' AS entity_type, t.task_id AS record_id, t.home_id AS parent_id
FROM tasks t JOIN regions r ON r.region_code = t.region_code
WHERE t.deleted_at IS NULL
  AND t.scheduled_date BETWEEN (now() AT TIME ZONE 'UTC')::date - r.window_days
    AND (now() AT TIME ZONE 'UTC')::date + r.window_days
UNION ALL
SELECT s.region_code, 'reservations', s.reservation_id, 0
FROM reservations s JOIN regions r ON r.region_code = s.region_code
WHERE s.deleted_at IS NULL
  AND s.checkin_date <= (now() AT TIME ZONE 'UTC')::date + r.window_days
  AND s.checkout_date >= (now() AT TIME ZONE 'UTC')::date - r.window_days;

-- Calls for the children of single parents that a person has accepted to fail, or to bring what cannot be stored.
CREATE VIEW v_accepted_child_reads AS
SELECT region_code, source, record_id::text AS parent, last_seen_at FROM problems
WHERE kind = 'children' AND resolved_at IS NULL AND accepted_at IS NOT NULL
UNION ALL
SELECT region_code, entity_type, record_id, last_seen_at FROM rejected_records
WHERE entity_type IN ('task_comments', 'task_requirements') AND resolved_at IS NULL AND accepted_at IS NOT NULL;

-- Pending reads of comments and requirements. Left out are those that a person has accepted, and those of a task whose own
-- address answered 404: the second proof deletes such a task, or an answer makes its reads pending again.
CREATE VIEW v_pending_child_reads AS
SELECT o.region_code, o.source, o.parent_id FROM pending_child_reads o
WHERE NOT EXISTS (
    SELECT FROM v_accepted_child_reads a
    WHERE a.region_code = o.region_code AND a.source = o.source AND a.parent = o.parent_id::text
) AND NOT EXISTS (
    SELECT FROM missing_records m
    WHERE m.region_code = o.region_code AND m.entity_type = 'tasks' AND m.kind = '' AND m.record_id = o.parent_id
      AND m.not_found_at IS NOT NULL
);

-- === Views and functions =================================================================================================
--
-- Live rows only (deleted_at IS NULL), of regions that are not retired.
SELECT set_config('search_path', format('%I, %I', (current_schemas(false))[2], (current_schemas(false))[1]), true);

-- Live properties without a single photo.
CREATE VIEW v_properties_without_photos AS
SELECT p.id, p.property_id, p.region_code, p.property_name
FROM properties p
JOIN regions r ON r.region_code = p.region_code AND r.is_active
WHERE p.deleted_at IS NULL
  AND NOT EXISTS (SELECT FROM property_photos ph WHERE ph.region_code = p.region_code AND ph.property_pk = p.id);

-- Live reservations whose property the mirror does not know.
CREATE VIEW v_orphaned_reservations AS
SELECT x.id, x.reservation_id, x.region_code, x.property_id
FROM reservations x
JOIN regions r ON r.region_code = x.region_code AND r.is_active
WHERE x.property_pk IS NULL AND x.deleted_at IS NULL;

-- Live tasks whose property the mirror does not know.
CREATE VIEW v_orphaned_tasks AS
SELECT x.id, x.task_id, x.region_code, x.home_id
FROM tasks x
JOIN regions r ON r.region_code = x.region_code AND r.is_active
WHERE x.property_pk IS NULL AND x.deleted_at IS NULL;

-- How many live rows each region has that is not retired.
CREATE VIEW v_region_stats AS
SELECT
    r.region_code,
    r.region_name,
    (SELECT count(*) FROM properties x WHERE x.region_code = r.region_code AND x.deleted_at IS NULL) AS property_count,
    (SELECT count(*) FROM reservations x WHERE x.region_code = r.region_code AND x.deleted_at IS NULL) AS reservation_count,
    (SELECT count(*) FROM tasks x WHERE x.region_code = r.region_code AND x.deleted_at IS NULL) AS task_count
FROM regions r
WHERE r.is_active;

-- How many tasks name a reservation, and how many of these are linked to it.
CREATE VIEW v_task_reservation_linkage AS
SELECT
    t.region_code,
    count(*) AS total_tasks,
    count(t.linked_reservation_id) AS has_linked_id,
    count(t.reservation_pk) AS has_reservation_fk,
    round(100.0 * count(t.linked_reservation_id) / count(*), 2) AS linked_pct,
    round(100.0 * count(t.reservation_pk) / nullif(count(t.linked_reservation_id), 0), 2) AS resolution_pct
FROM tasks t
JOIN regions r ON r.region_code = t.region_code AND r.is_active
WHERE t.deleted_at IS NULL
GROUP BY t.region_code;

-- API fields that no column takes. Objects are looked into, one level deep.
CREATE VIEW v_field_gaps AS
WITH kept (entity_type, extra, synced_at) AS (
    SELECT 'properties' AS entity_type, extra, synced_at FROM properties WHERE extra IS NOT NULL AND deleted_at IS NULL UNION ALL
    SELECT 'reservations', extra, synced_at FROM reservations WHERE extra IS NOT NULL AND deleted_at IS NULL UNION ALL
    SELECT 'tasks', extra, synced_at FROM tasks WHERE extra IS NOT NULL AND deleted_at IS NULL UNION ALL
    SELECT 'people', extra, synced_at FROM people WHERE extra IS NOT NULL AND deleted_at IS NULL UNION ALL
    SELECT 'supplies', extra, synced_at FROM supplies WHERE extra IS NOT NULL AND deleted_at IS NULL UNION ALL
    SELECT 'tags', extra, synced_at FROM tags WHERE extra IS NOT NULL AND deleted_at IS NULL UNION ALL
    SELECT 'templates', extra, synced_at FROM templates WHERE extra IS NOT NULL AND deleted_at IS NULL UNION ALL
    SELECT 'subdepartments', extra, synced_at FROM subdepartments WHERE extra IS NOT NULL AND deleted_at IS NULL UNION ALL
    SELECT 'property_photos', extra, synced_at FROM property_photos WHERE extra IS NOT NULL UNION ALL
    SELECT 'property_contacts', extra, synced_at FROM property_contacts WHERE extra IS NOT NULL UNION ALL
    SELECT 'reservation_guests', extra, synced_at FROM reservation_guests WHERE extra IS NOT NULL UNION ALL
    SELECT 'task_assignments', extra, synced_at FROM task_assignments WHERE extra IS NOT NULL UNION ALL
    SELECT 'task_photos', extra, synced_at FROM task_photos WHERE extra IS NOT NULL UNION ALL
    SELECT 'task_supplies', extra, synced_at FROM task_supplies WHERE extra IS NOT NULL UNION ALL
    SELECT 'task_costs', extra, synced_at FROM task_costs WHERE extra IS NOT NULL UNION ALL
    SELECT 'task_comments', extra, synced_at FROM task_comments WHERE extra IS NOT NULL UNION ALL
    SELECT 'task_requirements', extra, synced_at FROM task_requirements WHERE extra IS NOT NULL
), fields AS (
    SELECT k.entity_type, f.key AS name, f.value, k.synced_at
    FROM kept k, jsonb_each(k.extra) f
)
SELECT
    entity_type,
    CASE WHEN inner_name IS NULL THEN name ELSE name || '.' || inner_name END AS field,
    jsonb_typeof(coalesce(inner_value, value)) AS json_type,
    count(*) AS row_count,
    min(synced_at) AS since
FROM fields
LEFT JOIN LATERAL jsonb_each(CASE WHEN jsonb_typeof(value) = 'object' THEN value END) n (inner_name, inner_value) ON true
GROUP BY 1, 2, 3;

-- What happened to each task, in the order in which it was seen.
CREATE VIEW v_task_life AS
SELECT region_code, record_id AS task_id, seen_at, what, field, old_value, new_value
FROM record_history
WHERE entity_type = 'tasks'
ORDER BY region_code, record_id, id;

-- What happened to each reservation, in the order in which it was seen.
CREATE VIEW v_reservation_life AS
SELECT region_code, record_id AS reservation_id, seen_at, what, field, old_value, new_value
FROM record_history
WHERE entity_type = 'reservations'
ORDER BY region_code, record_id, id;

-- The newest comparison of each region and entity with the API, and when all of it was last compared and found right.
CREATE VIEW v_latest_verifications AS
SELECT DISTINCT ON (c.region_code, c.entity_type)
    c.region_code,
    c.entity_type,
    c.result,
    c.started_at,
    c.finished_at,
    c.compared,
    c.late_differences,
    c.missing_differences,
    c.surplus_differences,
    c.wrong_differences,
    c.unexplained_differences,
    c.differences,
    c.error_message,
    c.is_whole,
    (
        SELECT max(w.started_at) FROM verification_results w
        WHERE w.region_code = c.region_code AND w.entity_type = c.entity_type AND w.is_whole
          AND w.result IN ('proved', 'late')
    ) AS fully_verified_at
FROM verification_results c
ORDER BY c.region_code, c.entity_type, c.started_at DESC, c.id DESC;

-- One row per region and entity that somebody is expected to read, also where no run has been recorded yet.
CREATE VIEW v_sync_status AS
SELECT
    k.region_code,
    p.entity_type,
    latest.sync_status,
    success.last_successful_sync_at,
    now() - success.last_successful_sync_at AS age,
    p.freshness_target,
    k.state = 'unattended' OR coalesce(now() - success.last_successful_sync_at > p.freshness_target, true) AS is_late,
    latest.records_processed,
    latest.api_calls_made,
    extract(epoch FROM coalesce(latest.sync_completed_at, now()) - latest.sync_started_at)::numeric(12, 3)
        AS duration_seconds,
    CASE WHEN k.state = 'unattended'
        THEN concat_ws('; ', 'no process works this region any more: start one, or `breezeway-sync regions retire`',
            latest.error_message)
        ELSE latest.error_message
    END AS error_message,
    CASE WHEN k.state = 'unattended' THEN 'unattended' ELSE latest.error_code END AS error_code
FROM v_claims k
JOIN freshness_targets p ON p.entity_type = k.name
LEFT JOIN LATERAL (
    SELECT l.*
    FROM etl_sync_log l
    WHERE l.region_code = k.region_code AND l.entity_type = p.entity_type
    ORDER BY l.sync_started_at DESC, l.id DESC
    LIMIT 1
) latest ON true
LEFT JOIN LATERAL (
    SELECT max(l.last_successful_sync_at) AS last_successful_sync_at
    FROM etl_sync_log l
    WHERE l.region_code = k.region_code AND l.entity_type = p.entity_type
) success ON true
WHERE k.state IN ('attended', 'unattended');

-- One row per region and entity: up to which moment every change of it is in the mirror, and what is missing.
-- `as_of` is when the oldest reading began among the lists that the entity consists of (of tasks and contacts one per
-- live property, and the list of properties itself), and among tasks and stays around today when the oldest was last shown
-- or asked for; NULL while one of them was never read to its end. `hidden_as_of` is the oldest moment at which any other
-- task or stay was last shown by a full scan or its own address. What a person accepted is left out of both and counted
-- (`accepted_problems`). While records are rejected or need review, `as_of` stays where the last success before that began.
-- Deletions are behind it: they are proven later, see `deletions`.
CREATE VIEW v_freshness AS
WITH parts (entity_type, source, is_per_property, is_own) AS (
    VALUES
        ('properties', 'properties', false, true),
        ('reservations', 'reservations', false, true),
        ('tasks', 'tasks', true, true),
        ('tasks', 'properties', false, false),
        ('people', 'people', false, true),
        ('supplies', 'supplies', false, true),
        ('tags', 'task_tags', false, true),
        ('tags', 'reservation_tags', false, true),
        ('tags', 'property_tags', false, true),
        ('property_contacts', 'property_contacts', true, true),
        ('property_contacts', 'properties', false, false),
        ('templates', 'templates', false, true),
        ('subdepartments', 'subdepartments', false, true)
), accepted AS (
    SELECT x.id, x.region_code, x.entity_type, x.kind, x.source, x.record_id, x.last_seen_at
    FROM problems x WHERE x.resolved_at IS NULL AND x.accepted_at IS NOT NULL
    UNION ALL
    -- Contacts that no row can take: their list was read, and is not the mirror's.
    SELECT x.id, x.region_code, x.entity_type, 'children', x.entity_type,
        CASE WHEN x.record_id ~ '^-?[0-9]{1,19}$' THEN x.record_id::bigint END, x.last_seen_at
    FROM rejected_records x
    WHERE x.entity_type = 'property_contacts' AND x.resolved_at IS NULL AND x.accepted_at IS NOT NULL
)
SELECT
    r.region_code,
    e.entity_type,
    r.is_active,
    CASE
        WHEN source.lists = 0 OR source.unavailable > 0 OR list.unread > 0 OR near.is_unknown THEN NULL
        WHEN reject.since IS NULL AND held.since IS NULL THEN least(list.watermark, list.asked_at, near.seen_at)
        -- NULL, and not the other one, where there was no success before.
        WHEN success.began_at IS NOT NULL THEN least(list.watermark, list.asked_at, near.seen_at, success.began_at)
    END AS as_of,
    CASE WHEN source.lists > 0 AND list.unread = 0 AND NOT far.is_unknown
        THEN least(list.last_full_scan_at, list.asked_at, far.seen_at)
    END AS hidden_as_of,
    claim.state = 'off' AS is_switched_off,
    claim.state = 'unattended' AS is_unattended,
    source.unavailable AS unavailable_lists,
    s.blocked_why,
    list.lists,
    list.unread AS unread_lists,
    reject.records AS open_rejects,
    held.records AS records_in_review,
    pending.calls AS pending_child_reads,
    problem.accepted + reject.accepted + child.accepted AS accepted_problems,
    latest.sync_status AS last_status,
    -- What kept the last run from being a success stands in a table, and is settled or accepted since: all of it, or all
    -- but comments and requirements of tasks.
    latest.is_written AND problem.open + reject.records + child.rejects + held.records = 0 AS is_settled,
    latest.is_written AND problem.open - problem.open_comments + reject.records + held.records = 0
        AS is_settled_but_comments,
    verified.result AS verification_result,
    verified.started_at AS verified_at
FROM regions r
CROSS JOIN (SELECT DISTINCT entity_type FROM parts) e
JOIN v_claims claim ON claim.region_code = r.region_code AND claim.name = e.entity_type
LEFT JOIN region_sources s ON s.region_code = r.region_code
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE p.is_own) AS lists,
        count(*) FILTER (WHERE p.is_own AND u.source IS NOT NULL AND a.id IS NULL) AS unavailable,
        array_agg(p.source) FILTER (WHERE u.source IS NULL) AS names
    FROM parts p
    LEFT JOIN v_claims k ON k.region_code = r.region_code AND k.name = p.source
    LEFT JOIN unavailable_sources u ON u.region_code = r.region_code AND u.source = p.source
    LEFT JOIN accepted a ON a.region_code = r.region_code AND a.kind = 'list' AND a.source = p.source AND a.record_id = 0
    WHERE p.entity_type = e.entity_type AND (p.source = e.entity_type OR NOT p.is_own OR k.state IS DISTINCT FROM 'off')
) source
CROSS JOIN LATERAL (
    SELECT
        count(*) AS lists,
        count(*) FILTER (WHERE covered.at IS NULL) AS unread,
        min(covered.at) AS watermark,
        -- Of an entity of which all is accepted: when the API last said no.
        CASE WHEN count(*) FILTER (WHERE p.is_own) = 0 THEN (
            SELECT min(a.last_seen_at) FROM accepted a
            WHERE a.region_code = r.region_code AND a.entity_type = e.entity_type AND a.kind <> 'record'
        ) END AS asked_at,
        -- A region without properties has no other list than the one of properties.
        CASE WHEN count(*) FILTER (WHERE p.is_own) = 0 THEN min(covered.at)
            ELSE min(w.last_full_scan_at) FILTER (WHERE p.is_own)
        END AS last_full_scan_at
    FROM parts p
    CROSS JOIN LATERAL (
        SELECT 0::bigint AS parent_id WHERE NOT p.is_per_property
        UNION ALL
        SELECT x.property_id FROM properties x
        WHERE p.is_per_property AND x.region_code = r.region_code AND x.deleted_at IS NULL
    ) asked
    LEFT JOIN checkpoints w ON w.region_code = r.region_code AND w.source = p.source AND w.parent_id = asked.parent_id
        AND greatest(w.watermark, w.last_window_scan_at, w.last_full_scan_at) <= now() + interval '5 minutes'
    CROSS JOIN LATERAL (
        SELECT CASE
            -- Somebody deleted rows by hand: nothing was read until the next run has looked.
            WHEN EXISTS (
                SELECT FROM lost_rows l
                WHERE l.region_code = r.region_code AND l.entity_type IN (e.entity_type, p.source)
            ) THEN NULL
            WHEN EXISTS (
                SELECT FROM v_window_records n
                WHERE n.region_code = r.region_code AND n.entity_type = p.source AND n.parent_id = asked.parent_id
            ) THEN CASE WHEN w.last_window_scan_at IS NOT NULL THEN least(w.watermark, w.last_window_scan_at) END
            ELSE w.watermark
        END AS at
    ) covered
    WHERE p.entity_type = e.entity_type AND p.source = ANY (source.names)
      AND NOT EXISTS (
        SELECT FROM accepted a
        WHERE a.region_code = r.region_code AND a.kind IN ('list', 'children') AND a.source = p.source
          AND a.record_id = asked.parent_id
      )
) list
-- Records around today that their lists do not show: as old as the answer of their own address.
CROSS JOIN LATERAL (
    SELECT
        min(coalesce(m.asked_at, m.last_listed_at)) AS seen_at,
        coalesce(bool_or(m.asked_at IS NULL AND m.last_listed_at IS NULL), false) AS is_unknown
    FROM missing_records m
    LEFT JOIN v_window_records n ON n.region_code = m.region_code AND n.entity_type = m.entity_type
        AND n.record_id = m.record_id
    WHERE m.region_code = r.region_code AND m.entity_type = e.entity_type AND m.state <> 'pinned'
      -- What comes back may be near or not.
      AND (n.record_id IS NOT NULL OR m.state = 'returning')
      AND NOT EXISTS (
        SELECT FROM accepted a
        WHERE a.region_code = r.region_code AND a.kind = 'record' AND a.source = m.source AND a.record_id = m.record_id
      )
) near
CROSS JOIN LATERAL (
    SELECT
        min(coalesce(m.asked_at, m.last_listed_at)) AS seen_at,
        coalesce(bool_or(m.asked_at IS NULL AND m.last_listed_at IS NULL), false) AS is_unknown
    FROM missing_records m
    WHERE m.region_code = r.region_code AND m.entity_type = e.entity_type AND m.state <> 'pinned'
      AND NOT EXISTS (
        SELECT FROM v_window_records n
        WHERE n.region_code = m.region_code AND n.entity_type = m.entity_type AND n.record_id = m.record_id
      )
      AND NOT EXISTS (
        SELECT FROM accepted a
        WHERE a.region_code = r.region_code AND a.kind = 'record' AND a.source = m.source AND a.record_id = m.record_id
      )
) far
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE x.accepted_at IS NULL) AS records,
        count(*) FILTER (WHERE x.accepted_at IS NOT NULL) AS accepted,
        min(x.first_seen_at) FILTER (WHERE x.accepted_at IS NULL) AS since
    FROM rejected_records x
    WHERE x.region_code = r.region_code AND x.entity_type = e.entity_type AND x.resolved_at IS NULL
) reject
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE x.accepted_at IS NOT NULL) AS accepted,
        count(*) FILTER (WHERE x.accepted_at IS NULL AND x.code <> 'not_available') AS open,
        count(*) FILTER (
            WHERE x.accepted_at IS NULL AND x.code <> 'not_available' AND x.kind = 'children' AND x.entity_type = 'tasks'
        ) AS open_comments
    FROM problems x
    WHERE x.region_code = r.region_code AND x.entity_type = e.entity_type AND x.resolved_at IS NULL
) problem
-- Comments and requirements that could not be stored: they hold no `as_of`, as they come later.
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE x.accepted_at IS NULL) AS rejects,
        count(*) FILTER (WHERE x.accepted_at IS NOT NULL) AS accepted
    FROM rejected_records x
    WHERE x.region_code = r.region_code AND e.entity_type = 'tasks' AND x.resolved_at IS NULL
      AND x.entity_type IN ('task_comments', 'task_requirements')
) child
CROSS JOIN LATERAL (
    SELECT count(*) AS records, min(m.missing_since) AS since FROM missing_records m
    WHERE m.region_code = r.region_code AND m.entity_type = e.entity_type AND m.state = 'needs_review'
) held
CROSS JOIN LATERAL (
    SELECT max(l.sync_started_at) AS began_at FROM etl_sync_log l
    WHERE l.region_code = r.region_code AND l.entity_type = e.entity_type AND l.sync_status = 'success'
      AND l.sync_completed_at <= least(reject.since, held.since)
) success
CROSS JOIN LATERAL (
    SELECT count(*) AS calls FROM v_pending_child_reads o
    JOIN v_claims k ON k.region_code = r.region_code AND k.name = o.source AND k.state <> 'off'
    WHERE o.region_code = r.region_code AND e.entity_type = 'tasks'
      AND NOT EXISTS (
        SELECT FROM unavailable_sources u WHERE u.region_code = r.region_code AND u.source = o.source
      )
) pending
LEFT JOIN LATERAL (
    SELECT l.sync_status, coalesce((l.details ->> 'is_written')::boolean, false) AS is_written
    FROM etl_sync_log l
    WHERE l.region_code = r.region_code AND l.entity_type = e.entity_type AND l.sync_status <> 'running'
    ORDER BY l.sync_started_at DESC, l.id DESC
    LIMIT 1
) latest ON true
LEFT JOIN LATERAL (
    SELECT c.result, c.started_at FROM verification_results c
    WHERE c.region_code = r.region_code AND c.entity_type = e.entity_type AND c.result <> 'incomplete'
    ORDER BY c.started_at DESC, c.id DESC
    LIMIT 1
) verified ON true;

-- The functions are bound to the tables of this schema when they are made: no search_path of a caller matters.

-- Up to which moment every change of an entity in a region is in the mirror; of `'all'` or NULL for a region: in all that
-- are not retired. NULL where no such moment is known, also for names that do not exist.
CREATE FUNCTION as_of(region TEXT, entity TEXT) RETURNS TIMESTAMPTZ
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN bool_and(f.as_of IS NOT NULL) THEN min(f.as_of) END
    FROM v_freshness f
    WHERE f.entity_type = as_of.entity
      AND CASE
        WHEN coalesce(as_of.region, 'all') = 'all' THEN f.is_active
        ELSE f.region_code = as_of.region
      END;
END;

-- Raises SQLSTATE BZ001 with this message; what `require_fresh` refuses with.
CREATE FUNCTION refuse_data(message TEXT) RETURNS TIMESTAMPTZ
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'BZ001', MESSAGE = message;
END $$;

-- Returns the moment, and says in a NOTICE what a person has accepted of the data.
CREATE FUNCTION accept_data(moment TIMESTAMPTZ, message TEXT) RETURNS TIMESTAMPTZ
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RAISE NOTICE USING MESSAGE = message;
    RETURN moment;
END $$;

-- The same moment as `as_of`, or SQLSTATE BZ001 where it is older than `max_age`, not known, or where the data is
-- partial: records that are rejected or need review, the last run not a success, comments and requirements of tasks still to
-- be read, a region that no process works or whose source has changed.
-- with_comments => false: these calls are no reason, nor a run that was partial for them alone.
-- hidden_within: so old may be what is known of tasks and stays that lists leave out and that are not around today; NULL: any age.
-- verified_within: the newest comparison with the API is not older and found nothing wrong; NULL: none is asked for.
-- accepted => false: refuses also what a person has accepted (`breezeway-sync problems`).
CREATE FUNCTION require_fresh(
    region TEXT,
    entity TEXT,
    max_age INTERVAL,
    with_comments BOOLEAN DEFAULT true,
    hidden_within INTERVAL DEFAULT '7 days',
    verified_within INTERVAL DEFAULT NULL,
    accepted BOOLEAN DEFAULT true
)
RETURNS TIMESTAMPTZ
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH found AS (
        SELECT f.*
        FROM v_freshness f
        WHERE f.entity_type = require_fresh.entity
          AND CASE
            WHEN coalesce(require_fresh.region, 'all') = 'all' THEN f.is_active
            ELSE f.region_code = require_fresh.region
          END
    ), judged AS (
        SELECT f.region_code, f.as_of, f.accepted_problems, concat_ws(', ',
            CASE WHEN NOT f.is_active THEN 'a retired region (`breezeway-sync regions adopt` brings it back)' END,
            CASE WHEN f.blocked_why IS NOT NULL THEN 'source_changed: ' || f.blocked_why END,
            CASE WHEN f.is_unattended THEN 'a region that no process works any more' END,
            CASE
                WHEN f.is_switched_off THEN 'nothing, it is off: no process that works this region asks for it'
                WHEN f.unavailable_lists > 0 THEN f.unavailable_lists
                    || ' lists that this account does not have (`breezeway-sync problems` accepts that)'
                WHEN f.unread_lists > 0 THEN f.unread_lists || ' of ' || f.lists || ' lists never read to the end'
                WHEN f.as_of IS NULL THEN 'no complete reading yet'
                WHEN (f.as_of >= now() - require_fresh.max_age) IS NOT TRUE
                    THEN 'as of ' || to_char(f.as_of AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC'
            END,
            CASE WHEN f.entity_type IN ('tasks', 'reservations')
                AND (require_fresh.hidden_within IS NULL
                    OR f.hidden_as_of >= now() - require_fresh.hidden_within) IS NOT TRUE
                THEN coalesce('what lists leave out as of '
                    || to_char(f.hidden_as_of AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC',
                    'nothing known of what lists leave out') || ' (hidden_within => NULL: any age)'
            END,
            CASE WHEN f.open_rejects > 0 THEN f.open_rejects || ' rejected records (see rejected_records)' END,
            CASE WHEN f.records_in_review > 0
                THEN f.records_in_review || ' records gone at once that wait for a person (see missing_records)' END,
            CASE WHEN f.pending_child_reads > 0 AND require_fresh.with_comments IS NOT FALSE
                THEN f.pending_child_reads || ' pending reads of comments and requirements (with_comments => false: without them)'
            END,
            CASE WHEN f.accepted_problems > 0 AND require_fresh.accepted IS FALSE
                THEN f.accepted_problems || ' problems that a person accepted (see problems)' END,
            CASE WHEN require_fresh.verified_within IS NOT NULL AND (
                    f.verification_result IN ('proved', 'late')
                    AND f.verified_at >= now() - require_fresh.verified_within
                ) IS NOT TRUE
                THEN coalesce('a comparison with the API that is ' || f.verification_result || ', of '
                    || to_char(f.verified_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC',
                    'no comparison with the API') || ' (see v_latest_verifications)'
            END,
            CASE
                WHEN f.last_status = 'success' OR f.is_settled THEN NULL
                WHEN f.is_settled_but_comments AND require_fresh.with_comments IS FALSE THEN NULL
                ELSE coalesce('the last run was ' || f.last_status, 'no run has ended') || ' (see etl_sync_log)'
            END
        ) AS flaw
        FROM found f
    ), told AS (
        SELECT
            min(j.as_of) AS as_of,
            count(*) AS regions,
            sum(j.accepted_problems) AS accepted_problems,
            string_agg(j.region_code || ': got ' || j.flaw, '; ' ORDER BY j.region_code) FILTER (WHERE j.flaw <> '')
                AS flaws
        FROM judged j
    )
    SELECT CASE
        WHEN t.regions = 0 THEN refuse_data(
            format('no such data (%s %s): wanted a region of the table regions, or all, and an entity of v_freshness '
                'that is available there',
                require_fresh.region, require_fresh.entity))
        WHEN t.flaws IS NOT NULL THEN refuse_data(
            format('%s may not be used: %s; wanted all of it, not older than %s. Look at v_freshness; '
                '`breezeway-sync run %s %s` reads it now',
                require_fresh.entity, t.flaws, coalesce(require_fresh.max_age::text, 'NULL'),
                coalesce(require_fresh.region, 'all'), require_fresh.entity))
        WHEN t.accepted_problems > 0 THEN accept_data(t.as_of,
            format('%s is complete but for %s accepted problems, see `breezeway-sync problems list`',
                require_fresh.entity, t.accepted_problems))
        ELSE t.as_of
    END
    FROM told t;
END;

-- === Rows that somebody deletes by hand ==================================================================================

-- Notes what a statement deletes: live records by `key`, children by the key of their parent where that one stays. Arguments:
-- entity, key, what names the list (0: the region's); of children also the parent's table and the column that refers to it.
-- Ids are kept because lists may show a record no more: then only its own address does. Past 100,000 records of a region:
-- all of the region, and lists alone say what they were.
CREATE FUNCTION note_lost_rows() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone TEXT := CASE TG_OP WHEN 'TRUNCATE' THEN format('%I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME) ELSE 'gone' END;
    lost TEXT;
BEGIN
    IF TG_NARGS = 3 THEN
        lost := format('SELECT region_code, %I AS record_id, %s AS parent_id FROM %s WHERE deleted_at IS NULL',
            TG_ARGV[1], TG_ARGV[2], gone);
    ELSE
        lost := format('SELECT DISTINCT p.region_code, p.%I AS record_id, %s AS parent_id FROM %s g '
            'JOIN %I.%I p ON p.region_code = g.region_code AND p.id = g.%I WHERE p.deleted_at IS NULL',
            TG_ARGV[1], TG_ARGV[2], gone, TG_TABLE_SCHEMA, TG_ARGV[3], TG_ARGV[4]);
        -- A parent that is deleted here is missed by nobody: a list that still shows it writes it again.
        EXECUTE format('UPDATE %I.%I p SET payload_hash = NULL FROM %s g WHERE p.region_code = g.region_code '
            'AND p.id = g.%I AND p.deleted_at IS NOT NULL AND p.payload_hash IS NOT NULL',
            TG_TABLE_SCHEMA, TG_ARGV[3], gone, TG_ARGV[4]);
    END IF;
    -- TRUNCATE takes away what a transaction with an older snapshot does not see.
    IF TG_OP = 'TRUNCATE' AND current_setting('transaction_isolation') <> 'read committed' THEN
        lost := format('%s UNION ALL SELECT region_code, NULL, NULL FROM %I.regions', lost, TG_TABLE_SCHEMA);
    END IF;
    EXECUTE format('WITH lost AS MATERIALIZED (%s), '
        'few AS (SELECT region_code, count(*) <= 100000 AS are_few FROM lost GROUP BY region_code) '
        'INSERT INTO %I.lost_rows (region_code, entity_type, table_name, record_id, parent_id) '
        'SELECT DISTINCT region_code, $1, $2, CASE WHEN are_few THEN record_id END, CASE WHEN are_few THEN parent_id END '
        'FROM lost JOIN few USING (region_code) ON CONFLICT DO NOTHING', lost, TG_TABLE_SCHEMA || '_internal')
        USING TG_ARGV[0], TG_TABLE_NAME;
    RETURN NULL;
END $$;
-- It writes with its owner's rights: nobody else makes triggers of it.
REVOKE ALL ON FUNCTION note_lost_rows() FROM PUBLIC;

-- What this product deletes itself is not lost: its transactions say so by a setting. TRUNCATE shows no old rows, so they
-- are read before; with CASCADE all these triggers come before anything is gone.
DO $$
DECLARE
    mirrored RECORD;
BEGIN
    FOR mirrored IN
        SELECT * FROM (VALUES
            ('tags', 'tags, tag_id, 0'),
            ('people', 'people, person_id, 0'),
            ('supplies', 'supplies, supply_id, 0'),
            ('templates', 'templates, template_id, 0'),
            ('subdepartments', 'subdepartments, subdepartment_id, 0'),
            ('properties', 'properties, property_id, 0'),
            ('property_photos', 'properties, property_id, 0, properties, property_pk'),
            ('property_contacts', 'property_contacts, property_id, 0, properties, property_pk'),
            ('reservations', 'reservations, reservation_id, 0'),
            ('reservation_guests', 'reservations, reservation_id, 0, reservations, reservation_pk'),
            ('reservation_tags', 'reservations, reservation_id, 0, reservations, reservation_pk'),
            ('tasks', 'tasks, task_id, home_id'),
            ('task_assignments', 'tasks, task_id, home_id, tasks, task_pk'),
            ('task_photos', 'tasks, task_id, home_id, tasks, task_pk'),
            ('task_supplies', 'tasks, task_id, home_id, tasks, task_pk'),
            ('task_costs', 'tasks, task_id, home_id, tasks, task_pk'),
            ('task_comments', 'tasks, task_id, home_id, tasks, task_pk'),
            ('task_requirements', 'tasks, task_id, home_id, tasks, task_pk'),
            ('task_tags', 'tasks, task_id, home_id, tasks, task_pk')
        ) x (name, arguments)
    LOOP
        EXECUTE format('CREATE TRIGGER note_deleted AFTER DELETE ON %I REFERENCING OLD TABLE AS gone FOR EACH STATEMENT '
            'WHEN (current_setting(''breezeway_sync.writing'', true) IS DISTINCT FROM ''on'') '
            'EXECUTE FUNCTION note_lost_rows(%s)', mirrored.name, mirrored.arguments);
        EXECUTE format('CREATE TRIGGER note_truncated BEFORE TRUNCATE ON %I FOR EACH STATEMENT '
            'WHEN (current_setting(''breezeway_sync.writing'', true) IS DISTINCT FROM ''on'') '
            'EXECUTE FUNCTION note_lost_rows(%s)', mirrored.name, mirrored.arguments);
    END LOOP;
END $$;
