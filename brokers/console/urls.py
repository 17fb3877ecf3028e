"""The addresses of the console's pages."""

from django.urls import path

from . import (
    audit,
    dead_letters,
    find,
    groups,
    keys,
    messages,
    operations,
    overview,
    preferences,
    redrives,
    resets,
    send,
    signin,
    topics,
)

INSTANCE = "i/<str:instance>"
TOPIC = f"{INSTANCE}/topics/<str:topic>"
GROUP = f"{INSTANCE}/groups/<str:group>"
OPERATION = f"{INSTANCE}/operations/<int:number>"

urlpatterns = [
    path("", overview.home, name="overview"),
    path("signin", signin.sign_in, name="signin"),
    path("signout", signin.sign_out, name="signout"),
    path("preferences", preferences.save, name="preferences"),
    path("keys", keys.index, name="keys"),
    path("keys/<str:key_id>/enabled", keys.enable, name="key_enable"),
    path("keys/<str:key_id>/delete", keys.delete, name="key_delete"),
    path("audit", audit.index, name="audit"),
    path("instances/new", overview.create, name="instance_new"),
    path(INSTANCE, overview.instance, name="instance"),
    path(f"{INSTANCE}/pulse", overview.pulse, name="pulse"),
    path(f"{INSTANCE}/find", find.find, name="find"),
    path(f"{INSTANCE}/send", send.send, name="send"),
    path(f"{INSTANCE}/topics", topics.index, name="topics"),
    path(f"{INSTANCE}/new-topic", topics.create, name="topic_new"),
    path(TOPIC, topics.queues, name="topic"),
    path(f"{TOPIC}/groups", topics.groups, name="topic_groups"),
    path(f"{TOPIC}/code", topics.client_code, name="topic_code"),
    path(f"{TOPIC}/edit", topics.edit, name="topic_edit"),
    path(f"{TOPIC}/delete", topics.delete, name="topic_delete"),
    path(f"{INSTANCE}/groups", groups.index, name="groups"),
    path(f"{INSTANCE}/new-group", groups.create, name="group_new"),
    path(GROUP, groups.progress, name="group"),
    path(f"{GROUP}/settings", groups.settings, name="group_settings"),
    path(f"{GROUP}/code", groups.client_code, name="group_code"),
    path(f"{GROUP}/edit", groups.edit, name="group_edit"),
    path(f"{GROUP}/pause", groups.pause, name="group_pause"),
    path(f"{GROUP}/delete", groups.delete, name="group_delete"),
    path(f"{GROUP}/reset", resets.reset, name="group_reset"),
    path(f"{GROUP}/dead-letters", dead_letters.index, name="dead_letters"),
    path(f"{GROUP}/dead-letters/<int:number>", dead_letters.show, name="dead_letter"),
    path(f"{GROUP}/redrive", redrives.redrive, name="redrive"),
    path(f"{INSTANCE}/dead-letters", dead_letters.by_group, name="dead_letters_all"),
    path(f"{INSTANCE}/messages", messages.search, name="messages"),
    path(f"{INSTANCE}/messages/<str:message_id>", messages.show, name="message"),
    path(f"{INSTANCE}/operations", operations.index, name="operations"),
    path(OPERATION, operations.show, name="operation"),
    path(f"{OPERATION}/pause", operations.pause, name="operation_pause"),
    path(f"{OPERATION}/resume", operations.resume, name="operation_resume"),
    path(f"{OPERATION}/cancel", operations.cancel, name="operation_cancel"),
]
