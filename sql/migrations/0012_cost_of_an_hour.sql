-- What an hourly cycle and the daemon's own questions cost, however many tasks, log rows and rejections are kept.

ALTER TABLE sweeps
    -- How many live tasks the sweep goes round, and when they were counted: once a day.
    ADD COLUMN parents BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN counted_at TIMESTAMPTZ NOT NULL DEFAULT '-infinity';

-- The tasks of one property that are planned on some days: the days around today are compared without those long past.
CREATE INDEX ON tasks (region_code, home_id, scheduled_date);
DROP INDEX tasks_region_code_home_id_idx1;

-- The last success of a region and entity, the runs of the last day, and what a dead process left: not the whole log.
CREATE INDEX etl_sync_log_success ON etl_sync_log (region_code, entity_type, last_successful_sync_at);
CREATE INDEX etl_sync_log_age ON etl_sync_log (sync_started_at);
CREATE INDEX etl_sync_log_running ON etl_sync_log (region_code) WHERE sync_status = 'running';

-- Rejections that are still open: not those that ever were.
CREATE INDEX rejected_records_open ON rejected_records (region_code, entity_type, kind, record_id)
    WHERE resolved_at IS NULL;
