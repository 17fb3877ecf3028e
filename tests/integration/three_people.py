"""Three people for every permission test: an owner, a member of the same account, and a stranger."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from django.test import Client

from accounts import denials, key_cache, keys, people, volatile
from accounts.models import AccessKey, User
from brokers.catalog import actions, snapshot
from brokers.domain.actor import Actor
from brokers.models import Instance
from tests.integration import contract

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a user, an access key and a client that sends it."""

    user: User
    key: AccessKey
    secret: str
    actor: Actor

    @property
    def basic(self) -> str:
        return "Basic " + base64.b64encode(f"{self.key.key_id}:{self.secret}".encode()).decode()

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Returns the response to a request to `/api/v1` + path with this person's key."""
        return call(method, path, body, Authorization=self.basic, **headers)


@dataclass(frozen=True, slots=True)
class People:
    owner: Person
    member: Person
    stranger: Person
    instance: Instance  # the owner's; the stranger has one called "elsewhere"


def make() -> People:
    """Makes the three, forgetting what processes cached before the database went back in time."""
    key_cache.forget()
    volatile.forget()
    denials.forget()
    snapshot.forget()
    owner = _person(people.create_account("acme", password=PASSWORD))
    member = _person(people.create_user(owner.user.account, "mia", password=PASSWORD, actor=owner.user.login))
    stranger = _person(people.create_account("rival", password=PASSWORD))
    actions.create_instance(stranger.actor, name="elsewhere")
    return People(owner, member, stranger, actions.create_instance(owner.actor, name="shop"))


def call(method: str, path: str, body: Any = None, **headers: str) -> Any:
    """Returns the response to a request without credentials, save what is in `headers`.

    Fails when the answer is not what the OpenAPI document says.
    """
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    content_type = sent.pop("Content-Type", "application/json")
    response = Client().generic(method, f"{contract.ROOT}{path}", data, content_type, headers=sent)
    contract.check(method, path, response)
    return response


def _person(user: User) -> Person:
    key, secret = keys.create(user)
    actor = Actor(
        account_id=user.account_id,
        user_id=user.pk,
        name=user.login,
        is_root=user.is_root,
        source_ip="127.0.0.1",
        access_key_id=key.key_id,
    )
    return Person(user, key, secret, actor)
