"""What the demo sends: orders, mails and reminders at a pace that rises and falls, now and then a mail that will die.

The traffic is bounded: nothing that must die is sent while enough dead letters wait, and what is kept is bounded by
retention like everything else.
"""

import json
import math
import random
from typing import Any

from ...domain import clock
from . import catalog
from .client import Client

MESSAGES_PER_SECOND = 6.0
_WAVE_SECONDS = 150.0
# While so many dead letters wait, no more are caused; looked at every so many messages.
_DEAD_LETTER_COUNT = 40
_LOOK_EVERY_COUNT = 100
_DEADLY_SHARE = 0.012
_FIRST_COUNT = 240
_FIRST_DEADLY_COUNT = 14

_CUSTOMERS = (
    "ann ben chloe david emma finn greta hugo ines jakob karin leo maria nils olga paul quinn rosa sven tara"
    " 王芳 李伟 张敏 刘洋 陈静 杨磊"
).split()
_PRODUCTS = ("teapot", "oolong", "龙井茶", "sencha", "kettle", "honey", "普洱茶", "cup")
_WAYS = ("standard", "standard", "standard", "express", "pickup")
_TEMPLATES = ("order-received", "order-shipped", "newsletter")
# What a mail carries that cannot be sent. The mailer finds out by itself.
_DEADLY = ("mailbox-full", "unknown-user", "bad-template", "broken-body")


class Traffic:
    """The one producer."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._chance = random.Random()
        self._count = 0
        self._may_kill = True

    def seed(self) -> None:
        """Sends enough at once that there is something to see, when the topics are empty. Raises Unwilling."""
        if self._client.get(f"/messages?topic={catalog.ORDERS}&limit=1")["items"]:
            return
        self._send(catalog.ORDERS, [self._order() for _ in range(_FIRST_COUNT)])
        deadly = [self._mail(_DEADLY[index % len(_DEADLY)]) for index in range(_FIRST_DEADLY_COUNT)]
        self._send(catalog.MAILS, deadly + [self._mail() for _ in range(_FIRST_COUNT // 4)])

    def step(self) -> float:
        """Sends one message and returns how many seconds later the next one is due. Raises Unwilling."""
        if self._count % _LOOK_EVERY_COUNT == 0:
            found = self._client.get(f"/groups/{catalog.MAILER}/dead-letters:count?state=DEAD")
            self._may_kill = found["count"] < _DEAD_LETTER_COUNT
        self._count += 1
        dice = self._chance.random()
        if dice < 0.55:
            self._send(catalog.ORDERS, [self._order()])
        elif dice < 0.92:
            is_deadly = self._may_kill and self._chance.random() < _DEADLY_SHARE / 0.37
            self._send(catalog.MAILS, [self._mail(self._chance.choice(_DEADLY) if is_deadly else "")])
        else:
            self._send(catalog.REMINDERS, [self._reminder()])
        wave = 1 + 0.5 * math.sin(clock.now_ms() / 1000 / _WAVE_SECONDS * 2 * math.pi)
        return self._chance.uniform(0.5, 1.5) / (MESSAGES_PER_SECOND * wave)

    def _send(self, topic: str, messages: list[dict[str, Any]]) -> None:
        self._client.post(f"/topics/{topic}/messages:batch", {"messages": messages})

    def _order(self) -> dict[str, Any]:
        customer = self._chance.choice(_CUSTOMERS)
        number = f"D{clock.now_ms() % 10**9:09d}{self._chance.randrange(100):02d}"
        body = {
            "order": number,
            "customer": customer,
            "product": self._chance.choice(_PRODUCTS),
            "quantity": self._chance.randint(1, 5),
            "total": f"{self._chance.randint(500, 20000) / 100:.2f}",
        }
        return {
            "body": json.dumps(body, ensure_ascii=False),
            "tag": self._chance.choice(_WAYS),
            "keys": [number],
            "sharding_key": customer,
            "properties": {"currency": "EUR", "source": "demo"},
        }

    def _mail(self, flaw: str = "") -> dict[str, Any]:
        number = f"M{clock.now_ms() % 10**9:09d}{self._chance.randrange(100):02d}"
        body = {"mail": number, "to": f"{self._chance.choice(_CUSTOMERS)}@example.com"}
        body["template"] = "spring-sale" if flaw == "bad-template" else self._chance.choice(_TEMPLATES)
        if flaw in {"mailbox-full", "unknown-user"}:
            body["to"] = f"{flaw}-{self._chance.randint(1, 9)}@example.com"
        text = json.dumps(body, ensure_ascii=False)
        if flaw == "broken-body":
            text = text[:-9]
        return {"body": text, "tag": body["template"], "keys": [number], "properties": {"source": "demo"}}

    def _reminder(self) -> dict[str, Any]:
        return {**self._mail(), "tag": "reminder", "delay_seconds": self._chance.randint(15, 90)}
