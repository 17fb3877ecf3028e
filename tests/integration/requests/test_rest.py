"""Requests and replies over HTTP, against the whole product."""

import http.client
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.integration.requests.conftest import ROOT, Rest
from tests.stack import wait_until


@pytest.fixture
def topic(rest: Rest) -> str:
    return rest.topic()


@pytest.fixture
def group(rest: Rest, topic: str) -> str:
    """A group that reads the topic."""
    name = rest.group()
    rest.ready(name, topic)
    return name


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_request_is_answered_with_what_the_consumer_replies(
    rest: Rest, topic: str, group: str, threads: ThreadPoolExecutor
) -> None:
    asking = threads.submit(rest.ask, topic, timeout_seconds=120, tag="count", properties={"lang": "en"})
    request = rest.request_in(group, topic)
    assert (request["body"], request["tag"], request["properties"]) == ("how many?", "count", {"lang": "en"})
    assert rest.reply(request, properties={"unit": "boxes"}, tag="n", keys=["k"]).status_code == 200
    answer = asking.result()
    assert answer.status_code == 200
    told = answer.json()
    assert told["correlation_id"] == request["correlation_id"]
    assert told["message_id"] == request["message_id"]
    assert told["complete"] is True
    (reply,) = told["replies"]
    assert (reply["body"], reply["properties"], reply["tag"], reply["keys"], reply["group"]) == (
        "seven",
        {"unit": "boxes"},
        "n",
        ["k"],
        group,
    )


def test_many_ask_at_once_and_each_gets_its_own_reply(
    rest: Rest, topic: str, group: str, threads: ThreadPoolExecutor
) -> None:
    bodies = [f"question {n}" for n in range(10)]
    asking = [threads.submit(rest.ask, topic, body, timeout_seconds=120) for body in bodies]
    answered = 0
    while answered < len(bodies):
        for request in rest.receive(group, topic, wait_seconds=5):
            assert rest.reply(request, f"answer to {request['body']}").status_code == 200
            answered += 1
    for body, one in zip(bodies, asking, strict=True):
        assert [reply["body"] for reply in one.result().json()["replies"]] == [f"answer to {body}"]


def test_nobody_reads_the_topic_and_nothing_is_sent(rest: Rest, topic: str) -> None:
    # Nobody is only known to be nobody when Redis has kept count for ten seconds.
    answer = wait_until(
        lambda: one if code(one := rest.ask(topic, timeout_seconds=0.05))[1] == "NO_RESPONDER" else None,
        what="nobody to be known",
    )
    assert answer.status_code == 409
    assert "correlation_id" not in answer.json()
    another = rest.topic()
    assert code(rest.ask(another, timeout_seconds=0.05)) == (409, "NO_RESPONDER")
    assert rest.receive(rest.group(), another) == []


def test_a_group_that_reads_and_does_not_answer_is_a_timeout_and_its_late_reply_is_refused(
    rest: Rest, topic: str, group: str
) -> None:
    answer = rest.ask(topic, timeout_seconds=0.3)
    assert code(answer) == (504, "REQUEST_TIMEOUT")
    request = rest.request_in(group, topic)
    assert answer.json()["correlation_id"] == request["correlation_id"]
    assert code(rest.reply(request)) == (410, "REQUEST_OVER")


def test_a_second_reply_of_the_same_group_is_refused(
    rest: Rest, topic: str, group: str, threads: ThreadPoolExecutor
) -> None:
    asking = threads.submit(rest.ask, topic, timeout_seconds=120)
    request = rest.request_in(group, topic)
    assert rest.reply(request, "first").status_code == 200
    assert code(rest.reply(request, "second")) == (409, "REQUEST_ANSWERED")
    assert [reply["body"] for reply in asking.result().json()["replies"]] == ["first"]


