-- Dead letters: reading them for people, and what a redrive does with them.
-- The same conditions stand in several statements: topic, key, tags, message id, part of the error, kind of failure, time of death.
-- A kind of failure is the first line of the error with ids as <id> and numbers as <n>.

-- name: page
-- The next dead letters that match, newest first, among at most scan_limit rows below before_id; every row tells how many were
-- looked at and the lowest of them. One row of NULLs when none matches.
-- Index: dead_letter_newest, or dead_letter_by_message. Locks none. O(scan_limit).
WITH near AS MATERIALIZED (
    SELECT d.id FROM dead_letter d
    WHERE d.group_id = %(group_id)s AND d.id < %(before_id)s
      AND (%(message_id)s::text IS NULL OR d.message_id = %(message_id)s)
    ORDER BY d.id DESC LIMIT %(scan_limit)s
), matching AS (
    SELECT d.id, d.group_id, d.topic_id, d.topic_name, d.queue_id, d.queue_offset, d.message_id, d.tag, d.keys, d.properties, d.sys_flag,
           d.born_at_ms, d.born_host, d.attempts, d.error, d.client_id, d.died_at, d.state, d.replayed_at, d.replayed_by,
           octet_length(d.body), substring(d.body FROM 1 FOR %(head)s), d.body_crc
    FROM near JOIN dead_letter d ON d.id = near.id
    WHERE (%(state)s::text IS NULL OR d.state = %(state)s)
      AND (%(topic)s::text IS NULL OR d.topic_name = %(topic)s)
      AND (%(key)s::text IS NULL OR d.keys @> ARRAY[%(key)s::text])
      AND (%(tags)s::text[] IS NULL OR d.tag = ANY (%(tags)s::text[]))
      AND (%(message_id)s::text IS NULL OR d.message_id = %(message_id)s)
      AND (%(error)s::text IS NULL OR strpos(lower(d.error), lower(%(error)s)) > 0)
      AND (%(failure)s::text IS NULL OR left(regexp_replace(regexp_replace(split_part(d.error, E'\n', 1),
               '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\m(0x)?(?=[a-fA-F]*[0-9])[0-9a-fA-F]{8,}\M', '<id>', 'g'),
               '[0-9]+', '<n>', 'g'), 200) = %(failure)s)
      AND (%(start)s::timestamptz IS NULL OR d.died_at >= %(start)s)
      AND (%(end)s::timestamptz IS NULL OR d.died_at < %(end)s)
    ORDER BY d.id DESC LIMIT %(limit)s
)
SELECT m.*, (SELECT count(*) FROM near), (SELECT min(id) FROM near)
FROM (SELECT 1) one LEFT JOIN matching m ON true ORDER BY 1 DESC;

-- name: get
-- Index: dead_letter pk. Locks none. O(1).
SELECT d.id, d.group_id, d.topic_id, d.topic_name, d.queue_id, d.queue_offset, d.message_id, d.tag, d.keys, d.properties, d.sys_flag,
       d.born_at_ms, d.born_host, d.attempts, d.error, d.client_id, d.died_at, d.state, d.replayed_at, d.replayed_by,
       octet_length(d.body), substring(d.body FROM 1 FOR %(head)s), d.body_crc, d.body
FROM dead_letter d WHERE d.group_id = %(group_id)s AND d.id = %(id)s;

-- name: newest
-- The highest id of a group's dead letters. Index: dead_letter_newest. Locks none. O(1).
SELECT max(d.id) FROM dead_letter d WHERE d.group_id = %(group_id)s;

-- name: count
-- How many match among the newest scan_limit rows up to upper_id, and how many were looked at.
-- Index: dead_letter_newest. Locks none. O(scan_limit).
SELECT count(*) FILTER (
    WHERE (%(state)s::text IS NULL OR d.state = %(state)s)
      AND (%(topic)s::text IS NULL OR d.topic_name = %(topic)s)
      AND (%(key)s::text IS NULL OR d.keys @> ARRAY[%(key)s::text])
      AND (%(tags)s::text[] IS NULL OR d.tag = ANY (%(tags)s::text[]))
      AND (%(message_id)s::text IS NULL OR d.message_id = %(message_id)s)
      AND (%(error)s::text IS NULL OR strpos(lower(d.error), lower(%(error)s)) > 0)
      AND (%(failure)s::text IS NULL OR left(regexp_replace(regexp_replace(split_part(d.error, E'\n', 1),
               '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\m(0x)?(?=[a-fA-F]*[0-9])[0-9a-fA-F]{8,}\M', '<id>', 'g'),
               '[0-9]+', '<n>', 'g'), 200) = %(failure)s)
      AND (%(start)s::timestamptz IS NULL OR d.died_at >= %(start)s)
      AND (%(end)s::timestamptz IS NULL OR d.died_at < %(end)s)
), count(*)
FROM (
    SELECT d.* FROM dead_letter d WHERE d.group_id = %(group_id)s AND d.id <= %(upper_id)s ORDER BY d.id DESC LIMIT %(scan_limit)s
) d;

-- name: failures
-- Kinds of failure among the newest scan_limit dead letters nobody replayed, the most frequent first, and how many were looked at.
-- Index: dead_letter_waiting. Locks none. O(scan_limit).
SELECT kind.*, (sum(kind.n) OVER ())::bigint FROM (
    SELECT left(regexp_replace(regexp_replace(split_part(d.error, E'\n', 1),
           '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\m(0x)?(?=[a-fA-F]*[0-9])[0-9a-fA-F]{8,}\M', '<id>', 'g'),
           '[0-9]+', '<n>', 'g'), 200) AS failure, count(*) AS n, min(d.died_at), max(d.died_at), max(d.id),
           array_agg(DISTINCT d.topic_name)
    FROM (
        SELECT d.* FROM dead_letter d WHERE d.group_id = %(group_id)s AND d.state = 'DEAD' ORDER BY d.id DESC LIMIT %(scan_limit)s
    ) d
    GROUP BY 1
) kind
ORDER BY kind.n DESC, kind.failure;

