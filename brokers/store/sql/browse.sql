-- Reading the log for people: by time, key and id. Nothing here changes a row or takes a lock.

-- name: offsets_at
-- For each (queue, instant): the first offset stored at or after the instant; the queue's end when there is none.
-- A NULL instant means the queue's kept beginning, or its end when is_end. stored_at never falls along a queue, so this is a
-- binary search; where a row is missing (a gap, or retention dropped it meanwhile) the next one counts.
-- Index: brokers_queue pk, segment_range pk, message pk. Locks none. O(queues * log(rows)) single-row probes.
WITH RECURSIVE half AS (
    SELECT w.place, q.id AS queue_id, w.at,
           CASE WHEN w.at IS NULL AND w.is_end THEN q.next_offset ELSE q.min_offset END AS low,
           CASE WHEN w.at IS NULL AND NOT w.is_end THEN q.min_offset ELSE q.next_offset END AS high
    FROM unnest(%(queue_ids)s::bigint[], %(instants)s::timestamptz[], %(ends)s::boolean[])
         WITH ORDINALITY AS w(queue_id, at, is_end, place)
    JOIN brokers_queue q ON q.id = w.queue_id
  UNION ALL
    SELECT h.place, h.queue_id, h.at,
           CASE WHEN older.is_older THEN middle.o + 1 ELSE h.low END,
           CASE WHEN older.is_older THEN h.high ELSE middle.o END
    FROM half h
    CROSS JOIN LATERAL (SELECT (h.low + h.high) / 2 AS o) middle
    LEFT JOIN LATERAL (
        SELECT r.segment FROM segment_range r
        WHERE r.queue_id = h.queue_id AND r.first_offset <= middle.o ORDER BY r.segment DESC LIMIT 1
    ) slice ON true
    LEFT JOIN LATERAL (
        SELECT m.stored_at FROM message m
        WHERE m.queue_id = h.queue_id AND m.segment = slice.segment AND m.queue_offset = middle.o LIMIT 1
    ) probe ON true
    CROSS JOIN LATERAL (
        SELECT coalesce(probe.stored_at, (
            SELECT m.stored_at FROM message m
            WHERE m.queue_id = h.queue_id AND m.segment >= coalesce(slice.segment, 0)
              AND m.queue_offset > middle.o AND m.queue_offset < h.high
            ORDER BY m.segment, m.queue_offset LIMIT 1
        )) AS stored_at
    ) known
    CROSS JOIN LATERAL (SELECT coalesce(known.stored_at < h.at, false) AS is_older) older
    WHERE h.low < h.high
)
SELECT place, low FROM half WHERE low = high ORDER BY place;

-- name: gaps
-- Offsets that no message has, in order. Index: offset_gap pk. Locks none. O(gaps, as many as backups were restored).
SELECT queue_id, first_offset, end_offset FROM offset_gap WHERE queue_id = ANY (%(queue_ids)s::bigint[]) ORDER BY 1, 2;

-- name: windows
-- How many bytes of bodies each row of the windows has, newest first.
-- Index: segment_range pk, message pk. Locks none. O(rows of the windows); bodies are not read, only their lengths.
SELECT w.place, m.queue_offset, octet_length(m.body)
FROM unnest(%(queue_ids)s::bigint[], %(lows)s::bigint[], %(highs)s::bigint[]) WITH ORDINALITY AS w(queue_id, low, high, place)
CROSS JOIN LATERAL (
    SELECT r.segment, r.first_offset, lead(r.first_offset, 1, 9223372036854775807) OVER (ORDER BY r.segment) AS end_offset
    FROM segment_range r WHERE r.queue_id = w.queue_id
) slice
CROSS JOIN LATERAL (
    SELECT m.queue_offset, m.body FROM message m
    WHERE m.queue_id = w.queue_id AND m.segment = slice.segment
      AND m.queue_offset >= w.low AND m.queue_offset < w.high
    LIMIT w.high - w.low
) m
WHERE slice.first_offset < w.high AND slice.end_offset > w.low
ORDER BY w.place, m.queue_offset DESC;

