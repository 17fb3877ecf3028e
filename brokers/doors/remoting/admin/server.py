"""The server as a broker and a name server describe themselves, and what cannot be changed from here.

Owns: those answers. Must not know: where settings come from. Called by: doors.remoting.admin.
Source: apache/rocketmq broker/.../processor/AdminBrokerProcessor.java (prepareRuntimeInfo),
tools/.../command/cluster/ClusterListSubCommand.java, which reads every rate and breaks when one is missing.
"""

from datetime import timedelta

from django.conf import settings

from ....catalog import access, snapshot
from ....dispatch import bridge
from ....domain import clock
from ....domain.actor import Actor
from ....domain.errors import Rejected
from ....engine import figures
from ....models import Instance
from ....protocols.remoting import bodies
from ....protocols.remoting.frames import Command
from .. import names
from ..call import BROKER_NAME, CLUSTER, Call

_STARTED_MS = clock.now_ms()
_VERSION, _VERSION_NAME = "479", "V5_3_3"
_QUEUES = ("send", "pull", "query", "endTransaction", "ack")
# A rate over ten seconds, a minute and ten minutes. Rates are in the console and in /metrics; this door knows totals,
# and what is not known is not called 0.
_NO_RATE = "NaN NaN NaN"


async def runtime(call: Call) -> Command:
    """28: what this server has done for the account, in the words of a broker."""
    await _require(call)
    traffic = await bridge.run(_traffic, call.actor)
    sent, settled = str(traffic.sent), str(traffic.settled)
    this_morning, yesterday = (sent if total is None else str(total) for total in traffic.sent_before)
    seconds = (clock.now_ms() - _STARTED_MS) // 1000
    table = {
        "brokerActive": "true",
        "brokerVersion": _VERSION,
        "brokerVersionDesc": _VERSION_NAME,
        "bootTimestamp": str(_STARTED_MS),
        "runtime": f"[ {seconds // 86400} days, {seconds // 3600 % 24} hours, {seconds // 60 % 60} minutes ]",
        "msgPutTotalYesterdayMorning": yesterday,
        "msgPutTotalTodayMorning": this_morning,
        "msgPutTotalTodayNow": sent,
        "msgGetTotalYesterdayMorning": "0",
        "msgGetTotalTodayMorning": "0",
        "msgGetTotalTodayNow": settled,
        "putTps": _NO_RATE,
        "getTransferredTps": _NO_RATE,
        "getTotalTps": _NO_RATE,
        "getFoundTps": _NO_RATE,
        "getMissTps": _NO_RATE,
        "keptMessageCount": str(traffic.kept),
        "pageCacheLockTimeMills": "0",
        "earliestMessageTimeStamp": str(clock.now_ms()),
        "commitLogDiskRatio": "0.0",
        "commitLogMinOffset": "0",
        "commitLogMaxOffset": sent,
        "dispatchBehindBytes": "0",
        "putMessageEntireTimeMax": "0",
        "timerReadBehind": "0",
        "timerOffsetBehind": "0",
        "timerCongestNum": "0",
        "timerEnqueueTps": "0.0",
        "timerDequeueTps": "0.0",
    }
    for queue in _QUEUES:
        table[f"{queue}ThreadPoolQueueSize"] = "0"
        table[f"{queue}ThreadPoolQueueCapacity"] = "0"
        table[f"{queue}ThreadPoolQueueHeadWaitTimeMills"] = "0"
    return call.reply(body=bodies.write({"table": table}))


async def broker_config(call: Call) -> Command:
    """26: the settings a broker's clients may care about."""
    await _require(call)
    lines = {
        "brokerName": BROKER_NAME,
        "brokerClusterName": CLUSTER,
        "brokerId": "0",
        "brokerIP1": call.place.host,
        "listenPort": str(call.place.port),
        "brokerRole": "SYNC_MASTER",
        "flushDiskType": "SYNC_FLUSH",
        "enablePropertyFilter": "true",
        "autoCreateTopicEnable": "true" if settings.REMOTING_AUTO_CREATE else "false",
        "autoCreateSubscriptionGroup": "true" if settings.REMOTING_AUTO_CREATE else "false",
    }
    version = bodies.write({"stateVersion": 0, "timestamp": _STARTED_MS, "counter": 0}).decode()
    return call.reply(fields={"version": version}, body=_properties(lines))


async def namesrv_config(call: Call) -> Command:
    """319: the settings of the name server."""
    await _require(call)
    return call.reply(body=_properties({"listenPort": str(settings.NAMESRV_PORT), "bindAddress": call.place.host}))


async def refuse_settings(call: Call) -> Command:
    """25 and 318: settings of this server are its environment's."""
    raise Rejected("The settings of this server are environment variables (docs/settings.md); set them there.")


async def refuse_permission(call: Call) -> Command:
    """205 and 327: nobody can take the right to write from everybody at once."""
    raise Rejected("To stop senders, deny mq:PUB in a policy; this server has no switch for a whole broker.")


async def refuse_pop_records(call: Call) -> Command:
    """200056: there a broker writes the records of its pops into its older store."""
    raise Rejected("What was popped is a lease here and in no store of its own: there is nothing to move.")


async def _require(call: Call) -> None:
    home = await names.parse(call.actor, names.TEMPLATE_TOPIC)
    resource = access.resource(call.actor.account_id, home.instance)
    await bridge.run(access.check, call.actor, "mq:QueryInstanceBaseInfo", resource)


def _traffic(actor: Actor) -> figures.Traffic:
    shown = []
    for name in snapshot.instances(actor.account_id):
        if access.may(actor, "mq:QueryInstanceBaseInfo", access.resource(actor.account_id, name)):
            shown.append(name)
    found = Instance.objects.filter(account_id=actor.account_id, name__in=shown).values_list("pk", flat=True)
    midnight = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return figures.traffic(list(found), before=(midnight, midnight - timedelta(days=1)))


def _properties(lines: dict[str, str]) -> bytes:
    return "".join(f"{name}={value}\n" for name, value in lines.items()).encode()
