"""What is about oneself: closed to who acts in a role, and to root in a session whose last proof is old.

The people of the rest of the matrix act as themselves; a role is theirs for a minute, so it is taken on here.
"""

import pytest

from accounts import roles
from accounts.models import User
from accounts.session_store import SessionStore
from tests.integration.matrix.doors import Doors
from tests.integration.matrix.test_http import operations, pages
from tests.integration.matrix.world import Who, World, session_of

OWN_PAGES = ("keys", "security", "sessions")
OWN_OPERATIONS = ("listAccessKeys", "listSessions", "listRoleOffers")
PROVED = ("createAccessKey", "updateAccount")


def acting(world: World) -> Who:
    """Returns a session of the first tenant's sub-account in the role that trusts it."""
    names = world.ours.names
    user = User.objects.select_related("account").get(account=world.ours.account, name=names["user"])
    made, _ = roles.assume(
        user, names["account"], names["role"], seconds=60, reason="", source_ip="127.0.0.1", with_key=False
    )
    store = SessionStore(session_of(user))
    roles.take_on(store, made.pk)
    store.save()
    assert store.session_key is not None
    return Who("in a role", account_id=user.account_id, session=store.session_key, user=user)


@pytest.mark.parametrize("name", OWN_PAGES)
def test_page_of_oneself(world: World, doors: Doors, name: str) -> None:
    try:
        who = acting(world)
        assert doors.page(who, "GET", pages()["overview"]).status in {200, 302}
        assert doors.page(who, "GET", pages()[name]).status == 403
    finally:
        world.restore()


@pytest.mark.parametrize("name", OWN_OPERATIONS)
def test_operation_of_oneself(world: World, doors: Doors, name: str) -> None:
    try:
        method, path = operations()[name]
        assert doors.page(acting(world), method, f"/api/v1{path}").status == 403
    finally:
        world.restore()


@pytest.mark.parametrize("name", PROVED)
def test_root_proves_first_who_it_is(world: World, doors: Doors, name: str) -> None:
    method, path = operations()[name]
    answer = doors.page(world.people["root"], method, f"/api/v1{path}")
    assert answer.status == 403 and "/confirm" in answer.text
    assert not world.changed()
