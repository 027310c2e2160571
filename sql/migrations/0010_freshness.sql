-- Up to which moment everything is in the mirror, as SQL that a payroll or a bill can ask before it uses the data.

-- Whether somebody reads what he is expected to. held: a living process claims it. off: the processes that work the region
-- do not ask for it. unattended: the last process that claimed it is gone for longer than the freshness target.
-- retired: a person took the region out.
CREATE VIEW v_claims AS
WITH names (name, entity_type) AS (
    SELECT entity_type, entity_type FROM sync_promises
    UNION ALL
    VALUES
        ('task_comments', 'tasks'),
        ('task_requirements', 'tasks'),
        ('task_tags', 'tags'),
        ('reservation_tags', 'tags'),
        ('property_tags', 'tags')
)
SELECT
    r.region_code,
    n.name,
    n.entity_type,
    c.claimed_at,
    CASE
        WHEN NOT r.is_active THEN 'retired'
        -- A time of the future was written by a wrong clock and says nothing.
        WHEN c.claimed_at BETWEEN now() - p.promise AND now() + interval '5 minutes' THEN 'held'
        WHEN c.claimed_at IS NOT NULL AND c.claimed_at >= last.claimed_at OR last.claimed_at IS NULL THEN 'unattended'
        ELSE 'off'
    END AS state
FROM regions r
CROSS JOIN names n
JOIN sync_promises p ON p.entity_type = n.entity_type
LEFT JOIN claims c ON c.region_code = r.region_code AND c.name = n.name
LEFT JOIN LATERAL (
    SELECT max(x.claimed_at) AS claimed_at FROM claims x
    WHERE x.region_code = r.region_code AND x.claimed_at <= now() + interval '5 minutes'
) last ON true;

-- One row per region and entity that somebody is expected to read, also where no run has been recorded yet.
CREATE VIEW v_sync_status AS
SELECT
    k.region_code,
    p.entity_type,
    latest.sync_status,
    success.last_successful_sync_at,
    now() - success.last_successful_sync_at AS age,
    p.promise,
    k.state = 'unattended' OR coalesce(now() - success.last_successful_sync_at > p.promise, true) AS is_late,
    latest.records_processed,
    latest.api_calls_made,
    extract(epoch FROM coalesce(latest.sync_completed_at, now()) - latest.sync_started_at)::numeric(12, 3)
        AS duration_seconds,
    CASE WHEN k.state = 'unattended'
        THEN concat_ws('; ', 'no process works this region any more: start one, or `breezeway-sync regions retire`',
            latest.error_message)
        ELSE latest.error_message
    END AS error_message
FROM v_claims k
JOIN sync_promises p ON p.entity_type = k.name
LEFT JOIN LATERAL (
    SELECT l.*
    FROM etl_sync_log l
    WHERE l.region_code = k.region_code AND l.entity_type = p.entity_type
    ORDER BY l.sync_started_at DESC, l.id DESC
    LIMIT 1
) latest ON true
LEFT JOIN LATERAL (
    SELECT max(l.last_successful_sync_at) AS last_successful_sync_at
    FROM etl_sync_log l
    WHERE l.region_code = k.region_code AND l.entity_type = p.entity_type
) success ON true
WHERE k.state IN ('held', 'unattended');

-- Live tasks and stays around today: what is read at the pace of the freshness target, hidden or not.
CREATE VIEW v_near_records AS
SELECT t.region_code, 'tasks' AS entity_type, t.task_id AS record_id, t.home_id AS parent_id
FROM tasks t JOIN regions r ON r.region_code = t.region_code
WHERE t.deleted_at IS NULL
  AND t.scheduled_date BETWEEN (now() AT TIME ZONE 'UTC')::date - r.near_days
    AND (now() AT TIME ZONE 'UTC')::date + r.near_days
UNION ALL
SELECT s.region_code, 'reservations', s.reservation_id, 0
FROM reservations s JOIN regions r ON r.region_code = s.region_code
WHERE s.deleted_at IS NULL
  AND s.checkin_date <= (now() AT TIME ZONE 'UTC')::date + r.near_days
  AND s.checkout_date >= (now() AT TIME ZONE 'UTC')::date - r.near_days;

