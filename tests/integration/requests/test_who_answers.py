"""Who counts as one who could answer, and who may not; what a lost Redis costs whoever asks."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import redis
from asgiref.sync import async_to_sync

from brokers.catalog import actions, snapshot
from brokers.dispatch import desk
from brokers.domain.errors import BrokerError, ErrorCode
from brokers.domain.requests import Reply, ReplyAddress
from brokers.doors import replying
from brokers.protocols.remoting.codes import Ask
from brokers.protocols.remoting.codes import Reply as Answer
from tests.integration.requests.conftest import Rest
from tests.integration.test_remoting_door import Client, connected
from tests.integration.three_people import People, Person
from tests.stack import Running, wait_until


@pytest.fixture
def lonely(own_server: Running) -> Iterator[Rest]:
    """A client of a product whose Redis may be emptied."""
    key = own_server.credentials["access_key_id"], own_server.credentials["access_key_secret"]
    with httpx.Client(base_url=own_server.url, auth=key, timeout=60.0, trust_env=False) as client:
        yield Rest(client)


def beat(client: Client, group: str, topic: str) -> None:
    """Joins a group as a client whose id another connection may have as well."""
    subscription = {"topic": topic, "subString": "*", "expressionType": "TAG", "subVersion": 1}
    consumer = {
        "groupName": group,
        "consumeType": "CONSUME_PASSIVELY",
        "messageModel": "BROADCASTING",
        "consumeFromWhere": "CONSUME_FROM_FIRST_OFFSET",
        "subscriptionDataSet": [subscription],
    }
    body = {"clientID": "same@1", "producerDataSet": [], "consumerDataSet": [consumer]}
    assert client.ask(Ask.HEART_BEAT, json.dumps(body).encode()).code == Answer.SUCCESS


def readers(rest: Rest, topic: str) -> list[str] | None:
    told = rest.client.get(f"/api/v1/instances/default/topics/{topic}/requests").json()
    found: list[str] | None = told["topics"][0]["readers"]
    return found


def test_a_client_reads_while_another_connection_of_its_id_stands(server: Running, rest: Rest) -> None:
    topic, group = rest.topic(), rest.group()
    with connected(server) as staying:
        with connected(server) as leaving:
            beat(leaving, group, topic)
            beat(staying, group, topic)
            assert readers(rest, topic) == [group]
            assert leaving.ask(Ask.UNREGISTER_CLIENT, clientID="same@1", consumerGroup=group).code == Answer.SUCCESS
            assert readers(rest, topic) == [group]
        assert staying.ask(Ask.UNREGISTER_CLIENT, clientID="same@1", consumerGroup=group).code == Answer.SUCCESS
        wait_until(lambda: not readers(rest, topic), what="the group to be known to have left")


def test_a_request_that_redis_lost_is_a_timeout_and_its_reply_is_refused(
    own_server: Running, lonely: Rest, threads: ThreadPoolExecutor
) -> None:
    topic, group = lonely.topic(), lonely.group()
    lonely.ready(group, topic)
    asking = threads.submit(lonely.ask, topic, timeout_seconds=8)
    request = lonely.request_in(group, topic)
    with redis.Redis(unix_socket_path=str(own_server.data_dir / "run" / "redis.sock")) as store:
        store.flushall()
    refused = lonely.reply(request)
    assert (refused.status_code, refused.json()["code"]) == (404, "REQUEST_NOT_FOUND")
    answer = asking.result()
    assert (answer.status_code, answer.json()["code"]) == (504, "REQUEST_TIMEOUT")
    # Who reads is unknown now, and unknown is not nobody: the next one is sent.
    assert lonely.ask(topic, timeout_seconds=0.1).json()["code"] == "REQUEST_TIMEOUT"


def test_an_address_does_not_serve_another_account(people: People) -> None:
    actions.create_topic(people.owner.actor, people.instance, name="questions")
    actions.create_group(people.owner.actor, people.instance, name="answerers")
    group = snapshot.group(people.owner.actor.account_id, "shop", "answerers")
    address = ReplyAddress(group.id, "questions", "c-1", "", "", False)

    async def refusals(*tries: tuple[Person, str | None]) -> list[ErrorCode]:
        codes = []
        try:
            for person, instance in tries:
                with pytest.raises(BrokerError) as told:
                    await replying.reply(person.actor, address, Reply(body=b"seven"), instance=instance)
                codes.append(told.value.code)
        finally:
            await desk.close()
        return codes

    owner, member, stranger = people.owner, people.member, people.stranger
    assert async_to_sync(refusals)(
        (stranger, None), (stranger, "elsewhere"), (owner, "elsewhere"), (member, None), (owner, "shop")
    ) == [
        ErrorCode.GROUP_NOT_FOUND,
        ErrorCode.GROUP_NOT_FOUND,
        ErrorCode.GROUP_NOT_FOUND,
        ErrorCode.ACCESS_DENIED,
        ErrorCode.REQUEST_NOT_FOUND,  # nobody ever asked; but for that he may
    ]
