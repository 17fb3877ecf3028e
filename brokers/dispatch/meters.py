"""What this process measures of its own batches.

Owns: the process' histograms. Must not know: what is in a batch. Called by: dispatch.desk observes, doors show.
"""

from prometheus_client import Histogram

BATCH_MESSAGES = Histogram(
    "mqconsole_commit_messages",
    "Messages stored by one commit of this process",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
)
BATCH_SECONDS = Histogram(
    "mqconsole_commit_seconds",
    "Time from taking up a batch of sends to its commit",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5),
)
