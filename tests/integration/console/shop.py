"""A shop with something on every page: topics, groups, messages that were read, failed, and died."""

from dataclasses import dataclass
from datetime import timedelta

from django.test import Client

from accounts import sessions
from brokers.catalog import actions, snapshot
from brokers.domain import messages
from brokers.domain.filters import parse_tags
from brokers.engine import dead_letters, delivery, publish, settlement
from brokers.engine.delivery import ReceiveRequest, Subscription
from brokers.engine.settlement import Refusal
from brokers.models import Group, Instance, Topic
from tests.integration.three_people import People, Person


@dataclass(frozen=True, slots=True)
class Shop:
    people: People
    topic: Topic
    group: Group
    message_id: str
    dead_letter_id: int

    @property
    def home(self) -> str:
        return f"/i/{self.people.instance.name}"

    def paths(self) -> list[str]:
        """Returns the address of every page there is to read."""
        topic, group = f"{self.home}/topics/{self.topic.name}", f"{self.home}/groups/{self.group.name}"
        return [
            self.home, f"{self.home}/pulse", f"{self.home}/find?q=o", f"{self.home}/send?topic={self.topic.name}",
            f"{self.home}/topics", f"{self.home}/new-topic", topic, f"{topic}/groups", f"{topic}/code",
            f"{topic}/edit", f"{self.home}/groups", f"{self.home}/new-group", group, f"{group}/settings",
            f"{group}/code", f"{group}/edit", f"{group}/reset", f"{group}/dead-letters",
            f"{group}/dead-letters/{self.dead_letter_id}", f"{self.home}/dead-letters", f"{self.home}/messages",
            f"{self.home}/messages?topic={self.topic.name}",
            f"{self.home}/messages/{self.message_id}", f"{self.home}/messages/{self.message_id}?view=hex",
            f"{self.home}/operations",
        ]  # fmt: skip


def open_shop(people: People) -> Shop:
    actor = people.owner.actor
    topic = actions.create_topic(actor, people.instance, name="orders", queue_count=1, remark="What people buy")
    group = actions.create_group(actor, people.instance, name="payers", max_attempts=1)
    sent = [send(topic, people.instance, body='{"order": 1}'), send(topic, people.instance, body="thanks")]
    entry = snapshot.topic(actor.account_id, people.instance.name, topic.name)
    request = ReceiveRequest(
        group=snapshot.group(actor.account_id, people.instance.name, group.name),
        subscriptions=(Subscription(entry, parse_tags("*")),),
        max_count=10,
        invisible=timedelta(seconds=60),
        client_id="till-1",
    )
    [got] = delivery.receive([request])
    assert isinstance(got, list)
    assert [m.message.message_id for m in got] == sent
    assert settlement.refuse([Refusal(got[0].receipt, "card declined", None)]) == [None]
    assert settlement.acknowledge([got[1].receipt]) == [None]
    [letter] = dead_letters.page(group).items
    return Shop(people, topic, group, sent[0], letter.id)


def send(topic: Topic, instance: Instance, *, body: str) -> str:
    entry = snapshot.topic(instance.account_id, instance.name, topic.name)
    message = messages.Outgoing(body=body.encode(), message_id=messages.new_message_id(), keys=("k-1",), tag="paid")
    [result] = publish.publish([publish.Send(entry, message)])
    assert isinstance(result, publish.Published)
    return result.message_id


def browser_of(person: Person, language: str = "en") -> Client:
    """Returns a browser that has just signed in with a password."""
    client = Client()
    client.force_login(person.user, backend="django.contrib.auth.backends.ModelBackend")
    session = client.session
    sessions.begin(session, source_ip="127.0.0.1", agent="", has_second_factor=False)
    session.save()
    client.cookies["django_language"] = language
    return client
