"""Client code that works as it stands: the reader's own address, instance, topic and group are filled in."""

from django.http import HttpRequest

from brokers.models import Instance

_CURL = """\
export MQ={address}/api/v1/instances/{instance}
export KEY='<access key id>:<secret>'

# send
curl -u "$KEY" "$MQ/topics/{topic}/messages" \\
  -H 'Content-Type: application/json' \\
  -d '{{"body": "hello", "tag": "new", "keys": ["order-1001"]}}'

# receive, waiting up to 20 s
curl -u "$KEY" "$MQ/groups/{group}/messages:receive" \\
  -H 'Content-Type: application/json' \\
  -d '{{"topics": ["{topic}"], "max": 16, "wait_seconds": 20}}'

# acknowledge, with a receipt from the answer
curl -u "$KEY" "$MQ/groups/{group}/messages:ack" \\
  -H 'Content-Type: application/json' \\
  -d '{{"receipts": ["<receipt>"]}}'
"""

_PYTHON = """\
import base64, json, urllib.request

MQ = "{address}/api/v1/instances/{instance}"
KEY = base64.b64encode(b"<access key id>:<secret>").decode()

def call(path, **body):
    request = urllib.request.Request(
        MQ + path,
        json.dumps(body).encode(),
        {{
            "Authorization": "Basic " + KEY,
            "Content-Type": "application/json",
        }},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)

GROUP = "/groups/{group}"
call("/topics/{topic}/messages", body="hello", keys=["order-1001"])

while True:
    found = call(
        GROUP + "/messages:receive", topics=["{topic}"], wait_seconds=20
    )
    for message in found["messages"]:
        print(message["message_id"], message.get("body"))
        call(GROUP + "/messages:ack", receipts=[message["receipt"]])
"""


def snippets(
    request: HttpRequest, instance: Instance, *, topic: str = "orders", group: str = "workers"
) -> dict[str, str]:
    """Returns `curl` and `python` texts for this server."""
    fill = {
        "address": f"{request.scheme}://{request.get_host()}",
        "instance": instance.name,
        "topic": topic.replace("%", "%25"),
        "group": group.replace("%", "%25"),
    }
    return {"curl": _CURL.format(**fill), "python": _PYTHON.format(**fill)}
