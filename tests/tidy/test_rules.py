"""Each rule notices a planted offence, and leaves its honest neighbour alone."""

import pytest

from . import documents, places, sizes, words
from .source import Rule, Source

ENGINE = "brokers/engine/delivery.py"
CHAPTERS = '"""Delivers.\n\nOwns: x. Must not know: y. Called by: z.\n"""\n'
NESTED = "def f(a):\n    if a:\n        for b in a:\n            if b:\n                {}\n"

# rule, path, a text that breaks it, a text that does not
PLANTED: list[tuple[Rule, str, str, str]] = [
    (sizes.file_length, ENGINE, "x = 1\n" * 401, "x = 1\n" * 400),
    (sizes.file_length, "tests/unit/test_x.py", "x = 1\n" * 601, "x = 1\n" * 600),
    (sizes.file_length, "templates/page.html", "<p>\n" * 401, "<p>\n" * 400),
    (sizes.function_length, ENGINE, "def f():\n" + "    x = 1\n" * 70, "def f():\n" + "    x = 1\n" * 69),
    (sizes.nesting, ENGINE, NESTED.format("while b: pass"), NESTED.format("pass")),
    (sizes.nesting, ENGINE, NESTED.format("try: pass\n                finally: pass"), NESTED.format("with b: pass")),
    (
        sizes.nesting,
        ENGINE,
        "async def f(a):\n  if a:\n    if a:\n      if a:\n        async for b in a: pass\n",
        "def f(a):\n  if a: pass\n  elif a: pass\n  elif a: pass\n  elif a: pass\n  else: pass\n",
    ),
    (sizes.positional_parameters, ENGINE, "def f(a, b, c, d): ...", "def f(a, b, c, *, d): ..."),
    (
        sizes.positional_parameters,
        ENGINE,
        "class A:\n def f(self, a, b, c, d): ...",
        "class A:\n def f(self, a, b, c): ...",
    ),
    (
        sizes.positional_parameters,
        "brokers/console/pages.py",
        "def page(instance, topic, group, id): ...",
        "def page(request, instance, topic, id): ...",
    ),
    (
        sizes.positional_parameters,
        "tests/unit/test_x.py",
        "def build(a, b, c, d): ...",
        "def test_x(a, b, c, d): ...\n@pytest.fixture\ndef g(a, b, c, d): ...",
    ),
    (sizes.module_name, "brokers/engine/utils.py", "", ""),
    (sizes.module_name, "brokers/common/delivery.py", "", ""),
    (places.sql_in_files, ENGINE, 'QUERY = "SELECT 1 FROM message"', '"""SELECT 1."""\nQUERY = "Select a topic"'),
    (places.sql_in_files, ENGINE, "QUERY = f'''\n  UPDATE queue SET x = {y}'''", "QUERY = 'UPDATE the settings'"),
    (places.lua_in_files, ENGINE, "LUA = \"return redis.call('GET', KEYS[1])\"", "x = redis.call"),
    (places.sql_and_lua_rooms, "brokers/engine/claim.sql", "", ""),
    (places.sql_and_lua_rooms, "brokers/store/claim.lua", "", ""),
    (places.asyncio_rooms, ENGINE, "import asyncio", "import threading"),
    (places.asyncio_rooms, "brokers/store/log.py", "from asyncio import Queue", "from queue import Queue"),
    (places.clock_reads, ENGINE, "import time\nx = time.time()", "x = clock.now()"),
    (places.clock_reads, ENGINE, "x = datetime.now(UTC)", "x = datetime.fromtimestamp(0, UTC)"),
    (places.clock_reads, ENGINE, "from django.utils import timezone\nx = timezone.now()", "x = functions.Now()"),
    (places.waiting_in_tests, "tests/unit/test_x.py", "time.sleep(0.1)", "stack.wait_until(look, what='x')"),
    (places.waiting_in_tests, "tests/unit/test_x.py", "await_(asyncio.sleep(1))", "asyncio.sleep(0)"),
    (places.mocks, "tests/unit/test_x.py", "from unittest.mock import Mock", "from unittest import TestCase"),
    (places.mocks, "tests/unit/test_x.py", "from unittest import mock", "import unittest"),
    (places.machine_paths, "Makefile", "cp x /ho" + "me/ann/project/y", "cp x /usr/bin/y"),
    (places.machine_paths, "docs/a.md", "see `/ro" + "ot/secret`", "see https://example.org/root/page"),
    (places.registries, "requirements/dev.txt", "--ind" + "ex-url x", "pip==1"),
    (places.registries, "package-lock.json", '"resol' + 'ved": "https://a.example/b.tgz"', '"integrity": "sha512-x"'),
    (places.registries, "Makefile", "curl https://pypi" + ".org/simple", "curl https://example.org"),
    (words.later, ENGINE, "# TO" + "DO: later", "# what is left to do is an issue"),
    (words.later, "templates/page.html", "<!-- FIX" + "ME -->", "<!-- fine -->"),
    (words.dead_code, ENGINE, "# x = delivery.claim(1)\n", "# the claim is made before the read\n"),
    (words.dead_code, ENGINE, "x = 1\n# if x:\n#     y = 2\n", "x = 1  # y = 2 would lose the claim\n"),
    (words.dead_code, ENGINE, "# explain why\n# return None\n", "# noqa: E402\n# note: one\n"),
    (words.chapters, ENGINE, "x = 1\n", CHAPTERS),
    (words.chapters, ENGINE, '"""Delivers."""\n', CHAPTERS),
    (words.chapters, "brokers/engine/__init__.py", "x = 1\n", ""),
    (
        words.reasons,
        ENGINE,
        "x = 1  # type: ign" + "ore",
        "x = 1  # type: ign" + "ore[misc] # the library has no types",
    ),
    (words.reasons, ENGINE, "x = 1  # type: ign" + "ore[misc]", "x = 1  # no" + "qa: E731"),
    (words.reasons, ENGINE, "x = 1  # no" + "qa", "x = 1"),
    (documents.constant_events, ENGINE, "log.info('Buried %s', x)", "log.info('message_buried', extra={})"),
    (documents.constant_events, ENGINE, "log.info(f'buried_{x}')", "math.log(x)"),
]


