-- Totals for monitoring, over all accounts.

-- name: topics
-- Purpose: how much each topic ever took and keeps. No lock. Cost: every queue once. Index: none, it reads all.
SELECT i.name, t.name, sum(q.next_offset)::bigint, sum(q.next_offset - q.min_offset)::bigint
FROM brokers_topic t JOIN brokers_instance i ON i.id = t.instance_id JOIN brokers_queue q ON q.topic_id = t.id
WHERE t.kind = 'USER'
GROUP BY i.name, t.name
ORDER BY 1, 2
LIMIT %(limit)s

-- name: groups
-- Purpose: the groups to report on. No lock. Cost: every group once.
SELECT g.id, i.name, g.name FROM brokers_group g JOIN brokers_instance i ON i.id = g.instance_id
ORDER BY 2, 3
LIMIT %(limit)s
