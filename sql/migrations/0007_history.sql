-- The life of records: what changed, from what, to what, when it was seen.

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
