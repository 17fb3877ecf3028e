-- How much waits for consumers, by instance, for the limits on backlogs.

-- name: of_log
-- Purpose: messages the slowest group of each queue has not settled (all that are kept where no group consumes), and
-- their bytes by the mean of the queue's newest twenty. Dead letters wait for nobody. No lock.
-- Index: cursor_by_queue, message primary key. Complexity: every queue with a backlog, twenty rows each.
SELECT w.instance_id, sum(w.waiting)::bigint, sum(w.waiting * coalesce(s.size, 0))::bigint
FROM (
    SELECT t.instance_id, q.id, q.segment,
           q.next_offset - greatest(coalesce(min(c.committed), q.min_offset), q.min_offset) AS waiting
    FROM brokers_queue q
    JOIN brokers_topic t ON t.id = q.topic_id
    LEFT JOIN cursor c ON c.queue_id = q.id
    WHERE q.next_offset > q.min_offset AND t.kind <> 'DEAD_LETTER'
    GROUP BY t.instance_id, q.id
) w
CROSS JOIN LATERAL (
    SELECT avg(octet_length(m.body) + coalesce(octet_length(m.properties), 0)) AS size
    FROM (
        SELECT body, properties FROM message
        WHERE queue_id = w.id AND segment = w.segment
        ORDER BY queue_offset DESC LIMIT 20
    ) m
) s
WHERE w.waiting > 0
GROUP BY w.instance_id;

-- name: of_pending
-- Purpose: messages that wait for their time or a retry, and their bytes, of the first 200,000 rows. No lock.
-- Index: none, it reads them. Complexity: 200,000 rows.
SELECT t.instance_id, count(*)::bigint, sum(p.size)::bigint
FROM (SELECT topic_id, octet_length(body) AS size FROM pending LIMIT 200000) p
JOIN brokers_topic t ON t.id = p.topic_id
GROUP BY t.instance_id;

-- name: try_alone
-- Purpose: True for one transaction at a time. Lock: an advisory one, until the transaction ends.
SELECT pg_try_advisory_xact_lock(%(lock)s);

-- name: keep
-- Purpose: write down what was seen of one instance. Index: brokers_backlog by instance. Lock: its row.
INSERT INTO brokers_backlog (instance_id, message_count, byte_count, is_full, sampled_at)
VALUES (%(instance_id)s, %(count)s, %(size)s, %(is_full)s, clock_timestamp())
ON CONFLICT (instance_id) DO UPDATE
SET message_count = excluded.message_count, byte_count = excluded.byte_count, is_full = excluded.is_full,
    sampled_at = excluded.sampled_at;
