"""What the disk itself takes to make a few bytes durable: no send can be answered sooner."""

import os
import tempfile
import time
from pathlib import Path

from .client import percentiles

_BLOCK = b"x" * 8192
_PAUSE_SECONDS = 0.01


def synced_writes(folder: Path, *, seconds: float) -> dict[str, float]:
    """Returns how often, and in what time, 8 KiB of a file in `folder` were written over and synced."""
    spans: list[float] = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        file.write(_BLOCK)
        os.fsync(file.fileno())
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            start = time.perf_counter()
            os.pwrite(file.fileno(), _BLOCK, 0)
            os.fdatasync(file.fileno())
            spans.append(time.perf_counter() - start)
            time.sleep(_PAUSE_SECONDS)
        return {"per_second": len(spans) / (time.perf_counter() - began), **percentiles(spans)}