@pytest.mark.parametrize(
    ("rule", "path", "offence"), [row[:3] for row in PLANTED], ids=lambda value: getattr(value, "__name__", "")
)
def test_rule_notices(rule: Rule, path: str, offence: str) -> None:
    assert rule(Source(path, offence))


@pytest.mark.parametrize(("rule", "path", "honest"), [(row[0], row[1], row[3]) for row in PLANTED if row[3]])
def test_rule_leaves_honest_code_alone(rule: Rule, path: str, honest: str) -> None:
    assert rule(Source(path, honest)) == []


def test_every_reader_of_the_environment_is_seen() -> None:
    text = (
        'A = env.text("MQ_A")\nB = env.integer("MQ_B", 1, low=1, high=2)\nC = _secret("MQ_C", "c.key")\nD = other("D")'
    )
    assert documents.settings_read(Source("mqconsole/settings.py", text)) == {"MQ_A", "MQ_B", "MQ_C"}


def test_every_event_and_metric_is_seen() -> None:
    text = "log.warning('lease_lost')\nlogging.getLogger('x').error('door')\nSENT = Counter('mq_sent_total', 'x')"
    assert documents.telemetry([Source(ENGINE, text)]) == {"lease_lost", "door", "mq_sent_total"}


def test_rows_of_a_document_are_the_first_cells_in_code_quotes() -> None:
    assert documents.rows("| name | what |\n|---|---|\n| `MQ_A` | a |\ntext `MQ_B`\n| x | `MQ_C` |\n") == {"MQ_A"}
