-- Up to which moment everything is in the mirror, as SQL that a payroll or a bill can ask before it uses the data.

-- What the configuration switches off, entities and parts of them: nobody reads it, so nothing waits for it.
ALTER TABLE regions
    ADD COLUMN disabled_sources TEXT[] NOT NULL DEFAULT '{}';

-- One row per region and entity: up to which moment every change of it is in the mirror, and what is missing.
-- `as_of` is when the oldest reading began among the lists that the entity consists of (of tasks and contacts one per
-- live property, and the list of properties itself); NULL while one of them was never read to its end, and where the
-- account has none of them. While records wait rejected or held, it stays where the last success before that began.
-- Deletions are behind it: they are proven later, see `deletions`.
CREATE VIEW v_freshness AS
WITH parts (entity_type, source, is_per_property, is_own) AS (
    VALUES
        ('properties', 'properties', false, true),
        ('reservations', 'reservations', false, true),
        ('tasks', 'tasks', true, true),
        ('tasks', 'properties', false, false),
        ('people', 'people', false, true),
        ('supplies', 'supplies', false, true),
        ('tags', 'task_tags', false, true),
        ('tags', 'reservation_tags', false, true),
        ('tags', 'property_tags', false, true),
        ('property_contacts', 'property_contacts', true, true),
        ('property_contacts', 'properties', false, false),
        ('templates', 'templates', false, true),
        ('subdepartments', 'subdepartments', false, true)
)
SELECT
    r.region_code,
    e.entity_type,
    r.is_active,
    CASE
        WHEN source.available = 0 OR list.unread > 0 THEN NULL
        WHEN reject.since IS NULL AND held.since IS NULL THEN list.covered_at
        -- NULL, and not the other one, where there was no success before.
        WHEN success.began_at IS NOT NULL THEN least(list.covered_at, success.began_at)
    END AS as_of,
    e.entity_type = ANY (r.disabled_sources) AS is_switched_off,
    source.available = 0 AND e.entity_type <> ALL (r.disabled_sources) AS is_unavailable,
    list.lists,
    list.unread AS unread_lists,
    reject.records AS open_rejects,
    held.records AS held_records,
    owed.calls AS owed_calls,
    latest.sync_status AS last_status,
    latest.owed_calls > 0 AS last_run_owed
FROM regions r
CROSS JOIN (SELECT DISTINCT entity_type FROM parts) e
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE p.is_own) AS available, array_agg(p.source) AS names
    FROM parts p
    WHERE p.entity_type = e.entity_type
      AND e.entity_type <> ALL (r.disabled_sources) AND p.source <> ALL (r.disabled_sources)
      AND NOT EXISTS (
        SELECT FROM unavailable_sources u WHERE u.region_code = r.region_code AND u.source = p.source
      )
) source
CROSS JOIN LATERAL (
    SELECT
        count(*) AS lists,
        count(*) FILTER (WHERE w.covered_at IS NULL) AS unread,
        min(w.covered_at) AS covered_at
    FROM parts p
    CROSS JOIN LATERAL (
        SELECT 0::bigint AS parent_id WHERE NOT p.is_per_property
        UNION ALL
        SELECT x.property_id FROM properties x
        WHERE p.is_per_property AND x.region_code = r.region_code AND x.deleted_at IS NULL
    ) wanted
    -- A time of the future was written by a wrong clock and says nothing.
    LEFT JOIN walks w ON w.region_code = r.region_code AND w.source = p.source AND w.parent_id = wanted.parent_id
        AND w.covered_at <= now() + interval '5 minutes'
    WHERE p.entity_type = e.entity_type AND p.source = ANY (source.names)
) list
CROSS JOIN LATERAL (
    SELECT count(*) AS records, min(x.first_seen_at) AS since FROM rejected_records x
    WHERE x.region_code = r.region_code AND x.entity_type = e.entity_type AND x.resolved_at IS NULL
) reject
CROSS JOIN LATERAL (
    SELECT count(*) AS records, min(m.noticed_at) AS since FROM missing_records m
    WHERE m.region_code = r.region_code AND m.entity_type = e.entity_type AND m.state = 'held'
) held
CROSS JOIN LATERAL (
    SELECT max(l.sync_started_at) AS began_at FROM etl_sync_log l
    WHERE l.region_code = r.region_code AND l.entity_type = e.entity_type AND l.sync_status = 'success'
      AND l.sync_completed_at <= least(reject.since, held.since)
) success
CROSS JOIN LATERAL (
    SELECT count(*) AS calls FROM owed_calls o
    WHERE o.region_code = r.region_code AND e.entity_type = 'tasks' AND o.source <> ALL (r.disabled_sources)
      AND NOT EXISTS (
        SELECT FROM unavailable_sources u WHERE u.region_code = r.region_code AND u.source = o.source
      )
) owed
LEFT JOIN LATERAL (
    SELECT l.sync_status, l.owed_calls FROM etl_sync_log l
    WHERE l.region_code = r.region_code AND l.entity_type = e.entity_type AND l.sync_status <> 'running'
    ORDER BY l.sync_started_at DESC, l.id DESC
    LIMIT 1
) latest ON true;

