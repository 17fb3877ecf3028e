"""Every text a person can see has its Chinese, with the same values filled in, in the file that is served."""

import ast
import gettext
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
LOCALE = PROJECT / "templates" / "locale" / "zh_Hans" / "LC_MESSAGES"
FUNCTIONS = {"_", "gettext", "gettext_lazy", "ngettext", "pgettext"}
# The same in both languages on purpose.
SAME = {"JSON", "Key"}
# Words that stand in templates as they are.
NAMES = {"mqconsole", "curl", "Python", "English"}

_TRANSLATE = re.compile(r"""{%\s*translate\s+(?:"([^"]+)"|'([^']+)')""")
_BLOCK = re.compile(r"{%\s*blocktranslate\b[^%]*%}(.*?){%\s*endblocktranslate\s*%}", re.DOTALL)
_PLURAL = re.compile(r"{%\s*plural\s*%}")
_VARIABLE = re.compile(r"{{\s*(\w+)[^}]*}}")
_PLACE = re.compile(r"%\(\w+\)[sd]|%\d*[sd]")

Message = tuple[str, str, str]  # context, singular, plural


def _of_templates() -> Iterator[Message]:
    for path in (PROJECT / "templates").rglob("*.html"):
        text = path.read_text()
        for one, other in _TRANSLATE.findall(text):
            yield "", one or other, ""
        for content in _BLOCK.findall(text):
            parts = [_VARIABLE.sub(r"%(\1)s", part) for part in _PLURAL.split(content)]
            yield "", parts[0], parts[1] if len(parts) > 1 else ""


def _of_python() -> Iterator[Message]:
    files = [path for room in ("brokers/console", "brokers/live") for path in (PROJECT / room).rglob("*.py")]
    for node in itertools.chain.from_iterable(ast.walk(ast.parse(path.read_text())) for path in files):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS):
            continue
        texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        if node.func.id == "pgettext" and len(texts) == 2:
            yield texts[0], texts[1], ""
        elif texts:
            yield "", texts[0], texts[1] if node.func.id == "ngettext" else ""


@pytest.fixture(scope="module")
def messages() -> set[Message]:
    found = {*_of_templates(), *_of_python()}
    assert len(found) > 300, "the search for texts finds too few"
    return found


@pytest.fixture(scope="module")
def chinese() -> gettext.GNUTranslations:
    with (LOCALE / "django.mo").open("rb") as file:
        return gettext.GNUTranslations(file)


def test_every_text_is_translated(messages: set[Message], chinese: gettext.GNUTranslations) -> None:
    missing = sorted(text for context, text, _ in messages if _lookup(chinese, context, text) in (None, text))
    assert set(missing) == SAME


def test_templates_hold_no_words_outside_the_translated_ones() -> None:
    found = {}
    for path in (PROJECT / "templates").rglob("*.html"):
        text = _BLOCK.sub("", path.read_text())
        text = re.sub(r"{%.*?%}|{{.*?}}|{#.*?#}|<!--.*?-->", "", text, flags=re.DOTALL)
        said = " ".join(re.findall(r'(?<![:\w-])(?:aria-label|title|placeholder|alt)="([^"]*)"', text))
        words = set(re.findall(r"[A-Za-z]{2,}", re.sub(r"<[^>]*>", " ", text) + " " + said)) - NAMES
        if words:
            found[path.name] = words
    assert not found


def test_translations_fill_in_the_same_values(messages: set[Message], chinese: gettext.GNUTranslations) -> None:
    for context, text, _ in messages:
        translated = _lookup(chinese, context, text)
        assert translated is not None
        assert sorted(_PLACE.findall(translated)) == sorted(_PLACE.findall(text)), text


def test_compiled_file_is_made_from_the_readable_one(chinese: gettext.GNUTranslations) -> None:
    written = set(re.findall(r'^msgid "(.+)"$', (LOCALE / "django.po").read_text(), re.MULTILINE))
    catalog = getattr(chinese, "_catalog")  # noqa: B009 # there is no public list of what a catalog holds
    compiled = {key[0] if isinstance(key, tuple) else key for key in catalog}
    compiled = {key.partition("\x04")[2] or key for key in compiled}
    unescaped = {text.replace('\\"', '"').replace("\\n", "\n") for text in written}
    assert unescaped <= compiled


def _lookup(chinese: gettext.GNUTranslations, context: str, text: str) -> str | None:
    catalog = getattr(chinese, "_catalog")  # noqa: B009 # as above; its methods hide what is missing
    key = f"{context}\x04{text}" if context else text
    found = catalog.get(key) or catalog.get((key, 0))
    return None if found is None else str(found)
