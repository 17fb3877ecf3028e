-- Half messages: stored, and visible to nobody until their producer's decision. The row is the transaction's whole life:
-- what was prepared, every check, and the decision, which is remembered for a while so that a late or repeated one
-- gets a definite answer.
CREATE TABLE half (
    id                bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    state             text        NOT NULL DEFAULT 'WAITING'
                                  CHECK (state IN ('WAITING', 'DISCARDED', 'COMMITTED', 'ROLLED_BACK')),
    instance_id       bigint      NOT NULL REFERENCES brokers_instance ON DELETE CASCADE,
    topic_id          bigint      NOT NULL REFERENCES brokers_topic ON DELETE CASCADE,
    queue_id          bigint      NOT NULL,               -- where a commit appends it; goes with the topic
    producer_group_id bigint      NOT NULL REFERENCES brokers_producergroup ON DELETE CASCADE,
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_at        timestamptz NOT NULL DEFAULT clock_timestamp(),   -- when it got its state
    next_check_at     timestamptz NOT NULL,
    check_count       integer     NOT NULL DEFAULT 0,
    is_check_wanted   boolean     NOT NULL DEFAULT false, -- somebody asked for a check beyond the allowance
    is_offered        boolean     NOT NULL DEFAULT false, -- the newest check waits for a producer that polls
    decided_by        text        NOT NULL DEFAULT '',
    queue_offset      bigint,                             -- where it went, when committed and not delayed
    due_at            timestamptz,                        -- when it becomes visible, when committed and delayed
    message_id        text        COLLATE "C" NOT NULL,
    tag               text        COLLATE "C",
    keys              text[]      COLLATE "C",
    properties        text,
    body              bytea,                              -- gone once decided
    sys_flag          integer     NOT NULL,
    born_at_ms        bigint      NOT NULL,
    born_host         text        COLLATE "C" NOT NULL,
    deliver_at        timestamptz,                        -- asked for by the sender: not before
    delay_seconds     float8,                             -- or: so long after the commit
    CHECK ((state IN ('WAITING', 'DISCARDED')) = (body IS NOT NULL))
);
ALTER TABLE half ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX half_due ON half (next_check_at, id) WHERE state = 'WAITING';
CREATE INDEX half_offered ON half (producer_group_id, id) WHERE is_offered;
CREATE INDEX half_by_state ON half (instance_id, state, id);
CREATE INDEX half_by_topic ON half (topic_id, state, id);
CREATE INDEX half_by_producer_group ON half (producer_group_id, state, id);
CREATE INDEX half_by_message_id ON half (message_id);
CREATE INDEX half_by_age ON half (state, changed_at) WHERE state <> 'WAITING';

-- A check: its producer group was asked what became of the local transaction.
CREATE TABLE half_check (
    half_id   bigint      NOT NULL REFERENCES half ON DELETE CASCADE,
    number    integer     NOT NULL,                       -- 1 is the first
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    outcome   text        NOT NULL DEFAULT 'OFFERED' CHECK (outcome IN ('OFFERED', 'ASKED', 'UNKNOWN', 'FAILED')),
    door      text        NOT NULL DEFAULT '',
    client_id text        NOT NULL DEFAULT '',
    detail    text        NOT NULL DEFAULT '',
    PRIMARY KEY (half_id, number)
);
