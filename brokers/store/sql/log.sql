-- name: append
-- Purpose: append a batch, giving each queue's rows dense offsets, and say where each queue's rows begin.
-- Lock: the queue rows, in id order. Index: primary keys. Cost: one row of work per message.
-- The row lock is held until commit, so nobody ever reads an offset whose lower neighbours are not yet visible.
WITH wanted AS (
    SELECT * FROM unnest(%(queue_ids)s::bigint[], %(counts)s::integer[]) AS w (queue_id, n)
), locked AS MATERIALIZED (
    SELECT q.id, q.next_offset, q.segment AS old_segment, w.n,
           greatest(q.segment, mq_segment(clock_timestamp())) AS segment,
           greatest(q.last_stored_at, clock_timestamp()) AS stored_at
    FROM brokers_queue q JOIN wanted w ON w.queue_id = q.id
    ORDER BY q.id
    FOR NO KEY UPDATE OF q
), moved AS (
    UPDATE brokers_queue q
    SET next_offset = l.next_offset + l.n, segment = l.segment, last_stored_at = l.stored_at
    FROM locked l WHERE q.id = l.id
), ranges AS (
    INSERT INTO segment_range (queue_id, segment, first_offset)
    SELECT id, segment, next_offset FROM locked WHERE segment > old_segment
    ON CONFLICT DO NOTHING
), written AS (
    INSERT INTO message (segment, queue_id, queue_offset, message_id, tag, keys, properties, body, sys_flag, body_crc,
                         born_at_ms, born_host, stored_at, reconsume_times)
    SELECT l.segment, l.id, l.next_offset + r.ordinal, r.message_id, r.tag, string_to_array(r.keys, ' '), r.properties,
           r.body, r.sys_flag, r.body_crc, r.born_at_ms, r.born_host, l.stored_at, r.reconsume_times
    FROM unnest(%(row_queues)s::bigint[], %(ordinals)s::integer[], %(message_ids)s::text[], %(tags)s::text[],
                %(keys)s::text[], %(properties)s::text[], %(bodies)s::bytea[], %(sys_flags)s::integer[],
                %(crcs)s::bigint[], %(born)s::bigint[], %(hosts)s::text[], %(reconsumes)s::integer[])
         AS r (queue_id, ordinal, message_id, tag, keys, properties, body, sys_flag, body_crc, born_at_ms, born_host,
               reconsume_times)
    JOIN locked l ON l.id = r.queue_id
)
SELECT id, next_offset, (extract(epoch FROM stored_at) * 1000)::bigint FROM locked

-- name: reserve
-- Purpose: the first half of a large append: take offsets; COPY writes the rows in the same transaction.
-- Lock: the queue rows, in id order. Index: primary keys.
WITH wanted AS (
    SELECT * FROM unnest(%(queue_ids)s::bigint[], %(counts)s::integer[]) AS w (queue_id, n)
), locked AS MATERIALIZED (
    SELECT q.id, q.next_offset, q.segment AS old_segment, w.n,
           greatest(q.segment, mq_segment(clock_timestamp())) AS segment,
           greatest(q.last_stored_at, clock_timestamp()) AS stored_at
    FROM brokers_queue q JOIN wanted w ON w.queue_id = q.id
    ORDER BY q.id
    FOR NO KEY UPDATE OF q
), moved AS (
    UPDATE brokers_queue q
    SET next_offset = l.next_offset + l.n, segment = l.segment, last_stored_at = l.stored_at
    FROM locked l WHERE q.id = l.id
), ranges AS (
    INSERT INTO segment_range (queue_id, segment, first_offset)
    SELECT id, segment, next_offset FROM locked WHERE segment > old_segment
    ON CONFLICT DO NOTHING
)
SELECT id, next_offset, (extract(epoch FROM stored_at) * 1000)::bigint, segment, stored_at FROM locked

-- name: copy_rows
-- Purpose: the second half of a large append.
COPY message (segment, queue_id, queue_offset, message_id, tag, keys, properties, body, sys_flag, body_crc,
              born_at_ms, born_host, stored_at, reconsume_times) FROM STDIN (FORMAT BINARY)

-- name: segment_starts
-- Purpose: where each queue's segments begin. Index: primary key.
SELECT queue_id, segment, first_offset FROM segment_range
WHERE queue_id = ANY(%(queue_ids)s::bigint[])
ORDER BY queue_id, first_offset, segment

-- name: read_ranges
-- Purpose: the messages of several ranges of offsets, each range cut where its bodies pass max_bytes (the row stays, its
-- body comes as NULL). Index: primary key; a range costs what it returns, however long the log is.
-- `segment` is a floor known beforehand: partitions below it are not even opened. It stands behind the comparison of
-- (segment, queue_offset): the walk along the index begins where the first of the two says, which for a bare segment is at
-- the segment's first offset.
SELECT w.position, m.queue_id, m.queue_offset, m.message_id, m.tag, m.keys, m.properties,
       CASE WHEN sum(octet_length(m.body)) OVER (PARTITION BY w.share ORDER BY w.position, m.queue_offset)
                 - octet_length(m.body) < %(max_bytes)s::bigint THEN m.body END,
       m.sys_flag, m.body_crc, m.born_at_ms, m.born_host, (extract(epoch FROM m.stored_at) * 1000)::bigint,
       m.reconsume_times
FROM unnest(%(positions)s::integer[], %(shares)s::integer[], %(queue_ids)s::bigint[], %(starts)s::bigint[],
            %(ends)s::bigint[]) AS w (position, share, queue_id, first, past)
CROSS JOIN LATERAL (
    SELECT coalesce(max(s.segment), 0) AS segment FROM segment_range s
    WHERE s.queue_id = w.queue_id AND s.first_offset <= w.first
) s
CROSS JOIN LATERAL (
    SELECT * FROM message m
    WHERE m.queue_id = w.queue_id AND (m.segment, m.queue_offset) >= (s.segment, w.first)
      AND m.segment >= %(segment)s::integer AND m.queue_offset < w.past
    ORDER BY m.segment, m.queue_offset
    LIMIT w.past - w.first
) m
ORDER BY w.position, m.queue_offset
