"""`MQ_DEMO=1 make run` shows something: messages flow, some fail, dead letters gather, and it all stops in order."""

import base64
import json
import urllib.request
from functools import partial
from typing import Any

from tests import stack

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _get(server: stack.Running, path: str) -> Any:
    key = f"{server.credentials['access_key_id']}:{server.credentials['access_key_secret']}"
    request = urllib.request.Request(f"{server.url}/api/v1/instances/{server.credentials['instance']}{path}")
    request.add_header("Authorization", f"Basic {base64.b64encode(key.encode()).decode()}")
    with DIRECT.open(request, timeout=120) as response:
        return json.load(response)


def test_demo_flows_fails_and_survives_its_death() -> None:
    with stack.running(MQ_DEMO="1") as server:
        stack.wait_until(lambda: "demo" in server.pids(), what="the demo to start")
        stack.wait_until(lambda: len(_get(server, "/topics")["items"]) == 3, what="three topics")
        stack.wait_until(lambda: len(_get(server, "/groups")["items"]) == 4, what="four groups")

        def acknowledged(group: str) -> int:
            return int(_get(server, f"/groups/{group}/offsets")["acked_count"])

        for group in ("demo-payment", "demo-warehouse", "demo-mailer", "demo-reporting"):
            stack.wait_until(partial(acknowledged, group), what=f"{group} to work")
        stack.wait_until(
            lambda: _get(server, "/groups/demo-mailer/dead-letters:count?state=DEAD")["count"] >= 14,
            what="dead letters",
        )
        letters = _get(server, "/groups/demo-mailer/dead-letters")["items"]
        kinds = {letter["error"].split(":")[0].split(" ")[0] for letter in letters}
        assert kinds >= {"552", "550", "template", "the"}
        stack.wait_until(
            lambda: _get(server, "/groups/demo-reporting/offsets")["lag"] > 0, what="the reporting to fall behind"
        )
        old = server.kill("demo")
        server.wait_restarted("demo", old=old)
        before = acknowledged("demo-payment")
        stack.wait_until(lambda: acknowledged("demo-payment") > before, what="the demo to go on")
        assert server.stop() == 0
