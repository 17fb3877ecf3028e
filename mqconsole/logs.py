"""How a log event is written: a constant name, then its fields.

Owns: the two formats, for people (`text`) and for machines (`json`).
Must not know: any event.
Called by: Python's logging, as `mqconsole.settings.LOGGING` says.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any

# What every record has; the rest was given in `extra`.
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class TextFormatter(logging.Formatter):
    """`12:00:00.123 INFO brokers.engine event field=value …`, with a traceback below when there is one."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        fields = "".join(f" {name}={_quoted(value)}" for name, value in _fields(record).items())
        line = f"{at} {record.levelname} {record.name} {record.getMessage()}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """One object a line: `at`, `level`, `logger`, `event`, the fields, and `traceback` when there is one."""

    def format(self, record: logging.LogRecord) -> str:
        content = {
            **_fields(record),
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "event": record.getMessage(),
        }
        if record.exc_info:
            content["traceback"] = self.formatException(record.exc_info)
        return json.dumps(content, default=str, ensure_ascii=False)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in STANDARD}


def _quoted(value: object) -> str:
    """Returns the value as one word; text with spaces or line breaks is quoted and escaped."""
    text = str(value)
    return text if text.isprintable() and " " not in text and text else json.dumps(text, ensure_ascii=False)
