"""An event is written as its name and its fields, on one line."""

import json
import logging
import sys

from mqconsole.logs import JsonFormatter, TextFormatter


def _record(**fields: object) -> logging.LogRecord:
    content = {"name": "brokers.engine", "levelname": "INFO", "msg": "message_buried", "created": 1.5, **fields}
    return logging.makeLogRecord(content)


def test_text_has_name_and_fields() -> None:
    line = TextFormatter().format(_record(group_id=7, reason="two words\nand a line"))
    assert line == '00:00:01.500 INFO brokers.engine message_buried group_id=7 reason="two words\\nand a line"'


def test_json_has_name_and_fields() -> None:
    content = json.loads(JsonFormatter().format(_record(group_id=7, level="not ours")))
    assert content == {
        "at": "1970-01-01T00:00:01.500+00:00",
        "level": "INFO",
        "logger": "brokers.engine",
        "event": "message_buried",
        "group_id": 7,
    }


def test_traceback_is_kept() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        record = _record(exc_info=sys.exc_info())
    assert "ValueError: broken" in TextFormatter().format(record)
    assert "ValueError: broken" in json.loads(JsonFormatter().format(record))["traceback"]
