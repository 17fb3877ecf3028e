"""Members of a group as bytes: who is one, what it hears of the others, and which queues it has to itself."""

import json
import re
from collections.abc import Iterator

import httpx
import pytest

from brokers.protocols.remoting.codes import Ask, Reply
from brokers.protocols.remoting.frames import Command
from tests.integration.test_remoting_door import Client, connected
from tests.stack import Running, wait_until


def answered(client: Client, command: Command) -> Command:
    """Returns the answer to a command; requests of the server that come before it are passed over."""
    client.send(command)
    while (answer := client.read()) is not None and not answer.is_response:
        pass
    assert answer is not None
    return answer


class Recalled:
    """Members of one group of two topics, by their heartbeats and pulls."""

    def __init__(self, rest: httpx.Client, name: str) -> None:
        self.rest, self.name = rest, name
        root = "/api/v1/instances/default"
        for topic in (name, f"{name}-more"):
            assert rest.post(f"{root}/topics", json={"name": topic, "queues": 1}).status_code == 201
        assert rest.post(f"{root}/groups", json={"name": name}).status_code == 201
        sent = {"messages": [{"body": "x", "tag": tag, "properties": {"n": tag}} for tag in ("1", "2")]}
        assert rest.post(f"{root}/topics/{name}/messages:batch", json=sent).status_code == 200

    def beat(
        self, client: Client, who: str, *, wanted: str = "1", kind: str = "TAG", model: str = "CLUSTERING",
        version: int = 7, language: str = "JAVA",
    ) -> None:  # fmt: skip
        subscription = {"topic": self.name, "subString": wanted, "expressionType": kind, "subVersion": version}
        consumer = {
            "groupName": self.name, "consumeType": "CONSUME_PASSIVELY", "messageModel": model,
            "consumeFromWhere": "CONSUME_FROM_FIRST_OFFSET", "subscriptionDataSet": [subscription],
        }  # fmt: skip
        heart = {"clientID": who, "producerDataSet": [], "consumerDataSet": [consumer]}
        heartbeat = Command(code=Ask.HEART_BEAT, opaque=9, body=json.dumps(heart).encode(), language=language)
        assert answered(client, heartbeat).code == Reply.SUCCESS

    def pull(
        self, client: Client, *, topic: str = "", version: int = 7, language: str = "JAVA", commits: int | None = None
    ) -> Command:
        fields = {
            "consumerGroup": self.name, "topic": topic or self.name, "queueId": "0", "queueOffset": "0",
            "maxMsgNums": "32", "sysFlag": "0" if commits is None else "1", "commitOffset": str(commits or 0),
            "suspendTimeoutMillis": "0", "subVersion": str(version), "expressionType": "TAG",
        }  # fmt: skip
        return answered(client, Command(code=Ask.PULL_MESSAGE, opaque=9, fields=fields, language=language))

    def ids(self, client: Client) -> list[str]:
        asked = {"consumerGroup": self.name}
        found = answered(client, Command(code=Ask.GET_CONSUMER_LIST_BY_GROUP, opaque=9, fields=asked))
        return list(json.loads(found.body)["consumerIdList"]) if found.code == Reply.SUCCESS else []

    def lag(self) -> int:
        return int(self.rest.get(f"/api/v1/instances/default/groups/{self.name}/offsets").json()["lag"])


@pytest.fixture
def recalled(server: Running, request: pytest.FixtureRequest) -> Iterator[Recalled]:
    credentials = server.credentials["access_key_id"], server.credentials["access_key_secret"]
    with httpx.Client(base_url=server.url, auth=credentials, timeout=60) as rest:
        yield Recalled(rest, re.sub("[^a-zA-Z0-9]+", "-", request.node.name)[-60:])


