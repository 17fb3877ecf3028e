-- name: add
-- Purpose: store half messages, in order; the first check comes after each one's immunity time.
-- Index: none needed to write. Lock: none but the new rows. Returns id and creation time in order.
INSERT INTO half (instance_id, topic_id, queue_id, producer_group_id, next_check_at, message_id, tag, keys, properties, body,
                  sys_flag, born_at_ms, born_host, deliver_at, delay_seconds)
SELECT r.instance_id, r.topic_id, r.queue_id, r.producer_group_id,
       clock_timestamp() + make_interval(secs => r.immunity_seconds), r.message_id, r.tag, string_to_array(r.keys, ' '),
       r.properties, r.body, r.sys_flag, r.born_at_ms, r.born_host, to_timestamp(r.deliver_ms / 1000.0), r.delay_seconds
FROM unnest(%(instance_ids)s::bigint[], %(topic_ids)s::bigint[], %(queue_ids)s::bigint[], %(group_ids)s::bigint[],
            %(immunities)s::float8[], %(message_ids)s::text[], %(tags)s::text[], %(keys)s::text[], %(properties)s::text[],
            %(bodies)s::bytea[], %(sys_flags)s::integer[], %(born)s::bigint[], %(hosts)s::text[], %(deliver)s::bigint[],
            %(delays)s::float8[])
     WITH ORDINALITY
     AS r (instance_id, topic_id, queue_id, producer_group_id, immunity_seconds, message_id, tag, keys, properties, body,
           sys_flag, born_at_ms, born_host, deliver_ms, delay_seconds, position)
ORDER BY r.position
RETURNING id, (extract(epoch FROM created_at) * 1000)::bigint, (extract(epoch FROM next_check_at) * 1000)::bigint

-- name: of_messages
-- Purpose: the first half message of each (topic, message id). Index: half_by_message_id. Lock: none.
SELECT DISTINCT ON (h.topic_id, h.message_id) h.topic_id, h.message_id, h.id, h.queue_id,
       (extract(epoch FROM h.created_at) * 1000)::bigint, (extract(epoch FROM h.next_check_at) * 1000)::bigint
FROM unnest(%(topic_ids)s::bigint[], %(message_ids)s::text[]) AS w (topic_id, message_id)
JOIN half h ON h.message_id = w.message_id AND h.topic_id = w.topic_id
ORDER BY h.topic_id, h.message_id, h.id

-- name: lock
-- Purpose: hold transactions that are about to be decided. Lock: the rows, in id order. Index: primary key.
SELECT h.id, h.state, h.topic_id, h.queue_id, h.instance_id, g.name, h.message_id, h.tag, array_to_string(h.keys, ' '),
       h.properties, h.body, h.sys_flag, h.born_at_ms, h.born_host,
       (extract(epoch FROM greatest(h.deliver_at, clock_timestamp() + make_interval(secs => h.delay_seconds))) * 1000)::bigint,
       h.queue_offset, (extract(epoch FROM h.due_at) * 1000)::bigint, h.decided_by,
       (extract(epoch FROM h.changed_at) * 1000)::bigint
FROM half h JOIN brokers_producergroup g ON g.id = h.producer_group_id
WHERE h.id = ANY(%(ids)s) ORDER BY h.id FOR NO KEY UPDATE OF h

-- name: decide
-- Purpose: write decisions down; the body goes. Lock: the rows, held already. Index: primary key.
UPDATE half h
SET state = r.state, body = NULL, queue_offset = r.queue_offset, due_at = to_timestamp(r.due_ms / 1000.0),
    decided_by = r.decided_by, is_offered = false, is_check_wanted = false, changed_at = clock_timestamp()
FROM unnest(%(ids)s::bigint[], %(states)s::text[], %(offsets)s::bigint[], %(due)s::bigint[], %(by)s::text[])
     AS r (id, state, queue_offset, due_ms, decided_by)
WHERE h.id = r.id AND h.state IN ('WAITING', 'DISCARDED')
RETURNING h.id, (extract(epoch FROM h.changed_at) * 1000)::bigint

