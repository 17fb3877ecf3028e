-- name: places
-- Purpose: how far queues go and how far groups are in them. No lock. Index: primary keys. A group of 0 has no cursor.
SELECT w.place, q.min_offset, q.next_offset, c.committed, coalesce(c.epoch, 0)
FROM unnest(%(group_ids)s::bigint[], %(queue_ids)s::bigint[]) WITH ORDINALITY AS w (group_id, queue_id, place)
JOIN brokers_queue q ON q.id = w.queue_id
LEFT JOIN cursor c ON c.queue_id = w.queue_id AND c.group_id = w.group_id

-- name: look
-- Purpose: as `places`, and with each place the next messages from an offset on, wherever they stand: none when its count
-- is 0. Where their bodies pass max_bytes the row stays and its body comes as NULL. No lock. One snapshot for all of it.
-- Index: primary keys; costs what it returns, however long the log is. `segment` is a floor known beforehand: partitions
-- below it are not even opened; it stands where it does for the reason `read_ranges` gives.
SELECT w.place, q.min_offset, q.next_offset, c.committed, coalesce(c.epoch, 0),
       m.queue_id, m.queue_offset, m.message_id, m.tag, m.keys, m.properties,
       CASE WHEN sum(octet_length(m.body)) OVER (PARTITION BY w.place ORDER BY m.queue_offset)
                 - octet_length(m.body) < w.max_bytes THEN m.body END,
       m.sys_flag, m.body_crc, m.born_at_ms, m.born_host, (extract(epoch FROM m.stored_at) * 1000)::bigint,
       m.reconsume_times
FROM unnest(%(group_ids)s::bigint[], %(queue_ids)s::bigint[], %(starts)s::bigint[], %(counts)s::integer[],
            %(sizes)s::bigint[]) WITH ORDINALITY AS w (group_id, queue_id, first, count, max_bytes, place)
JOIN brokers_queue q ON q.id = w.queue_id
LEFT JOIN cursor c ON c.queue_id = w.queue_id AND c.group_id = w.group_id
LEFT JOIN LATERAL (
    SELECT l.* FROM (
        SELECT coalesce(max(s.segment), 0) AS segment FROM segment_range s
        WHERE s.queue_id = w.queue_id AND s.first_offset <= w.first
    ) s
    CROSS JOIN LATERAL (
        SELECT * FROM message m
        WHERE m.queue_id = w.queue_id AND (m.segment, m.queue_offset) >= (s.segment, w.first)
          AND m.segment >= %(segment)s::integer
        ORDER BY m.segment, m.queue_offset
        LIMIT w.count
    ) l
    WHERE w.count > 0
) m ON true
ORDER BY w.place, m.queue_offset

-- name: begin
-- Purpose: a group that names its own offsets meets queues for the first time: its cursor begins where it reads first.
-- Index: primary key. Nothing happens when the cursor is there or the queue or group is gone.
INSERT INTO cursor (group_id, queue_id, topic_id, committed)
SELECT g.id, q.id, q.topic_id, least(greatest(w.queue_offset, q.min_offset), q.next_offset)
FROM unnest(%(group_ids)s::bigint[], %(queue_ids)s::bigint[], %(offsets)s::bigint[])
     AS w (group_id, queue_id, queue_offset)
JOIN brokers_queue q ON q.id = w.queue_id
JOIN brokers_group g ON g.id = w.group_id
ORDER BY g.id, q.id
ON CONFLICT DO NOTHING

-- name: by_message_id
-- Purpose: where the copies of a message stand in one topic. Index: message_by_id.
SELECT m.queue_id, m.queue_offset
FROM message m
WHERE m.message_id = %(message_id)s AND m.queue_id = ANY(%(queue_ids)s::bigint[])
ORDER BY m.segment DESC, m.queue_offset DESC
LIMIT %(limit)s

-- name: by_key
-- Purpose: where the newest messages with a key stand in one topic, in a span of time. Index: message_by_key.
SELECT m.queue_id, m.queue_offset
FROM message m
WHERE m.keys @> ARRAY[%(key)s::text COLLATE "C"] AND m.queue_id = ANY(%(queue_ids)s::bigint[])
  AND m.stored_at >= to_timestamp(%(start_ms)s / 1000.0) AND m.stored_at <= to_timestamp(%(end_ms)s / 1000.0)
ORDER BY m.stored_at DESC, m.queue_id, m.queue_offset DESC
LIMIT %(limit)s
