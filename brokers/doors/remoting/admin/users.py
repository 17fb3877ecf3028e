"""RocketMQ's users, as sub-accounts of the account.

Owns: what of them can be said in our words. Must not know: policies. Called by: doors.remoting.admin.
There a user's name and password sign requests; here access keys do, which are made in the console and shown once. So a
user made through this door can sign in to the console with its password, and gets its keys and policies there.
Source: apache/rocketmq broker/.../processor/AdminBrokerProcessor.java (createUser …), remoting/.../body/UserInfo.java.
"""

from typing import Any

from accounts import members
from accounts.errors import NotFound
from accounts.models import User

from ....dispatch import bridge
from ....domain.actor import Actor
from ....domain.errors import ErrorCode, Rejected
from ....domain.names import may_exist
from ....protocols.remoting import admin_bodies, bodies
from ....protocols.remoting.admin_bodies import UserForm
from ....protocols.remoting.codes import Reply
from ....protocols.remoting.frames import Command
from ..call import Call

_SUPER, _NORMAL = "Super", "Normal"
_ON, _OFF = "enable", "disable"


async def create(call: Call) -> Command:
    """3001: makes a sub-account that may do nothing yet."""
    await bridge.run(_create, call.actor, _form(call))
    return call.reply()


async def update(call: Call) -> Command:
    """3002: gives a sub-account another password, or switches it on or off."""
    try:
        await bridge.run(_update, call.actor, _form(call))
    except NotFound as error:
        return call.reply(Reply.USER_NOT_EXIST, remark=error.detail)
    return call.reply()


async def delete(call: Call) -> Command:
    """3003: deletes a sub-account with its keys."""
    try:
        await bridge.run(members.delete_user, call.actor, _name(call))
    except NotFound as error:
        return call.reply(Reply.USER_NOT_EXIST, remark=error.detail)
    return call.reply()


async def get(call: Call) -> Command:
    """3004: one user; nobody's password."""
    try:
        found = await bridge.run(members.user, call.actor, _name(call))
    except NotFound as error:
        return call.reply(Reply.USER_NOT_EXIST, remark=error.detail)
    return call.reply(body=bodies.write(_describe(found)))


async def every(call: Call) -> Command:
    """3005: the users whose name holds the `filter`."""
    wanted = call.fields.get("filter") or ""
    found = await bridge.run(members.users, call.actor)
    return call.reply(body=bodies.write_list([_describe(user) for user in found if wanted in user.name]))


def _name(call: Call) -> str:
    name = bodies.text(call.fields, "username")
    if not may_exist(name):
        raise Rejected("A user's name holds no NUL.", ErrorCode.INVALID_NAME)
    return name


def _form(call: Call) -> UserForm:
    form = admin_bodies.read_user(call.request.body)
    name = _name(call)
    if form.kind == _SUPER:
        raise Rejected("Nobody becomes a super user here; attach the policy FullAccess in the console.")
    if form.status not in {"", _ON, _OFF}:
        raise Rejected(f"A user's status is {_ON} or {_OFF}.")
    return UserForm(name, form.password, form.kind, form.status)


def _create(actor: Actor, form: UserForm) -> None:
    members.create_user(actor, form.name, password=form.password or None)
    if form.status == _OFF:
        members.set_active(actor, form.name, False)


def _update(actor: Actor, form: UserForm) -> None:
    if form.password:
        members.set_password(actor, form.name, form.password)
    if form.status:
        members.set_active(actor, form.name, form.status == _ON)
    if not form.password and not form.status:
        members.user(actor, form.name)


def _describe(user: User) -> dict[str, Any]:  # Any: JSON values
    return {
        "username": user.name,
        "userType": _SUPER if user.is_root else _NORMAL,
        "userStatus": _ON if user.is_active else _OFF,
    }
