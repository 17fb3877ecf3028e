-- name: claim
-- Purpose: note dedup ids in order; those already noted (by anyone, also a transaction that commits while we wait) stay out
-- of the answer. Lock: index entries in (topic, id) order. Index: primary key.
INSERT INTO dedup (topic_id, dedup_id, message_id)
SELECT * FROM unnest(%(topic_ids)s::bigint[], %(dedup_ids)s::text[], %(message_ids)s::text[]) AS r (topic_id, dedup_id, message_id)
ORDER BY topic_id, dedup_id
ON CONFLICT DO NOTHING
RETURNING topic_id, dedup_id

-- name: earlier
-- Purpose: where the first message of each dedup id is now. Index: dedup primary key, message_by_id, pending_by_message_id.
SELECT d.topic_id, d.dedup_id, d.message_id, q.number, m.queue_offset,
       (extract(epoch FROM m.stored_at) * 1000)::bigint,
       (SELECT (extract(epoch FROM p.due_at) * 1000)::bigint FROM pending p
        WHERE p.message_id = d.message_id AND p.topic_id = d.topic_id AND p.kind = 'SCHEDULED' LIMIT 1)
FROM unnest(%(topic_ids)s::bigint[], %(dedup_ids)s::text[]) AS w (topic_id, dedup_id)
JOIN dedup d ON d.topic_id = w.topic_id AND d.dedup_id = w.dedup_id
LEFT JOIN LATERAL (
    SELECT m.queue_id, m.queue_offset, m.stored_at FROM message m
    JOIN brokers_queue mq ON mq.id = m.queue_id AND mq.topic_id = d.topic_id
    WHERE m.message_id = d.message_id ORDER BY m.stored_at LIMIT 1
) m ON true
LEFT JOIN brokers_queue q ON q.id = m.queue_id
