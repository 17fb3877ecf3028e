-- Going on with a restored database, which is older than what the world remembers of it.

-- name: lock_cursors
-- Purpose: hold every cursor before the queues. Lock: all cursor rows in (group, queue) order. Cost: all cursors.
SELECT count(*) FROM (SELECT 1 FROM cursor ORDER BY group_id, queue_id FOR NO KEY UPDATE) held

-- name: open_gaps
-- Purpose: let every queue go on some offsets later, and note what it leaves out. Returns a row for each queue.
-- Lock: all queue rows in id order. Cost: all queues.
WITH locked AS MATERIALIZED (
    SELECT id, next_offset FROM brokers_queue ORDER BY id FOR NO KEY UPDATE
), moved AS (
    UPDATE brokers_queue q SET next_offset = l.next_offset + %(offset_count)s::bigint FROM locked l WHERE q.id = l.id
)
INSERT INTO offset_gap (queue_id, first_offset, end_offset)
SELECT id, next_offset, next_offset + %(offset_count)s::bigint FROM locked
RETURNING queue_id

-- name: pass_gaps
-- Purpose: settle the gaps in every cursor, and make every receipt and claim pointer from before stale.
-- Lock: cursor rows, held already. Index: offset_gap primary key. Cost: all cursors.
WITH known AS (
    SELECT c.group_id, c.queue_id, c.committed,
           (c.acked + (SELECT range_agg(int8range(g.first_offset, g.end_offset)) FROM offset_gap g WHERE g.queue_id = c.queue_id))
           * int8multirange(int8range(c.committed, NULL)) AS above
    FROM cursor c
), reckoned AS (
    SELECT k.*, lower(int8multirange(int8range(k.committed, NULL)) - k.above) AS gap FROM known k
)
UPDATE cursor c
SET committed = r.gap, acked = r.above * int8multirange(int8range(r.gap, NULL)), epoch = c.epoch + %(epoch_count)s::integer,
    updated_at = clock_timestamp()
FROM reckoned r WHERE r.group_id = c.group_id AND r.queue_id = c.queue_id

-- name: skip_ids
-- Purpose: topics, groups, queues and half messages made from now on get ids that none had after the backup. Lock: none.
SELECT setval(s.name, nextval(s.name) + CASE WHEN s.name = pg_get_serial_sequence('half', 'id')::regclass
                                             THEN %(offset_count)s::bigint ELSE %(id_count)s::bigint END)
FROM (SELECT pg_get_serial_sequence(t, 'id')::regclass AS name
      FROM unnest(ARRAY['brokers_topic', 'brokers_queue', 'brokers_group', 'half']) AS t) s
