-- Totals for monitoring, over all accounts.

-- name: topics
-- Purpose: how much each topic ever took and keeps. No lock. Cost: every queue once. Index: none, it reads all.
SELECT a.name, i.name, t.name, sum(q.next_offset)::bigint, sum(q.next_offset - q.min_offset)::bigint
FROM brokers_topic t JOIN brokers_instance i ON i.id = t.instance_id JOIN accounts_account a ON a.id = i.account_id
JOIN brokers_queue q ON q.topic_id = t.id
WHERE t.kind = 'USER'
GROUP BY a.name, i.name, t.name
ORDER BY 1, 2, 3
LIMIT %(limit)s

-- name: groups
-- Purpose: the groups to report on. No lock. Cost: every group once.
SELECT g.id, a.name, i.name, g.name
FROM brokers_group g JOIN brokers_instance i ON i.id = g.instance_id JOIN accounts_account a ON a.id = i.account_id
ORDER BY 2, 3, 4
LIMIT %(limit)s
