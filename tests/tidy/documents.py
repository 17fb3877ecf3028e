"""Rules that tie the code to its documents: settings, log events, metrics."""

import ast
import re
from collections.abc import Iterable

from .source import Source

SETTINGS = "mqconsole/settings.py"
SETTINGS_DOCUMENT = "docs/settings.md"
TELEMETRY_DOCUMENT = "docs/telemetry.md"

LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
LOGGERS = {"log", "logger", "_log", "_logger", "LOG"}
METRICS = {"Counter", "Gauge", "Histogram", "Summary", "CounterMetricFamily", "GaugeMetricFamily"}
EVENT = re.compile(r"[a-z][a-z0-9_]*")
# A row of a table whose first cell is one name in code quotes.
ROW = re.compile(r"^\|\s*`([A-Za-z_][A-Za-z0-9_]*)`\s*\|", re.MULTILINE)


def settings_read(source: Source) -> set[str]:
    """Returns the variables the settings read."""
    names = set()
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
            continue
        is_reader = isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "env"
        is_secret = isinstance(node.func, ast.Name) and node.func.id == "_secret"
        if is_reader or is_secret:
            names.add(str(node.args[0].value))
    return names


def telemetry(sources: Iterable[Source]) -> set[str]:
    """Returns the log events and the metrics the product's code names."""
    names: set[str] = set()
    for source in sources:
        if source.suffix == ".py" and source.is_under("brokers/", "accounts/", "mqconsole/"):
            names |= {name for _, name in _named(source) if name is not None}
    return names


def constant_events(source: Source) -> list[str]:
    """An event is a constant short name; what varies goes into fields."""
    if source.suffix != ".py" or not source.is_under("brokers/", "accounts/", "mqconsole/"):
        return []
    return [
        f"{line}: a log event is a constant name like message_buried, with fields in `extra`"
        for line, name in _named(source)
        if name is None or not EVENT.fullmatch(name)
    ]


def rows(document: str) -> set[str]:
    """Returns the names a document has a row for."""
    return set(ROW.findall(document))


def _named(source: Source) -> list[tuple[int, str | None]]:
    """Returns the line and the name of each log event and metric; None for an event that is no constant."""
    found: list[tuple[int, str | None]] = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and node.args and (_is_log_call(node) or _is_metric(node)):
            first = node.args[0]
            is_constant = isinstance(first, ast.Constant) and isinstance(first.value, str)
            found.append((node.lineno, first.value if is_constant else None))  # type: ignore[attr-defined] # checked above
    return found


def _is_log_call(node: ast.Call) -> bool:
    if not isinstance(node.func, ast.Attribute) or node.func.attr not in LEVELS:
        return False
    owner = node.func.value
    return (isinstance(owner, ast.Name) and owner.id in LOGGERS) or "getLogger" in ast.unparse(owner)


def _is_metric(node: ast.Call) -> bool:
    return ast.unparse(node.func).removeprefix("prometheus_client.") in METRICS
