"""When a failed message comes again, and when it has failed for good.

Owns: the back-off table and the decision. Must not know: clocks or stores. Called by: engine.
Source: apache/rocketmq delay levels 3 to 18 (MessageStoreConfig.messageDelayLevel), sheet F.3.
"""

from collections.abc import Sequence
from datetime import timedelta

# Waits before attempt 2, 3, …, 17.
DEFAULT_BACKOFF_SECONDS: tuple[int, ...] = (
    10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1200, 1800, 3600, 7200,
)  # fmt: skip

# Delay levels 1 to 18, as RocketMQ's clients number them.
LEVEL_SECONDS: tuple[int, ...] = (1, 5, *DEFAULT_BACKOFF_SECONDS)


def level_delay(level: int) -> timedelta:
    """Returns how long a delay level waits; the last level stands for all above it, 0 and less wait for nothing."""
    return timedelta(seconds=LEVEL_SECONDS[min(level, len(LEVEL_SECONDS)) - 1] if level > 0 else 0)


def is_exhausted(*, attempt: int, max_attempts: int) -> bool:
    """Returns True if a delivery with this number (the first is 1) was the last one allowed."""
    return attempt >= max_attempts


def backoff(*, attempt: int, steps: Sequence[int]) -> timedelta:
    """Returns the wait after the failed delivery number `attempt` (from 1). Past the end the last step repeats."""
    table = steps or DEFAULT_BACKOFF_SECONDS
    return timedelta(seconds=table[min(attempt, len(table)) - 1])
