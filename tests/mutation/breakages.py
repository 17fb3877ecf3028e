"""Ways in which the remoting door could be wrong, each as one change of the source, and the tests that should notice.

Each piece of source is there once; the places are such as say what is promised, and change seldom.
"""

from dataclasses import dataclass

_JAVA = "5.3.3"
_MEMBERS = "tests/integration/test_remoting_members.py"
_POP = "tests/integration/test_remoting_pop.py"
_HALVES = "tests/integration/test_remoting_transactions.py"
_JAVA_TESTS = "tests/interop/test_remoting_java.py"
_DELIVERING = "tests/conformance/test_delivering.py"
_PROMISES = "tests/conformance/test_remoting_promises.py"


@dataclass(frozen=True, slots=True)
class Breakage:
    """A fault to put into `path`: `old` becomes `new`. `tests` are those of which one must fail then."""

    name: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]


BREAKAGES = (
    Breakage(
        "tags leave nothing out",
        "brokers/domain/filters.py",
        "return not self.tags or message.tag in self.tags",
        "return True",
        (f"{_DELIVERING}::test_a_filter_settles_what_it_leaves_out[remoting]",),
    ),
    Breakage(
        "SQL leaves nothing out",
        "brokers/domain/filters.py",
        "return self.condition.value(look) is True",
        "return True",
        (
            f"tests/interop/test_filters_java.py::test_a_push_consumer_gets_what_its_sql_wants_and_the_rest_counts_as_read[{_JAVA}]",
        ),
    ),
    Breakage(
        "half messages are visible",
        "brokers/doors/remoting/transactions.py",
        'return properties.get(TRANSACTION_MARK) == "true" or',
        "return False and",
        (f"{_HALVES}::test_a_half_message_is_visible_once_it_is_committed_and_only_its_own_end_counts",),
    ),
    Breakage(
        "a commit rolls back",
        "brokers/doors/remoting/transactions.py",
        "is_commit=flag == records.COMMITTED",
        "is_commit=False",
        (
            f"tests/interop/test_remoting_transactions.py::test_what_is_committed_is_consumed_and_what_is_rolled_back_is_not[{_JAVA}]",
        ),
    ),
    Breakage(
        "producers are not asked about half messages",
        "brokers/doors/remoting/producers.py",
        "producer.peer.tell(Ask.CHECK_TRANSACTION_STATE, fields, body)",
        "return",
        (
            "tests/conformance/test_transactions.py::test_an_undecided_half_message_is_checked_and_its_producer_decides[remoting]",
        ),
    ),
    Breakage(
        "delay levels are others",
        "brokers/domain/retry.py",
        "(1, 5, *DEFAULT_BACKOFF_SECONDS)",
        "(0, 0, *DEFAULT_BACKOFF_SECONDS)",
        (f"{_PROMISES}::test_what_is_sent_back_comes_again_after_its_level_and_dies_once_with_its_origin",),
    ),
    Breakage(
        "what is sent back is forgotten",
        "brokers/doors/remoting/lookups.py",
        "await bridge.run(returns.send_back, back)",
        "pass",
        (f"{_PROMISES}::test_what_is_sent_back_comes_again_after_its_level_and_dies_once_with_its_origin",),
    ),
    Breakage(
        "a retry does not say which topic it came from",
        "brokers/doors/remoting/stored.py",
        "properties[ORIGIN_TOPIC] = names.wrap(prefix, properties[ORIGIN_TOPIC])",
        "del properties[ORIGIN_TOPIC]",
        (f"{_JAVA_TESTS}::test_what_fails_comes_again_and_ends_as_one_dead_letter[{_JAVA}]",),
    ),
    Breakage(
        "a reply goes to another client",
        "brokers/doors/remoting/askers.py",
        "await waiting.peer.ask(",
        "await next(iter(self._clients)).ask(",
        (f"tests/interop/test_request_reply.py::test_each_of_many_askers_gets_the_reply_to_its_own_request[{_JAVA}]",),
    ),
    Breakage(
        "a lock is given to everybody",
        "brokers/doors/remoting/orders.py",
        "held = set(await bridge.run(queue_locks.lock, group.id, list(queues), asked.client_id))",
        "held = set(queues)",
        (f"{_MEMBERS}::test_a_queue_is_locked_by_one_member_at_a_time",),
    ),
    Breakage(
        "members do not hear of each other",
        "brokers/doors/remoting/members.py",
        "member.peer.tell(Ask.NOTIFY_CONSUMER_IDS_CHANGED, fields)",
        "continue",
        (f"{_MEMBERS}::test_members_hear_when_others_come_and_go",),
    ),
    Breakage(
        "who broadcasts counts as one who shares",
        "brokers/doors/remoting/members.py",
        "subscriptions = {one.topic: one for one in said.membership.subscriptions}",
        "subscriptions = {one.topic: one for one in said.membership.subscriptions}\n"
        '    object.__setattr__(said.membership, "is_broadcast", False)',
        (f"{_MEMBERS}::test_a_broadcasting_member_that_comes_back_moves_no_cursor",),
    ),
    Breakage(
        "a member that comes back is a stranger",
        "brokers/doors/remoting/recollection.py",
        "if said.client_id not in known:",
        "if False:",
        (f"{_MEMBERS}::test_members_that_come_back_share_the_queues_they_shared",),
    ),
    Breakage(
        "a batch loses its last message",
        "brokers/protocols/remoting/records.py",
        "content, read_properties(_text(properties))))\n        start = at\n    return found",
        "content, read_properties(_text(properties))))\n        start = at\n    return found[:-1] or found",
        ("tests/conformance/test_sending.py::test_a_large_batch_keeps_its_order[remoting]",),
    ),
    Breakage(
        "offsets are not kept",
        "brokers/engine/pulls.py",
        "return session.again_after_deadlock(partial(_commit, commits))",
        "return [True for _ in commits]",
        (f"{_PROMISES}::test_what_was_pulled_and_not_committed_comes_to_the_next_member",),
    ),
    Breakage(
        "a reset is only planned",
        "brokers/doors/remoting/admin/progress.py",
        "return offsets.reset(actor, group, topic, **wanted)",
        "return offsets.reset(actor, group, topic, **wanted, dry_run=True)",
        ("tests/interop/test_mqadmin.py::test_a_group_is_moved_by_time_and_its_progress_shown",),
    ),
    Breakage(
        "an acknowledgement of what was popped is not kept",
        "brokers/doors/remoting/acks.py",
        "(error,) = await (await desk.get()).acknowledge([await _receipt(call, group)])",
        "error: BrokerError | None = None",
        (f"{_POP}::test_a_pop_hands_messages_out_once_and_an_ack_settles_them",),
    ),
    Breakage(
        "checksums are wrong",
        "brokers/protocols/remoting/records.py",
        "body_crc & 0x7FFFFFFF,",
        "body_crc & 0x7FFFFFFF ^ 1,",
        (f"{_DELIVERING}::test_a_message_arrives_as_it_was_sent[remoting]",),
    ),
    Breakage(
        "bodies do not say that they are compressed",
        "brokers/protocols/remoting/records.py",
        "BODY_FLAGS = 0x701",
        "BODY_FLAGS = 0",
        (f"{_JAVA_TESTS}::test_what_is_sent_in_every_mode_is_consumed_once_with_all_its_parts[{_JAVA}]",),
    ),
    Breakage(
        "TLS is taken for a plain connection",
        "brokers/doors/remoting/tls.py",
        "wants = first[0] == HANDSHAKE",
        "wants = False",
        ("tests/integration/test_remoting_tls.py::test_both_ports_take_tls",),
    ),
    Breakage(
        "at a queue's end nothing is heard of others",
        "brokers/engine/pulls.py",
        "tails.doubt(news.queues - news.held)",
        "tails.doubt(())",
        ("tests/integration/deliveries/test_tails.py::test_what_others_store_is_looked_for",),
    ),
    Breakage(
        "at a queue's end resets are not heard",
        "brokers/engine/pulls.py",
        "            tails.doubt(topic.queue_ids)",
        "            pass",
        ("tests/integration/deliveries/test_tails.py::test_a_reset_is_heard",),
    ),
)
