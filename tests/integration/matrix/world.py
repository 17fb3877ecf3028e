"""Two tenants with one of everything, and the seventeen kinds of people who may ask for it.

Everything of the second tenant carries `CANARY`, and of the first what only some may see carries `HIDDEN`: neither may
ever stand in an answer to somebody it is not for. A third has what the first has under the same names, and was there
before it; it carries `TWIN`, which nobody may ever read.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import connection

from accounts import (
    denials,
    grants,
    key_cache,
    keys,
    members,
    own_policies,
    people,
    roles,
    sessions,
    volatile,
)
from accounts.models import AccessKey, Account, GrantUse, PolicyVersion, User
from accounts.session_store import SessionStore
from brokers.catalog import actions, client_settings, producers, quotas, snapshot
from brokers.domain import clock, messages
from brokers.domain.actor import Actor
from brokers.domain.filters import parse_tags
from brokers.domain.quotas import Quota, Scope
from brokers.domain.receipts import Receipt
from brokers.engine import dead_letters, delivery, publish, settlement, transactions
from brokers.engine.delivery import ReceiveRequest, Subscription
from brokers.engine.settlement import Refusal
from brokers.models import Backlog, Group, Instance, Operation, Topic
from brokers.protocols.remoting import records
from tests import stack

CANARY, HIDDEN, TWIN = "canary-of-the-rival", "hidden-from-most", "canary-of-the-twin"
CANARY_NUMBER = 73456789  # a limit of theirs, and how much waits there
PASSWORD = "correct horse battery staple"
BACKEND = "django.contrib.auth.backends.ModelBackend"
# Rows that come and go with requests, whatever is answered; and columns that say when something was used.
PASSING = (
    "request_minute",
    "accounts_audit",
    "accounts_consolesession",
    "accounts_grantuse",  # when a right was last used, written once in a while
    "accounts_usednonce",
    "brokers_idempotentresponse",
)
USED = {"last_used_at", "last_used_from", "last_login"}


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who asks. `held` are the policies' texts, for the second judge; None of a nobody."""

    name: str
    account_id: int = 0
    is_root: bool = False
    held: tuple[str, ...] | None = ()
    basic: str = ""
    key_id: str = ""
    secret: str = ""
    session: str = ""
    user: User | None = None

    @property
    def is_nobody(self) -> bool:
        return self.held is None


