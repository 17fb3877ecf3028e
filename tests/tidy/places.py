"""Rules about what belongs where: SQL, Lua, asyncio, the clock, waiting, paths of one machine."""

import ast
import re
from collections.abc import Iterator

from .source import Source

# Where the rules of the product do not hold: code about the product, not of it.
OUTSIDE = ("tests/", "benchmarks/", "examples/", "mqconsole/")

SQL = re.compile(
    r"\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s|WITH\s+\w+\s+AS\s|TRUNCATE\s|LOCK\s+TABLE\s"
    r"|COPY\s+\S+\s*(\(|FROM|TO)|(CREATE|ALTER|DROP)\s+(TABLE|INDEX|FUNCTION|TYPE)\s)"
)
SQL_PLACES = (
    *OUTSIDE,
    "brokers/migrations/",
    "accounts/migrations/",
    # Makes and drops partitions, whose names are counted and cannot be parameters.
    "brokers/store/segments.py",
)
LUA = re.compile(r"\bredis\.p?call\s*\(")
ASYNCIO_PLACES = (
    *OUTSIDE,
    "brokers/doors/",
    "brokers/live/",
    "brokers/dispatch/",
    "brokers/events.py",
    # A command that runs doors owns their loop.
    "brokers/management/",
)
CLOCK_PLACES = (*OUTSIDE, "brokers/domain/clock.py", "accounts/clock.py")
CLOCKS = {
    "time.time",
    "time.time_ns",
    "time.monotonic",
    "time.monotonic_ns",
    "time.perf_counter",
    "time.perf_counter_ns",
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "date.today",
    "datetime.date.today",
    "timezone.now",
}
# The one place where tests wait; everything else waits for a condition through it.
WAITING_PLACE = "tests/stack.py"

# The folders of somebody's machine, and the places packages come from: both belong to who runs it.
MACHINE_PATH = re.compile(r"(?<![\w.:/}$)-])/(root|home|Users|opt|work|mnt|srv)/[\w.]")
REGISTRY = re.compile(
    r"\b(pypi\.org|pythonhosted\.org|npmjs\.(org|com)|rubygems\.org|proxy\.golang\.org|repo\d?\.maven\.org)\b"
    r"|--(extra-)?index-url|--find-links"
    # npm writes where it found each package unless told not to (omit-lockfile-registry-resolved).
    r'|"resolved":\s*"http'
)
REGISTRY_PLACES = ("tests/tidy/",)


def sql_in_files(source: Source) -> list[str]:
    """SQL lives in .sql files, where it has a name, a purpose and an index."""
    if source.is_under(*SQL_PLACES):
        return []
    return [f"{line}: SQL in Python; it belongs into store/sql" for line, text in _strings(source) if SQL.match(text)]


def lua_in_files(source: Source) -> list[str]:
    """Lua lives in .lua files."""
    if source.is_under(*OUTSIDE):
        return []
    return [f"{line}: Lua in Python; it belongs into leases/lua" for line, text in _strings(source) if LUA.search(text)]


def sql_and_lua_rooms(source: Source) -> list[str]:
    """Only the store has SQL, only the leases have Lua."""
    homes = {".sql": ("brokers/store/sql/", "benchmarks/"), ".lua": ("brokers/leases/lua/", "benchmarks/")}
    if source.suffix in homes and not source.is_under(*homes[source.suffix]):
        return [f"1: {source.suffix} files belong into {homes[source.suffix][0]}"]
    return []


def asyncio_rooms(source: Source) -> list[str]:
    """The engine never waits: event loops are the doors' business."""
    if source.is_under(*ASYNCIO_PLACES):
        return []
    problems = []
    for line, module in _imports(source):
        if module.partition(".")[0] in {"asyncio", "anyio", "uvloop"}:
            problems.append(f"{line}: imports {module}; only doors, live, dispatch and events know event loops")
    return problems


def clock_reads(source: Source) -> list[str]:
    """One module reads the clock, so that a test can set it."""
    if source.is_under(*CLOCK_PLACES):
        return []
    return [
        f"{node.lineno}: reads the clock with {name}(); ask domain.clock"
        for node, name in _calls(source)
        if name in CLOCKS or name.removeprefix("django.utils.") in CLOCKS
    ]


def waiting_in_tests(source: Source) -> list[str]:
    """A test waits for what it expects, not for a while."""
    if not source.is_under("tests/") or source.path == WAITING_PLACE:
        return []
    return [
        f"{node.lineno}: {name}() in a test; wait with stack.wait_until"
        for node, name in _calls(source)
        if name in {"time.sleep", "asyncio.sleep", "sleep"} and not _is_zero(node)
    ]


def mocks(source: Source) -> list[str]:
    """A mock of our own code passes whatever the code does."""
    return [
        f"{line}: imports {module}; use the real thing, or a fake of the outside world"
        for line, module in _imports(source)
        if module.startswith(("unittest.mock", "mock", "pytest_mock"))
    ]


def machine_paths(source: Source) -> list[str]:
    """No file knows the machine it was written on."""
    return [
        f"{number}: a path of one machine: {found[0]}"
        for number, line in enumerate(source.text.splitlines(), 1)
        if (found := MACHINE_PATH.search(line))
    ]


def registries(source: Source) -> list[str]:
    """Where packages come from is for the machine to say."""
    if source.is_under(*REGISTRY_PLACES):
        return []
    return [
        f"{number}: names a package registry: {found[0]}"
        for number, line in enumerate(source.text.splitlines(), 1)
        if (found := REGISTRY.search(line))
    ]


def _strings(source: Source) -> Iterator[tuple[int, str]]:
    """Returns the line and the beginning of every string that is not a docstring."""
    if source.suffix != ".py":
        return
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def _imports(source: Source) -> Iterator[tuple[int, str]]:
    if source.suffix != ".py":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield from ((node.lineno, f"{node.module}.{name.name}") for name in node.names)


def _calls(source: Source) -> Iterator[tuple[ast.Call, str]]:
    """Returns each call of a dotted name, with that name."""
    if source.suffix != ".py":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            yield node, ast.unparse(node.func)


def _is_zero(call: ast.Call) -> bool:
    """Returns whether the call is `sleep(0)`: letting others run is not waiting."""
    return len(call.args) == 1 and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0