def test_several_replies_are_collected_one_a_group(
    rest: Rest, topic: str, group: str, threads: ThreadPoolExecutor
) -> None:
    groups = [group, rest.group(), rest.group()]
    for name in groups[1:]:
        rest.ready(name, topic)
    asking = threads.submit(rest.ask, topic, timeout_seconds=120, max_replies=2)
    requests = [rest.request_in(name, topic) for name in groups]
    assert rest.reply(requests[0], "a").status_code == 200
    assert code(rest.reply(requests[0], "a again")) == (409, "REQUEST_ANSWERED")
    assert rest.reply(requests[1], "b").status_code == 200
    assert code(rest.reply(requests[2], "c")) == (409, "REQUEST_ANSWERED")
    told = asking.result().json()
    assert ([reply["body"] for reply in told["replies"]], told["complete"]) == (["a", "b"], True)


def test_fewer_replies_than_wanted_are_given_at_the_end_of_the_time(
    rest: Rest, topic: str, group: str, threads: ThreadPoolExecutor
) -> None:
    asking = threads.submit(rest.ask, topic, timeout_seconds=6, max_replies=5)
    request = rest.request_in(group, topic)
    assert rest.reply(request).status_code == 200
    told = asking.result().json()
    assert ([reply["body"] for reply in told["replies"]], told["complete"]) == (["seven"], False)
    assert code(rest.reply(request, "again")) == (409, "REQUEST_ANSWERED")


def test_whoever_asks_later_for_the_replies_gets_them(rest: Rest, topic: str, group: str) -> None:
    asked = rest.ask_kept(topic, seconds=300)
    assert asked.status_code == 202
    name = asked.json()["correlation_id"]
    assert rest.look(name).json()["state"] == "OPEN"
    request = rest.request_in(group, topic)
    assert rest.reply(request).status_code == 200
    told = rest.look(name, wait_seconds=5).json()
    assert (told["state"], [reply["body"] for reply in told["replies"]], told["complete"]) == (
        "ANSWERED",
        ["seven"],
        True,
    )
    assert rest.look(name, after=1).json()["replies"] == []


def test_a_long_poll_is_answered_by_the_reply(rest: Rest, topic: str, group: str, threads: ThreadPoolExecutor) -> None:
    name = rest.ask_kept(topic, seconds=300).json()["correlation_id"]
    polling = threads.submit(rest.look, name, wait_seconds=20)
    assert rest.reply(rest.request_in(group, topic)).status_code == 200
    assert [reply["body"] for reply in polling.result().json()["replies"]] == ["seven"]


def test_an_asynchronous_request_nobody_answers_times_out_by_itself(rest: Rest, topic: str, group: str) -> None:
    name = rest.ask_kept(topic, seconds=0.5).json()["correlation_id"]
    told = wait_until(
        lambda: seen if (seen := rest.look(name, wait_seconds=5).json())["state"] != "OPEN" else None,
        what="the request to end",
    )
    assert (told["state"], told["replies"]) == ("TIMED_OUT", [])


def test_whoever_asked_hung_up_and_the_reply_is_refused(rest: Rest, topic: str, group: str) -> None:
    target = rest.client.build_request(
        "POST", f"{ROOT}/topics/{topic}/messages:request", json={"body": "bye", "timeout_seconds": 300}
    )
    connection = http.client.HTTPConnection(target.url.host, target.url.port, timeout=120)
    headers = dict(next(rest.client.auth.sync_auth_flow(target)).headers)  # type: ignore[union-attr] # it has a key
    connection.request("POST", target.url.path, target.content, headers)
    request = rest.request_in(group, topic)
    connection.close()
    # The server sees the connection end a moment later.
    refused = wait_until(
        lambda: answer if (answer := rest.reply(request)).status_code != 200 else None, what="a refusal"
    )
    assert code(refused) in {(410, "REQUESTER_GONE"), (409, "REQUEST_ANSWERED")}


def test_an_ordinary_message_has_no_reply_address(rest: Rest, topic: str, group: str) -> None:
    rest.client.post(f"{ROOT}/topics/{topic}/messages", json={"body": "x"})
    (message,) = rest.receive(group, topic, wait_seconds=5)
    assert not {"reply_to", "correlation_id"} & set(message)