-- name: claim_due
-- Purpose: take up the checks that are due, and discard what had its last check. Other workers pass over the rows.
-- Lock: the half rows, skipping locked ones; then their producer groups' totals in id order. Index: half_due.
WITH due AS MATERIALIZED (
    SELECT h.id, h.producer_group_id, h.check_count,
           h.check_count >= coalesce(g.max_checks, %(max_checks)s) AND NOT h.is_check_wanted AS is_over,
           coalesce(g.interval_seconds, %(interval_seconds)s)::float8 AS interval_seconds
    FROM half h JOIN brokers_producergroup g ON g.id = h.producer_group_id
    WHERE h.state = 'WAITING' AND h.next_check_at <= clock_timestamp()
    ORDER BY h.next_check_at, h.id LIMIT %(limit)s FOR NO KEY UPDATE OF h SKIP LOCKED
), moved AS (
    UPDATE half h
    SET state = CASE WHEN d.is_over THEN 'DISCARDED' ELSE 'WAITING' END,
        changed_at = CASE WHEN d.is_over THEN clock_timestamp() ELSE h.changed_at END,
        check_count = CASE WHEN d.is_over THEN h.check_count ELSE h.check_count + 1 END,
        next_check_at = clock_timestamp() + make_interval(secs => d.interval_seconds),
        is_check_wanted = false, is_offered = NOT d.is_over
    FROM due d WHERE h.id = d.id
    RETURNING h.id, h.state, h.check_count, h.instance_id, h.topic_id, h.producer_group_id
), noted AS (
    INSERT INTO half_check (half_id, number) SELECT id, check_count FROM moved WHERE state = 'WAITING'
), totals AS (
    SELECT producer_group_id AS id, count(*) FILTER (WHERE state = 'WAITING') AS checks,
           count(*) FILTER (WHERE state = 'DISCARDED') AS discards
    FROM moved GROUP BY 1
), held AS MATERIALIZED (
    SELECT g.id FROM brokers_producergroup g JOIN totals t ON t.id = g.id ORDER BY g.id FOR NO KEY UPDATE OF g
), counted AS (
    UPDATE brokers_producergroup g
    SET check_count = g.check_count + t.checks, discard_count = g.discard_count + t.discards
    FROM totals t JOIN held ON held.id = t.id WHERE g.id = t.id
)
SELECT m.id, m.state, m.check_count, m.instance_id, m.topic_id, m.producer_group_id, g.name, i.name, i.account_id,
       g.webhook_url
FROM moved m JOIN brokers_producergroup g ON g.id = m.producer_group_id JOIN brokers_instance i ON i.id = m.instance_id
ORDER BY m.id

-- name: take_offered
-- Purpose: give checks that wait for a producer to one that polls. Lock: the rows, skipping locked ones.
-- Index: half_offered.
WITH wanted AS MATERIALIZED (
    SELECT id FROM half
    WHERE producer_group_id = %(group_id)s AND is_offered AND state = 'WAITING' AND topic_id = ANY(%(topic_ids)s)
    ORDER BY id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
), taken AS (
    UPDATE half h SET is_offered = false FROM wanted w WHERE h.id = w.id RETURNING h.id, h.check_count
), noted AS (
    UPDATE half_check c SET outcome = 'ASKED', door = %(door)s, client_id = %(client_id)s
    FROM taken t WHERE c.half_id = t.id AND c.number = t.check_count
)
SELECT id FROM taken ORDER BY id

-- name: offered_topics
-- Purpose: the topics of the checks that wait for a producer of a group. Index: half_offered. Lock: none.
SELECT DISTINCT topic_id FROM half WHERE producer_group_id = %(group_id)s AND is_offered AND state = 'WAITING'

-- name: note_checks
-- Purpose: write down what became of checks that were handed on. Lock: half rows in id order, then their checks.
-- Index: primary keys.
WITH told AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(outcomes)s::text[], %(doors)s::text[], %(clients)s::text[], %(details)s::text[])
         AS r (id, outcome, door, client_id, detail)
), held AS MATERIALIZED (
    SELECT h.id, h.check_count FROM half h JOIN told ON told.id = h.id ORDER BY h.id FOR NO KEY UPDATE OF h
), taken AS (
    UPDATE half h SET is_offered = false FROM held WHERE h.id = held.id AND h.is_offered
)
UPDATE half_check c
-- The answer may be written down before the question.
SET outcome = CASE WHEN t.outcome = 'ASKED' AND c.outcome <> 'OFFERED' THEN c.outcome ELSE t.outcome END, door = coalesce(nullif(t.door, ''), c.door),
    client_id = coalesce(nullif(t.client_id, ''), c.client_id), detail = coalesce(nullif(t.detail, ''), c.detail)
FROM told t JOIN held ON held.id = t.id WHERE c.half_id = t.id AND c.number = held.check_count

-- name: want_check
-- Purpose: let the next check come now, whatever was allowed. Lock: the row. Index: primary key.
UPDATE half SET next_check_at = clock_timestamp(), is_check_wanted = true WHERE id = %(id)s AND state = 'WAITING'

-- name: open
-- Purpose: whole half messages that still wait, for a check. Index: primary key. Lock: none.
SELECT h.id, h.topic_id, h.queue_id, h.message_id, h.tag, h.keys, h.properties, h.body, h.sys_flag, h.born_at_ms, h.born_host,
       (extract(epoch FROM h.created_at) * 1000)::bigint, h.check_count
FROM half h WHERE h.id = ANY(%(ids)s) AND h.state = 'WAITING' ORDER BY h.id

