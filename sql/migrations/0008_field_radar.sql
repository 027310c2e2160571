-- What the API's records look like, by JSON path.

-- One row for each path that a region's records ever had: `assignments[].name` is a name within a list's items. Counts
-- are those of the latest reading that was written down, at most once a day unless something changes. Deleting the rows
-- of a region and entity makes its next reading a first one, of which nobody is told.
CREATE TABLE field_radar (
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
