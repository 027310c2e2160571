-- What bringing a rejected record again must know: which list it came from, and which answer is the newer one. Without
-- its type, the rejected tags of two lists that have the same id were taken for one.
ALTER TABLE rejected_records
    -- Of a tag its type, otherwise ''.
    ADD COLUMN kind TEXT NOT NULL DEFAULT '',
    -- The order of the request that brought the payload, as in the mirror's own rows; 0: not written down.
    ADD COLUMN read_order BIGINT NOT NULL DEFAULT 0,
    -- Characters of the payload were removed or replaced.
    ADD COLUMN is_altered BOOLEAN NOT NULL DEFAULT false,
    DROP CONSTRAINT rejected_records_region_code_entity_type_record_id_key,
    ADD UNIQUE (region_code, entity_type, kind, record_id);
