-- Tables of messages and of what groups did with them. Touched by brokers.store alone.

-- The number of the time slice an instant falls in: twelve hours each, counted from 1970.
CREATE FUNCTION mq_segment(at timestamptz) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT floor(extract(epoch FROM at) / 43200)::integer $$;

-- The log. Append-only; a partition is one segment, and retention drops whole partitions.
-- queue_offset is dense from 0 in each queue; segment never falls along a queue, so (segment, queue_offset) is log order.
CREATE TABLE message (
    segment         integer     NOT NULL,
    queue_id        bigint      NOT NULL,
    queue_offset    bigint      NOT NULL,
    message_id      text        COLLATE "C" NOT NULL,
    tag             text        COLLATE "C",
    keys            text[]      COLLATE "C",
    properties      text,                            -- a JSON object of strings; NULL when there are none
    body            bytea       NOT NULL,
    sys_flag        integer     NOT NULL,
    body_crc        bigint      NOT NULL,            -- zlib CRC-32 of the stored body
    born_at_ms      bigint      NOT NULL,
    born_host       text        COLLATE "C" NOT NULL,
    stored_at       timestamptz NOT NULL,            -- never falls along a queue: time search is a binary search
    reconsume_times integer     NOT NULL,
    PRIMARY KEY (queue_id, segment, queue_offset)
) PARTITION BY RANGE (segment);
ALTER TABLE message ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX message_by_id ON message (message_id);
CREATE INDEX message_by_key ON message USING gin (keys) WHERE keys IS NOT NULL;

-- Where each queue's segments begin: lets a reader go straight to the right partition.
CREATE TABLE segment_range (
    queue_id     bigint  NOT NULL REFERENCES brokers_queue ON DELETE CASCADE DEFERRABLE INITIALLY IMMEDIATE,
    segment      integer NOT NULL,
    first_offset bigint  NOT NULL,
    PRIMARY KEY (queue_id, segment)
);

-- What a producer's dedup_id already led to.
CREATE TABLE dedup (
    topic_id   bigint      NOT NULL REFERENCES brokers_topic ON DELETE CASCADE,
    dedup_id   text        COLLATE "C" NOT NULL,
    message_id text        COLLATE "C" NOT NULL,
    stored_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (topic_id, dedup_id)
);
CREATE INDEX dedup_by_age ON dedup (stored_at);

-- A message nobody sees yet: it waits for its time (SCHEDULED) or for its back-off (RETRY).
CREATE TABLE pending (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind            text        NOT NULL CHECK (kind IN ('SCHEDULED', 'RETRY')),
    due_at          timestamptz NOT NULL,
    queue_id        bigint      NOT NULL REFERENCES brokers_queue ON DELETE CASCADE,   -- where it will be appended
    topic_id        bigint      NOT NULL REFERENCES brokers_topic ON DELETE CASCADE,   -- the topic people know it by
    group_id        bigint      REFERENCES brokers_group ON DELETE CASCADE,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    message_id      text        COLLATE "C" NOT NULL,
    tag             text        COLLATE "C",
    keys            text[]      COLLATE "C",
    properties      text,
    body            bytea       NOT NULL,
    sys_flag        integer     NOT NULL,
    born_at_ms      bigint      NOT NULL,
    born_host       text        COLLATE "C" NOT NULL,
    reconsume_times integer     NOT NULL,
    CHECK ((kind = 'RETRY') = (group_id IS NOT NULL))
);
CREATE INDEX pending_by_due ON pending (due_at, id);
CREATE INDEX pending_by_group ON pending (group_id, due_at) WHERE group_id IS NOT NULL;
CREATE INDEX pending_by_topic ON pending (topic_id, due_at);
CREATE INDEX pending_by_message_id ON pending (message_id);

-- How far a group is in a queue. Offsets below committed are settled, and so are the islands in acked (all >= committed).
-- "Settled" means acknowledged, filtered out, moved to retry, or buried. A reset raises epoch: older receipts are stale.
CREATE TABLE cursor (
    group_id      bigint         NOT NULL REFERENCES brokers_group ON DELETE CASCADE,
    queue_id      bigint         NOT NULL REFERENCES brokers_queue ON DELETE CASCADE,
    topic_id      bigint         NOT NULL REFERENCES brokers_topic ON DELETE CASCADE,
    committed     bigint         NOT NULL,
    acked         int8multirange NOT NULL DEFAULT '{}',
    epoch         integer        NOT NULL DEFAULT 0,
    head_attempts integer        NOT NULL DEFAULT 0,      -- FIFO groups: failed deliveries of the message at committed
    blocked_until timestamptz,                            -- FIFO groups: when the head may come again
    expired_count bigint         NOT NULL DEFAULT 0,      -- messages retention dropped before this group settled them
    acked_count   bigint         NOT NULL DEFAULT 0,      -- settled by acknowledgement, ever
    updated_at    timestamptz    NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (group_id, queue_id),
    CHECK (acked = '{}' OR lower(acked) > committed)
) WITH (fillfactor = 70);
CREATE INDEX cursor_by_queue ON cursor (queue_id);
CREATE INDEX cursor_by_group_topic ON cursor (group_id, topic_id);
CREATE INDEX cursor_by_topic ON cursor (topic_id);

