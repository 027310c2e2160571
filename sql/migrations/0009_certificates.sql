-- What comparing the mirror with the API has found.

-- One row for each region, entity and comparison.
CREATE TABLE certificates (
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
CREATE INDEX certificates_latest ON certificates (region_code, entity_type, started_at DESC);

-- The newest certificate of each region and entity, and when everything was last compared and found right.
CREATE VIEW v_latest_certificates AS
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
        SELECT max(w.started_at) FROM certificates w
        WHERE w.region_code = c.region_code AND w.entity_type = c.entity_type AND w.is_whole
          AND w.result IN ('proved', 'late')
    ) AS wholly_proved_at
FROM certificates c
ORDER BY c.region_code, c.entity_type, c.started_at DESC, c.id DESC;
