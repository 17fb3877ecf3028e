"""The form beside a policy's JSON: each side follows the other, and both work as plain forms."""

import json
from typing import Any

from accounts import grants
from accounts.models import PolicyVersion
from tests.integration.console.shop import Shop, browser_of

SEND = {"Effect": "Allow", "Action": ["mq:PUB", "mq:QueryTopic"], "Resource": "acs:mq:*:*:shop%orders"}
HOME = {"Condition": {"IpAddress": {"acs:SourceIp": ["10.0.0.0/8", "127.0.0.1"]}}}
TEXT = json.dumps({"Version": "1", "Statement": [SEND, {**SEND, **HOME, "Effect": "Deny"}]}, indent=2)


def stepped(shop: Shop, step: str, **fields: str) -> Any:  # Any: the editor in the page's context
    answer = browser_of(shop.people.owner).post("/new-policy", {"name": "mine", "step": step, **fields})
    assert answer.status_code == 200
    assert answer.context["form"]["name"].value() == "mine"
    return answer.context["editor"]


def as_fields(editor: Any) -> dict[str, str]:
    found = {"document": editor.text, "shown": editor.shown}
    for n, line in enumerate(editor.lines):
        for name in ("effect", "kind", "actions", "resources", "conditions"):
            found[f"s{n}-{name}"] = getattr(line, name)
    return found


def test_json_becomes_statements_and_statements_become_json(shop: Shop) -> None:
    read = stepped(shop, "read", document=TEXT)
    assert [(line.effect, line.kind, line.actions.split()) for line in read.lines] == [
        ("Allow", "Action", ["mq:PUB", "mq:QueryTopic"]),
        ("Deny", "Action", ["mq:PUB", "mq:QueryTopic"]),
    ]
    assert read.lines[1].conditions == "IpAddress acs:SourceIp 10.0.0.0/8, 127.0.0.1"
    written = stepped(shop, "write", **as_fields(read))
    assert json.loads(written.text) == json.loads(TEXT)


def test_statements_are_added_filled_in_and_removed(shop: Shop) -> None:
    fields = as_fields(stepped(shop, "read", document=TEXT))
    more = stepped(shop, "add", **fields)
    assert len(more.lines) == 3
    assert "Statement 3" in more.failure
    filled = {**as_fields(more), "s2-actions": "mq:SUB", "s2-resources": "acs:mq:*:*:sh*", "s2-effect": "Allow"}
    written = stepped(shop, "write", **filled)
    assert json.loads(written.text)["Statement"][2] == {
        "Effect": "Allow", "Action": "mq:SUB", "Resource": "acs:mq:*:*:sh*",
    }  # fmt: skip
    assert any("longer names" in warning for warning in written.lines[2].warnings)
    less = stepped(shop, "remove-1", **as_fields(written))
    assert [one["Effect"] for one in json.loads(less.text)["Statement"]] == ["Deny", "Allow"]


def test_what_cannot_be_read_keeps_the_other_side(shop: Shop) -> None:
    broken = stepped(shop, "read", document=TEXT[:-1])
    assert broken.lines == ()
    assert "not JSON" in broken.problem
    fields = as_fields(stepped(shop, "read", document=TEXT))
    wrong = stepped(shop, "write", **{**fields, "s0-conditions": "IpAddress"})
    assert len(wrong.lines) == 2
    assert "operator, key and values" in wrong.failure
    assert json.loads(wrong.text) == json.loads(TEXT)


def test_saving_takes_the_side_that_was_edited(shop: Shop) -> None:
    owner = shop.people.owner
    grants.create_policy(owner.actor, "mine", TEXT)
    fields = as_fields(browser_of(owner).get("/policies/mine").context["editor"])

    def save(**changed: str) -> Any:  # Any: JSON values
        assert browser_of(owner).post("/policies/mine", {**fields, **changed}).status_code == 302
        return json.loads(PolicyVersion.objects.order_by("-number")[0].document)["Statement"]

    assert save(**{"s0-actions": "mq:SUB"})[0]["Action"] == "mq:SUB"
    assert save(document=TEXT.replace("mq:PUB", "mq:QueryMessage"))[0]["Action"][0] == "mq:QueryMessage"
    assert PolicyVersion.objects.get(number=1).document == TEXT, "what was not edited is kept as typed"
