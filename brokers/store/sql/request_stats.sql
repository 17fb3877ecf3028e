-- What became of requests, in minutes.

-- name: add
-- Purpose: add counts of this process to a minute, unless the topic is gone. Lock: that row, and the topic's key.
-- Index: request_minute_pkey. Cost: one row.
INSERT INTO request_minute AS m (topic_id, group_id, minute, asked, answered, timed_out, no_responder, gone, refused, latency)
SELECT %(topic_id)s::bigint, %(group_id)s::bigint, %(minute)s::timestamptz, %(asked)s::bigint, %(answered)s::bigint,
       %(timed_out)s::bigint, %(no_responder)s::bigint, %(gone)s::bigint, %(refused)s::bigint, %(latency)s::int[]
WHERE EXISTS (SELECT FROM brokers_topic t WHERE t.id = %(topic_id)s::bigint)
ON CONFLICT (topic_id, minute, group_id) DO UPDATE SET
    asked = m.asked + excluded.asked,
    answered = m.answered + excluded.answered,
    timed_out = m.timed_out + excluded.timed_out,
    no_responder = m.no_responder + excluded.no_responder,
    gone = m.gone + excluded.gone,
    refused = m.refused + excluded.refused,
    latency = (SELECT array_agg(a + b ORDER BY i)
               FROM unnest(m.latency, excluded.latency) WITH ORDINALITY AS u (a, b, i))

-- name: sums
-- Purpose: what became of an instance's requests since an instant, by topic and group, the busiest first; of one topic
-- when %(topic_id)s is set. No lock. Index: request_minute_pkey for each topic. Cost: the rows of the time asked for.
SELECT t.id, t.name, m.group_id, coalesce(g.name, ''), sum(m.asked)::bigint, sum(m.answered)::bigint,
       sum(m.timed_out)::bigint, sum(m.no_responder)::bigint, sum(m.gone)::bigint, sum(m.refused)::bigint
FROM brokers_topic t
JOIN request_minute m ON m.topic_id = t.id AND m.minute >= %(since)s
LEFT JOIN brokers_group g ON g.id = m.group_id
WHERE t.instance_id = %(instance_id)s AND (%(topic_id)s::bigint IS NULL OR t.id = %(topic_id)s)
GROUP BY t.id, t.name, m.group_id, g.name
ORDER BY sum(m.asked) + sum(m.no_responder) DESC, t.name, m.group_id
LIMIT %(limit)s

-- name: latencies
-- Purpose: how long the replies of the same rows took, as (topic, group, bucket from 1, count). No lock.
-- Index: request_minute_pkey. Cost: the rows of the time asked for.
SELECT m.topic_id, m.group_id, u.i::integer, sum(u.n)::bigint
FROM request_minute m, unnest(m.latency) WITH ORDINALITY AS u (n, i)
WHERE m.topic_id = ANY (%(topic_ids)s) AND m.minute >= %(since)s AND u.n > 0
GROUP BY m.topic_id, m.group_id, u.i

-- name: minutes
-- Purpose: the requests of some topics, minute by minute. No lock. Index: request_minute_pkey.
SELECT m.minute, sum(m.asked)::bigint, sum(m.answered)::bigint, sum(m.timed_out)::bigint, sum(m.no_responder)::bigint
FROM request_minute m
WHERE m.topic_id = ANY (%(topic_ids)s) AND m.group_id = 0 AND m.minute >= %(since)s
GROUP BY m.minute
ORDER BY m.minute

-- name: totals
-- Purpose: totals by topic for monitoring, ever. No lock. Cost: every kept row once.
SELECT t.id, a.name, i.name, i.id, t.name, sum(m.asked)::bigint, sum(m.answered)::bigint, sum(m.timed_out)::bigint,
       sum(m.no_responder)::bigint
FROM request_minute m JOIN brokers_topic t ON t.id = m.topic_id JOIN brokers_instance i ON i.id = t.instance_id
JOIN accounts_account a ON a.id = i.account_id
WHERE m.group_id = 0
GROUP BY t.id, a.name, i.name, i.id, t.name
ORDER BY 2, 3, 5
LIMIT %(limit)s

-- name: fold
-- Purpose: add up what is older than it is kept minute by minute, into one row at the epoch, so that totals never fall.
-- Lock: those rows. Index: request_minute_by_age. Cost: %(limit)s rows.
WITH old AS (
    SELECT topic_id, group_id, minute FROM request_minute
    WHERE minute < now() - %(kept)s::interval AND minute > 'epoch'
    ORDER BY topic_id, group_id, minute LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM request_minute m USING old
    WHERE m.topic_id = old.topic_id AND m.group_id = old.group_id AND m.minute = old.minute
    RETURNING m.*
)
INSERT INTO request_minute AS m (topic_id, group_id, minute, asked, answered, timed_out, no_responder, gone, refused, latency)
SELECT topic_id, group_id, 'epoch', sum(asked), sum(answered), sum(timed_out), sum(no_responder), sum(gone),
       sum(refused), '{}'
FROM gone GROUP BY topic_id, group_id ORDER BY topic_id, group_id
ON CONFLICT (topic_id, minute, group_id) DO UPDATE SET
    asked = m.asked + excluded.asked,
    answered = m.answered + excluded.answered,
    timed_out = m.timed_out + excluded.timed_out,
    no_responder = m.no_responder + excluded.no_responder,
    gone = m.gone + excluded.gone,
    refused = m.refused + excluded.refused
