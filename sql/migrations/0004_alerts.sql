-- What people have been told. Both tables outlive regions, and what concerns no single region has the region_code
-- '': so neither refers to `regions`.

-- One row for each thing that was ever found failing: an entity of a region, its mirror that differs from the API, a
-- region's credentials, long runs of an account, the daily summary. Deleting a row makes the next failure a first one again.
CREATE TABLE alert_states (
    region_code TEXT NOT NULL,
    subject TEXT NOT NULL,
    -- NULL: it does not fail.
    failing_since TIMESTAMPTZ,
    failures BIGINT NOT NULL DEFAULT 0,
    error TEXT,
    -- When people were told last; NULL: not of this failure.
    told_at TIMESTAMPTZ,
    -- The first message of this failure, which later ones answer.
    thread TEXT,
    -- While it is in the future, one process is telling people and the others keep still.
    claimed_until TIMESTAMPTZ,
    -- Rises with every write; a writer names the one that it has read.
    version BIGINT NOT NULL,
    PRIMARY KEY (region_code, subject)
);

-- When messages went out in the last hour, and how many were held back since the last one. One row, of region_code ''.
CREATE TABLE alert_budget (
    region_code TEXT NOT NULL,
    sent_at TIMESTAMPTZ[] NOT NULL,
    held_back BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (region_code)
);
