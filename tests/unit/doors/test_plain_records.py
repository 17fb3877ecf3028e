"""Records of a pull: packed together they are what each is alone."""

from hypothesis import given
from hypothesis import strategies as st

from brokers.domain.messages import ORIGIN_TOPIC, Stored
from brokers.doors.remoting import stored
from brokers.doors.remoting.call import Place
from brokers.protocols.remoting import records

_text = st.text(st.characters(codec="utf-8", exclude_characters="\x01\x02"), max_size=12)
_names = st.one_of(
    _text, st.sampled_from([stored.FLAG, ORIGIN_TOPIC, "KEYS", "UNIQ_KEY", "REPLY_TO_CLIENT", "CLUSTER"])
)
_messages = st.builds(
    Stored,
    queue_id=st.integers(1, 1 << 20),
    offset=st.integers(0, 1 << 39),
    message_id=st.text("0123456789ABCDEF", min_size=1, max_size=32),
    tag=st.one_of(st.none(), _text),
    keys=st.lists(_text, max_size=3).map(tuple),
    properties=st.dictionaries(_names, _text, max_size=4),
    body=st.binary(max_size=40),
    sys_flag=st.integers(0, 0xFFFF),
    body_crc=st.integers(0, 0xFFFFFFFF),
    born_at_ms=st.integers(0, 1 << 42),
    born_host=st.sampled_from(["", "10.0.0.1:4711", "::1:4711", "a-name:1", "10.0.0.1"]),
    stored_at_ms=st.integers(0, 1 << 42),
    reconsume_times=st.integers(0, 20),
)


@given(
    found=st.lists(_messages, max_size=5),
    topic=st.sampled_from(["t", "t" * 200]),
    host=st.sampled_from(["1.2.3.4", "::1"]),
)
def test_records_are_the_same_together_and_alone(found: list[Stored], topic: str, host: str) -> None:
    place = Place(host, 10911)
    together = stored.plain_records(found, topic=topic, queue=3, prefix="paid%", place=place)
    alone = [stored.record(one, topic=topic, queue=3, prefix="paid%", place=place) for one in found]
    assert together == b"".join(alone)
    assert [(r.body, r.queue_offset, r.topic) for r in records.decode(together)] == [
        (one.body, one.offset, topic) for one in found
    ]
