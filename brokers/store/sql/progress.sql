-- How far groups are, for people to look at, and moving a group to chosen offsets.
-- Lag of a cursor: the kept offsets at or above committed, less the settled islands among them. The message at committed is never
-- settled, so it is the oldest that waits; its age is unknown when retention dropped its row.

-- name: of_groups
-- Progress of each (group, topic).
-- Index: cursor pk, brokers_queue pk, segment_range pk, message pk. Locks none. O(cursors of the groups).
SELECT c.group_id, c.topic_id, t.name, t.kind, sum(l.lag)::bigint,
       extract(epoch FROM clock_timestamp() - min(head.stored_at) FILTER (WHERE l.lag > 0))::float8,
       bool_or(l.lag > 0 AND head.stored_at IS NULL), sum(c.expired_count)::bigint, sum(c.acked_count)::bigint, max(c.updated_at),
       coalesce(bool_or(c.blocked_until > clock_timestamp()), false), s.filter
FROM cursor c
JOIN brokers_queue q ON q.id = c.queue_id
JOIN brokers_topic t ON t.id = c.topic_id
LEFT JOIN subscription s ON s.group_id = c.group_id AND s.topic_id = c.topic_id
CROSS JOIN LATERAL (SELECT greatest(c.committed, q.min_offset) AS o) first
CROSS JOIN LATERAL (
    SELECT q.next_offset - first.o
           - coalesce((SELECT sum(upper(r) - lower(r)) FROM unnest(c.acked * int8multirange(int8range(first.o, NULL))) r), 0) AS lag
) l
LEFT JOIN LATERAL (
    SELECT r.segment FROM segment_range r
    WHERE l.lag > 0 AND r.queue_id = q.id AND r.first_offset <= c.committed ORDER BY r.segment DESC LIMIT 1
) slice ON true
LEFT JOIN LATERAL (
    SELECT m.stored_at FROM message m
    WHERE m.queue_id = q.id AND m.segment = slice.segment AND m.queue_offset = c.committed LIMIT 1
) head ON true
WHERE c.group_id = ANY (%(group_ids)s::bigint[])
GROUP BY c.group_id, c.topic_id, t.name, t.kind, s.filter
ORDER BY c.group_id, t.kind DESC, t.name;

-- name: retrying
-- Messages of each group that wait for their back-off. Index: pending_by_group. Locks none. O(messages that wait).
SELECT group_id, count(*) FROM pending WHERE group_id = ANY (%(group_ids)s::bigint[]) GROUP BY group_id;

-- name: dead
-- Dead letters of each group that nobody replayed. Index: dead_letter_waiting. Locks none. O(dead letters that wait).
SELECT group_id, count(*) FROM dead_letter
WHERE group_id = ANY (%(group_ids)s::bigint[]) AND state = 'DEAD' GROUP BY group_id;

-- name: of_queues
-- Progress in each queue, of one group or of all groups that read one topic.
-- Index: cursor pk or cursor_by_queue, segment_range pk, message pk. Locks none. O(cursors).
SELECT c.group_id, g.name, c.topic_id, t.name, t.kind, q.id, q.number, q.min_offset, q.next_offset, c.committed, l.lag::bigint,
       extract(epoch FROM clock_timestamp() - head.stored_at)::float8, c.expired_count, c.acked_count, c.updated_at, c.epoch,
       c.head_attempts, c.blocked_until
FROM cursor c
JOIN brokers_group g ON g.id = c.group_id
JOIN brokers_queue q ON q.id = c.queue_id
JOIN brokers_topic t ON t.id = c.topic_id
CROSS JOIN LATERAL (SELECT greatest(c.committed, q.min_offset) AS o) first
CROSS JOIN LATERAL (
    SELECT q.next_offset - first.o
           - coalesce((SELECT sum(upper(r) - lower(r)) FROM unnest(c.acked * int8multirange(int8range(first.o, NULL))) r), 0) AS lag
) l
LEFT JOIN LATERAL (
    SELECT r.segment FROM segment_range r
    WHERE l.lag > 0 AND r.queue_id = q.id AND r.first_offset <= c.committed ORDER BY r.segment DESC LIMIT 1
) slice ON true
LEFT JOIN LATERAL (
    SELECT m.stored_at FROM message m
    WHERE m.queue_id = q.id AND m.segment = slice.segment AND m.queue_offset = c.committed LIMIT 1
) head ON true
WHERE (%(group_id)s::bigint IS NULL OR c.group_id = %(group_id)s)
  AND (%(queue_ids)s::bigint[] IS NULL OR c.queue_id = ANY (%(queue_ids)s::bigint[]))
