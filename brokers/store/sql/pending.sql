-- name: add
-- Purpose: park messages until they are due: at an instant, or a time from now on the database's clock.
-- Index: none needed to write. Returns the due times in order.
INSERT INTO pending (kind, due_at, queue_id, topic_id, group_id, message_id, tag, keys, properties, body, sys_flag,
                     born_at_ms, born_host, reconsume_times)
SELECT r.kind, coalesce(to_timestamp(r.due_ms / 1000.0), clock_timestamp() + make_interval(secs => r.delay_seconds)),
       r.queue_id, r.topic_id, r.group_id, r.message_id, r.tag, string_to_array(r.keys, ' '), r.properties, r.body,
       r.sys_flag, r.born_at_ms, r.born_host, r.reconsume_times
FROM unnest(%(kinds)s::text[], %(due)s::bigint[], %(delays)s::float8[], %(queue_ids)s::bigint[], %(topic_ids)s::bigint[],
            %(group_ids)s::bigint[], %(message_ids)s::text[], %(tags)s::text[], %(keys)s::text[], %(properties)s::text[],
            %(bodies)s::bytea[], %(sys_flags)s::integer[], %(born)s::bigint[], %(hosts)s::text[], %(reconsumes)s::integer[])
     WITH ORDINALITY
     AS r (kind, due_ms, delay_seconds, queue_id, topic_id, group_id, message_id, tag, keys, properties, body, sys_flag,
           born_at_ms, born_host, reconsume_times, position)
ORDER BY r.position
RETURNING (extract(epoch FROM due_at) * 1000)::bigint

-- name: take_due
-- Purpose: take the messages whose time has come, oldest first; other workers pass over them.
-- Lock: the pending rows, skipping locked ones. Index: pending_by_due.
WITH due AS MATERIALIZED (
    SELECT id FROM pending WHERE due_at <= clock_timestamp() ORDER BY due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), taken AS (
    DELETE FROM pending p USING due WHERE p.id = due.id RETURNING p.*
)
SELECT queue_id, message_id, tag, array_to_string(keys, ' '), properties, body, sys_flag, born_at_ms, born_host,
       reconsume_times
FROM taken ORDER BY due_at, id

-- name: recall
-- Purpose: take back a message before its time; retries of groups stay. Lock: its rows. Index: pending_by_message_id.
DELETE FROM pending WHERE message_id = %(message_id)s AND topic_id = %(topic_id)s AND kind = 'SCHEDULED'
RETURNING (extract(epoch FROM due_at) * 1000)::bigint

-- name: next_due
-- Purpose: how long until the next message is due, in seconds; negative when it is late. Index: pending_by_due.
SELECT extract(epoch FROM min(due_at) - clock_timestamp())::float8 FROM pending

-- name: note_attempts
-- Purpose: write the timeline of failed deliveries. Index: none needed to write.
INSERT INTO attempt (group_id, topic_id, message_id, queue_id, queue_offset, attempt, outcome, client_id, error,
                     started_at, next_at)
SELECT r.group_id, r.topic_id, r.message_id, r.queue_id, r.queue_offset, r.attempt, r.outcome, r.client_id, r.error,
       to_timestamp(r.started_ms / 1000.0), clock_timestamp() + make_interval(secs => r.delay_seconds)
FROM unnest(%(group_ids)s::bigint[], %(topic_ids)s::bigint[], %(message_ids)s::text[], %(queue_ids)s::bigint[],
            %(offsets)s::bigint[], %(attempts)s::integer[], %(outcomes)s::text[], %(clients)s::text[], %(errors)s::text[],
            %(started)s::bigint[], %(delays)s::float8[])
     AS r (group_id, topic_id, message_id, queue_id, queue_offset, attempt, outcome, client_id, error, started_ms,
           delay_seconds)

-- name: hold_retry
-- Purpose: one transaction at a time asks about a retry of a message and arranges it. Lock: advisory, until the end.
SELECT pg_advisory_xact_lock(hashtextextended(%(group_id)s::bigint || ':' || %(message_id)s::text, %(reconsume_times)s::integer))

-- name: retry_waiting
-- Purpose: does this retry of a message wait already? Index: pending_by_message_id.
SELECT EXISTS (
    SELECT 1 FROM pending
    WHERE message_id = %(message_id)s AND group_id = %(group_id)s AND reconsume_times = %(reconsume_times)s
)

-- name: bury
-- Purpose: write dead letters. The unique key (group, queue, offset) makes a second burial of one delivery impossible; one
-- that was read again after a reset and died again is the same dead letter, waiting anew.
INSERT INTO dead_letter (group_id, topic_id, topic_name, queue_id, queue_offset, message_id, tag, keys, properties, body,
                         sys_flag, body_crc, born_at_ms, born_host, attempts, error, client_id)
SELECT r.group_id, r.topic_id, r.topic_name, r.queue_id, r.queue_offset, r.message_id, r.tag,
       string_to_array(r.keys, ' '), r.properties, r.body, r.sys_flag, r.crc, r.born_at_ms, r.born_host, r.attempts,
       r.error, r.client_id
FROM unnest(%(group_ids)s::bigint[], %(topic_ids)s::bigint[], %(topic_names)s::text[], %(queue_ids)s::bigint[],
            %(offsets)s::bigint[], %(message_ids)s::text[], %(tags)s::text[], %(keys)s::text[], %(properties)s::text[],
            %(bodies)s::bytea[], %(sys_flags)s::integer[], %(crcs)s::bigint[], %(born)s::bigint[], %(hosts)s::text[],
            %(attempts)s::integer[], %(errors)s::text[], %(clients)s::text[])
     AS r (group_id, topic_id, topic_name, queue_id, queue_offset, message_id, tag, keys, properties, body, sys_flag, crc,
           born_at_ms, born_host, attempts, error, client_id)
ORDER BY r.group_id, r.queue_id, r.queue_offset
ON CONFLICT (group_id, queue_id, queue_offset) DO UPDATE
SET attempts = excluded.attempts, error = excluded.error, client_id = excluded.client_id, died_at = clock_timestamp(),
    state = 'DEAD', replayed_at = NULL, replayed_by = NULL
WHERE NOT %(only_new)s OR dead_letter.state <> 'DEAD'
