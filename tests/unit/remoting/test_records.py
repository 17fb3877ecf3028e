"""Records, batches and property strings: round trips, the documented layout, and garbage."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.domain.errors import ProtocolViolation
from brokers.protocols.remoting import records
from brokers.protocols.remoting.records import BatchEntry, Record

names = st.text(st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
values = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x01\x02"), min_size=1, max_size=20)
properties = st.dictionaries(names, values, max_size=5)
hosts = st.tuples(st.ip_addresses().map(str), st.integers(0, 65535))
signed = st.integers(-(2**31), 2**31 - 1)
positive = st.integers(0, 2**63 - 1)


@given(
    st.builds(
        Record,
        topic=st.text("abc%", min_size=1, max_size=200),
        queue=st.integers(0, 1000),
        queue_offset=positive,
        physical_offset=positive,
        body=st.binary(max_size=50),
        body_crc=st.integers(0, 2**31 - 1),
        flag=signed,
        sys_flag=st.integers(0, 7),
        born_at_ms=positive,
        born_host=hosts,
        stored_at_ms=positive,
        store_host=hosts,
        reconsume_times=st.integers(0, 100),
        prepared_offset=positive,
        properties=properties,
    )
)
def test_records_survive_a_round_trip(record: Record) -> None:
    (found,) = records.decode(records.encode(record))
    families = records.BORN_HOST_IPV6 | records.STORE_HOST_IPV6
    assert found.sys_flag & ~families == record.sys_flag
    assert [getattr(found, name) for name in Record.__slots__ if name != "sys_flag"] == [
        getattr(record, name) for name in Record.__slots__ if name != "sys_flag"
    ]


def test_a_record_has_the_documented_layout() -> None:
    record = Record(topic="T", queue=3, queue_offset=7, physical_offset=9, body=b"hi", body_crc=0xFFFFFFFF)
    data = records.encode(record)
    assert struct.unpack(">iIIi", data[:16]) == (len(data), 0xDAA320A7, 0x7FFFFFFF, 3)
    assert data[-(2 + 1 + 1 + 4 + 2) :] == b"\0\0\0\x02hi\x01T\0\0"


@given(st.lists(st.builds(BatchEntry, signed, st.binary(max_size=20), properties), max_size=5))
def test_batches_survive_a_round_trip(entries: list[BatchEntry]) -> None:
    assert records.decode_batch(records.encode_batch(entries), most=5) == entries


def test_a_batch_of_too_many_is_refused() -> None:
    with pytest.raises(ProtocolViolation):
        records.decode_batch(records.encode_batch([BatchEntry(0, b"", {})] * 3), most=2)


@given(st.binary(max_size=200))
def test_garbage_raises_nothing_but_a_protocol_violation(data: bytes) -> None:
    for read in (records.decode, lambda body: records.decode_batch(body, most=10)):
        try:
            read(data)
        except ProtocolViolation:
            continue


@given(st.data())
def test_a_damaged_record_raises_nothing_but_a_protocol_violation(data: st.DataObject) -> None:
    good = bytearray(records.encode(Record(topic="T", queue=0, queue_offset=0, physical_offset=0, body=b"body")))
    good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        records.decode(bytes(good[: data.draw(st.integers(0, len(good)))]))
    except ProtocolViolation:
        return


@given(properties)
def test_properties_survive_a_round_trip(given_properties: dict[str, str]) -> None:
    assert records.read_properties(records.write_properties(given_properties)) == given_properties


def test_property_pairs_without_a_name_or_a_value_are_left_out() -> None:
    assert records.read_properties("a\x01\x02\x01b\x02c\x02d\x01e") == {"d": "e"}


@given(st.integers(0, 2**23 - 1), st.integers(0, 2**40 - 1))
def test_a_place_leads_back_to_queue_and_offset(queue_id: int, offset: int) -> None:
    assert records.unplace(records.place(queue_id, offset)) == (queue_id, offset)


def test_an_offset_id_is_host_port_and_place_in_hex() -> None:
    assert records.offset_id(("127.0.0.1", 10911), records.place(1, 2)) == "7F00000100002A9F0000010000000002"