@pytest.mark.parametrize(
    "form",
    [
        {"timeout_seconds": 0},
        {"timeout_seconds": 601},
        {"timeout_seconds": "3"},
        {"max_replies": 0},
        {"max_replies": 101},
        {"max_replies": 1.5},
        {"async": "yes"},
        {"delay_seconds": 3},
        {"dedup_id": "x"},
        {"properties": {"CORRELATION_ID": "mine"}},
        {"properties": {"REPLY_TO_CLIENT": "mine"}},
        {"body_base64": "eA=="},
    ],
)
def test_a_request_that_cannot_be_is_refused(rest: Rest, topic: str, group: str, form: dict[str, Any]) -> None:
    assert rest.ask(topic, **form).status_code == 400
    assert rest.receive(group, topic) == []


def test_an_address_that_was_changed_or_belongs_to_another_request_is_refused(
    rest: Rest, topic: str, group: str
) -> None:
    for _ in range(2):
        rest.ask_kept(topic, seconds=300)
    found = rest.receive(group, topic, wait_seconds=5)
    while len(found) < 2:
        found += rest.receive(group, topic, wait_seconds=5)
    one, other = found
    assert code(rest.reply({**one, "reply_to": other["reply_to"]})) == (400, "INVALID_RECEIPT")
    for text in ("", "x", one["reply_to"][:-2] + "AA", "%", one["receipt"], "A" * 2000):
        assert code(rest.reply({**one, "reply_to": text})) == (400, "INVALID_RECEIPT")
    assert rest.reply(one).status_code == 200


def test_other_methods_are_named(rest: Rest) -> None:
    for method, path, allowed in (
        ("GET", "/topics/t/messages:request", "POST"),
        ("DELETE", "/requests/x", "GET"),
        ("GET", "/requests/x:reply", "POST"),
    ):
        answer = rest.client.request(method, ROOT + path)
        assert (answer.status_code, answer.headers.get("allow", "").split(", ")[0]) == (405, allowed), path
    assert code(rest.look("nothing")) == (404, "REQUEST_NOT_FOUND")


def test_what_became_of_requests_is_counted(rest: Rest, topic: str, group: str, threads: ThreadPoolExecutor) -> None:
    asking = threads.submit(rest.ask, topic, timeout_seconds=120)
    request = rest.request_in(group, topic)
    assert counts(rest, topic)["in_flight"] == 1
    assert rest.reply(request).status_code == 200
    asking.result()
    assert code(rest.reply(request)) == (409, "REQUEST_ANSWERED")
    assert code(rest.ask(topic, timeout_seconds=0.2)) == (504, "REQUEST_TIMEOUT")
    told = wait_until(
        lambda: found if (found := counts(rest, topic))["timed_out"] == 1 else None, what="the counts to be written"
    )
    latency = told.pop("latency")
    assert told == {
        "topic": topic,
        "asked": 2,
        "answered": 1,
        "timed_out": 1,
        "no_responder": 0,
        "abandoned": 0,
        "in_flight": 0,
        "readers": [group],
    }
    assert 0 < latency["p50_ms"] <= latency["p99_ms"] <= 30_000
    (responder,) = rest.client.get(f"{ROOT}/topics/{topic}/requests").json()["responders"]
    assert (responder["group"], responder["replies"], responder["refused"]) == (group, 1, 1)
    ours = [line for line in rest.client.get(f"{ROOT}/requests").json()["topics"] if line["topic"] == topic]
    assert [line["asked"] for line in ours] == [2]
    metrics = httpx.get(str(rest.client.base_url.join("/metrics")), timeout=120).text
    assert f'mqconsole_requests_timed_out_total{{account="main",instance="default",topic="{topic}"}} 1.0' in metrics


def counts(rest: Rest, topic: str) -> dict[str, Any]:
    answer = rest.client.get(f"{ROOT}/topics/{topic}/requests", params={"minutes": 5})
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()["topics"]
    return dict(found)
