"""The product's judge and the naive one agree, on what the makers below make up."""

import json
import random
from datetime import datetime
from typing import Any

from accounts.policies import document, evaluation, holdings
from accounts.policies.conditions import Facts
from accounts.policies.evaluation import Held
from accounts.policies.patterns import Pattern
from tests.unit.policies import naive

# 10,000 sets of policies, ten requests each: 100,000 cases in about ten seconds.
POLICY_SETS = 10_000
REQUESTS_EACH = 10

ACTIONS = ["mq:PUB", "mq:SUB", "mq:QueryTopic", "mq:QueryGroup", "mq:CreateTopic"]
ACTION_PATTERNS = [*ACTIONS, "mq:*", "mq:Query*", "mq:?UB", "MQ:pub", "*", "rocketmq:PUB", "rocketmq:*", "mq:*Topic"]
NAMES = ["a", "ab", "a-b", "orders", "orders2", "shop%orders", "%RETRY%g"]
RESOURCES = [f"acs:mq:*:{account}:{i}%{n}" for account in (1, 12) for i in ("shop", "shop2") for n in NAMES] + [
    "acs:mq:*:1:shop",
    "acs:mq:*:12:shop2",
]
OWN_RESOURCES = [resource for resource in RESOURCES if resource.startswith("acs:mq:*:1:")]
RESOURCE_PATTERNS = [
    *RESOURCES[::3],
    "*",
    "acs:mq:*:*:shop*",
    "acs:mq:*:*:shop%*",
    "acs:mq:*:1:shop%ord*",
    "acs:mq:*:1:shop%orders?",
    "acs:mq:*:*:*%a*b",
    "acs:mq:*:1?:*",
    "acs:rocketmq:*:*:instance/shop",
    "acs:rocketmq:*:*:instance/shop*",
    "acs:rocketmq:*:1:instance/shop/topic/orders",
    "acs:rocketmq:*:*:instance/shop2/consumergroup/a*",
]
ADDRESSES = ["10.0.0.1", "10.0.1.255", "::ffff:10.0.0.1", "192.168.1.9", "2001:db8::1"]
NETWORKS = ["10.0.0.0/24", "10.0.0.1", "0.0.0.0/0", "2001:db8::/32", "192.168.0.0/16", "::/0"]
ORDERS = ["LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"]
TIMES = ["2026-01-01T00:00:00+00:00", "2026-06-01T12:00:00+00:00", "2026-06-01T14:00:00+02:00", "2027-01-01T00:00:00Z"]


def some(chance: random.Random, values: list[str]) -> Any:
    if chance.random() < 0.5:
        return chance.choice(values)
    return [chance.choice(values) for _ in range(chance.randint(1, 3))]


def make_condition(chance: random.Random) -> dict[str, dict[str, Any]]:
    kinds = chance.sample(["ip", "time", "tls", "mfa"], chance.randint(1, 2))
    made: dict[str, dict[str, Any]] = {}
    for kind in kinds:
        if kind == "ip":
            made[chance.choice(["IpAddress", "NotIpAddress"])] = {"acs:SourceIp": some(chance, NETWORKS)}
        elif kind == "time":
            word = chance.choice(
                ["LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals", "Equals", "NotEquals"]
            )
            made[f"Date{word}"] = {"acs:CurrentTime": some(chance, TIMES)}
        else:
            key = "acs:SecureTransport" if kind == "tls" else "acs:MFAPresent"
            made.setdefault("Bool", {})[key] = some(chance, ["true", "false"])
    return made


def make_document(chance: random.Random) -> str:
    statements = []
    for _ in range(chance.randint(1, 3)):
        statement: dict[str, Any] = {
            "Effect": "Deny" if chance.random() < 0.25 else "Allow",
            "NotAction" if chance.random() < 0.15 else "Action": some(chance, ACTION_PATTERNS),
            "Resource": some(chance, RESOURCE_PATTERNS),
        }
        if chance.random() < 0.4:
            statement["Condition"] = make_condition(chance)
        statements.append(statement)
    return json.dumps({"Version": "1", "Statement": statements if chance.random() < 0.9 else statements[0]})


def make_request(chance: random.Random) -> dict[str, Any]:
    return {
        "acs:SourceIp": chance.choice(ADDRESSES),
        "acs:CurrentTime": chance.choice(TIMES),
        "acs:SecureTransport": chance.random() < 0.5,
        "acs:MFAPresent": chance.random() < 0.5,
    }