@dataclass(slots=True)
class Tenant:
    """An account and the names and numbers of what it has."""

    account: Account
    root: Actor
    names: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class World:
    ours: Tenant
    theirs: Tenant
    people: dict[str, Who]
    tables: list[str] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)
    columns: dict[str, list[str]] = field(default_factory=dict)

    def hold(self, user: str, document: dict[str, Any]) -> Who:
        """Makes this the only policy of one of the people, and returns them with it."""
        text = json.dumps(document)
        if user not in self.versions:
            self.versions[user] = PolicyVersion.objects.get(policy__name=_policy_of(user)).pk
        with connection.cursor() as cursor:
            for schema in ("public", "kept"):
                table = f"{schema}.accounts_policyversion"
                cursor.execute(f"UPDATE {table} SET document = %s WHERE id = %s", [text, self.versions[user]])
        key_cache.forget()
        asker = self.people[user]
        return Who(**{**{slot: getattr(asker, slot) for slot in Who.__slots__}, "held": (text,)})

    def keep(self) -> None:
        """Notes every row there is, for `restore` and `changed`."""
        with connection.cursor() as cursor:
            tables = _tables(cursor)
            self.tables = [name for name in tables if _count(cursor, name)]
            cursor.execute("DROP SCHEMA IF EXISTS kept CASCADE; CREATE SCHEMA kept")
            for name in self.tables:
                cursor.execute(f'CREATE TABLE kept."{name}" AS TABLE public."{name}"')
            self.columns = {name: _columns(cursor, name) for name in tables}
            lasting = {
                name: [c for c in columns if c not in USED and not c.startswith("last_used")]
                for name, columns in self.columns.items()
                if not name.startswith(PASSING)
            }
            # Functions, because their plans are made once.
            for called, compared in (("differing", self.columns), ("changed", lasting)):
                lines = (self._compare(name, columns) for name, columns in compared.items())
                cursor.execute(
                    f"CREATE FUNCTION kept.{called}() RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN "
                    + " ".join(lines)
                    + " END $$"
                )
            lines = (
                self._guard(cursor, name, owner, columns=lasting)
                for name, owner in _owners(cursor, self.tables).items()
            )
            cursor.execute(
                "CREATE FUNCTION kept.changed_elsewhere(mine bigint) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN "
                + " ".join(lines)
                + " END $$"
            )

    def restore(self) -> None:
        """Puts every row back that is not as it was, and drops what processes know."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT kept.differing()")
            work = ["SET session_replication_role = replica"]
            for (name,) in cursor.fetchall():
                work.append(f'DELETE FROM public."{name}"')
                if name in self.tables:
                    columns = _listed(self.columns[name])
                    into = f'INSERT INTO public."{name}" ({columns}) OVERRIDING SYSTEM VALUE'
                    work.append(f'{into} SELECT {columns} FROM kept."{name}"')
            cursor.execute("; ".join([*work, "SET session_replication_role = DEFAULT"]))
        with stack.redis_client() as client:
            client.flushdb()
        forget()

    def changed(self) -> list[str]:
        """Returns the tables whose rows are not those kept, but for what any request may write."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT kept.changed()")
            return [name for (name,) in cursor.fetchall()]

    def changed_elsewhere(self, account_id: int) -> list[str]:
        """Returns the tables in which a row of another account is not as it was kept; of passing rows, is gone."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT kept.changed_elsewhere(%s)", [account_id])
            return [name for (name,) in cursor.fetchall()]

    def _guard(self, cursor: Any, name: str, owner: str, *, columns: dict[str, list[str]]) -> str:
        """Returns the statement that gives the table's name when a row that is not of the account `mine` changed."""
        listed = _listed(columns.get(name) or _key(cursor, name))
        rows = (
            f'SELECT {listed} FROM kept."{name}" WHERE {owner} <> mine EXCEPT ALL SELECT {listed} FROM public."{name}"'
        )
        return f"IF EXISTS ({rows}) THEN RETURN NEXT '{name}'; END IF;"

    def _compare(self, name: str, columns: list[str]) -> str:
        """Returns the statement that gives the table's name when its rows are not those kept."""
        now = f'SELECT {_listed(columns)} FROM public."{name}"'
        then = f'SELECT {_listed(columns)} FROM kept."{name}"'
        rows = f"(({now}) EXCEPT ALL ({then})) UNION ALL (({then}) EXCEPT ALL ({now}))"
        differs = rows if name in self.tables else now
        return f"IF EXISTS ({differs}) THEN RETURN NEXT '{name}'; END IF;"


