-- What would be lost with a topic or a group.

-- name: groups_behind
-- Purpose: the groups that have not settled all of a topic. Index: queue unique (topic, number), cursor_by_queue.
-- Lock: none. Complexity: cursors of the topic (at most 128 queues × groups).
SELECT DISTINCT g.name
FROM brokers_queue q
JOIN cursor c ON c.queue_id = q.id
JOIN brokers_group g ON g.id = c.group_id
WHERE q.topic_id = %(topic_id)s AND greatest(c.committed, q.min_offset) < q.next_offset
ORDER BY g.name
LIMIT %(limit)s;

-- name: topics_behind
-- Purpose: the topics a group has not settled wholly; its retries count under its retry topic.
-- Index: cursor primary key. Lock: none. Complexity: cursors of the group.
SELECT DISTINCT t.name
FROM cursor c
JOIN brokers_queue q ON q.id = c.queue_id
JOIN brokers_topic t ON t.id = q.topic_id
WHERE c.group_id = %(group_id)s AND greatest(c.committed, q.min_offset) < q.next_offset
ORDER BY t.name
LIMIT %(limit)s;

-- name: pending_of_topic
-- Purpose: how many messages of a topic wait for their time, their next attempt or a decision, counted up to a limit.
-- Index: pending_by_topic, half_by_topic. Lock: none. Complexity: limit.
SELECT count(*) FROM (
    SELECT 1 FROM pending WHERE topic_id = %(topic_id)s
    UNION ALL
    SELECT 1 FROM half WHERE topic_id = %(topic_id)s AND state IN ('WAITING', 'DISCARDED')
    LIMIT %(limit)s
) AS waiting;

-- name: pending_of_group
-- Purpose: how many retries of a group wait, counted up to a limit. Index: pending_by_group. Lock: none.
-- Complexity: limit.
SELECT count(*) FROM (SELECT 1 FROM pending WHERE group_id = %(group_id)s LIMIT %(limit)s) AS waiting;

-- name: dead_of_group
-- Purpose: how many dead letters of a group nobody replayed, counted up to a limit. Index: dead_letter_waiting.
-- Lock: none. Complexity: limit.
SELECT count(*) FROM (
    SELECT 1 FROM dead_letter WHERE group_id = %(group_id)s AND state = 'DEAD' LIMIT %(limit)s
) AS waiting;
