-- The mirror itself: what people query.
--
-- Every key begins with the region, so that a link can never cross regions. Types take whatever the API can
-- legally send; what no column takes is in `extra`. payload_hash, mapping_version and read_order are the
-- mirror's own: what the stored content was made from, and the order of the request that brought it.

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
