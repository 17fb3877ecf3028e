-- Offsets of a queue that were never given to a message and never will be: a restored backup goes on behind them, because
-- some may have been given out after the backup was made. Every cursor has those above it among its settled islands.
CREATE TABLE offset_gap (
    queue_id     bigint NOT NULL REFERENCES brokers_queue ON DELETE CASCADE,
    first_offset bigint NOT NULL,
    end_offset   bigint NOT NULL,                         -- excluded
    PRIMARY KEY (queue_id, first_offset),
    CHECK (first_offset < end_offset)
);
