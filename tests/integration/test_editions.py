"""Two people change one thing at once: who gives back the edition they saw never overwrites what they did not see."""

import json
from typing import Any

from django.test import Client

from accounts import grants
from accounts.models import PolicyVersion
from brokers.catalog import actions
from brokers.models import Group, Topic
from tests.integration.console.shop import browser_of
from tests.integration.three_people import People

T = "/instances/shop/topics"
G = "/instances/shop/groups"
SEND = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "mq:PUB", "Resource": "acs:mq:*:*:shop%a"}]}
READ = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "mq:SUB", "Resource": "acs:mq:*:*:shop%a"}]}


def overtaken(answer: Any) -> None:
    assert (answer.status_code, answer.json()["code"]) == (412, "CHANGED_MEANWHILE"), answer.content
    assert "changed since you looked" in answer.json()["detail"]


def test_the_second_of_two_changes_of_a_topic_or_group_is_told(people: People) -> None:
    owner = people.owner
    actions.create_topic(owner.actor, people.instance, name="a", queue_count=2)
    actions.create_group(owner.actor, people.instance, name="g")
    for path, mine, theirs in (
        (f"{T}/a", {"remark": "mine"}, {"queues": 3}),
        (f"{G}/g", {"max_attempts": 5}, {"paused": True}),
    ):
        seen = owner.call("GET", path).headers["ETag"]
        changed = owner.call("PATCH", path, theirs, If_Match=seen)
        assert changed.status_code == 200
        overtaken(owner.call("PATCH", path, mine, If_Match=seen))
        now = owner.call("GET", path)
        assert now.headers["ETag"] == changed.headers["ETag"] != seen
        assert now.json() == changed.json()
        assert owner.call("PATCH", path, mine, If_Match=f'"another", {now.headers["ETag"]}').status_code == 200
    assert (Topic.objects.get(name="a").remark, Group.objects.get(name="g").max_attempts) == ("mine", 5)


def test_without_if_match_or_with_a_star_the_last_one_wins_as_ever(people: People) -> None:
    owner = people.owner
    actions.create_topic(owner.actor, people.instance, name="a")
    for headers in ({}, {"If_Match": "*"}):
        assert owner.call("PATCH", f"{T}/a", {"remark": repr(headers)}, **headers).status_code == 200


def test_an_if_match_that_is_none_is_refused_and_a_weak_one_never_matches(people: People) -> None:
    owner = people.owner
    actions.create_topic(owner.actor, people.instance, name="a")
    seen = owner.call("GET", f"{T}/a").headers["ETag"]
    for wrong in (seen.strip('"'), '"', '"a" "b"', '""', '"a",' * 20 + '"a"'):
        answer = owner.call("PATCH", f"{T}/a", {"remark": "x"}, If_Match=wrong)
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST"), wrong
    overtaken(owner.call("PATCH", f"{T}/a", {"remark": "x"}, If_Match=f"W/{seen}"))
    assert Topic.objects.get(name="a").remark == ""


def test_what_is_made_anew_under_the_same_name_is_another(people: People) -> None:
    owner = people.owner
    topic = actions.create_topic(owner.actor, people.instance, name="a")
    seen = owner.call("GET", f"{T}/a").headers["ETag"]
    actions.delete_topic(owner.actor, topic)
    actions.create_topic(owner.actor, people.instance, name="a")
    overtaken(owner.call("PATCH", f"{T}/a", {"remark": "x"}, If_Match=seen))


def test_a_policy_version_follows_only_the_one_that_was_seen(people: People) -> None:
    owner = people.owner
    owner.call("POST", "/policies", {"name": "p", "document": SEND})
    seen = owner.call("GET", "/policies/p").headers["ETag"]
    assert owner.call("POST", "/policies/p/versions", {"document": READ}, If_Match=seen).status_code == 201
    overtaken(owner.call("POST", "/policies/p/versions", {"document": SEND}, If_Match=seen))
    overtaken(owner.call("POST", "/policies/p/versions/1:default", If_Match=seen))
    now = owner.call("GET", "/policies/p")
    assert now.json()["default_version"] == 2
    answer = owner.call("POST", "/policies/p/versions/1:default", If_Match=now.headers["ETag"])
    assert (answer.status_code, answer.json()["default_version"]) == (200, 1)


def test_a_refusal_is_told_in_the_readers_language(people: People) -> None:
    actions.create_topic(people.owner.actor, people.instance, name="a")
    answer = people.owner.call("PATCH", f"{T}/a", {"remark": "x"}, If_Match='"old"', Accept_Language="zh").json()
    assert (answer["title"], answer["code"]) == ("期间已被修改", "CHANGED_MEANWHILE")
    assert answer["detail"].startswith("主题 'a' 在你查看之后被修改过")


def test_forms_say_that_somebody_was_faster_and_keep_what_was_typed(people: People) -> None:
    owner = people.owner
    topic = actions.create_topic(owner.actor, people.instance, name="a", queue_count=2)
    group = actions.create_group(owner.actor, people.instance, name="g")
    browser = browser_of(owner)
    for path, typed in (
        ("/i/shop/topics/a/edit", {"queues": "2", "remark": "mine"}),
        ("/i/shop/groups/g/edit", {"max_attempts": "4", "invisible_seconds": "30", "remark": "mine"}),
    ):
        typed["seen"] = browser.get(path).context["seen"]
        actions.update_topic(owner.actor, topic, remark=f"theirs at {path}")
        actions.update_group(owner.actor, group, remark=f"theirs at {path}")
        _refuses_twice(browser, path, typed)
    assert "mine" not in {Topic.objects.get(name="a").remark, Group.objects.get(name="g").remark}


def test_the_policy_editor_does_not_overwrite_a_version_nobody_saw(people: People) -> None:
    owner = people.owner
    grants.create_policy(owner.actor, "p", json.dumps(SEND))
    browser = browser_of(owner)
    page = browser.get("/policies/p").context
    typed = {"seen": page["seen"], "document": json.dumps(READ), "shown": ""}
    grants.add_version(owner.actor, "p", json.dumps(SEND))
    _refuses_twice(browser, "/policies/p", typed)
    assert PolicyVersion.objects.count() == 2
    fresh = {**typed, "seen": browser.get("/policies/p").context["seen"]}
    assert browser.post("/policies/p", fresh).status_code == 302


def _refuses_twice(browser: Client, path: str, typed: dict[str, str]) -> None:
    """Fails unless the form comes back with all that was typed, and stays refused however often it is sent."""
    for _time in range(2):
        refused = browser.post(path, typed)
        shown = refused.content.decode()
        assert refused.status_code == 200
        assert "was changed since you looked at it" in shown
        assert "Look at what is there now" in shown
        assert refused.context["seen"] == typed["seen"]
        assert f'value="{typed["remark"]}"' in shown if "remark" in typed else "mq:SUB" in shown