-- name: stored_at
-- When the row at each (queue, offset) was stored; NULL where it is gone.
-- Index: segment_range pk, message pk. Locks none. O(positions).
SELECT w.place, probe.stored_at
FROM unnest(%(queue_ids)s::bigint[], %(offsets)s::bigint[]) WITH ORDINALITY AS w(queue_id, queue_offset, place)
LEFT JOIN LATERAL (
    SELECT r.segment FROM segment_range r
    WHERE r.queue_id = w.queue_id AND r.first_offset <= w.queue_offset ORDER BY r.segment DESC LIMIT 1
) slice ON true
LEFT JOIN LATERAL (
    SELECT m.stored_at FROM message m
    WHERE m.queue_id = w.queue_id AND m.segment = slice.segment AND m.queue_offset = w.queue_offset LIMIT 1
) probe ON true
ORDER BY w.place;

-- name: scan
-- The rows of the windows that match, newest first. A compressed body comes whole when a text is looked for: SQL cannot read it.
-- Index: segment_range pk, message pk (a range of each window; LIMIT keeps the planner from joining whole partitions).
-- Locks none. O(rows of the windows).
SELECT 1, m.stored_at, m.queue_id, m.queue_offset, q.topic_id, NULL::bigint, '', NULL::timestamptz, m.message_id, m.tag, m.keys,
       m.sys_flag, m.reconsume_times, m.born_at_ms, octet_length(m.body), substring(m.body FROM 1 FOR %(head)s),
       CASE WHEN %(needle)s::bytea IS NOT NULL AND m.sys_flag & 1 = 1 THEN m.body END
FROM unnest(%(queue_ids)s::bigint[], %(lows)s::bigint[], %(highs)s::bigint[]) AS w(queue_id, low, high)
JOIN brokers_queue q ON q.id = w.queue_id
CROSS JOIN LATERAL (
    SELECT r.segment, r.first_offset, lead(r.first_offset, 1, 9223372036854775807) OVER (ORDER BY r.segment) AS end_offset
    FROM segment_range r WHERE r.queue_id = w.queue_id
) slice
CROSS JOIN LATERAL (
    SELECT m.* FROM message m
    WHERE m.queue_id = w.queue_id AND m.segment = slice.segment
      AND m.queue_offset >= w.low AND m.queue_offset < w.high
    LIMIT w.high - w.low
) m
WHERE slice.first_offset < w.high AND slice.end_offset > w.low
  AND (%(tags)s::text[] IS NULL OR m.tag = ANY (%(tags)s::text[]))
  AND (%(key)s::text IS NULL OR m.keys @> ARRAY[%(key)s::text])
  AND (%(needle)s::bytea IS NULL OR m.sys_flag & 1 = 1 OR position(%(needle)s::bytea IN m.body) > 0)
ORDER BY m.stored_at DESC, m.queue_id DESC, m.queue_offset DESC
LIMIT %(limit)s;

