-- name: current
-- Purpose: the segment of now.
SELECT mq_segment(clock_timestamp())

-- name: existing
-- Purpose: the segments that have a partition, oldest first. Index: catalog.
SELECT substring(c.relname FROM 'message_s([0-9]+)$')::integer AS segment
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'message'::regclass
ORDER BY 1

-- name: advance_minimum
-- Purpose: after segments below %(segment)s went: every queue's first kept offset.
-- Lock: the queue rows that change, in id order. Index: segment_range primary key.
WITH gone AS (
    SELECT q.id, coalesce((SELECT min(s.first_offset) FROM segment_range s
                           WHERE s.queue_id = q.id AND s.segment >= %(segment)s), q.next_offset) AS first
    FROM brokers_queue q
    WHERE q.min_offset < q.next_offset
      AND EXISTS (SELECT FROM segment_range s WHERE s.queue_id = q.id AND s.segment < %(segment)s)
    ORDER BY q.id FOR NO KEY UPDATE
)
UPDATE brokers_queue q SET min_offset = gone.first
FROM gone WHERE q.id = gone.id AND q.min_offset < gone.first

-- name: skip_dropped
-- Purpose: move cursors past what retention dropped, counting what the group never settled.
-- Lock: the cursor rows that change. Index: cursor_by_queue.
UPDATE cursor c
SET committed = lower(int8multirange(int8range(q.min_offset, NULL)) - c.acked),
    acked = c.acked * int8multirange(int8range(lower(int8multirange(int8range(q.min_offset, NULL)) - c.acked), NULL)),
    expired_count = c.expired_count + (q.min_offset - c.committed)
        - coalesce((SELECT sum(upper(r) - lower(r)) FROM unnest(c.acked * int8multirange(int8range(NULL, q.min_offset))) r), 0),
    head_attempts = 0, blocked_until = NULL, updated_at = clock_timestamp()
FROM brokers_queue q WHERE q.id = c.queue_id AND c.committed < q.min_offset

-- name: forget_ranges
-- Purpose: drop the notes about segments that are gone. Index: segment_range primary key.
DELETE FROM segment_range WHERE segment < %(segment)s

-- name: forget_dedup
-- Purpose: forget old dedup ids, a bounded number at a time. Index: dedup_by_age.
DELETE FROM dedup WHERE ctid IN (
    SELECT ctid FROM dedup WHERE stored_at < clock_timestamp() - %(age)s ORDER BY stored_at LIMIT %(limit)s)

-- name: forget_attempts
-- Purpose: forget old timelines, a bounded number at a time. Index: attempt_by_age.
DELETE FROM attempt WHERE id IN (
    SELECT id FROM attempt WHERE ended_at < clock_timestamp() - %(age)s ORDER BY ended_at LIMIT %(limit)s)

-- name: forget_dead_letters
-- Purpose: forget old dead letters, a bounded number at a time. Index: dead_letter_by_age.
DELETE FROM dead_letter WHERE id IN (
    SELECT id FROM dead_letter WHERE died_at < clock_timestamp() - %(age)s ORDER BY died_at LIMIT %(limit)s)
