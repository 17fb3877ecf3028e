"""The repository keeps the house style. `test_rules.py` shows that each rule would notice."""

import pytest

from . import documents, places, sizes, words
from .source import Rule, Source, tracked

RULES: list[Rule] = [
    sizes.file_length,
    sizes.function_length,
    sizes.nesting,
    sizes.positional_parameters,
    sizes.module_name,
    places.sql_in_files,
    places.lua_in_files,
    places.sql_and_lua_rooms,
    places.asyncio_rooms,
    places.clock_reads,
    places.waiting_in_tests,
    places.mocks,
    places.machine_paths,
    places.registries,
    words.later,
    words.dead_code,
    words.chapters,
    words.reasons,
    documents.constant_events,
]


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    return tracked()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_file_keeps(rule: Rule, sources: list[Source]) -> None:
    problems = [f"{source.path}:{problem}" for source in sources for problem in rule(source)]
    assert not problems, "\n" + "\n".join(problems)


def test_every_setting_is_documented_and_every_documented_setting_is_read(sources: list[Source]) -> None:
    texts = {source.path: source for source in sources}
    read = documents.settings_read(texts[documents.SETTINGS])
    written = documents.rows(texts[documents.SETTINGS_DOCUMENT].text)
    assert read == written


def test_every_event_and_metric_is_documented_and_none_that_is_gone(sources: list[Source]) -> None:
    document = next(source.text for source in sources if source.path == documents.TELEMETRY_DOCUMENT)
    assert documents.telemetry(sources) == documents.rows(document)
