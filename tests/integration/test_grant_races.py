"""Grants that meet other changes at the same moment: nobody gains by it, and nothing is lost."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from accounts import grants, members
from accounts.errors import Denied
from accounts.models import Attachment
from tests.integration.three_people import People
from tests.stack import wait_until


def text(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "1", "Statement": list(statements)})


def in_thread(work: Callable[[], object], errors: list[Exception]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        (count,) = cursor.fetchone()
    return bool(count)


def test_a_policy_that_grows_while_it_is_attached_is_judged_by_what_it_says_then(people: People) -> None:
    owner, mia = people.owner.actor, people.member.actor
    narrow = {"Effect": "Allow", "Action": "mq:PUB", "Resource": f"acs:mq:*:{mia.account_id}:shop%orders"}
    own = text({"Effect": "Allow", "Action": "ram:*", "Resource": "*"}, narrow)
    grants.create_policy(owner, "administrator", own)
    grants.attach(owner, "administrator", user="mia")
    members.create_user(mia, "bob", password=None)
    grants.create_policy(mia, "trap", text(narrow))
    errors: list[Exception] = []
    with transaction.atomic():
        # Nobody has it yet, so it may say anything.
        grants.add_version(mia, "trap", text({"Effect": "Allow", "Action": "*", "Resource": "*"}))
        thread = in_thread(lambda: grants.attach(mia, "trap", user="bob"), errors)
        wait_until(somebody_waits, what="the other to wait for the policy", seconds=60)
    thread.join()
    assert [type(error) for error in errors] == [Denied]
    assert not Attachment.objects.filter(policy__name="trap").exists()


def test_grants_made_at_the_same_time_all_count(people: People) -> None:
    owner = people.owner.actor
    errors: list[Exception] = []
    first = threading.Barrier(4)

    def work(mine: int) -> None:
        first.wait()
        for number in range(5):
            grants.quick_grant(owner, "shop", f"t{mine}-{number}", right="PUB", user="mia")

    threads = [in_thread(lambda mine=mine: work(mine), errors) for mine in range(4)]  # type: ignore[misc] # a default
    for thread in threads:
        thread.join()
    assert errors == []
    policy = grants.policy(owner, "grants-user-mia")
    said = json.loads(grants.versions(policy)[0].document)["Statement"]
    named = {one["Resource"].partition("%")[2] for one in said} - {""}
    assert named == {f"t{mine}-{number}" for mine in range(4) for number in range(5)}


def test_a_refused_grant_is_written_down_and_holds_nobody_up(people: People) -> None:
    owner, mia = people.owner.actor, people.member.actor
    grants.create_policy(owner, "administrator", text({"Effect": "Allow", "Action": "ram:*", "Resource": "*"}))
    grants.attach(owner, "administrator", user="mia")
    with pytest.raises(Denied, match="more than you hold"):
        grants.quick_grant(mia, "shop", "orders", right="PUB", user="mia")