-- name: by_message_id
-- Copies in the log with this message id, newest first, among at most scan_limit rows of the index (and max_bytes of bodies when
-- a text is looked for). The last columns: how many rows were looked at, and whether some were left out.
-- Index: message_by_id of every partition. Locks none. O(copies).
WITH near AS MATERIALIZED (
    SELECT m.queue_id, m.segment, m.queue_offset, octet_length(m.body) AS bytes
    FROM message m JOIN brokers_queue q ON q.id = m.queue_id JOIN brokers_topic t ON t.id = q.topic_id
    WHERE m.message_id = %(message_id)s AND t.instance_id = %(instance_id)s
    LIMIT %(scan_limit)s
), hit AS MATERIALIZED (
    SELECT queue_id, segment, queue_offset FROM (
        SELECT n.*, sum(bytes) OVER (ORDER BY segment DESC, queue_offset DESC, queue_id) AS total FROM near n
    ) n WHERE %(needle)s::bytea IS NULL OR total - bytes < %(max_bytes)s
), matching AS (
    SELECT 1, m.stored_at, m.queue_id, m.queue_offset, q.topic_id, NULL::bigint, '', NULL::timestamptz, m.message_id, m.tag, m.keys,
           m.sys_flag, m.reconsume_times, m.born_at_ms, octet_length(m.body), substring(m.body FROM 1 FOR %(head)s),
           CASE WHEN %(needle)s::bytea IS NOT NULL AND m.sys_flag & 1 = 1 THEN m.body END
    FROM hit
    CROSS JOIN LATERAL (
        SELECT m.* FROM message m
        WHERE m.queue_id = hit.queue_id AND m.segment = hit.segment AND m.queue_offset = hit.queue_offset LIMIT 1
    ) m
    JOIN brokers_queue q ON q.id = m.queue_id
    JOIN brokers_topic t ON t.id = q.topic_id
    WHERE t.instance_id = %(instance_id)s
      AND (%(topic_id)s::bigint IS NULL OR t.id = %(topic_id)s)
      AND (%(start)s::timestamptz IS NULL OR m.stored_at >= %(start)s)
      AND (%(end)s::timestamptz IS NULL OR m.stored_at < %(end)s)
      AND (%(tags)s::text[] IS NULL OR m.tag = ANY (%(tags)s::text[]))
      AND (%(key)s::text IS NULL OR m.keys @> ARRAY[%(key)s::text])
      AND (%(needle)s::bytea IS NULL OR m.sys_flag & 1 = 1 OR position(%(needle)s::bytea IN m.body) > 0)
      AND (%(before_at)s::timestamptz IS NULL OR
           (m.stored_at, 1, m.queue_id, m.queue_offset)
           < (%(before_at)s::timestamptz, %(before_source)s::integer, %(before_queue)s::bigint, %(before_place)s::bigint))
    ORDER BY m.stored_at DESC, m.queue_id DESC, m.queue_offset DESC
    LIMIT %(limit)s
)
SELECT m.*, (SELECT count(*) FROM hit),
       (SELECT count(*) FROM hit) < (SELECT count(*) FROM near) OR (SELECT count(*) FROM near) = %(scan_limit)s
FROM (SELECT 1) one LEFT JOIN matching m ON true ORDER BY 2 DESC, 3 DESC, 4 DESC;

-- name: count_key
-- How many rows the index has for this key, counted no further than scan_limit.
-- Index: message_by_key (gin). Locks none. O(rows with the key).
SELECT count(*) FROM (SELECT 1 FROM message WHERE keys @> ARRAY[%(key)s::text] LIMIT %(scan_limit)s) hit;

-- name: by_key
-- Copies in the log with this key, newest first, of user topics or of the one topic named; last columns as in by_message_id.
-- Index: message_by_key (gin) of every partition. Locks none. O(rows with the key); called after count_key found them few.
WITH near AS MATERIALIZED (
    SELECT m.queue_id, m.segment, m.queue_offset, octet_length(m.body) AS bytes
    FROM message m JOIN brokers_queue q ON q.id = m.queue_id JOIN brokers_topic t ON t.id = q.topic_id
    WHERE m.keys @> ARRAY[%(key)s::text] AND t.instance_id = %(instance_id)s
    LIMIT %(scan_limit)s
), hit AS MATERIALIZED (
    SELECT queue_id, segment, queue_offset FROM (
        SELECT n.*, sum(bytes) OVER (ORDER BY segment DESC, queue_offset DESC, queue_id) AS total FROM near n
    ) n WHERE %(needle)s::bytea IS NULL OR total - bytes < %(max_bytes)s
), matching AS (
    SELECT 1, m.stored_at, m.queue_id, m.queue_offset, q.topic_id, NULL::bigint, '', NULL::timestamptz, m.message_id, m.tag, m.keys,
           m.sys_flag, m.reconsume_times, m.born_at_ms, octet_length(m.body), substring(m.body FROM 1 FOR %(head)s),
           CASE WHEN %(needle)s::bytea IS NOT NULL AND m.sys_flag & 1 = 1 THEN m.body END
    FROM hit
    JOIN brokers_queue q ON q.id = hit.queue_id
    JOIN brokers_topic t ON t.id = q.topic_id
    CROSS JOIN LATERAL (
        SELECT m.* FROM message m
        WHERE m.queue_id = hit.queue_id AND m.segment = hit.segment AND m.queue_offset = hit.queue_offset LIMIT 1
    ) m
    WHERE t.instance_id = %(instance_id)s
      AND CASE WHEN %(topic_id)s::bigint IS NULL THEN t.kind = 'USER' ELSE t.id = %(topic_id)s END
      AND (%(start)s::timestamptz IS NULL OR m.stored_at >= %(start)s)
      AND (%(end)s::timestamptz IS NULL OR m.stored_at < %(end)s)
      AND (%(tags)s::text[] IS NULL OR m.tag = ANY (%(tags)s::text[]))
      AND (%(needle)s::bytea IS NULL OR m.sys_flag & 1 = 1 OR position(%(needle)s::bytea IN m.body) > 0)
      AND (%(before_at)s::timestamptz IS NULL OR
           (m.stored_at, 1, m.queue_id, m.queue_offset)
           < (%(before_at)s::timestamptz, %(before_source)s::integer, %(before_queue)s::bigint, %(before_place)s::bigint))
    ORDER BY m.stored_at DESC, m.queue_id DESC, m.queue_offset DESC
    LIMIT %(limit)s
)
SELECT m.*, (SELECT count(*) FROM hit),
       (SELECT count(*) FROM hit) < (SELECT count(*) FROM near) OR (SELECT count(*) FROM near) = %(scan_limit)s
