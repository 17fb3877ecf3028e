"""How far members are, as their pulls say it: kept without an answer, and never against a reset."""

import json
from typing import Any

import httpx

from brokers.protocols.remoting.codes import Ask, Reply
from brokers.protocols.remoting.frames import Command
from tests.integration.test_remoting_door import Client, connected
from tests.integration.test_remoting_members import answered
from tests.stack import Running, wait_until


def test_what_a_pull_says_of_its_members_progress_is_kept(server: Running) -> None:
    credentials = server.credentials["access_key_id"], server.credentials["access_key_secret"]
    root = "/api/v1/instances/default"
    with httpx.Client(base_url=server.url, auth=credentials, timeout=60) as rest:
        assert rest.post(f"{root}/topics", json={"name": "progress", "queues": 1}).status_code == 201
        assert rest.post(f"{root}/groups", json={"name": "progress"}).status_code == 201
        sent = {"messages": [{"body": "x"}] * 5}
        assert rest.post(f"{root}/topics/progress/messages:batch", json=sent).status_code == 200
        where = {"consumerGroup": "progress", "topic": "progress", "queueId": "0"}

        def pull(client: Client, offset: int, *, done: int) -> str:
            fields = {
                **where, "queueOffset": str(offset), "maxMsgNums": "1", "sysFlag": "5", "commitOffset": str(done),
                "suspendTimeoutMillis": "0", "subscription": "*", "subVersion": "1",
            }  # fmt: skip
            answer = answered(client, Command(code=Ask.PULL_MESSAGE, opaque=9, fields=fields))
            assert answer.code in (Reply.SUCCESS, Reply.PULL_OFFSET_MOVED)
            return answer.fields["nextBeginOffset"]

        def lag(progress: dict[str, Any]) -> int:
            (topic,) = [one for one in progress["topics"] if one["topic"] == "progress"]
            return int(topic["lag"])

        def committed(client: Client) -> str:
            answer = answered(client, Command(code=Ask.QUERY_CONSUMER_OFFSET, opaque=9, fields=where))
            return answer.fields["offset"]

        with connected(server) as client:
            heart = json.dumps({
                "clientID": "me@1", "producerDataSet": [],
                "consumerDataSet": [{
                    "groupName": "progress", "consumeType": "CONSUME_PASSIVELY", "messageModel": "CLUSTERING",
                    "consumeFromWhere": "CONSUME_FROM_FIRST_OFFSET",
                    "subscriptionDataSet": [{
                        "topic": "progress", "subString": "*", "expressionType": "TAG", "subVersion": 1,
                    }],
                }],
            })  # fmt: skip
            heartbeat = Command(code=Ask.HEART_BEAT, opaque=9, body=heart.encode())
            assert answered(client, heartbeat).code == Reply.SUCCESS
            for offset in range(4):
                assert pull(client, offset, done=offset) == str(offset + 1)
                assert committed(client) == str(offset), "whoever asks next hears of it"
            assert pull(client, 4, done=4) == "5"
            wait_until(
                lambda: lag(rest.get(f"{root}/groups/progress/offsets").json()) == 1,
                what="the progress to be written without anybody asking",
            )
            reset = {"topic": "progress", "to": "earliest"}
            assert rest.post(f"{root}/groups/progress/offsets:reset", json=reset).status_code == 200
            assert pull(client, 5, done=5) == "0", "what was done before a reset does not undo it"
            assert committed(client) == "0"