-- name: page
-- Purpose: transactions of an instance in some states, newest first, without bodies. Lock: none.
-- Index: half_by_state, or half_by_topic, half_by_producer_group, half_by_message_id. Cost: states * limit rows.
SELECT h.* FROM unnest(%(states)s::text[]) AS s (state)
CROSS JOIN LATERAL (
    SELECT h.id, h.state, h.topic_id, t.name, q.number, g.name, h.message_id, h.tag, h.keys, octet_length(h.body), h.created_at,
           h.changed_at, h.next_check_at, h.check_count, coalesce(g.max_checks, %(max_checks)s), h.decided_by, h.queue_offset,
           h.due_at
    FROM half h
    JOIN brokers_topic t ON t.id = h.topic_id
    JOIN brokers_queue q ON q.id = h.queue_id
    JOIN brokers_producergroup g ON g.id = h.producer_group_id
    WHERE h.instance_id = %(instance_id)s AND h.state = s.state AND h.id < %(before)s
      AND (%(topic_id)s::bigint IS NULL OR h.topic_id = %(topic_id)s)
      AND (%(group_id)s::bigint IS NULL OR h.producer_group_id = %(group_id)s)
      AND (%(message_id)s::text IS NULL OR h.message_id = %(message_id)s)
    ORDER BY h.id DESC LIMIT %(limit)s
) h
ORDER BY 1 DESC LIMIT %(limit)s

-- name: one
-- Purpose: a transaction with its message. Index: primary key. Lock: none.
SELECT h.id, h.state, h.topic_id, t.name, q.number, g.name, h.message_id, h.tag, h.keys, octet_length(h.body), h.created_at,
       h.changed_at, h.next_check_at, h.check_count, coalesce(g.max_checks, %(max_checks)s), h.decided_by, h.queue_offset,
       h.due_at, h.properties, h.body, h.sys_flag, h.born_at_ms, h.born_host
FROM half h
JOIN brokers_topic t ON t.id = h.topic_id
JOIN brokers_queue q ON q.id = h.queue_id
JOIN brokers_producergroup g ON g.id = h.producer_group_id
WHERE h.instance_id = %(instance_id)s AND h.id = %(id)s

-- name: checks
-- Purpose: the checks of a transaction, newest first. Index: half_check primary key. Lock: none.
SELECT number, at, outcome, door, client_id, detail FROM half_check WHERE half_id = %(id)s ORDER BY number DESC LIMIT %(limit)s

-- name: counts
-- Purpose: how many wait and how many were discarded in an instance, each counted up to a limit. Index: half_by_state.
SELECT s.state, (SELECT count(*) FROM (
    SELECT 1 FROM half h WHERE h.instance_id = %(instance_id)s AND h.state = s.state
      AND (%(topic_id)s::bigint IS NULL OR h.topic_id = %(topic_id)s) LIMIT %(limit)s) c)
FROM unnest(ARRAY['WAITING', 'DISCARDED']) AS s (state)

-- name: counts_by_group
-- Purpose: how many wait and how many were discarded of each producer group, each counted up to a limit.
-- Index: half_by_producer_group. Lock: none. Cost: groups * limit.
SELECT g.id, (SELECT count(*) FROM (SELECT 1 FROM half h WHERE h.producer_group_id = g.id AND h.state = 'WAITING' LIMIT %(limit)s) w),
       (SELECT count(*) FROM (SELECT 1 FROM half h WHERE h.producer_group_id = g.id AND h.state = 'DISCARDED' LIMIT %(limit)s) d)
FROM unnest(%(group_ids)s::bigint[]) AS g (id)

-- name: forget
-- Purpose: forget old decisions, or discarded half messages, a bounded number at a time. Index: half_by_age.
DELETE FROM half WHERE id IN (
    SELECT id FROM half WHERE state = %(state)s AND changed_at < clock_timestamp() - %(age)s
    ORDER BY changed_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)

-- name: gauges
-- Purpose: what waits and what was discarded, by topic, for monitoring. Index: half_by_topic and half_by_state, read whole
-- for these two states.
SELECT a.name, i.name, t.name, count(*) FILTER (WHERE h.state = 'WAITING'), count(*) FILTER (WHERE h.state = 'DISCARDED')
FROM half h JOIN brokers_topic t ON t.id = h.topic_id JOIN brokers_instance i ON i.id = h.instance_id
JOIN accounts_account a ON a.id = i.account_id
WHERE h.state IN ('WAITING', 'DISCARDED')
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT %(limit)s

-- name: totals
-- Purpose: checks and discards of every producer group, ever. Cost: every producer group once. No lock.
SELECT a.name, i.name, g.name, g.check_count, g.discard_count
FROM brokers_producergroup g JOIN brokers_instance i ON i.id = g.instance_id JOIN accounts_account a ON a.id = i.account_id
ORDER BY 1, 2, 3 LIMIT %(limit)s
