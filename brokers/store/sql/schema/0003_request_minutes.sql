-- What became of requests, minute by minute; the console's Requests page reads it. Group 0 counts the requests of a
-- topic, any other group the replies it gave. A request counts in the minute it was asked in or ended in.
-- The row at the epoch holds what is older than it is kept minute by minute.
CREATE TABLE request_minute (
    topic_id     bigint      NOT NULL REFERENCES brokers_topic ON DELETE CASCADE,
    group_id     bigint      NOT NULL,
    minute       timestamptz NOT NULL,
    asked        bigint      NOT NULL DEFAULT 0,
    answered     bigint      NOT NULL DEFAULT 0,          -- requests with a reply; of a group: replies
    timed_out    bigint      NOT NULL DEFAULT 0,
    no_responder bigint      NOT NULL DEFAULT 0,
    gone         bigint      NOT NULL DEFAULT 0,          -- who asked was gone before a reply came
    refused      bigint      NOT NULL DEFAULT 0,          -- replies that came late, twice or for nothing
    latency      integer[]   NOT NULL,                    -- replies by the time they took; bounds in engine.request_stats
    PRIMARY KEY (topic_id, minute, group_id)
);
CREATE INDEX request_minute_by_age ON request_minute (minute);