-- Calls for the children of single parents that a person has accepted to fail, or to bring what cannot be stored.
CREATE VIEW v_accepted_calls AS
SELECT region_code, source, record_id::text AS parent, last_seen_at FROM problems
WHERE kind = 'children' AND resolved_at IS NULL AND accepted_at IS NOT NULL
UNION ALL
SELECT region_code, entity_type, record_id, last_seen_at FROM rejected_records
WHERE entity_type IN ('task_comments', 'task_requirements') AND resolved_at IS NULL AND accepted_at IS NOT NULL;

-- Calls for comments and requirements that are owed: not those that a person has accepted, nor those of a task whose own
-- address answered 404. Such a task is deleted after its second proof, or read after an answer.
CREATE VIEW v_owed_calls AS
SELECT o.region_code, o.source, o.parent_id FROM owed_calls o
WHERE NOT EXISTS (
    SELECT FROM v_accepted_calls a
    WHERE a.region_code = o.region_code AND a.source = o.source AND a.parent = o.parent_id::text
) AND NOT EXISTS (
    SELECT FROM missing_records m
    WHERE m.region_code = o.region_code AND m.entity_type = 'tasks' AND m.kind = '' AND m.record_id = o.parent_id
      AND m.gone_at IS NOT NULL
);

-- One row per region and entity: up to which moment every change of it is in the mirror, and what is missing.
-- `as_of` is when the oldest reading began among the lists that the entity consists of (of tasks and contacts one per
-- live property, and the list of properties itself), and among tasks and stays around today when the oldest was last shown
-- or asked for; NULL while one of them was never read to its end. `hidden_as_of` is the oldest moment at which any other
-- task or stay was last shown by a full scan or its own address. What a person accepted is left out of both and counted
-- (`accepted_problems`). While records wait rejected or held, `as_of` stays where the last success before that began.
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
), accepted AS (
    SELECT x.id, x.region_code, x.entity_type, x.kind, x.source, x.record_id, x.last_seen_at
    FROM problems x WHERE x.resolved_at IS NULL AND x.accepted_at IS NOT NULL
    UNION ALL
    -- Contacts that no row can take: their list was read, and is not the mirror's.
    SELECT x.id, x.region_code, x.entity_type, 'children', x.entity_type,
        CASE WHEN x.record_id ~ '^-?[0-9]{1,19}$' THEN x.record_id::bigint END, x.last_seen_at
    FROM rejected_records x
    WHERE x.entity_type = 'property_contacts' AND x.resolved_at IS NULL AND x.accepted_at IS NOT NULL
)
SELECT
    r.region_code,
    e.entity_type,
    r.is_active,
    CASE
        WHEN source.wanted = 0 OR source.unavailable > 0 OR list.unread > 0 OR near.is_unknown THEN NULL
        WHEN reject.since IS NULL AND held.since IS NULL THEN least(list.covered_at, list.asked_at, near.seen_at)
        -- NULL, and not the other one, where there was no success before.
        WHEN success.began_at IS NOT NULL THEN least(list.covered_at, list.asked_at, near.seen_at, success.began_at)
    END AS as_of,
    CASE WHEN source.wanted > 0 AND list.unread = 0 AND NOT far.is_unknown
        THEN least(list.whole_at, list.asked_at, far.seen_at)
    END AS hidden_as_of,
    claim.state = 'off' AS is_switched_off,
    claim.state = 'unattended' AS is_unattended,
    source.unavailable AS unavailable_lists,
    s.blocked_why,
    list.lists,
    list.unread AS unread_lists,
    reject.records AS open_rejects,
    held.records AS held_records,
    owed.calls AS owed_calls,
    problem.accepted + reject.accepted + child.accepted AS accepted_problems,
    latest.sync_status AS last_status,
    -- What kept the last run from being a success stands in a table, and is settled or accepted since: all of it, or all
    -- but comments and requirements of tasks.
    latest.is_written AND problem.open + reject.records + child.rejects + held.records = 0 AS is_settled,
    latest.is_written AND problem.open - problem.open_comments + reject.records + held.records = 0
        AS is_settled_but_comments,
    verified.result AS verification_result,
    verified.started_at AS verified_at