ORDER BY g.name, c.group_id, t.kind DESC, t.name, q.number;

-- name: of_topics
-- How many messages each topic keeps, when the last one came, and which groups read it.
-- Index: brokers_queue by topic, cursor_by_queue, offset_gap pk. Locks none. O(queues + cursors).
SELECT kept.*, ARRAY(SELECT DISTINCT c.group_id FROM brokers_queue q JOIN cursor c ON c.queue_id = q.id
                     WHERE q.topic_id = kept.topic_id)
FROM (
    SELECT q.topic_id, sum(q.next_offset - q.min_offset - gap.unused_kept)::bigint, sum(q.next_offset - gap.unused)::bigint,
           max(q.last_stored_at) FILTER (WHERE q.next_offset > gap.unused)
    FROM brokers_queue q
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(g.end_offset - g.first_offset), 0)::bigint AS unused,
               coalesce(sum(g.end_offset - greatest(g.first_offset, q.min_offset)) FILTER (WHERE g.end_offset > q.min_offset), 0)::bigint
                   AS unused_kept
        FROM offset_gap g WHERE g.queue_id = q.id
    ) gap
    WHERE q.topic_id = ANY (%(topic_ids)s::bigint[]) GROUP BY q.topic_id
) kept;

-- name: scheduled
-- Messages of each topic that wait for their time. Index: pending_by_topic. Locks none. O(messages that wait).
SELECT topic_id, count(*) FROM pending
WHERE topic_id = ANY (%(topic_ids)s::bigint[]) AND kind = 'SCHEDULED' GROUP BY topic_id;

-- name: queues
-- The queues of a topic and the group's place in each (NULL: it never read there).
-- Index: brokers_queue by topic, cursor pk. Locks none. O(queues).
SELECT q.id, q.number, q.min_offset, q.next_offset, c.committed, c.acked
FROM brokers_queue q LEFT JOIN cursor c ON c.queue_id = q.id AND c.group_id = %(group_id)s
WHERE q.topic_id = %(topic_id)s
ORDER BY q.id;

-- name: move
-- Moves a group to chosen offsets: above them only what the caller says is settled, and the epoch makes older receipts
-- stale. Gaps in the offsets stay settled. Index: cursor pk, offset_gap pk. Locks the cursor rows in queue order. O(queues).
INSERT INTO cursor AS c (group_id, queue_id, topic_id, committed, acked, epoch)
SELECT %(group_id)s::bigint, q.id, q.topic_id, first.o, gap.known * int8multirange(int8range(first.o, NULL)), 1
FROM unnest(%(queue_ids)s::bigint[], %(offsets)s::bigint[], %(settled)s::text[]) AS w(queue_id, queue_offset, settled)
JOIN brokers_queue q ON q.id = w.queue_id
CROSS JOIN LATERAL (
    SELECT coalesce(range_agg(int8range(g.first_offset, g.end_offset)), '{}'::int8multirange)
           + w.settled::int8multirange * int8multirange(int8range(NULL, q.next_offset)) AS known
    FROM offset_gap g WHERE g.queue_id = q.id
) gap
CROSS JOIN LATERAL (SELECT lower(int8multirange(int8range(w.queue_offset, NULL)) - gap.known) AS o) first
ORDER BY q.id
ON CONFLICT (group_id, queue_id) DO UPDATE
SET committed = excluded.committed, acked = excluded.acked, epoch = c.epoch + 1, head_attempts = 0, blocked_until = NULL,
    updated_at = clock_timestamp();