FROM (SELECT 1) one LEFT JOIN matching m ON true ORDER BY 2 DESC, 3 DESC, 4 DESC;

-- name: pending_hits
-- Messages that wait for their time or back-off and match, newest first. Only by id or key are retries listed: their first copy is
-- in the log. The last columns: how many rows were looked at, and whether some were left out.
-- Index: pending_by_message_id, else pending_by_topic. Locks none. O(scan_limit).
WITH near AS MATERIALIZED (
    SELECT p.id, octet_length(p.body) AS bytes FROM pending p JOIN brokers_topic t ON t.id = p.topic_id
    WHERE %(message_id)s::text IS NOT NULL AND p.message_id = %(message_id)s AND t.instance_id = %(instance_id)s
    UNION ALL
    (SELECT p.id, octet_length(p.body) FROM brokers_topic t JOIN pending p ON p.topic_id = t.id
     WHERE %(message_id)s::text IS NULL AND t.instance_id = %(instance_id)s
       AND (%(topic_id)s::bigint IS NULL OR t.id = %(topic_id)s)
     LIMIT %(scan_limit)s)
), hit AS MATERIALIZED (
    SELECT id FROM (SELECT n.*, sum(bytes) OVER (ORDER BY id DESC) AS total FROM near n) n
    WHERE %(needle)s::bytea IS NULL OR total - bytes < %(max_bytes)s
), matching AS (
    SELECT 2, p.created_at, 0::bigint AS queue_id, p.id, p.topic_id, p.group_id, p.kind, p.due_at, p.message_id, p.tag, p.keys,
           p.sys_flag, p.reconsume_times, p.born_at_ms, octet_length(p.body), substring(p.body FROM 1 FOR %(head)s),
           CASE WHEN %(needle)s::bytea IS NOT NULL AND p.sys_flag & 1 = 1 THEN p.body END
    FROM hit
    JOIN pending p ON p.id = hit.id
    JOIN brokers_topic t ON t.id = p.topic_id
    WHERE t.instance_id = %(instance_id)s
      AND (%(topic_id)s::bigint IS NULL OR t.id = %(topic_id)s)
      AND (p.kind = 'SCHEDULED' OR %(message_id)s::text IS NOT NULL OR %(key)s::text IS NOT NULL)
      AND (%(start)s::timestamptz IS NULL OR p.created_at >= %(start)s)
      AND (%(end)s::timestamptz IS NULL OR p.created_at < %(end)s)
      AND (%(tags)s::text[] IS NULL OR p.tag = ANY (%(tags)s::text[]))
      AND (%(key)s::text IS NULL OR p.keys @> ARRAY[%(key)s::text])
      AND (%(needle)s::bytea IS NULL OR p.sys_flag & 1 = 1 OR position(%(needle)s::bytea IN p.body) > 0)
      AND (%(before_at)s::timestamptz IS NULL OR
           (p.created_at, 2, 0, p.id)
           < (%(before_at)s::timestamptz, %(before_source)s::integer, %(before_queue)s::bigint, %(before_place)s::bigint))
    ORDER BY p.created_at DESC, p.id DESC
    LIMIT %(limit)s
)
SELECT m.*, (SELECT count(*) FROM hit),
       (SELECT count(*) FROM hit) < (SELECT count(*) FROM near) OR (SELECT count(*) FROM near) = %(scan_limit)s
