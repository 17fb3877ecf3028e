"""Accounts and their people: made, and recognised when they sign in.

Owns: the rows of accounts and users, and the judgement of a password. Must not know: pages, sessions.
Called by: the sign-in page, bootstrap.
"""

import logging
import re
from functools import cache

from django.contrib.auth.hashers import check_password, make_password
from django.db import IntegrityError, transaction

from . import attempts, audit, keys, limits, passwords, sessions
from .errors import Rejected, Unauthenticated
from .models import Account, User

_log = logging.getLogger(__name__)

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?\Z")


def create_account(name: str, *, password: str, root_name: str = "root") -> User:
    """Returns the root user of a new account.

    Raises: Rejected INVALID_NAME, INVALID_REQUEST for a weak password, ALREADY_EXISTS.
    Effects: one transaction with its audit row.
    """
    check_name("account", name)
    check_name("user", root_name)
    try:
        with transaction.atomic():
            account = Account.objects.create(name=name)
            root = User(account=account, name=root_name, login=login_of(name, root_name), is_root=True)
            _set_password(root, password)
            root.save()
            audit.record(account.pk, root.login, "ram:CreateAccount", resource=f"acs:ram:*:{account.pk}:*")
    except IntegrityError:
        raise Rejected(f"There is an account {name!r} already.", "ALREADY_EXISTS") from None
    return root


def create_user(account: Account, name: str, *, password: str | None, actor: str, source_ip: str = "") -> User:
    """Returns a new sub-account, which may do nothing yet; without a password it cannot sign in to the console.

    Raises and effects as `create_account`.
    """
    check_name("user", name)
    try:
        with transaction.atomic():
            user = User(account=account, name=name, login=login_of(account.name, name))
            if password is None:
                user.set_unusable_password()
            else:
                _set_password(user, password)
            user.save()
            audit.record(
                account.pk,
                actor,
                "ram:CreateUser",
                resource=f"acs:ram:*:{account.pk}:user/{name}",
                source_ip=source_ip,
            )
    except IntegrityError:
        raise Rejected(f"The account has a user {name!r} already.", "ALREADY_EXISTS") from None
    return user


def set_active(user: User, active: bool, *, actor: str, source_ip: str = "") -> None:
    """Switches a user on or off; off refuses the sign-in and every key of the user within two seconds."""
    with transaction.atomic():
        if User.objects.filter(pk=user.pk, is_active=not active).update(is_active=active):
            user.is_active = active
            _record(
                user,
                "ram:UpdateUser",
                actor=actor,
                source_ip=source_ip,
                detail={"before": {"active": not active}, "after": {"active": active}},
            )
            if not active:
                sessions.end_all(user, actor=actor, source_ip=source_ip)
            keys.raise_version()


def delete_user(user: User, *, actor: str, source_ip: str = "") -> None:
    """Deletes a sub-account with its keys; its sessions and keys are refused within two seconds. The audit stays."""
    with transaction.atomic():
        _record(user, "ram:DeleteUser", actor=actor, source_ip=source_ip)
        User.objects.filter(pk=user.pk, is_root=False).delete()
        keys.raise_version()


def set_password(
    user: User, password: str, *, keep_session: str | None = None, actor: str, source_ip: str = ""
) -> None:
    """Gives a user another password; that ends all their sessions, save the one whose key is `keep_session`.

    Raises: Rejected for a weak password.
    """
    with transaction.atomic():
        _set_password(user, password)
        user.save(update_fields=["password"])
        _record(user, "ram:UpdateLoginProfile", actor=actor, source_ip=source_ip)
        sessions.end_all(user, but=keep_session, actor=actor, source_ip=source_ip)


def check_name(what: str, name: str) -> None:
    """Raises Rejected INVALID_NAME unless the name can be one of an account, a user or a user group."""
    if not _NAME.match(name):
        raise Rejected(
            f"The name of the {what} must have 1 to {limits.USER_NAME_CHARS} lower-case letters, digits, '_' and '-',"
            " and begin and end with a letter or digit.",
            "INVALID_NAME",
        )


def login_of(account: str, name: str) -> str:
    """Returns the one text that names a person: `name@account`."""
    return f"{name}@{account}"


def split_login(text: str) -> tuple[str, str]:
    """Returns (account, name) of what somebody typed: `name@account`, or a name alone with an empty account."""
    name, _, account = text.strip().lower().partition("@")
    return account, name


def sign_in(account: str, name: str, password: str, *, source_ip: str) -> User:
    """Returns the person this password belongs to. Whether it is enough to enter is for the caller to ask.

    Raises: Unauthenticated, with one text whatever was wrong; TryLater QUOTA_EXCEEDED after too many failures, with
        `retry_after_seconds`; TryLater STORE_UNAVAILABLE while failures cannot be counted (nobody is let in then).
    Effects: a failure is in the audit when the account exists. The caller makes the session, and says `entered`.
    """
    account, name = account.strip().lower(), name.strip().lower()
    attempts.begin(account, name, source_ip)
    user = _recognise(account, name, password)
    if user is None:
        _note_refusal(account, name, source_ip)
        raise Unauthenticated("The account, the user name or the password is wrong.")
    attempts.succeed(account, name, source_ip)
    return user


def entered(user: User, *, by: str, second_factor: bool, source_ip: str) -> None:
    """Writes down that a session began; `by` is how (password, passkey, openid)."""
    detail: dict[str, object] = {"by": by, "second_factor": second_factor}
    _record(user, "ram:SignIn", actor=user.login, source_ip=source_ip, detail=detail)


def confirm(user: User, password: str, *, source_ip: str) -> None:
    """Checks the password of somebody who is signed in, once more. Raises as `sign_in`."""
    sign_in(user.account.name, user.name, password, source_ip=source_ip)


def _recognise(account: str, name: str, password: str) -> User | None:
    if len(password) > limits.PASSWORD_CHARS:
        return None
    user = User.objects.select_related("account").filter(login=login_of(account, name)).first()
    # The same work for somebody who does not exist, so that time tells nothing.
    fits = check_password(password, user.password if user is not None else _nobody())
    if user is None or not fits or not user.is_active:
        return None
    return user


def _note_refusal(account: str, name: str, source_ip: str) -> None:
    account_id = Account.objects.filter(name=account).values_list("pk", flat=True).first()
    if account_id is None:
        _log.info("sign_in_refused", extra={"source_ip": source_ip})
        return
    audit.record(
        account_id,
        login_of(account, name),
        "ram:SignIn",
        resource=f"acs:ram:*:{account_id}:user/{name}",
        outcome=audit.REFUSED,
        source_ip=source_ip,
    )


def _record(user: User, action: str, *, actor: str, source_ip: str, detail: dict[str, object] | None = None) -> None:
    audit.record(
        user.account_id,
        actor,
        action,
        resource=f"acs:ram:*:{user.account_id}:user/{user.name}",
        source_ip=source_ip,
        detail=detail,
    )


def _set_password(user: User, password: str) -> None:
    passwords.check(password, user)
    user.set_password(password)


@cache
def _nobody() -> str:
    return make_password("nobody has this password")


def account_id(name: str) -> int | None:
    """Returns the number of the account called `name`, or None when there is none. One query."""
    return Account.objects.filter(name=name).values_list("pk", flat=True).first()
