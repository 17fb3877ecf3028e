"""What went wrong is told in the reader's language at every HTTP door, and its code is the same in all of them."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.test import Client
from django.utils import translation

from tests.integration import contract
from tests.integration.three_people import People
from tests.stack import Running


@pytest.fixture(autouse=True)
def language() -> Iterator[None]:
    """Puts the language back that a request left behind in this thread."""
    with translation.override("en"):
        yield


CHINESE = {"Accept-Language": "zh-CN,zh;q=0.9"}


def test_problem_documents_of_the_api_are_translated_and_codes_are_not(people: People) -> None:
    path = "/instances/shop/topics/none"
    english = people.owner.call("GET", path)
    chinese = people.owner.call("GET", path, Accept_Language=CHINESE["Accept-Language"])
    assert english.json()["detail"].startswith("There is no topic 'none' in instance 'shop'.")
    assert (english.headers["Content-Language"], chinese.headers["Content-Language"]) == ("en", "zh-hans")
    assert chinese.json()["title"] == "没有这个主题"
    assert chinese.json()["detail"] == "实例 'shop' 中没有主题 'none'。请检查拼写，或先创建它。"
    assert english.json()["code"] == chinese.json()["code"] == "TOPIC_NOT_FOUND"


def test_a_refusal_gives_its_reason_in_the_readers_language(people: People) -> None:
    refused = people.member.call("GET", "/instances/shop/topics/t", Accept_Language="zh").json()
    assert refused["reason"] == "没有策略允许"
    assert refused["detail"].endswith("没有策略允许。")
    assert refused["action"] == "mq:QueryTopic"


def test_complaints_about_members_are_translated_one_by_one(people: People) -> None:
    answer = people.owner.call("POST", "/instances/shop/topics", {"name": 7}, Accept_Language="zh").json()
    assert answer["detail"] == "name: 必须是字符串"
    assert answer["errors"] == [{"member": "name", "detail": "必须是字符串"}]


def test_warnings_and_reasons_of_policies_are_told_in_the_readers_language(people: People) -> None:
    wide = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "mq:*", "Resource": "*"}]}
    made = people.owner.call("POST", "/policies", {"name": "wide", "document": wide}, Accept_Language="zh").json()
    assert made["warnings"] == [{"statement": 1, "code": "everything", "text": "这条语句允许对一切资源执行一切操作。"}]
    [english] = people.owner.call("GET", "/policies/wide").json()["warnings"]
    assert english["text"] == "This allows everything on everything."
    question = {"user": "mia", "action": "mq:PUB", "resource": "acs:mq:*:*:shop%t"}
    judged = people.owner.call("POST", "/policies:simulate", question, Accept_Language="zh").json()
    assert (judged["outcome"], judged["reason"]) == ("implicit_deny", "没有策略允许")


def test_what_django_refuses_by_itself_is_translated_too(people: People) -> None:
    answer: Any = Client().get(f"{contract.ROOT}/whoami", headers={**CHINESE, "Host": "evil.example"})
    assert answer.status_code == 400
    assert answer.json()["title"] == "请求无效"


def test_pages_tell_refusals_in_the_readers_language(people: People) -> None:
    browser = Client()
    browser.force_login(people.member.user)
    page = browser.get("/i/shop/topics/t", headers=CHINESE)
    assert page.status_code == 403
    shown = page.content.decode()
    assert "没有策略允许" in shown
    assert "no policy allows it" not in shown
    assert "You are not allowed" not in shown
    assert "mq:QueryTopic" in shown


def test_the_hot_door_tells_errors_in_the_clients_language(server: Running) -> None:
    given = server.credentials
    with httpx.Client(base_url=server.url, auth=(given["access_key_id"], given["access_key_secret"])) as client:
        path = "/api/v1/instances/default/topics/never-made/messages"
        answer = client.post(path, json={"body": "x"}, headers=CHINESE)
        assert (answer.status_code, answer.headers["Content-Language"]) == (404, "zh-hans")
        assert answer.json()["code"] == "TOPIC_NOT_FOUND"
        assert "没有主题 'never-made'" in answer.json()["detail"]
        assert client.post(path, json={"body": "x"}).json()["detail"].startswith("There is no topic")
