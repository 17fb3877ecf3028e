-- name: positions
-- Purpose: how far a group is in some queues, and how far the queues go. No lock. Index: primary keys.
SELECT q.id, q.next_offset, q.min_offset, c.committed, c.acked, c.epoch, c.head_attempts,
       coalesce(c.blocked_until > clock_timestamp(), false)
FROM brokers_queue q LEFT JOIN cursor c ON c.queue_id = q.id AND c.group_id = %(group_id)s::bigint
WHERE q.id = ANY(%(queue_ids)s::bigint[])

-- name: create
-- Purpose: a group meets queues for the first time; gaps in the offsets are settled from the start. Index: primary keys.
INSERT INTO cursor (group_id, queue_id, topic_id, committed, acked)
SELECT %(group_id)s, q.id, q.topic_id, first.o, gap.known * int8multirange(int8range(first.o, NULL))
FROM brokers_queue q
CROSS JOIN LATERAL (
    SELECT coalesce(range_agg(int8range(g.first_offset, g.end_offset)), '{}'::int8multirange) AS known
    FROM offset_gap g WHERE g.queue_id = q.id
) gap
CROSS JOIN LATERAL (
    SELECT lower(int8multirange(int8range(CASE WHEN %(latest)s THEN q.next_offset ELSE q.min_offset END, NULL)) - gap.known) AS o
) first
WHERE q.id = ANY(%(queue_ids)s::bigint[]) ORDER BY q.id
ON CONFLICT DO NOTHING

-- name: lock
-- Purpose: lock cursors before judging deliveries. Lock: cursor rows in (group, queue) order. Index: primary key.
SELECT c.group_id, c.queue_id, c.epoch, c.committed, c.acked, c.head_attempts
FROM cursor c
JOIN unnest(%(group_ids)s::bigint[], %(queue_ids)s::bigint[]) AS w (group_id, queue_id)
  ON w.group_id = c.group_id AND w.queue_id = c.queue_id
ORDER BY c.group_id, c.queue_id
FOR NO KEY UPDATE OF c

-- name: settle
-- Purpose: mark offsets as settled; say which already were, and how far each cursor is now.
-- A row works when its epoch is the cursor's (or not given) and, for ordered groups, its attempt is the head's; others come back as not valid.
-- Lock: cursor rows in (group, queue) order. Index: primary key. Cost: the number of islands.
WITH wanted AS (
    SELECT * FROM unnest(%(group_ids)s::bigint[], %(queue_ids)s::bigint[], %(epochs)s::integer[], %(attempts)s::integer[],
                         %(ranges)s::text[]) AS w (group_id, queue_id, epoch, attempt, ranges)
), locked AS MATERIALIZED (
    SELECT c.group_id, c.queue_id, c.committed, c.acked, w.ranges::int8multirange AS ranges,
           (w.epoch IS NULL OR c.epoch = w.epoch) AND (w.attempt IS NULL OR w.attempt = c.head_attempts + 1) AS valid
    FROM cursor c JOIN wanted w ON w.group_id = c.group_id AND w.queue_id = c.queue_id
    ORDER BY c.group_id, c.queue_id
    FOR NO KEY UPDATE OF c
), reckoned AS (
    SELECT l.*, l.ranges * (l.acked + int8multirange(int8range(NULL, l.committed))) AS before,
           (l.acked + l.ranges) * int8multirange(int8range(l.committed, NULL)) AS above
    FROM locked l
), gaps AS (
    SELECT r.*, lower(int8multirange(int8range(r.committed, NULL)) - r.above) AS gap FROM reckoned r
), done AS (
    UPDATE cursor c
    SET committed = g.gap,
        acked = g.above * int8multirange(int8range(g.gap, NULL)),
        acked_count = c.acked_count + CASE WHEN %(acknowledged)s::boolean THEN
            coalesce((SELECT sum(upper(x) - lower(x)) FROM unnest(g.ranges - g.before) x), 0)::bigint ELSE 0 END,
        head_attempts = CASE WHEN g.gap > g.committed THEN 0 ELSE c.head_attempts END,
        blocked_until = CASE WHEN g.gap > g.committed THEN NULL ELSE c.blocked_until END,
        updated_at = clock_timestamp()
    FROM gaps g
    WHERE c.group_id = g.group_id AND c.queue_id = g.queue_id AND g.valid
)
SELECT group_id, queue_id, valid, before, gap, above * int8multirange(int8range(gap, NULL)) FROM gaps

-- name: block_head
-- Purpose: an ordered group's head failed: count it, and hold the queue until the back-off is over.
-- Lock: cursor rows, held already. Index: primary key.
UPDATE cursor c
SET head_attempts = c.head_attempts + 1,
    blocked_until = clock_timestamp() + make_interval(secs => w.delay_seconds),
    updated_at = clock_timestamp()
FROM unnest(%(group_ids)s::bigint[], %(queue_ids)s::bigint[], %(delays)s::float8[]) AS w (group_id, queue_id, delay_seconds)
WHERE c.group_id = w.group_id AND c.queue_id = w.queue_id

-- name: failed
-- Purpose: which of these deliveries failed? Index: attempt_by_position.
-- Its attempt tells a delivery from others of an ordered queue's head. After Redis was lost two deliveries may be the same
-- attempt; when one of them failed, so did the other.
SELECT DISTINCT w.place
FROM attempt a
JOIN unnest(%(group_ids)s::bigint[], %(queue_ids)s::bigint[], %(offsets)s::bigint[], %(attempts)s::integer[])
     WITH ORDINALITY AS w (group_id, queue_id, queue_offset, attempt, place)
  ON a.group_id = w.group_id AND a.queue_id = w.queue_id AND a.queue_offset = w.queue_offset
 AND a.attempt = w.attempt

-- name: subscribe
-- Purpose: note the filter a group uses on a topic; returns the one it had. Index: primary key.
-- Nothing happens when the group or the topic was just deleted.
WITH before AS (
    SELECT filter FROM subscription WHERE group_id = %(group_id)s AND topic_id = %(topic_id)s
), noted AS (
    INSERT INTO subscription (group_id, topic_id, filter)
    SELECT g.id, t.id, %(filter)s FROM brokers_group g, brokers_topic t WHERE g.id = %(group_id)s AND t.id = %(topic_id)s
    ON CONFLICT (group_id, topic_id) DO UPDATE SET filter = excluded.filter, changed_at = clock_timestamp()
    WHERE subscription.filter <> excluded.filter
)
SELECT filter FROM before
