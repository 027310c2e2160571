-- Days that are read again on demand, and how far that has come.

-- One row per list and days (both included) that `backfill` has read whole, written in the transaction of the last
-- records. The rows of a backfill that has ended are gone; those of one that was cut off count for a week.
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