def _listed(columns: list[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


def _tables(cursor: Any) -> list[str]:
    cursor.execute(
        "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE nspname = 'public' AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1"
    )
    return [name for (name,) in cursor.fetchall() if name not in stack.KEPT_TABLES]


def _columns(cursor: Any, table: str) -> list[str]:
    cursor.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s"
        " AND is_generated = 'NEVER' AND data_type NOT IN ('json') ORDER BY ordinal_position",
        [table],
    )
    return [name for (name,) in cursor.fetchall()]


def _key(cursor: Any, table: str) -> list[str]:
    cursor.execute(
        "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)"
        " WHERE indisprimary AND indrelid = %s::regclass",
        [f'public."{table}"'],
    )
    return [name for (name,) in cursor.fetchall()]


def _owners(cursor: Any, tables: list[str]) -> dict[str, str]:
    """Returns the SQL of the account of a kept row, for each of the tables that refers to one, over others or not."""
    cursor.execute(
        "SELECT c.relname, attname, t.relname FROM pg_constraint JOIN pg_class c ON c.oid = conrelid"
        " JOIN pg_class t ON t.oid = confrelid JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]"
        " WHERE contype = 'f' AND cardinality(conkey) = 1 AND connamespace = 'public'::regnamespace AND conparentid = 0"
    )
    references = [one for one in cursor.fetchall() if one[0] in tables and one[2] in tables]
    found = {"accounts_account": 'kept."accounts_account".id'}
    while True:
        more: dict[str, list[str]] = {}
        for table, column, target in references:
            if target in found and table not in found:
                here = f'kept."{table}"."{column}"'
                over = f'(SELECT {found[target]} FROM kept."{target}" WHERE kept."{target}".id = {here})'
                more.setdefault(table, []).append(here if target == "accounts_account" else over)
        if not more:
            return found
        found |= {table: f"coalesce({', '.join(ways)})" for table, ways in more.items()}


def _count(cursor: Any, table: str) -> bool:
    cursor.execute(f'SELECT EXISTS (SELECT FROM public."{table}")')
    return bool(cursor.fetchone()[0])


def forget() -> None:
    """Drops what this process knows of a database that changed behind its back."""
    for room in (key_cache, volatile, denials, snapshot):
        room.forget()


def build() -> World:
    """Makes both tenants and everybody, and notes the rows."""
    forget()
    with connection.cursor() as cursor:
        # Thousands of commits that nobody needs after a power cut.
        cursor.execute("SET synchronous_commit = off")
        # Numbers that stand nowhere else on a page.
        cursor.execute("SELECT setval(seqrelid::regclass, 700000) FROM pg_sequence")
    _tenant("twin", TWIN, called="acme")
    ours, theirs = _tenant("acme", ""), _tenant("rival", CANARY)
    number = Instance.objects.get(account=theirs.account).pk
    Backlog.objects.create(instance_id=number, message_count=1, byte_count=CANARY_NUMBER, sampled_at=clock.now())
    for number in range(3):  # what belongs to the first tenant, but not to those who hold one topic
        _hide(ours, number)
    made = World(ours, theirs, {})
    makers: dict[str, Callable[[], Who]] = {
        "anonymous": lambda: Who("anonymous", held=None),
        "garbage": lambda: _nobody("garbage", "MQnosuchkey:nosuchsecret", session="nosuchsession"),
        "wrong secret": lambda: _wrong_secret(ours),
        "disabled key": lambda: _disabled(ours),
        "deleted user": lambda: _deleted(ours),
        "expired session": lambda: _expired(ours),
        "switched off": lambda: _switched_off(ours),
        "root": lambda: _known("root", ours, "root"),
        "no policy": lambda: _member(ours, "none", None),
        "exact": lambda: _member(ours, "exact", []),
        "wildcard": lambda: _member(ours, "wildcard", _all("*")),
        "denied": lambda: _member(ours, "denied", []),
        "lacking": lambda: _member(ours, "lacking", []),
        "from elsewhere": lambda: _member(ours, "elsewhere", [], name="from elsewhere"),
        "without TLS": lambda: _member(ours, "plain", [], name="without TLS"),
        "foreign root": lambda: _known("foreign root", theirs, "root"),
        "foreign wildcard": lambda: _member(theirs, "wildcard", _all("*"), name="foreign wildcard"),
    }
    made.people = {name: make() for name, make in makers.items()}
    assert len(made.people) == 17
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval(seqrelid::regclass, 900000) FROM pg_sequence")
    made.keep()
    return made


def _all(resource: str) -> list[dict[str, Any]]:
    return [{"Effect": "Allow", "Action": ["mq:*", "ram:*"], "Resource": resource}]


def _tenant(account: str, mark: str, *, called: str = "") -> Tenant:
    """Makes an account with one of everything, whose names begin with `called` or as the account's does."""
    name, root = called or account, people.create_account(account, password=PASSWORD)
    actor = actor_of(root)
    made = Tenant(root.account, actor)
    instance = actions.create_instance(actor, name=f"{name}-shop", remark=mark)
    topic = actions.create_topic(actor, instance, name=f"{name}-orders", queue_count=1, remark=mark)
    group = actions.create_group(actor, instance, name=f"{name}-workers", max_attempts=1, remark=mark)
    fill(instance, topic, group, body=f"body {mark}")
    members.create_user(actor, f"{name}-ben", password=None)
    key, _secret = members.create_key(actor, f"{name}-ben", remark=mark)
    AccessKey.objects.filter(pk=key.pk).update(created_at=clock.now() - timedelta(days=400))  # and never used
    client_settings.put(actor, "shop", "colour", value=mark or "red")
    most = CANARY_NUMBER if mark == CANARY else 900_000_000
    quotas.set_limits(actor, Scope.ACCOUNT, "", values={Quota.SEND_BYTES_RATE: most})
    quotas.set_limits(actor, Scope.INSTANCE, instance.name, values={Quota.SEND_BYTES_RATE: most})
    members.create_group(actor, f"{name}-team", remark=mark)
    members.add_to_group(actor, f"{name}-team", f"{name}-ben")
    resource = f"acs:mq:*:*:{instance.name}%{topic.name}"
    document = json.dumps({"Version": "1", "Statement": {"Effect": "Allow", "Action": "mq:PUB", "Resource": resource}})
    grants.create_policy(actor, f"{name}-idle", document, remark=mark)
    for holder in ({"user": f"{name}-ben"}, {"group": f"{name}-team"}):
        grants.attach(actor, f"{name}-idle", **holder)
    members.create_group(actor, f"{name}-strict")
    members.add_to_group(actor, f"{name}-strict", f"{name}-ben")
    members.create_group(actor, f"{name}-readers")
    grants.attach(actor, "PubOnly", group=f"{name}-readers")
    deny = {"Effect": "Deny", "Action": "mq:DeleteInstance", "Resource": "acs:mq:*:*:nothing"}
    grants.create_policy(actor, f"{name}-deny", json.dumps({"Version": "1", "Statement": deny}))
    grants.attach(actor, f"{name}-deny", group=f"{name}-strict")
    [letter] = dead_letters.page(group).items
    operation = dead_letters.start_redrive(actor, group, selection=dead_letters.Selection(ids=(letter.id,)))
    assert isinstance(operation, Operation)
    Operation.objects.filter(pk=operation.pk).update(state="PAUSED")
    entry, makers = snapshot.topic(actor.account_id, instance.name, topic.name), f"{name}-makers"
    producer = producers.ensure(actor.account_id, instance.name, makers)
    half = messages.Outgoing(body=f"half {mark}".encode(), message_id=messages.new_message_id())
    [prepared] = transactions.prepare([transactions.Half(entry, half, producer, is_typed=False)])
    assert isinstance(prepared, transactions.Prepared)
    late = messages.Outgoing(
        body=f"late {mark}".encode(), message_id=messages.new_message_id(), delay=timedelta(hours=9)
    )
    [scheduled] = publish.publish([publish.Send(entry, late, is_typed=False)])
    assert isinstance(scheduled, publish.Published)
    roles.create(actor, f"{name}-helper", max_seconds=60)
    roles.trust(actor, f"{name}-helper", f"{name}-ben")
    _spare(made, name, document, mark=mark)
    grants.attach(actor, f"{name}-idle", role=f"{name}-helper")
    place = records.place(topic.queues.get().pk, 0)
    made.names = {
        "role": f"{name}-helper",
        "instance": instance.name, "topic": topic.name, "group": group.name, "user": f"{name}-ben",
        "user_group": f"{name}-team", "policy": f"{name}-idle", "key": key.key_id, "operation": str(operation.pk),
        "spare": f"{name}-spare", "quiet": f"{name}-quiet", "of_key": "key", "new_makers": "makers-anew",
        "dead_letter": str(letter.id), "message": letter.message_id, "topic_id": str(topic.pk),
        "group_id": str(group.pk), "instance_id": str(instance.pk), "account": account, "version": "1",
        "place": str(place), "placed": records.offset_id(("127.0.0.1", 1), place), "deny": f"{name}-deny",
        "strict": f"{name}-strict",
        "makers": makers, "transaction": str(prepared.id), "half": str(records.place(0, prepared.id.half_id)),
        "half_message": half.message_id, "scheduled": scheduled.message_id, "scope": "account",
        "of_instance": "instance", "system": "PubOnly", "readers": f"{name}-readers", "number": "1",
        "public_id": "nosuchsession", "session": "nosuchsession", "request": "0" * 32, "token": "nosuchtoken",
    }  # fmt: skip
    return made


def _spare(tenant: Tenant, name: str, document: str, *, mark: str) -> None:
    """Makes a policy nobody has any more, though it was used, a group that never received, and what doors make."""
    actor, home = tenant.root, Instance.objects.get(account=tenant.account)
    grants.create_policy(actor, f"{name}-spare", document, remark=mark)
    ben, role = User.objects.get(account=tenant.account, name=f"{name}-ben"), roles.role(actor, f"{name}-helper")
    for holder in ({"user": ben}, {"role": role}):
        GrantUse.objects.create(
            policy=f"{name}-spare", version=1, statement=0, action="mq:PUB", used_at=clock.now(), **holder
        )
    actions.create_group(actor, home, name=f"{name}-quiet", remark=mark)
    if mark != TWIN:
        return
    grants.quick_grant(actor, home.name, f"{name}-orders", right="PUB", user=ben.name)
    # What an access list of RocketMQ's is kept as.
    resource = f"acs:rocketmq:*:{actor.account_id}:instance/{home.name}/topic/{TWIN}"
    listed = [{"Effect": "Allow", "Action": ["mq:PUB"], "Resource": resource}]
    own_policies.edit(actor, f"acl-user-{ben.name}", lambda _before: listed, user=ben.name)


def _hide(tenant: Tenant, number: int) -> None:
    """Makes things of the tenant's own that only root and the wildcard may see."""
    actor, home = tenant.root, Instance.objects.get(pk=tenant.names["instance_id"])
    if number == 0:
        actions.create_instance(actor, name=f"a-{HIDDEN}")
        return
    topic = actions.create_topic(actor, home, name=f"a{number}-{HIDDEN}", queue_count=1)
    group = actions.create_group(actor, home, name=f"a{number}-{HIDDEN}", max_attempts=1)
    fill(home, topic, group, body=f"body {HIDDEN}")
    [letter] = dead_letters.page(group).items
    dead_letters.start_redrive(actor, group, selection=dead_letters.Selection(ids=(letter.id,)))
    producer = producers.ensure(actor.account_id, home.name, tenant.names["makers"])
    producers.ensure(actor.account_id, home.name, f"a{number}-{HIDDEN}")
    half = messages.Outgoing(body=f"half {HIDDEN}".encode(), message_id=messages.new_message_id())
    entry = snapshot.topic(actor.account_id, home.name, topic.name)
    [prepared] = transactions.prepare([transactions.Half(entry, half, producer, is_typed=False)])
    assert isinstance(prepared, transactions.Prepared)
    # What all may see and what only some may see know of each other.
    seen = Topic.objects.select_related("instance").get(instance=home, name=tenant.names["topic"])
    take(home, seen, group)
    take(home, topic, Group.objects.get(instance=home, name=tenant.names["group"]))


def fill(instance: Instance, topic: Topic, group: Group, *, body: str) -> None:
    """Sends two messages; the group fails for good with the first."""
    entry = snapshot.topic(instance.account_id, instance.name, topic.name)
    for _ in range(2):
        one = messages.Outgoing(body=body.encode(), message_id=messages.new_message_id(), keys=("k-1",), tag="paid")
        [result] = publish.publish([publish.Send(entry, one)])
        assert isinstance(result, publish.Published)
    assert settlement.refuse([Refusal(take(instance, topic, group), "declined", None)]) == [None]


def take(instance: Instance, topic: Topic, group: Group) -> Receipt:
    """Receives a message and returns its receipt."""
    request = ReceiveRequest(
        group=snapshot.group(instance.account_id, instance.name, group.name),
        subscriptions=(Subscription(snapshot.topic(instance.account_id, instance.name, topic.name), parse_tags("*")),),
        max_count=1,
        invisible=timedelta(seconds=60),
        client_id="till-1",
    )
    [got] = delivery.receive([request])
    assert isinstance(got, list)
    return got[0].receipt


def actor_of(user: User) -> Actor:
    return Actor(
        account_id=user.account_id, user_id=user.pk, name=user.login, is_root=user.is_root, source_ip="127.0.0.1"
    )


def _known(name: str, tenant: Tenant, user_name: str, *, held: tuple[str, ...] | None = ()) -> Who:
    user = User.objects.get(account=tenant.account, name=user_name)
    key, secret = keys.create(user)
    return Who(
        name,
        account_id=user.account_id,
        is_root=user.is_root,
        held=held,
        basic=_basic(f"{key.key_id}:{secret}"),
        key_id=key.key_id,
        secret=secret,
        session=session_of(user),
        user=user,
    )


def _member(tenant: Tenant, user: str, statements: list[dict[str, Any]] | None, *, name: str = "") -> Who:
    members.create_user(tenant.root, user, password=PASSWORD)
    if statements is None:
        return _known(name or "no policy", tenant, user)
    nothing = {"Effect": "Allow", "Action": "mq:PUB", "Resource": "acs:mq:*:*:nothing%nothing"}
    text = json.dumps({"Version": "1", "Statement": statements or [nothing]})
    label = name or user
    grants.create_policy(tenant.root, _policy_of(label), text)
    grants.attach(tenant.root, _policy_of(label), user=user)
    return _known(label, tenant, user, held=(text,))


def _policy_of(name: str) -> str:
    return "of-" + name.replace(" ", "-")


def _nobody(name: str, basic: str, *, session: str) -> Who:
    key_id, _, secret = basic.partition(":")
    return Who(name, held=None, basic=_basic(basic), key_id=key_id, secret=secret, session=session)


def _wrong_secret(tenant: Tenant) -> Who:
    members.create_user(tenant.root, "wrong", password=PASSWORD)
    known = _known("wrong", tenant, "wrong")
    session = SessionStore(known.session)
    session[HASH_SESSION_KEY] = "0" * 64
    session.save()
    return _nobody("wrong secret", f"{known.key_id}:{'x' * len(known.secret)}", session=known.session)


def _disabled(tenant: Tenant) -> Who:
    members.create_user(tenant.root, "disabled", password=PASSWORD)
    grants.attach(tenant.root, "FullAccess", user="disabled")
    known = _known("disabled key", tenant, "disabled")
    members.set_key_enabled(tenant.root, "disabled", known.key_id, enabled=False)
    people.set_password(User.objects.get(pk=known.user.pk if known.user else 0), "another " + PASSWORD, actor="test")
    return _nobody("disabled key", f"{known.key_id}:{known.secret}", session=known.session)


def _deleted(tenant: Tenant) -> Who:
    members.create_user(tenant.root, "deleted", password=PASSWORD)
    known = _known("deleted user", tenant, "deleted")
    members.delete_user(tenant.root, "deleted")
    return _nobody("deleted user", f"{known.key_id}:{known.secret}", session=known.session)


def _expired(tenant: Tenant) -> Who:
    session = SessionStore(session_of(User.objects.get(account=tenant.account, is_root=True)))
    session.set_expiry(timedelta(seconds=-1))
    session.save()
    assert session.session_key is not None
    return _nobody("expired session", "MQ:", session=session.session_key)


def _switched_off(tenant: Tenant) -> Who:
    members.create_user(tenant.root, "off", password=PASSWORD)
    grants.attach(tenant.root, "FullAccess", user="off")
    known = _known("switched off", tenant, "off")
    members.set_active(tenant.root, "off", False)
    return _nobody("switched off", f"{known.key_id}:{known.secret}", session=known.session)


def session_of(user: User) -> str:
    """Returns the key of a new session of the user, as signing in makes it."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = BACKEND
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    sessions.begin(session, source_ip="127.0.0.1", agent="test", has_second_factor=False)
    session["mq_confirmed_at"] = 0.0  # what asks for the password again asks at any time of the run
    session.save()
    assert session.session_key is not None
    return session.session_key


def _basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()
