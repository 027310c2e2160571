-- How far each list has been read, what a list does not show any more, and what was deleted on which proof.

-- One row per list: of a whole region, or of one property. Times are when the first request of a walk was sent. It
-- says nothing but what is stored already: written in the transaction of the records that it speaks for.
-- Of comments and requirements, which cost a call per task, one row per region (parent 0): covered_at is when one was
-- answered first, whole_at since when every new or changed task has owed its call; NULL: some changed while they were
-- switched off, and all owe it when they are wanted.
CREATE TABLE walks (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    source TEXT NOT NULL,
    -- The property whose list it is; 0: the region's own.
    parent_id BIGINT NOT NULL,
    -- Every change before this moment is in the mirror: the last complete walk, of everything or of what changed.
    covered_at TIMESTAMPTZ,
    -- The last complete walk of everything, and for which version of the mapping it was made.
    whole_at TIMESTAMPTZ,
    mapping_version BIGINT,
    -- The last complete walk of what is planned around that day, or of all changes while nothing was planned around it.
    near_at TIMESTAMPTZ,
    -- Of a list that is asked for parent by parent, in the row of the region: the first run in which a whole sample was
    -- refused, with no answer since. A second one says that the account does not have it.
    refused_run UUID,
    PRIMARY KEY (region_code, source, parent_id)
) WITH (fillfactor = 50);

-- A region's run that has begun and not ended. Found at the next start, it was cut off: where it was seen within the
-- last hour, the lists that it has read are not read again.
CREATE TABLE passes (
    region_code TEXT PRIMARY KEY REFERENCES regions (region_code) DEFERRABLE,
    began_at TIMESTAMPTZ NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL
);

-- Calls for children that a rolling sweep makes owed: with which parent it goes on, downwards, and when it last did.
CREATE TABLE sweeps (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    source TEXT NOT NULL,
    next_id BIGINT NOT NULL,
    paced_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (region_code, source)
);

-- Live records that a complete walk of their list did not show, and others that their own address is asked for.
CREATE TABLE missing_records (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    entity_type TEXT NOT NULL,
    -- Of a tag its type, otherwise ''.
    kind TEXT NOT NULL,
    record_id BIGINT NOT NULL,
    -- The list that did not show it, as in walks.
    source TEXT NOT NULL,
    parent_id BIGINT NOT NULL,
    -- open: a candidate for deletion, its own address is asked; held: too many are gone at once, a person decides;
    -- unlisted: hidden, its own address answers; kept: a person said that it stays; returning: not live in the mirror, live
    -- again as soon as its own address answers.
    state TEXT NOT NULL CHECK (state IN ('open', 'held', 'unlisted', 'kept', 'returning')),
    noticed_at TIMESTAMPTZ NOT NULL,
    noticed_run UUID NOT NULL,
    -- The last complete walk before that which showed it.
    shown_at TIMESTAMPTZ,
    why TEXT NOT NULL,
    -- When its own address was asked last: the moment before the request.
    asked_at TIMESTAMPTZ,
    -- The first of two proofs: when its own address answered 404, and in which run.
    gone_at TIMESTAMPTZ,
    gone_run UUID,
    decided_at TIMESTAMPTZ,
    decided_by TEXT,
    -- The first whole list of a source that a person adopted did not show it: no second proof is asked for.
    is_adopted BOOLEAN NOT NULL DEFAULT false,
    PRIMARY KEY (region_code, entity_type, kind, record_id)
);

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

-- Tasks of one property, whatever the property is to the mirror: what its list is compared with.
CREATE INDEX ON tasks (region_code, home_id);
-- Stays of one property: what goes with it.
CREATE INDEX ON reservations (region_code, property_id);

-- Rows that somebody else than this product deleted or truncated: the next run reads again what they were, and until then
-- nothing of the entity is fresh. No reference to regions: what belongs to a region that goes is deleted in any order.
CREATE TABLE lost_rows (
    region_code TEXT NOT NULL,
    entity_type TEXT NOT NULL,
    table_name TEXT NOT NULL,
    -- The API's id of the record, of a child that of the record it belonged to; NULL: any of the region.
    record_id BIGINT,
    -- Of a task its property, whose list shows it.
    parent_id BIGINT,
    lost_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (region_code, table_name, record_id)
);

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
        'FROM lost JOIN few USING (region_code) ON CONFLICT DO NOTHING', lost, TG_TABLE_SCHEMA)
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