FROM regions r
CROSS JOIN (SELECT DISTINCT entity_type FROM parts) e
JOIN v_claims claim ON claim.region_code = r.region_code AND claim.name = e.entity_type
LEFT JOIN region_sources s ON s.region_code = r.region_code
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE p.is_own) AS wanted,
        count(*) FILTER (WHERE p.is_own AND u.source IS NOT NULL AND a.id IS NULL) AS unavailable,
        array_agg(p.source) FILTER (WHERE u.source IS NULL) AS names
    FROM parts p
    LEFT JOIN v_claims k ON k.region_code = r.region_code AND k.name = p.source
    LEFT JOIN unavailable_sources u ON u.region_code = r.region_code AND u.source = p.source
    LEFT JOIN accepted a ON a.region_code = r.region_code AND a.kind = 'list' AND a.source = p.source AND a.record_id = 0
    WHERE p.entity_type = e.entity_type AND (p.source = e.entity_type OR NOT p.is_own OR k.state IS DISTINCT FROM 'off')
) source
CROSS JOIN LATERAL (
    SELECT
        count(*) AS lists,
        count(*) FILTER (WHERE covered.at IS NULL) AS unread,
        min(covered.at) AS covered_at,
        -- Of an entity of which all is accepted: when the API last said no.
        CASE WHEN count(*) FILTER (WHERE p.is_own) = 0 THEN (
            SELECT min(a.last_seen_at) FROM accepted a
            WHERE a.region_code = r.region_code AND a.entity_type = e.entity_type AND a.kind <> 'record'
        ) END AS asked_at,
        -- A region without properties has no other list than the one of properties.
        CASE WHEN count(*) FILTER (WHERE p.is_own) = 0 THEN min(covered.at)
            ELSE min(w.whole_at) FILTER (WHERE p.is_own)
        END AS whole_at
    FROM parts p
    CROSS JOIN LATERAL (
        SELECT 0::bigint AS parent_id WHERE NOT p.is_per_property
        UNION ALL
        SELECT x.property_id FROM properties x
        WHERE p.is_per_property AND x.region_code = r.region_code AND x.deleted_at IS NULL
    ) wanted
    LEFT JOIN walks w ON w.region_code = r.region_code AND w.source = p.source AND w.parent_id = wanted.parent_id
        AND greatest(w.covered_at, w.near_at, w.whole_at) <= now() + interval '5 minutes'
    CROSS JOIN LATERAL (
        SELECT CASE
            -- Somebody deleted rows by hand: nothing was read until the next run has looked.
            WHEN EXISTS (
                SELECT FROM lost_rows l
                WHERE l.region_code = r.region_code AND l.entity_type IN (e.entity_type, p.source)
            ) THEN NULL
            WHEN EXISTS (
                SELECT FROM v_near_records n
                WHERE n.region_code = r.region_code AND n.entity_type = p.source AND n.parent_id = wanted.parent_id
            ) THEN CASE WHEN w.near_at IS NOT NULL THEN least(w.covered_at, w.near_at) END
            ELSE w.covered_at
        END AS at
    ) covered
    WHERE p.entity_type = e.entity_type AND p.source = ANY (source.names)
      AND NOT EXISTS (
        SELECT FROM accepted a
        WHERE a.region_code = r.region_code AND a.kind IN ('list', 'children') AND a.source = p.source
          AND a.record_id = wanted.parent_id
      )
) list
-- Records around today that their lists do not show: as old as the answer of their own address.
CROSS JOIN LATERAL (
    SELECT
        min(coalesce(m.asked_at, m.shown_at)) AS seen_at,
        coalesce(bool_or(m.asked_at IS NULL AND m.shown_at IS NULL), false) AS is_unknown
    FROM missing_records m
    LEFT JOIN v_near_records n ON n.region_code = m.region_code AND n.entity_type = m.entity_type
        AND n.record_id = m.record_id
    WHERE m.region_code = r.region_code AND m.entity_type = e.entity_type AND m.state <> 'kept'
      -- What comes back may be near or not.
      AND (n.record_id IS NOT NULL OR m.state = 'returning')
      AND NOT EXISTS (
        SELECT FROM accepted a
        WHERE a.region_code = r.region_code AND a.kind = 'record' AND a.source = m.source AND a.record_id = m.record_id
      )
) near
CROSS JOIN LATERAL (
    SELECT
        min(coalesce(m.asked_at, m.shown_at)) AS seen_at,
        coalesce(bool_or(m.asked_at IS NULL AND m.shown_at IS NULL), false) AS is_unknown
    FROM missing_records m
    WHERE m.region_code = r.region_code AND m.entity_type = e.entity_type AND m.state <> 'kept'
      AND NOT EXISTS (
        SELECT FROM v_near_records n
        WHERE n.region_code = m.region_code AND n.entity_type = m.entity_type AND n.record_id = m.record_id
      )
      AND NOT EXISTS (
        SELECT FROM accepted a
        WHERE a.region_code = r.region_code AND a.kind = 'record' AND a.source = m.source AND a.record_id = m.record_id
      )
) far
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE x.accepted_at IS NULL) AS records,
        count(*) FILTER (WHERE x.accepted_at IS NOT NULL) AS accepted,
        min(x.first_seen_at) FILTER (WHERE x.accepted_at IS NULL) AS since
    FROM rejected_records x
    WHERE x.region_code = r.region_code AND x.entity_type = e.entity_type AND x.resolved_at IS NULL
) reject
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE x.accepted_at IS NOT NULL) AS accepted,
        count(*) FILTER (WHERE x.accepted_at IS NULL AND x.code <> 'not_available') AS open,
        count(*) FILTER (
            WHERE x.accepted_at IS NULL AND x.code <> 'not_available' AND x.kind = 'children' AND x.entity_type = 'tasks'
        ) AS open_comments
    FROM problems x
    WHERE x.region_code = r.region_code AND x.entity_type = e.entity_type AND x.resolved_at IS NULL
) problem
-- Comments and requirements that could not be stored: they hold no `as_of`, as they come later.
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE x.accepted_at IS NULL) AS rejects,
        count(*) FILTER (WHERE x.accepted_at IS NOT NULL) AS accepted
    FROM rejected_records x
    WHERE x.region_code = r.region_code AND e.entity_type = 'tasks' AND x.resolved_at IS NULL
      AND x.entity_type IN ('task_comments', 'task_requirements')
) child
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
    SELECT count(*) AS calls FROM v_owed_calls o
    JOIN v_claims k ON k.region_code = r.region_code AND k.name = o.source AND k.state <> 'off'
    WHERE o.region_code = r.region_code AND e.entity_type = 'tasks'
      AND NOT EXISTS (
        SELECT FROM unavailable_sources u WHERE u.region_code = r.region_code AND u.source = o.source
      )
) owed
LEFT JOIN LATERAL (
    SELECT l.sync_status, coalesce((l.details ->> 'is_written')::boolean, false) AS is_written
    FROM etl_sync_log l
    WHERE l.region_code = r.region_code AND l.entity_type = e.entity_type AND l.sync_status <> 'running'
    ORDER BY l.sync_started_at DESC, l.id DESC
    LIMIT 1
) latest ON true
LEFT JOIN LATERAL (
    SELECT c.result, c.started_at FROM certificates c
    WHERE c.region_code = r.region_code AND c.entity_type = e.entity_type AND c.result <> 'incomplete'
    ORDER BY c.started_at DESC, c.id DESC
    LIMIT 1
) verified ON true;