-- A failed delivery: the rows of a message's timeline. (queue_id, queue_offset) is the copy that was delivered.
CREATE TABLE attempt (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    group_id     bigint      NOT NULL REFERENCES brokers_group ON DELETE CASCADE,
    topic_id     bigint      NOT NULL,                    -- the topic people know the message by
    message_id   text        COLLATE "C" NOT NULL,
    queue_id     bigint      NOT NULL,
    queue_offset bigint      NOT NULL,
    attempt      integer     NOT NULL,                    -- 1 is the first delivery
    outcome      text        NOT NULL CHECK (outcome IN ('REFUSED', 'EXPIRED')),
    client_id    text        NOT NULL,
    error        text        NOT NULL,
    started_at   timestamptz NOT NULL,
    ended_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    next_at      timestamptz                              -- NULL: that was the last attempt
);
CREATE INDEX attempt_by_message ON attempt (message_id);
CREATE INDEX attempt_by_position ON attempt (group_id, queue_id, queue_offset);
CREATE INDEX attempt_by_age ON attempt (ended_at);

-- A message whose last attempt failed: a whole copy, kept longer than the log.
-- (group_id, queue_id, queue_offset) is the delivery that failed last: one delivery can be buried once.
CREATE TABLE dead_letter (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    group_id        bigint      NOT NULL REFERENCES brokers_group ON DELETE CASCADE,
    topic_id        bigint      REFERENCES brokers_topic ON DELETE SET NULL,   -- origin: the topic people know it by
    topic_name      text        COLLATE "C" NOT NULL,
    queue_id        bigint      NOT NULL,
    queue_offset    bigint      NOT NULL,
    message_id      text        COLLATE "C" NOT NULL,
    tag             text        COLLATE "C",
    keys            text[]      COLLATE "C",
    properties      text,
    body            bytea       NOT NULL,
    sys_flag        integer     NOT NULL,
    body_crc        bigint      NOT NULL,
    born_at_ms      bigint      NOT NULL,
    born_host       text        COLLATE "C" NOT NULL,
    attempts        integer     NOT NULL,
    error           text        NOT NULL,                 -- of the last attempt
    client_id       text        NOT NULL,
    died_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    state           text        NOT NULL DEFAULT 'DEAD' CHECK (state IN ('DEAD', 'REPLAYED')),
    replayed_at     timestamptz,
    replayed_by     bigint,                               -- the operation
    UNIQUE (group_id, queue_id, queue_offset),
    CHECK ((state = 'REPLAYED') = (replayed_at IS NOT NULL))
);
CREATE INDEX dead_letter_newest ON dead_letter (group_id, id DESC);
CREATE INDEX dead_letter_waiting ON dead_letter (group_id, id) WHERE state = 'DEAD';
CREATE INDEX dead_letter_by_message ON dead_letter (message_id);
CREATE INDEX dead_letter_by_age ON dead_letter (died_at);
CREATE INDEX dead_letter_by_topic ON dead_letter (topic_id);
ALTER TABLE dead_letter ALTER COLUMN body SET STORAGE EXTERNAL;

-- What a redrive did with each dead letter it took: the counts of the operation are the counts of these rows.
CREATE TABLE redrive_entry (
    operation_id   bigint      NOT NULL REFERENCES brokers_operation ON DELETE CASCADE,
    dead_letter_id bigint      NOT NULL,
    outcome        text        NOT NULL CHECK (outcome IN ('MOVED', 'SKIPPED', 'FAILED')),
    detail         text        NOT NULL DEFAULT '',
    queue_id       bigint,                                -- where the new copy stands, when MOVED
    queue_offset   bigint,
    at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (operation_id, dead_letter_id)
);

-- The tag filter each group last used on a topic: members that disagree are told so.
CREATE TABLE subscription (
    group_id   bigint      NOT NULL REFERENCES brokers_group ON DELETE CASCADE,
    topic_id   bigint      NOT NULL REFERENCES brokers_topic ON DELETE CASCADE,
    filter     text        NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (group_id, topic_id)
);