def facts_of(request: dict[str, Any]) -> Facts:
    return Facts(
        source_ip=request["acs:SourceIp"],
        now=datetime.fromisoformat(request["acs:CurrentTime"]),
        is_secure=request["acs:SecureTransport"],
        has_mfa=request["acs:MFAPresent"],
    )


def held(*documents: str) -> list[Held]:
    return [Held(f"p{n}", 1, "", document.parse(text)) for n, text in enumerate(documents)]


def test_both_judges_agree_on_a_hundred_thousand_requests() -> None:
    chance = random.Random(20260101)
    seen: dict[str, int] = {}
    for _ in range(POLICY_SETS):
        documents = [make_document(chance) for _ in range(chance.randint(0, 3))]
        policies = held(*documents)
        for _ in range(REQUESTS_EACH):
            action, resource, request = chance.choice(ACTIONS), chance.choice(RESOURCES), make_request(chance)
            judged = evaluation.decide(policies, action, resource, facts=facts_of(request))
            expected = naive.judge(documents, action, resource, request=request)
            assert judged.outcome == expected, (documents, action, resource, request)
            assert (judged.statement is None) == (judged.outcome == "implicit_deny")
            assert judged.statement is None or judged.statement.allows == judged.is_allowed
            seen[expected] = seen.get(expected, 0) + 1
    print(f"\nboth judges agree on {sum(seen.values()):,} requests: {seen}")
    assert all(seen.get(outcome, 0) > 5_000 for outcome in ("allowed", "explicit_deny", "implicit_deny")), seen


def test_order_is_irrelevant_a_deny_never_widens_and_an_allow_never_narrows() -> None:
    chance = random.Random(7)
    for _ in range(2_000):
        documents = [make_document(chance) for _ in range(3)]
        action, resource, request = chance.choice(ACTIONS), chance.choice(RESOURCES), make_request(chance)
        judged = evaluation.decide(held(*documents), action, resource, facts=facts_of(request))
        turned = evaluation.decide(held(*reversed(documents)), action, resource, facts=facts_of(request))
        assert judged.outcome == turned.outcome
        fewer = evaluation.decide(held(*documents[:2]), action, resource, facts=facts_of(request))
        effects = {one.allows for one in document.parse(documents[2]).statements}
        if effects == {False}:
            assert fewer.is_allowed or not judged.is_allowed
        if effects == {True}:
            assert judged.is_allowed or not fewer.is_allowed


def test_wildcards_agree_with_recursion() -> None:
    chance = random.Random(3)
    for _ in range(20_000):
        pattern = "".join(chance.choice("ab%*?") for _ in range(chance.randint(0, 7)))
        text = "".join(chance.choice("ab%") for _ in range(chance.randint(0, 9)))
        assert Pattern(pattern).matches(text) == naive.fits(pattern, text), (pattern, text)


def test_a_pattern_that_covers_another_fits_all_that_the_other_fits() -> None:
    chance = random.Random(5)
    covered = 0
    for _ in range(20_000):
        wide, narrow = ("".join(chance.choice("ab*?") for _ in range(chance.randint(1, 4))) for _ in range(2))
        if not Pattern(wide).covers(Pattern(narrow)):
            continue
        covered += 1
        for _ in range(20):
            text = "".join(chance.choice("ab") for _ in range(chance.randint(0, 6)))
            assert not Pattern(narrow).matches(text) or Pattern(wide).matches(text), (wide, narrow, text)
    assert covered > 1_000


def test_nobody_can_grant_what_they_do_not_hold() -> None:
    chance = random.Random(11)
    granted = 0
    for _ in range(6_000):
        mine, given = [make_document(chance) for _ in range(2)], make_document(chance)
        if not holdings.holds(held(*mine), [document.parse(given)], account_id=1):
            continue
        granted += 1
        for _ in range(20):
            action, resource, request = chance.choice(ACTIONS), chance.choice(OWN_RESOURCES), make_request(chance)
            if naive.judge([given], action, resource, request=request) == "allowed":
                assert naive.judge(mine, action, resource, request=request) == "allowed", (mine, given)
    assert granted > 100


def test_hostile_patterns_cost_little() -> None:
    pattern, text = Pattern("a*" * 200 + "b"), "a" * 500
    for _ in range(200):
        assert not pattern.matches(text)