-- The functions are bound to the tables of this schema when they are made: no search_path of a caller matters.

-- Up to which moment every change of an entity in a region is in the mirror; of `'all'` or NULL for a region: in all that
-- are not retired. NULL where no such moment is known, also for names that do not exist.
CREATE FUNCTION as_of(region TEXT, entity TEXT) RETURNS TIMESTAMPTZ
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN bool_and(f.as_of IS NOT NULL) THEN min(f.as_of) END
    FROM v_freshness f
    WHERE f.entity_type = as_of.entity
      AND CASE
        WHEN coalesce(as_of.region, 'all') = 'all' THEN f.is_active
        ELSE f.region_code = as_of.region
      END;
END;

-- Raises SQLSTATE BZ001 with this message; what `require_fresh` refuses with.
CREATE FUNCTION refuse_data(message TEXT) RETURNS TIMESTAMPTZ
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'BZ001', MESSAGE = message;
END $$;

-- Returns the moment, and says in a NOTICE what a person has accepted of the data.
CREATE FUNCTION accept_data(moment TIMESTAMPTZ, message TEXT) RETURNS TIMESTAMPTZ
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RAISE NOTICE USING MESSAGE = message;
    RETURN moment;
END $$;

-- The same moment as `as_of`, or SQLSTATE BZ001 where it is older than `max_age`, not known, or where the data is
-- partial: records rejected or held, the last run not a success, calls for comments and requirements of tasks still
-- owed, a region that no process works or whose source has changed.
-- with_comments => false: these calls are no reason, nor a run that was partial for them alone.
-- hidden_within: so old may be what is known of tasks and stays that lists leave out and that are not around today; NULL: any age.
-- verified_within: the newest comparison with the API is not older and found nothing wrong; NULL: none is asked for.
-- accepted => false: refuses also what a person has accepted (`breezeway-sync problems`).
CREATE FUNCTION require_fresh(
    region TEXT,
    entity TEXT,
    max_age INTERVAL,
    with_comments BOOLEAN DEFAULT true,
    hidden_within INTERVAL DEFAULT '7 days',
    verified_within INTERVAL DEFAULT NULL,
    accepted BOOLEAN DEFAULT true
)
RETURNS TIMESTAMPTZ
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH found AS (
        SELECT f.*
        FROM v_freshness f
        WHERE f.entity_type = require_fresh.entity
          AND CASE
            WHEN coalesce(require_fresh.region, 'all') = 'all' THEN f.is_active
            ELSE f.region_code = require_fresh.region
          END
    ), judged AS (
        SELECT f.region_code, f.as_of, f.accepted_problems, concat_ws(', ',
            CASE WHEN NOT f.is_active THEN 'a retired region (`breezeway-sync regions adopt` brings it back)' END,
            CASE WHEN f.blocked_why IS NOT NULL THEN 'source_changed: ' || f.blocked_why END,
            CASE WHEN f.is_unattended THEN 'a region that no process works any more' END,
            CASE
                WHEN f.is_switched_off THEN 'nothing, it is off: no process that works this region asks for it'
                WHEN f.unavailable_lists > 0 THEN f.unavailable_lists
                    || ' lists that this account does not have (`breezeway-sync problems` accepts that)'
                WHEN f.unread_lists > 0 THEN f.unread_lists || ' of ' || f.lists || ' lists never read to the end'
                WHEN f.as_of IS NULL THEN 'no complete reading yet'
                WHEN (f.as_of >= now() - require_fresh.max_age) IS NOT TRUE
                    THEN 'as of ' || to_char(f.as_of AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC'
            END,
            CASE WHEN f.entity_type IN ('tasks', 'reservations')
                AND (require_fresh.hidden_within IS NULL
                    OR f.hidden_as_of >= now() - require_fresh.hidden_within) IS NOT TRUE
                THEN coalesce('what lists leave out as of '
                    || to_char(f.hidden_as_of AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC',
                    'nothing known of what lists leave out') || ' (hidden_within => NULL: any age)'
            END,
            CASE WHEN f.open_rejects > 0 THEN f.open_rejects || ' rejected records (see rejected_records)' END,
            CASE WHEN f.held_records > 0
                THEN f.held_records || ' records gone at once that wait for a person (see missing_records)' END,
            CASE WHEN f.owed_calls > 0 AND require_fresh.with_comments IS NOT FALSE
                THEN f.owed_calls || ' calls for comments and requirements owed (with_comments => false: without them)'
            END,
            CASE WHEN f.accepted_problems > 0 AND require_fresh.accepted IS FALSE
                THEN f.accepted_problems || ' problems that a person accepted (see problems)' END,
            CASE WHEN require_fresh.verified_within IS NOT NULL AND (
                    f.verification_result IN ('proved', 'late')
                    AND f.verified_at >= now() - require_fresh.verified_within
                ) IS NOT TRUE
                THEN coalesce('a comparison with the API that is ' || f.verification_result || ', of '
                    || to_char(f.verified_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC',
                    'no comparison with the API') || ' (see v_latest_certificates)'
            END,
            CASE
                WHEN f.last_status = 'success' OR f.is_settled THEN NULL
                WHEN f.is_settled_but_comments AND require_fresh.with_comments IS FALSE THEN NULL
                ELSE coalesce('the last run was ' || f.last_status, 'no run has ended') || ' (see etl_sync_log)'
            END
        ) AS flaw
        FROM found f
    ), told AS (
        SELECT
            min(j.as_of) AS as_of,
            count(*) AS regions,
            sum(j.accepted_problems) AS accepted_problems,
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
        WHEN t.accepted_problems > 0 THEN accept_data(t.as_of,
            format('%s is complete but for %s accepted problems, see `breezeway-sync problems list`',
                require_fresh.entity, t.accepted_problems))
        ELSE t.as_of
    END
    FROM told t;
END;
