-- Questions that people ask every day. Live rows only (deleted_at IS NULL), of regions that are not retired.

-- Live properties without a single photo.
CREATE VIEW v_properties_without_photos AS
SELECT p.id, p.property_id, p.region_code, p.property_name
FROM properties p
JOIN regions r ON r.region_code = p.region_code AND r.is_active
WHERE p.deleted_at IS NULL
  AND NOT EXISTS (SELECT FROM property_photos ph WHERE ph.region_code = p.region_code AND ph.property_pk = p.id);

-- Live reservations whose property the mirror does not know.
CREATE VIEW v_orphaned_reservations AS
SELECT x.id, x.reservation_id, x.region_code, x.property_id
FROM reservations x
JOIN regions r ON r.region_code = x.region_code AND r.is_active
WHERE x.property_pk IS NULL AND x.deleted_at IS NULL;

-- Live tasks whose property the mirror does not know.
CREATE VIEW v_orphaned_tasks AS
SELECT x.id, x.task_id, x.region_code, x.home_id
FROM tasks x
JOIN regions r ON r.region_code = x.region_code AND r.is_active
WHERE x.property_pk IS NULL AND x.deleted_at IS NULL;

-- How many live rows each region has that is not retired.
CREATE VIEW v_region_stats AS
SELECT
    r.region_code,
    r.region_name,
    (SELECT count(*) FROM properties x WHERE x.region_code = r.region_code AND x.deleted_at IS NULL) AS property_count,
    (SELECT count(*) FROM reservations x WHERE x.region_code = r.region_code AND x.deleted_at IS NULL) AS reservation_count,
    (SELECT count(*) FROM tasks x WHERE x.region_code = r.region_code AND x.deleted_at IS NULL) AS task_count
FROM regions r
WHERE r.is_active;

-- How many tasks name a reservation, and how many of these are linked to it.
CREATE VIEW v_task_reservation_linkage AS
SELECT
    t.region_code,
    count(*) AS total_tasks,
    count(t.linked_reservation_id) AS has_linked_id,
    count(t.reservation_pk) AS has_reservation_fk,
    round(100.0 * count(t.linked_reservation_id) / count(*), 2) AS linked_pct,
    round(100.0 * count(t.reservation_pk) / nullif(count(t.linked_reservation_id), 0), 2) AS resolution_pct
FROM tasks t
JOIN regions r ON r.region_code = t.region_code AND r.is_active
WHERE t.deleted_at IS NULL
GROUP BY t.region_code;

-- API fields that no column takes. Objects are looked into, one level deep.
CREATE VIEW v_field_gaps AS
WITH kept (entity_type, extra, synced_at) AS (
    SELECT 'properties' AS entity_type, extra, synced_at FROM properties WHERE extra IS NOT NULL AND deleted_at IS NULL UNION ALL
    SELECT 'reservations', extra, synced_at FROM reservations WHERE extra IS NOT NULL AND deleted_at IS NULL UNION ALL
    SELECT 'tasks', extra, synced_at FROM tasks WHERE extra IS NOT NULL AND deleted_at IS NULL UNION ALL
    SELECT 'people', extra, synced_at FROM people WHERE extra IS NOT NULL AND deleted_at IS NULL UNION ALL
    SELECT 'supplies', extra, synced_at FROM supplies WHERE extra IS NOT NULL AND deleted_at IS NULL UNION ALL
    SELECT 'tags', extra, synced_at FROM tags WHERE extra IS NOT NULL AND deleted_at IS NULL UNION ALL
    SELECT 'templates', extra, synced_at FROM templates WHERE extra IS NOT NULL AND deleted_at IS NULL UNION ALL
    SELECT 'subdepartments', extra, synced_at FROM subdepartments WHERE extra IS NOT NULL AND deleted_at IS NULL UNION ALL
    SELECT 'property_photos', extra, synced_at FROM property_photos WHERE extra IS NOT NULL UNION ALL
    SELECT 'property_contacts', extra, synced_at FROM property_contacts WHERE extra IS NOT NULL UNION ALL
    SELECT 'reservation_guests', extra, synced_at FROM reservation_guests WHERE extra IS NOT NULL UNION ALL
    SELECT 'task_assignments', extra, synced_at FROM task_assignments WHERE extra IS NOT NULL UNION ALL
    SELECT 'task_photos', extra, synced_at FROM task_photos WHERE extra IS NOT NULL UNION ALL
    SELECT 'task_supplies', extra, synced_at FROM task_supplies WHERE extra IS NOT NULL UNION ALL
    SELECT 'task_costs', extra, synced_at FROM task_costs WHERE extra IS NOT NULL UNION ALL
    SELECT 'task_comments', extra, synced_at FROM task_comments WHERE extra IS NOT NULL UNION ALL
    SELECT 'task_requirements', extra, synced_at FROM task_requirements WHERE extra IS NOT NULL
), fields AS (
    SELECT k.entity_type, f.key AS name, f.value, k.synced_at
    FROM kept k, jsonb_each(k.extra) f
)
SELECT
    entity_type,
    CASE WHEN inner_name IS NULL THEN name ELSE name || '.' || inner_name END AS field,
    jsonb_typeof(coalesce(inner_value, value)) AS json_type,
    count(*) AS row_count,
    min(synced_at) AS since
FROM fields
LEFT JOIN LATERAL jsonb_each(CASE WHEN jsonb_typeof(value) = 'object' THEN value END) n (inner_name, inner_value) ON true
GROUP BY 1, 2, 3;
