"""What the queue does: plain synchronous functions on batches. The engine never waits; the doors never decide."""
