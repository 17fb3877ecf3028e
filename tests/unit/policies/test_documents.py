"""What a policy may say, what it is told when it may not, and what the linter finds."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from accounts.errors import Rejected
from accounts.policies import advice, conditions, document, evaluation, spellings, system
from accounts.policies.conditions import Facts
from accounts.policies.evaluation import Held, Outcome

PROJECT = Path(__file__).parents[3]
ALLOW: dict[str, Any] = {"Effect": "Allow", "Action": "mq:PUB", "Resource": "acs:mq:*:*:shop%orders"}
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def policy(*statements: Any, **changes: Any) -> str:
    return json.dumps({"Version": "1", "Statement": list(statements) or [ALLOW], **changes})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "not JSON"),
        ("[" * 3000, "not"),
        (policy(Version="2"), '"Version" must be "1"'),
        (policy(Id="x"), "nothing else"),
        ('{"Version": "1", "Statement": []}', "1 to 100 statements"),
        ('{"Version": "1", "Version": "1", "Statement": {}}', "'Version' is given twice"),
        (policy({**ALLOW, "Sid": "x"}), "Statement 1: 'Sid' is not known"),
        (policy({**ALLOW, "Principal": "*"}), "'Principal' is not known"),
        (policy(ALLOW, {**ALLOW, "Effect": "allow"}), "Statement 2: \"Effect\""),
        (policy({**ALLOW, "NotAction": "mq:SUB"}), 'either "Action" or "NotAction"'),
        (policy({**ALLOW, "Action": []}), '"Action" needs 1 to 100'),
        (policy({**ALLOW, "Action": "ecs:Start"}), "not an action"),
        (policy({**ALLOW, "Action": "rocketmq:Fly"}), "fits no action of RocketMQ 5"),
        (policy({**ALLOW, "Resource": "orders"}), "not a resource"),
        (policy({**ALLOW, "Resource": "acs:mq:cn-hangzhou:*:shop"}), "names a region"),
        (policy({**ALLOW, "Condition": {}}), "Condition must be an object"),
        (policy({**ALLOW, "Condition": {"Like": {"acs:SourceIp": "x"}}}), "'Like' is not a condition operator"),
        (policy({**ALLOW, "Condition": {"Bool": {"acs:Moon": "true"}}}), "'acs:Moon' is not a condition key"),
        (policy({**ALLOW, "Condition": {"Bool": {"acs:SourceIp": "true"}}}), "cannot be used with"),
        (policy({**ALLOW, "Condition": {"IpAddress": {"acs:SourceIp": "10.0.0.300"}}}), "10.0.0.300"),
        (policy({**ALLOW, "Condition": {"DateLessThan": {"acs:CurrentTime": "2026-01-01"}}}), "no time zone"),
        (policy({**ALLOW, "Resource": ["acs:mq:*:*:" + "x" * 6200]}), "at most 6144"),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_refused_with_its_place(text: str, complaint: str) -> None:
    with pytest.raises(Rejected, match=re.escape(complaint)):
        document.parse(text)


def test_both_spellings_mean_the_same() -> None:
    newer = policy(
        {
            "Effect": "Allow",
            "Action": ["rocketmq:GetTopic", "rocketmq:Pub"],
            "Resource": "acs:rocketmq:*:*:instance/shop/topic/orders",
        }
    )
    older = policy({"Effect": "Allow", "Action": ["mq:QueryTopic", "mq:PUB"], "Resource": "acs:mq:*:*:shop%orders"})
    assert document.parse(newer) == document.parse(older)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}}, True),
        ({"NotIpAddress": {"acs:SourceIp": ["192.168.0.0/16", "10.0.0.0/8"]}}, False),
        ({"StringLike": {"acs:SourceIp": "10.*"}}, True),
        ({"StringNotEquals": {"acs:SourceIp": "10.1.2.3"}}, False),
        ({"StringEqualsIgnoreCase": {"acs:SecureTransport": "TRUE"}}, True),
        ({"Bool": {"acs:MFAPresent": True}}, False),
        ({"Bool": {"acs:SecureTransport": "true", "acs:MFAPresent": "false"}}, True),
        ({"DateGreaterThan": {"acs:CurrentTime": "2026-06-01T14:00:00+02:00"}}, False),
        ({"DateGreaterThanEquals": {"acs:CurrentTime": "2026-06-01T14:00:00+02:00"}}, True),
        ({"NumericLessThan": {"acs:CurrentTime": 2_000_000_000}}, True),
        ({"NumericNotEquals": {"acs:CurrentTime": str(int(NOON.timestamp()))}}, False),
    ],
)
def test_conditions(condition: Any, holds: bool) -> None:
    facts = Facts(source_ip="::ffff:10.1.2.3", now=NOON, is_secure=True)
    assert all(one.holds(facts) for one in conditions.read(condition)) is holds


def test_an_unknown_address_opens_nothing() -> None:
    facts = Facts(source_ip="", now=NOON)
    for effect, operator in (("Allow", "IpAddress"), ("Allow", "NotIpAddress"), ("Deny", "IpAddress")):
        statement = {**ALLOW, "Effect": effect, "Condition": {operator: {"acs:SourceIp": "10.0.0.0/8"}}}
        held = [Held("p", 1, "", document.parse(policy(statement, {**ALLOW, "Effect": effect, "Action": "mq:SUB"})))]
        judged = evaluation.decide(held, "mq:PUB", "acs:mq:*:*:shop%orders", facts=facts)
        assert judged.outcome == (Outcome.EXPLICIT_DENY if effect == "Deny" else Outcome.IMPLICIT_DENY)


@pytest.mark.parametrize(
    ("statements", "codes"),
    [
        ([ALLOW], []),
        ([{**ALLOW, "Resource": "acs:mq:*:*:shop*"}], ["prefix_star"]),
        ([{**ALLOW, "Resource": "acs:mq:*:*:shop%*"}], []),
        ([{"Effect": "Allow", "NotAction": "mq:PUB", "Resource": "acs:mq:*:*:shop"}], ["not_action"]),
        ([{**ALLOW, "Action": "*", "Resource": "*"}], ["everything"]),
        ([{**ALLOW, "Action": "mq:Publish"}], ["unknown_action"]),
        ([{**ALLOW, "Resource": "acs:mq:*:77:shop"}], ["foreign_account"]),
        ([ALLOW, {"Effect": "Deny", "Action": "mq:*", "Resource": "*"}], ["unreachable"]),
    ],
)
def test_linter_finds_what_is_probably_not_meant(statements: list[Any], codes: list[str]) -> None:
    found = advice.warnings(document.parse(policy(*statements)), account_id=1)
    assert [one.code for one in found] == codes


def test_system_policies_can_be_read_and_mean_something() -> None:
    for name, text in system.POLICIES.items():
        assert document.parse(text).statements, name
        assert not advice.warnings(document.parse(text), account_id=1) or name == "FullAccess"


def test_every_action_the_product_asks_for_is_in_the_list() -> None:
    asked: set[str] = set()
    for room in ("accounts", "brokers"):
        for path in (PROJECT / room).rglob("*.py"):
            if path.parent.name != "policies":
                asked |= set(re.findall(r'"((?:mq|ram):[A-Z]\w+)"', path.read_text()))
    # Written to the audit, asked of nobody.
    unlisted = {
        "ram:CreateAccount", "ram:SignIn", "ram:BindMFADevice", "ram:CreateRecoveryCodes", "ram:UseRecoveryCode",
        "ram:CreateInvitation", "ram:DeleteInvitation", "ram:AcceptInvitation", "ram:LinkIdentity", "mq:RecallMessage",
        "mq:ExportAudit", "ram:UseAccessKey", "ram:AssumeRole", "ram:LeaveRole", "ram:RevokeRoleSession",
    } | {f"mq:{verb}Transaction" for verb in ("Commit", "Rollback", "Check")}  # fmt: skip
    assert asked - unlisted <= set(spellings.ACTIONS)
    assert len(asked) > 40
