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

-- Live records that a complete walk of their list did not show.
CREATE TABLE missing_records (
    region_code TEXT NOT NULL REFERENCES regions (region_code) DEFERRABLE,
    entity_type TEXT NOT NULL,
    -- Of a tag its type, otherwise ''.
    kind TEXT NOT NULL,
    record_id BIGINT NOT NULL,
    -- The list that did not show it, as in walks.
    source TEXT NOT NULL,
    parent_id BIGINT NOT NULL,
    -- noticed: by a run that is not over; open: a candidate for deletion; held: too many at once, a person decides;
    -- unlisted: its own address still answers; kept: a person said that it stays.
    state TEXT NOT NULL CHECK (state IN ('noticed', 'open', 'held', 'unlisted', 'kept')),
    noticed_at TIMESTAMPTZ NOT NULL,
    noticed_run UUID NOT NULL,
    -- The last moment before that at which its list showed it.
    shown_at TIMESTAMPTZ,
    why TEXT NOT NULL,
    -- When its own address was asked last, and answered.
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