-- The functions are bound to the tables of this schema when they are made: no search_path of a caller matters.

-- Up to which moment every change of an entity in a region is in the mirror; of `'all'` or NULL for a region: in all
-- active ones that have it. NULL where no such moment is known, also for names that do not exist.
CREATE FUNCTION as_of(region TEXT, entity TEXT) RETURNS TIMESTAMPTZ
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN bool_and(f.as_of IS NOT NULL) THEN min(f.as_of) END
    FROM v_freshness f
    WHERE f.entity_type = as_of.entity
      AND CASE
        WHEN coalesce(as_of.region, 'all') = 'all' THEN f.is_active AND NOT f.is_unavailable
        ELSE f.region_code = as_of.region
      END;
END;

-- Raises SQLSTATE BZ001 with this message; what `require_fresh` refuses with.
CREATE FUNCTION refuse_data(message TEXT) RETURNS TIMESTAMPTZ
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'BZ001', MESSAGE = message;
END $$;

-- The same moment as `as_of`, or SQLSTATE BZ001 where it is older than `max_age`, not known, or where the data is
-- partial: records rejected or held, the last run not a success, calls for comments and requirements of tasks still
-- owed. With `with_comments => false` these calls are no reason, nor a run that was partial for them alone.
CREATE FUNCTION require_fresh(region TEXT, entity TEXT, max_age INTERVAL, with_comments BOOLEAN DEFAULT true)
RETURNS TIMESTAMPTZ
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH found AS (
        SELECT f.*
        FROM v_freshness f
        WHERE f.entity_type = require_fresh.entity
          AND CASE
            WHEN coalesce(require_fresh.region, 'all') = 'all' THEN f.is_active AND NOT f.is_unavailable
            ELSE f.region_code = require_fresh.region
          END
    ), judged AS (
        SELECT f.region_code, f.as_of, concat_ws(', ',
            CASE
                WHEN f.is_switched_off THEN 'nothing, it is switched off in the configuration'
                WHEN f.is_unavailable THEN 'nothing, this account does not have it'
                WHEN f.unread_lists > 0 THEN f.unread_lists || ' of ' || f.lists || ' lists never read to the end'
                WHEN f.as_of IS NULL THEN 'no complete reading yet'
                WHEN (f.as_of >= now() - require_fresh.max_age) IS NOT TRUE
                    THEN 'as of ' || to_char(f.as_of AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC'
            END,
            CASE WHEN f.open_rejects > 0 THEN f.open_rejects || ' rejected records (see rejected_records)' END,
            CASE WHEN f.held_records > 0
                THEN f.held_records || ' records gone at once that wait for a person (see missing_records)' END,
            CASE WHEN f.owed_calls > 0 AND require_fresh.with_comments IS NOT FALSE
                THEN f.owed_calls || ' calls for comments and requirements owed (with_comments => false: without them)'
            END,
            CASE
                WHEN f.last_status = 'success' THEN NULL
                WHEN f.last_status = 'partial' AND f.last_run_owed AND require_fresh.with_comments IS FALSE THEN NULL
                ELSE coalesce('the last run was ' || f.last_status, 'no run has ended') || ' (see etl_sync_log)'
            END
        ) AS flaw
        FROM found f
    ), told AS (
        SELECT
            min(j.as_of) AS as_of,
            count(*) AS regions,
            string_agg(j.region_code || ': got ' || j.flaw, '; ' ORDER BY j.region_code) FILTER (WHERE j.flaw <> '')
                AS flaws
        FROM judged j
    )
    SELECT CASE
        WHEN t.regions = 0 THEN refuse_data(
            format('no such data (%s %s): wanted a region of the table regions, or all, and an entity of v_freshness '
                'that is available there',
                require_fresh.region, require_fresh.entity))
        WHEN t.flaws IS NOT NULL THEN refuse_data(
            format('%s may not be used: %s; wanted all of it, not older than %s. Look at v_freshness; '
                '`breezeway-sync run %s %s` reads it now',
                require_fresh.entity, t.flaws, coalesce(require_fresh.max_age::text, 'NULL'),
                coalesce(require_fresh.region, 'all'), require_fresh.entity))
        ELSE t.as_of
    END
    FROM told t;
END;