FROM (SELECT 1) one LEFT JOIN matching m ON true ORDER BY 2 DESC, 3 DESC, 4 DESC;

-- name: dead_hits
-- Dead letters that match an id or a key, newest first. The last columns: how many rows were looked
-- at, and whether some were left out.
-- Index: dead_letter_by_message, else dead_letter_newest. Locks none. O(scan_limit).
WITH near AS MATERIALIZED (
    SELECT d.id, octet_length(d.body) AS bytes FROM dead_letter d JOIN brokers_group g ON g.id = d.group_id
    WHERE %(message_id)s::text IS NOT NULL AND d.message_id = %(message_id)s AND g.instance_id = %(instance_id)s
    UNION ALL
    (SELECT d.id, octet_length(d.body) FROM brokers_group g
     CROSS JOIN LATERAL (
         SELECT d.id, d.body FROM dead_letter d WHERE d.group_id = g.id ORDER BY d.id DESC LIMIT %(scan_limit)s
     ) d
     WHERE %(message_id)s::text IS NULL AND g.instance_id = %(instance_id)s
     LIMIT %(scan_limit)s)
), hit AS MATERIALIZED (
    SELECT id FROM (SELECT n.*, sum(bytes) OVER (ORDER BY id DESC) AS total FROM near n) n
    WHERE %(needle)s::bytea IS NULL OR total - bytes < %(max_bytes)s
), matching AS (
    SELECT 3, d.died_at, 0::bigint AS queue_id, d.id, d.topic_id, d.group_id, d.state, NULL::timestamptz AS due_at, d.message_id,
           d.tag, d.keys, d.sys_flag, d.attempts, d.born_at_ms, octet_length(d.body), substring(d.body FROM 1 FOR %(head)s),
           CASE WHEN %(needle)s::bytea IS NOT NULL AND d.sys_flag & 1 = 1 THEN d.body END
    FROM hit
    JOIN dead_letter d ON d.id = hit.id
    JOIN brokers_group g ON g.id = d.group_id
    WHERE g.instance_id = %(instance_id)s
      AND (%(topic_id)s::bigint IS NULL OR d.topic_id = %(topic_id)s)
      AND (%(start)s::timestamptz IS NULL OR d.died_at >= %(start)s)
      AND (%(end)s::timestamptz IS NULL OR d.died_at < %(end)s)
      AND (%(tags)s::text[] IS NULL OR d.tag = ANY (%(tags)s::text[]))
      AND (%(key)s::text IS NULL OR d.keys @> ARRAY[%(key)s::text])
      AND (%(needle)s::bytea IS NULL OR d.sys_flag & 1 = 1 OR position(%(needle)s::bytea IN d.body) > 0)
      AND (%(before_at)s::timestamptz IS NULL OR
           (d.died_at, 3, 0, d.id)
           < (%(before_at)s::timestamptz, %(before_source)s::integer, %(before_queue)s::bigint, %(before_place)s::bigint))
    ORDER BY d.died_at DESC, d.id DESC
    LIMIT %(limit)s
)
SELECT m.*, (SELECT count(*) FROM hit),
       (SELECT count(*) FROM hit) < (SELECT count(*) FROM near) OR (SELECT count(*) FROM near) = %(scan_limit)s
FROM (SELECT 1) one LEFT JOIN matching m ON true ORDER BY 2 DESC, 3 DESC, 4 DESC;
