-- Everything known of one message id in one instance. Nothing here changes a row or takes a lock.

-- name: copies
-- Where the message stands or stood in the log, oldest first, without bodies.
-- Index: message_by_id of every partition. Locks none. O(copies), at most limit.
SELECT m.queue_id, m.queue_offset, m.segment, t.id, t.name, t.kind, t.group_id, q.number, m.tag, m.keys, m.properties, m.sys_flag,
       m.born_at_ms, m.born_host, m.stored_at, m.reconsume_times, octet_length(m.body)
FROM (
    SELECT m.* FROM message m JOIN brokers_queue q ON q.id = m.queue_id JOIN brokers_topic t ON t.id = q.topic_id
    WHERE m.message_id = %(message_id)s AND t.instance_id = %(instance_id)s
    LIMIT %(limit)s
) m
JOIN brokers_queue q ON q.id = m.queue_id
JOIN brokers_topic t ON t.id = q.topic_id
ORDER BY m.stored_at, m.queue_id, m.queue_offset;

-- name: copy_body
-- Index: message pk. Locks none. O(1).
SELECT body, body_crc FROM message
WHERE queue_id = %(queue_id)s AND segment = %(segment)s AND queue_offset = %(queue_offset)s;

-- name: waiting
-- Rows of the message that wait for their time or back-off, the soonest first.
-- Index: pending_by_message_id. Locks none. O(rows), at most limit.
SELECT p.id, p.kind, p.due_at, p.created_at, t.name, p.group_id, p.tag, p.keys, p.properties, p.sys_flag, p.born_at_ms, p.born_host,
       p.reconsume_times, octet_length(p.body)
FROM pending p JOIN brokers_topic t ON t.id = p.topic_id
WHERE p.message_id = %(message_id)s AND t.instance_id = %(instance_id)s
ORDER BY p.due_at, p.id
LIMIT %(limit)s;

-- name: waiting_body
-- Index: pending pk. Locks none. O(1).
SELECT body, NULL::bigint FROM pending WHERE id = %(id)s;

-- name: dead
-- Dead letters of the message and where a redrive put its copy, oldest first.
-- Index: dead_letter_by_message, redrive_entry pk. Locks none. O(rows), at most limit.
SELECT d.id, d.group_id, d.topic_name, d.attempts, d.error, d.client_id, d.died_at, d.state, d.replayed_at, d.replayed_by,
       t.name, q.number, e.queue_offset, d.tag, d.keys, d.properties, d.sys_flag, d.born_at_ms, d.born_host, octet_length(d.body)
FROM dead_letter d
JOIN brokers_group g ON g.id = d.group_id
LEFT JOIN redrive_entry e ON e.operation_id = d.replayed_by AND e.dead_letter_id = d.id
LEFT JOIN brokers_queue q ON q.id = e.queue_id
LEFT JOIN brokers_topic t ON t.id = q.topic_id
WHERE d.message_id = %(message_id)s AND g.instance_id = %(instance_id)s
ORDER BY d.died_at, d.id
LIMIT %(limit)s;

-- name: dead_body
-- Index: dead_letter pk. Locks none. O(1).
SELECT body, body_crc FROM dead_letter WHERE id = %(id)s;

-- name: attempts
-- Failed deliveries of the message, oldest first.
-- Index: attempt_by_message. Locks none. O(rows), at most limit.
SELECT a.group_id, g.name, coalesce(t.name, ''), a.queue_id, a.queue_offset, a.attempt, a.outcome, a.client_id, a.error, a.started_at,
       a.ended_at, a.next_at
FROM attempt a
JOIN brokers_group g ON g.id = a.group_id
LEFT JOIN brokers_topic t ON t.id = a.topic_id
WHERE a.message_id = %(message_id)s AND g.instance_id = %(instance_id)s
ORDER BY a.ended_at, a.id
LIMIT %(limit)s;

-- name: heads_failed
-- The last failed delivery at each of these places of a group. Index: attempt_by_position. Locks none. O(attempts there).
SELECT a.message_id, coalesce(t.name, ''), a.queue_id, a.attempt, a.client_id, a.error, a.ended_at
FROM unnest(%(queue_ids)s::bigint[], %(offsets)s::bigint[]) AS w(queue_id, queue_offset)
CROSS JOIN LATERAL (
    SELECT a.* FROM attempt a
    WHERE a.group_id = %(group_id)s AND a.queue_id = w.queue_id AND a.queue_offset = w.queue_offset
    ORDER BY a.id DESC LIMIT 1
) a
LEFT JOIN brokers_topic t ON t.id = a.topic_id
ORDER BY a.ended_at;

-- name: retry_failed
-- The last failed delivery of the message of a group that waits longest for its next attempt.
-- Index: pending_by_group, attempt_by_message. Locks none. O(attempts of that message).
SELECT a.message_id, coalesce(t.name, ''), a.queue_id, a.attempt, a.client_id, a.error, a.ended_at
FROM (
    SELECT p.message_id FROM pending p WHERE p.group_id = %(group_id)s ORDER BY p.due_at DESC LIMIT 1
) p
CROSS JOIN LATERAL (
    SELECT a.* FROM attempt a
    WHERE a.message_id = p.message_id AND a.group_id = %(group_id)s ORDER BY a.id DESC LIMIT 1
) a
LEFT JOIN brokers_topic t ON t.id = a.topic_id;

-- name: settlements
-- What each group that reads a queue did with an offset of it, and the filter it uses on the topic people know.
-- Index: cursor_by_queue, subscription pk. Locks none. O(positions * groups), at most limit.
SELECT w.place, c.group_id, g.name, g."order", c.epoch, c.committed, c.head_attempts, c.blocked_until,
       w.queue_offset < c.committed OR c.acked @> w.queue_offset, s.filter, s.changed_at
FROM unnest(%(queue_ids)s::bigint[], %(offsets)s::bigint[], %(topics)s::text[]) WITH ORDINALITY
     AS w(queue_id, queue_offset, topic, place)
JOIN cursor c ON c.queue_id = w.queue_id
JOIN brokers_group g ON g.id = c.group_id
LEFT JOIN brokers_topic t ON t.instance_id = g.instance_id AND t.name = w.topic
LEFT JOIN subscription s ON s.group_id = c.group_id AND s.topic_id = t.id
ORDER BY c.group_id, w.place
LIMIT %(limit)s;
