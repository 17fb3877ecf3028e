"""What `mqadmin` and dashboards ask of a broker: topics, groups, progress, connected clients, users, settings.

Owns: which of these requests is answered by whom. Must not know: how. Called by: doors.remoting.handlers.
Each handler asks for the right that the console asks for the same thing.
"""

from ....protocols.remoting.admin_codes import Manage
from ..call import Handler
from . import acls, clients, groups, producers, progress, server, settings, statistics, topics, users

HANDLERS: dict[int, Handler] = {
    Manage.UPDATE_AND_CREATE_TOPIC: topics.save,
    Manage.UPDATE_AND_CREATE_TOPIC_LIST: topics.save_many,
    Manage.DELETE_TOPIC_IN_BROKER: topics.delete,
    Manage.DELETE_TOPIC_IN_NAMESRV: topics.delete_route,
    Manage.GET_TOPIC_STATS_INFO: topics.stats,
    Manage.QUERY_TOPIC_CONSUME_BY_WHO: topics.readers,
    Manage.GET_TOPIC_CONFIG: topics.config,
    Manage.GET_ALL_TOPIC_CONFIG: topics.configs,
    Manage.GET_SYSTEM_TOPIC_LIST_FROM_NS: topics.system_topics,
    Manage.GET_SYSTEM_TOPIC_LIST_FROM_BROKER: topics.system_topics,
    Manage.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP: groups.save,
    Manage.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST: groups.save_many,
    Manage.DELETE_SUBSCRIPTIONGROUP: groups.delete,
    Manage.GET_SUBSCRIPTIONGROUP_CONFIG: groups.config,
    Manage.GET_ALL_SUBSCRIPTIONGROUP_CONFIG: groups.configs,
    Manage.QUERY_TOPICS_BY_CONSUMER: groups.topics,
    Manage.QUERY_SUBSCRIPTION_BY_CONSUMER: groups.subscription,
    Manage.GET_CONSUME_STATS: progress.of_group,
    Manage.GET_BROKER_CONSUME_STATS: progress.of_all,
    Manage.INVOKE_BROKER_TO_RESET_OFFSET: progress.reset,
    Manage.GET_CONSUMER_CONNECTION_LIST: clients.consumers,
    Manage.GET_CONSUMER_RUNNING_INFO: clients.running,
    Manage.CONSUME_MESSAGE_DIRECTLY: clients.consume,
    Manage.INVOKE_BROKER_TO_GET_CONSUMER_STATUS: clients.status,
    Manage.GET_PRODUCER_CONNECTION_LIST: producers.of_group,
    Manage.GET_ALL_PRODUCER_INFO: producers.every,
    Manage.GET_BROKER_RUNTIME_INFO: server.runtime,
    Manage.GET_BROKER_CONFIG: server.broker_config,
    Manage.GET_NAMESRV_CONFIG: server.namesrv_config,
    Manage.VIEW_BROKER_STATS_DATA: statistics.of_topic,
    Manage.QUERY_CONSUME_TIME_SPAN: statistics.time_spans,
    Manage.QUERY_CORRECTION_OFFSET: statistics.corrections,
    Manage.CLONE_GROUP_OFFSET: progress.clone,
    Manage.POP_ROLLBACK: server.refuse_pop_records,
    Manage.UPDATE_BROKER_CONFIG: server.refuse_settings,
    Manage.UPDATE_NAMESRV_CONFIG: server.refuse_settings,
    Manage.WIPE_WRITE_PERM_OF_BROKER: server.refuse_permission,
    Manage.ADD_WRITE_PERM_OF_BROKER: server.refuse_permission,
    Manage.PUT_KV_CONFIG: settings.put,
    Manage.GET_KV_CONFIG: settings.get,
    Manage.DELETE_KV_CONFIG: settings.delete,
    Manage.GET_KVLIST_BY_NAMESPACE: settings.of_namespace,
    Manage.AUTH_CREATE_USER: users.create,
    Manage.AUTH_UPDATE_USER: users.update,
    Manage.AUTH_DELETE_USER: users.delete,
    Manage.AUTH_GET_USER: users.get,
    Manage.AUTH_LIST_USER: users.every,
    Manage.AUTH_CREATE_ACL: acls.save,
    Manage.AUTH_UPDATE_ACL: acls.save,
    Manage.AUTH_DELETE_ACL: acls.delete,
    Manage.AUTH_GET_ACL: acls.get,
    Manage.AUTH_LIST_ACL: acls.every,
}