@pytest.mark.parametrize(("kind", "wanted"), [("TAG", "1"), ("SQL92", "n = '2'")])
def test_a_member_pulls_as_before_before_it_says_anew_who_it_is(
    server: Running, recalled: Recalled, kind: str, wanted: str
) -> None:
    with connected(server) as client:
        assert recalled.pull(client).code == Reply.SUBSCRIPTION_NOT_EXIST, "nobody ever said that it reads the topic"
    with connected(server) as client:
        recalled.beat(client, "me@1", kind=kind, wanted=wanted)
        known = recalled.pull(client)
        assert (known.code, known.fields["nextBeginOffset"]) == (Reply.SUCCESS, "2")
    with connected(server) as client:
        for stranger in ({"language": "GO"}, {"version": 8}, {"topic": f"{recalled.name}-more"}):
            with connected(server) as other:
                assert recalled.pull(other, **stranger).code == Reply.SUBSCRIPTION_NOT_EXIST, stranger
        again = recalled.pull(client, commits=1)
        assert (again.code, again.body) == (Reply.SUCCESS, known.body)
        assert recalled.ids(client) == ["me@1"]
        assert recalled.lag() == 1
        # Whoever said goodbye is nobody any more.
        fields = {"clientID": "me@1", "consumerGroup": recalled.name}
        goodbye = Command(code=Ask.UNREGISTER_CLIENT, opaque=9, fields=fields)
        assert answered(client, goodbye).code == Reply.SUCCESS
        assert recalled.pull(client).code == Reply.SUBSCRIPTION_NOT_EXIST


def test_a_broadcasting_member_that_comes_back_moves_no_cursor(server: Running, recalled: Recalled) -> None:
    with connected(server) as client:
        recalled.beat(client, "me@1", model="BROADCASTING")
    with connected(server) as client:
        assert recalled.pull(client, commits=1).code == Reply.SUCCESS
        assert recalled.lag() == 0, "the group has no place in the queue"


def test_members_that_come_back_share_the_queues_they_shared(server: Running, recalled: Recalled) -> None:
    names = ["a@1", "b@1"]
    with connected(server) as one, connected(server) as two:
        for client, name in zip((one, two), names, strict=True):
            recalled.beat(client, name, language="GO")
        assert recalled.ids(one) == names
    # Go's clients say no version of what they subscribed to: either may be either.
    with connected(server) as one, connected(server) as two, connected(server) as third:
        wait_until(lambda: recalled.ids(third) == [], what="the old connections to be forgotten")
        for client in (one, two):
            assert recalled.pull(client, version=0, language="GO").code == Reply.SUCCESS
        assert recalled.ids(one) == names
        assert recalled.pull(third, version=0, language="GO").code == Reply.SUBSCRIPTION_NOT_EXIST
        recalled.beat(one, "b@1", language="GO")
        recalled.beat(two, "a@1", language="GO")
        assert recalled.ids(one) == names


def test_which_of_two_filters_a_pull_means_is_not_guessed(server: Running, recalled: Recalled) -> None:
    with connected(server) as one, connected(server) as two:
        recalled.beat(one, "a@1", wanted="1", version=0)
        recalled.beat(two, "b@1", wanted="2", version=0)
    with connected(server) as client:
        assert recalled.pull(client, version=0).code == Reply.SUBSCRIPTION_NOT_EXIST


def test_members_hear_when_others_come_and_go(server: Running, recalled: Recalled) -> None:
    def told(client: Client) -> tuple[int, str]:
        heard = client.read()
        assert heard is not None and not heard.is_response
        return heard.code, heard.fields["consumerGroup"]

    with connected(server) as one:
        recalled.beat(one, "a@1")
        with connected(server) as two:
            recalled.beat(two, "b@1")
            assert told(one) == (Ask.NOTIFY_CONSUMER_IDS_CHANGED, recalled.name)
            assert recalled.ids(one) == ["a@1", "b@1"]
        assert told(one) == (Ask.NOTIFY_CONSUMER_IDS_CHANGED, recalled.name)
        assert recalled.ids(one) == ["a@1"]


def test_a_queue_is_locked_by_one_member_at_a_time(server: Running, recalled: Recalled) -> None:
    queue = {"topic": recalled.name, "brokerName": "broker-a", "queueId": 0}

    def asks(client: Client, code: int, who: str) -> Command:
        wanted = {"consumerGroup": recalled.name, "clientId": who, "mqSet": [queue]}
        return answered(client, Command(code=code, opaque=9, body=json.dumps(wanted).encode()))

    def locks(client: Client, who: str) -> bool:
        locked: list[object] = json.loads(asks(client, Ask.LOCK_BATCH_MQ, who).body)["lockOKMQSet"]
        return locked == [queue]

    with connected(server) as client:
        assert locks(client, "a@1") and locks(client, "a@1")
        assert not locks(client, "b@1")
        asks(client, Ask.UNLOCK_BATCH_MQ, "b@1")
        assert not locks(client, "b@1"), "nobody gives up what another has"
        asks(client, Ask.UNLOCK_BATCH_MQ, "a@1")
        assert locks(client, "b@1")
