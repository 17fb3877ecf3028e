"""Every error a person or a program may be told has its Chinese, found again from the text with its values."""

import ast
import json
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from brokers.domain.errors import ErrorCode, Rejected
from brokers.protocols.http import problems, wording

PROJECT = Path(__file__).parents[3]
TEXTS = json.loads((PROJECT / "templates/locale/zh_Hans/errors.json").read_text("utf-8"))
RAISED = {
    "AccountError", "BrokerError", "Denied", "NotFound", "Rejected", "Stale", "TryLater", "Unauthenticated",
    "UnknownOutcome", "ValidationError",
}  # fmt: skip
# RocketMQ's clients show what they are told in logs; commands talk to whoever runs the server.
ELSEWHERE = ("doors/remoting", "protocols/remoting", "management", "migrations")
# All of it is a value: a sentence, or a phrase, with a full stop or a member's name put to it.
COMPOSED = {"{}.", "{}: {}"}
CHINESE = "zh-hans"


def raised(names: set[str], rooms: tuple[str, ...]) -> Iterator[str]:
    """Yields the texts given to these classes, `{}` where a value goes."""
    paths = [path for room in rooms for path in (PROJECT / room).rglob("*.py")]
    for path in paths:
        if any(part in path.as_posix() for part in ELSEWHERE):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args and ast.unparse(node.func).rpartition(".")[2] in names:
                yield from texts(node.args[0])


def texts(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [escaped(node.value)]
    if isinstance(node, ast.JoinedStr):
        return ["".join(escaped(str(p.value)) if isinstance(p, ast.Constant) else "{}" for p in node.values)]
    if isinstance(node, ast.IfExp):
        return texts(node.body) + texts(node.orelse)
    if isinstance(node, ast.BinOp):
        return [one + other for one in texts(node.left) for other in texts(node.right)]
    return []


def escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def test_every_error_has_its_chinese_and_no_translation_is_left_over() -> None:
    told = set(raised(RAISED, ("accounts", "brokers"))) | {row.title for row in problems.TABLE.values()}
    # What is told without being raised.
    elsewhere = ("brokers/api/middleware.py", "brokers/engine/settlement.py")
    source = "\n".join((PROJECT / name).read_text() for name in elsewhere)
    assert len(told) > 300, "the search for texts finds too few"
    sentences = set(TEXTS["sentences"])
    assert sorted(told - sentences - COMPOSED) == []
    assert [one for one in sorted(sentences - told) if one not in source] == []


def test_every_complaint_about_a_policy_has_its_chinese() -> None:
    told = set(raised({"ValueError"}, ("accounts/policies",))) | set(raised({"_away", "_malformed"}, ("accounts",)))
    assert sorted(told - set(TEXTS["phrases"])) == []


def test_every_warning_about_a_policy_has_its_chinese() -> None:
    tree = ast.parse((PROJECT / "accounts/policies/advice.py").read_text())
    pairs = [node.value for node in ast.walk(tree) if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple)]
    told = {text.removesuffix(".") for pair in pairs for text in texts(pair.elts[1])}
    told |= {text.removesuffix(".") for call in ast.walk(tree) for text in _warned(call)}
    assert len(told) == 6, "the search for texts finds others than before"
    assert sorted(told - set(TEXTS["phrases"])) == []


def _warned(node: ast.AST) -> list[str]:
    is_warning = isinstance(node, ast.Call) and ast.unparse(node.func) == "Warning"
    return texts(node.args[2]) if isinstance(node, ast.Call) and is_warning else []


@pytest.mark.parametrize("text", sorted({**TEXTS["sentences"], **TEXTS["phrases"]}))
def test_a_translation_fills_in_every_value(text: str) -> None:
    translation = {**TEXTS["sentences"], **TEXTS["phrases"]}[text]
    count = sum(name is not None for _, name, _, _ in string.Formatter().parse(text))
    values = [f"value{number}" for number in range(count)]
    given = text.format(*values)
    told = translation.format(*values, **{f"p{number}": value for number, value in enumerate(values)})
    assert all(told.count(value) == 1 for value in values)
    assert told != given


def test_texts_are_found_again_with_their_values() -> None:
    for english, chinese in (
        ("There is no topic 'a' in instance 'b'. Check the spelling, or create it first.", "实例 'b' 中没有主题 'a'。"),
        ("You are not allowed to do mq:PUB on acs:mq:*:1:i%t: no policy allows it.", "mq:PUB：没有策略允许。"),
        (
            "You are not allowed to do a on b: statement 2 of the policy p (version 3) denies it.",
            "你无权对 b 执行 a：策略 p（版本 3）的第 2 条语句禁止。",
        ),
        (
            "Statement 1: 'x' is not a resource; write 'acs:mq:*:*:instance%topic', or '*'.",
            "第 1 条语句：'x' 不是资源；请写“acs:mq:*:*:实例%主题”，或“*”。",
        ),
        ("'a*' also covers longer names, such as 'a0', and other instances made later.", "以及以后创建的其他实例。"),
        ("This is not JSON: Extra data in line 1, column 3.", "这不是 JSON：第 1 行第 3 列，末尾有多余内容。"),
        ('Statement 1: "Effect" must be "Allow" or "Deny".', '第 1 条语句："Effect" 必须是 "Allow" 或 "Deny"。'),
        ("max must be one of 1, 2.", "max 必须是 1, 2 之一。"),
        ("The outcome must be one of ok, refused.", "结果必须是 ok, refused 之一。"),
        ('filter is a string of tags like "tagA||tagB", or {"sql": "price > 10"}.', '或 {"sql": "price > 10"}。'),
        ("The sign-in provider cannot be used just now: it answered 503.", "它的应答是 503。"),
    ):
        told = wording.translate(english, CHINESE)
        assert told.endswith(chinese) or told.startswith(chinese), told


def test_an_entry_of_a_batch_is_told_in_the_language_asked_for() -> None:
    sentence = next(text for text in TEXTS["sentences"] if "{}" not in text)
    error = Rejected(sentence, ErrorCode.INVALID_REQUEST)
    told = problems.entry(error, CHINESE)
    assert told["detail"] == TEXTS["sentences"][sentence]
    assert told["code"] == "INVALID_REQUEST"
    assert told["title"] == wording.translate(problems.title(told["code"]), CHINESE)
    assert problems.entry(error, "en")["detail"] == sentence


def test_a_value_is_never_translated_where_somebody_chose_it() -> None:
    assert wording.translate("There is no session abc of group.", CHINESE) == "group 没有会话 abc。"
    braces = "There is no user '{p0} {0} {' in your account."
    assert wording.translate(braces, CHINESE) == "你的账号中没有用户 '{p0} {0} {'。"


def test_unknown_texts_and_other_languages_stay_as_they_are() -> None:
    for text, language in (
        ("Nobody wrote this.", CHINESE),
        ("Not found", "en"),
        ("Not found", None),
        ("Not found", "fr"),
        ("", CHINESE),
        ("There is no user " + "x" * 10_000 + " in your account.", CHINESE),
    ):
        assert wording.translate(text, language) == text


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"), ("zh-CN,zh;q=0.9,en;q=0.8", CHINESE), ("en-GB,zh;q=0.5", "en"), ("fr, zh;q=0.1", CHINESE),
        ("zh;q=0, en;q=0.1", "en"), ("*", "en"), ("zh;q=x", "en"), ("," * 100_000, "en"), ("de", "en"),
    ],
)  # fmt: skip
def test_the_language_a_client_likes_best(header: str, language: str) -> None:
    assert wording.language_of(header) == language
