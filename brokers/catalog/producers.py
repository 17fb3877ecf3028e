"""Producer groups: made when a half message names one, and changed by people.

Owns: their rows, settings and the secret that signs webhooks. Must not know: transactions, how a webhook is called.
Called by: doors, api, console, engine.
"""

import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings as server_settings
from django.db import IntegrityError, transaction

from accounts import vault

from ..domain import limits, names
from ..domain.actor import Actor
from ..domain.errors import ErrorCode, NotFound, Rejected
from ..models import Instance, ProducerGroup
from . import access, changes, snapshot
from .snapshot import ProducerGroupEntry

_SETTINGS = {
    "immunity_seconds": limits.IMMUNITY_MAX_SECONDS,
    "interval_seconds": limits.CHECK_INTERVAL_MAX_SECONDS,
    "max_checks": limits.CHECK_COUNT_MAX,
}


@dataclass(frozen=True, slots=True)
class Changed:
    """A producer group after a change. `secret` is the webhook's new one, shown this once; None when it stayed."""

    group: ProducerGroup
    secret: str | None


def ensure(account_id: int, instance: str, name: str) -> ProducerGroupEntry:
    """Returns the producer group, made now if it is missing. Raises NotFound, Rejected INVALID_NAME or CONFLICT."""
    try:
        return snapshot.producer_group(account_id, instance, name)
    except NotFound as error:
        if error.code != ErrorCode.GROUP_NOT_FOUND:
            raise
    names.check_group(name)
    where = Instance.objects.get(account_id=account_id, name=instance)
    _make(where, name)
    return snapshot.producer_group(account_id, instance, name)


def get(actor: Actor, instance_name: str, name: str, *, action: str = "mq:QueryProducerGroup") -> ProducerGroup:
    """Returns the producer group with its instance. Raises Denied, NotFound."""
    access.check(actor, action, access.resource(actor.account_id, instance_name, name))
    found = None
    if names.may_exist(instance_name, name):
        rows = ProducerGroup.objects.select_related("instance")
        found = rows.filter(instance__account_id=actor.account_id, instance__name=instance_name, name=name).first()
    if found is None:
        snapshot.producer_group(actor.account_id, instance_name, name)  # says which of the two is missing
        raise NotFound(f"There is no producer group {name!r}.", ErrorCode.GROUP_NOT_FOUND)
    return found


def change(
    actor: Actor,
    instance: Instance,
    name: str,
    *,
    settings: dict[str, int | None] | None = None,
    webhook_url: str | None = None,
    is_secret_renewed: bool = False,
) -> Changed:
    """Returns the producer group with other settings, made if it is missing.

    A setting that is None takes the server's; one that is absent stays. `webhook_url` "" ends the webhook. A webhook
    gets its secret with its first address, and another when `is_secret_renewed`.
    Raises: Denied; Rejected INVALID_NAME, INVALID_REQUEST.
    """
    resource = access.resource(actor.account_id, instance.name, name)
    access.check(actor, "mq:UpdateProducerGroup", resource)
    names.check_group(name)
    asked = settings or {}
    for setting, value in asked.items():
        if value is not None and not 1 <= value <= _SETTINGS[setting]:
            raise Rejected(f"{setting} is a whole number from 1 to {_SETTINGS[setting]}, or null for the server's own.")
    if webhook_url:
        check_webhook(webhook_url)
    secret = None
    with changes.change(f"transactions:{instance.pk}"):
        _make(instance, name)
        row = ProducerGroup.objects.select_for_update().get(instance=instance, name=name)
        for setting, value in asked.items():
            setattr(row, setting, value)
        if webhook_url is not None:
            row.webhook_url = webhook_url
        if row.webhook_url and (is_secret_renewed or not row.webhook_secret):
            secret = secrets.token_urlsafe(32)
            row.webhook_nonce, row.webhook_secret = vault.seal(
                secret, account_id=actor.account_id, key_id=_binding(row)
            )
        if not row.webhook_url:
            row.webhook_nonce = row.webhook_secret = b""
        row.save()
        told: dict[str, Any] = {**asked, "webhook_url": webhook_url, "is_secret_new": secret is not None or None}
        changes.record(actor, "mq:UpdateProducerGroup", resource, **told)
    row.instance = instance
    return Changed(row, secret)


def delete(actor: Actor, group: ProducerGroup) -> None:
    """Deletes a producer group with what is remembered of its decisions. Raises Denied.

    People's deletions go through `engine.removal`, which refuses while something waits.
    """
    resource = access.resource(actor.account_id, group.instance.name, group.name)
    access.check(actor, "mq:DeleteProducerGroup", resource)
    with changes.change(f"transactions:{group.instance_id}"):
        ProducerGroup.objects.filter(pk=group.pk).delete()
        changes.record(actor, "mq:DeleteProducerGroup", resource)


def webhook_secret(group_id: int) -> tuple[str, bytes] | None:
    """Returns the address and the secret of a group's webhook; None when it has none. Raises vault.Unreadable."""
    row = ProducerGroup.objects.select_related("instance").filter(pk=group_id).exclude(webhook_url="").first()
    if row is None:
        return None
    secret = vault.unseal(
        bytes(row.webhook_nonce),
        bytes(row.webhook_secret),
        account_id=row.instance.account_id,
        key_id=_binding(row),
    )
    return row.webhook_url, secret


def check_webhook(url: str) -> None:
    """Raises Rejected if nothing could be posted to this address. Where its name leads is judged at each call."""
    schemes = ("https", "http") if server_settings.WEBHOOK_ALLOW_PRIVATE else ("https",)
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or len(url) > limits.WEBHOOK_URL_CHARS or not url.isascii() or not url.isprintable() or " " in url:
        raise Rejected(
            f"webhook_url is an address like https://orders.example.org/checks of at most {limits.WEBHOOK_URL_CHARS}"
            " characters."
        )
    if parts.username is not None or parts.fragment:
        raise Rejected("webhook_url holds no user, password or fragment: calls are signed instead.")


def _make(instance: Instance, name: str) -> None:
    if ProducerGroup.objects.filter(instance=instance, name=name).exists():
        return
    if ProducerGroup.objects.filter(instance=instance).count() >= limits.PRODUCER_GROUP_COUNT:
        raise Rejected(
            f"Instance {instance.name!r} has {limits.PRODUCER_GROUP_COUNT} producer groups already. Use one of them, or"
            " delete some that are no longer in use.",
            ErrorCode.CONFLICT,
        )
    try:
        with transaction.atomic():
            ProducerGroup.objects.create(instance=instance, name=name)
    except IntegrityError:
        return  # somebody else just made it


def _binding(row: ProducerGroup) -> str:
    return f"producer-group {row.pk}"
