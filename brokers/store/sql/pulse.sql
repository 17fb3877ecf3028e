-- Totals that people look at: how much was sent, kept and acknowledged.

-- name: instance
-- Purpose: one row of totals of an instance. No lock. Index: topics by (instance, name), queues by topic, cursors by group.
-- Cost: its queues and cursors, never its messages.
SELECT
    (SELECT count(*) FROM brokers_topic t WHERE t.instance_id = %(instance_id)s AND t.kind = 'USER'),
    (SELECT count(*) FROM brokers_group g WHERE g.instance_id = %(instance_id)s),
    coalesce(q.sent, 0)::bigint,
    coalesce(q.kept, 0)::bigint,
    (SELECT coalesce(sum(c.acked_count), 0)::bigint
     FROM brokers_group g JOIN cursor c ON c.group_id = g.id WHERE g.instance_id = %(instance_id)s)
FROM (
    SELECT sum(q.next_offset - gap.unused) AS sent, sum(q.next_offset - q.min_offset - gap.unused_kept) AS kept
    FROM brokers_topic t JOIN brokers_queue q ON q.topic_id = t.id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(g.end_offset - g.first_offset), 0)::bigint AS unused,
               coalesce(sum(g.end_offset - greatest(g.first_offset, q.min_offset)) FILTER (WHERE g.end_offset > q.min_offset), 0)::bigint
                   AS unused_kept
        FROM offset_gap g WHERE g.queue_id = q.id
    ) gap
    WHERE t.instance_id = %(instance_id)s AND t.kind = 'USER'
) q

-- name: busiest
-- Purpose: the topics of an instance with the most messages ever sent. No lock. Cost: the instance's queues.
SELECT t.id
FROM brokers_topic t JOIN brokers_queue q ON q.topic_id = t.id
WHERE t.instance_id = %(instance_id)s AND t.kind = 'USER'
GROUP BY t.id, t.name
ORDER BY sum(q.next_offset) DESC, t.name
LIMIT %(limit)s