-- name: oldest_waiting
-- When the dead letter died that has the lowest id of those nobody replayed. Index: dead_letter_waiting. Locks none. O(1).
SELECT d.died_at FROM dead_letter d WHERE d.group_id = %(group_id)s AND d.state = 'DEAD' ORDER BY d.id LIMIT 1;

-- name: states
-- The state of each of these dead letters that exists. Index: dead_letter pk. Locks none. O(ids).
SELECT d.id, d.state FROM dead_letter d WHERE d.group_id = %(group_id)s AND d.id = ANY (%(ids)s::bigint[]);

-- name: next_ids
-- The next dead letters of a redrive with a filter, oldest first, and the bytes of their bodies. Those that somebody replayed
-- since the redrive was asked for come too: they are counted as skipped.
-- Index: dead_letter_newest, forwards. Locks none. O(rows up to the last one returned).
SELECT d.id, octet_length(d.body)
FROM dead_letter d
WHERE d.group_id = %(group_id)s AND d.id > %(position)s AND d.id <= %(upper_id)s
  AND (d.state = 'DEAD' OR d.replayed_at >= %(since)s)
  AND (%(topic)s::text IS NULL OR d.topic_name = %(topic)s)
  AND (%(key)s::text IS NULL OR d.keys @> ARRAY[%(key)s::text])
  AND (%(tags)s::text[] IS NULL OR d.tag = ANY (%(tags)s::text[]))
  AND (%(message_id)s::text IS NULL OR d.message_id = %(message_id)s)
  AND (%(error)s::text IS NULL OR strpos(lower(d.error), lower(%(error)s)) > 0)
  AND (%(failure)s::text IS NULL OR left(regexp_replace(regexp_replace(split_part(d.error, E'\n', 1),
           '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\m(0x)?(?=[a-fA-F]*[0-9])[0-9a-fA-F]{8,}\M', '<id>', 'g'),
           '[0-9]+', '<n>', 'g'), 200) = %(failure)s)
  AND (%(start)s::timestamptz IS NULL OR d.died_at >= %(start)s)
  AND (%(end)s::timestamptz IS NULL OR d.died_at < %(end)s)
ORDER BY d.id
LIMIT %(limit)s;

-- name: sizes
-- The bytes of the bodies of these dead letters. Index: dead_letter pk. Locks none. O(ids).
SELECT d.id, octet_length(d.body) FROM dead_letter d WHERE d.group_id = %(group_id)s AND d.id = ANY (%(ids)s::bigint[]) ORDER BY d.id;

-- name: take
-- These dead letters, whole, as they are once nobody else changes them.
-- Index: dead_letter pk. Locks the rows in id order. O(ids).
SELECT d.id, d.group_id, d.topic_id, d.topic_name, d.queue_id, d.queue_offset, d.message_id, d.tag, d.keys, d.properties, d.sys_flag,
       d.born_at_ms, d.born_host, d.attempts, d.error, d.client_id, d.died_at, d.state, d.replayed_at, d.replayed_by,
       octet_length(d.body), substring(d.body FROM 1 FOR %(head)s), d.body_crc, d.body
FROM dead_letter d WHERE d.group_id = %(group_id)s AND d.id = ANY (%(ids)s::bigint[])
ORDER BY d.id
FOR NO KEY UPDATE;

-- name: mark_replayed
-- Index: dead_letter pk. Locks the rows (held already). O(ids).
UPDATE dead_letter d SET state = 'REPLAYED', replayed_at = clock_timestamp(), replayed_by = %(operation_id)s
WHERE d.id = ANY (%(ids)s::bigint[]) AND d.state = 'DEAD';

-- name: note
-- Writes the ledger of a batch. Its key makes dealing with one dead letter twice in one operation impossible. O(rows).
INSERT INTO redrive_entry (operation_id, dead_letter_id, outcome, detail, queue_id, queue_offset)
SELECT %(operation_id)s, e.id, e.outcome, e.detail, e.queue_id, e.queue_offset
FROM unnest(%(ids)s::bigint[], %(outcomes)s::text[], %(details)s::text[], %(queue_ids)s::bigint[], %(offsets)s::bigint[])
     AS e(id, outcome, detail, queue_id, queue_offset);

-- name: ledger
-- A page of an operation's ledger in id order. Index: redrive_entry pk. Locks none. O(limit), or O(entries) with an outcome.
SELECT e.dead_letter_id, e.outcome, e.detail, e.at, t.name, q.number, e.queue_offset, d.message_id
FROM redrive_entry e
LEFT JOIN brokers_queue q ON q.id = e.queue_id
LEFT JOIN brokers_topic t ON t.id = q.topic_id
LEFT JOIN dead_letter d ON d.id = e.dead_letter_id
WHERE e.operation_id = %(operation_id)s AND e.dead_letter_id > %(after_id)s
  AND (%(outcome)s::text IS NULL OR e.outcome = %(outcome)s)
ORDER BY e.dead_letter_id
LIMIT %(limit)s;

-- name: now
-- The database's time. O(1).
SELECT clock_timestamp();
