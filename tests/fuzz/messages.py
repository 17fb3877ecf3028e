"""Any bytes as records, as a batch, as properties and as a handle: read, or refused, and again after writing."""

from brokers.domain.errors import ProtocolViolation
from brokers.protocols.remoting import handles, records
from brokers.protocols.remoting.records import BatchEntry, Record
from tests.fuzz import runner

_RECORD = Record(
    topic="orders",
    queue=1,
    queue_offset=2,
    physical_offset=3,
    body=b"hello",
    born_host=("::1", 5),
    properties={"TAGS": "a", "KEYS": "b c"},
)
SEEDS = [
    records.encode(_RECORD),
    records.encode(_RECORD) * 2,
    records.encode_batch([BatchEntry(0, b"one", {"TAGS": "a"}), BatchEntry(1, b"", {})]),
    b"TAGS\1a\2KEYS\1b\2",
    handles.write_recall(handles.Recall("orders", "broker-a", 1, "A" * 32)).encode(),
]
FOUND: list[bytes] = []


def check(data: bytes) -> None:
    _check_records(data)
    _check_batch(data)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    found = records.read_properties(text)
    assert records.read_properties(records.write_properties(found)) == found
    try:
        handles.read_recall(text)
    except ProtocolViolation:
        return


def _check_records(data: bytes) -> None:
    try:
        found = records.decode(data)
    except ProtocolViolation:
        return
    for record in found:
        assert 0 <= len(record.body) <= len(data)
        if record.born_host[0] and record.topic and len(records.write_properties(record.properties).encode()) < 1 << 15:
            records.encode(record)


def _check_batch(data: bytes) -> None:
    try:
        found = records.decode_batch(data, most=100)
    except ProtocolViolation:
        return
    assert records.decode_batch(records.encode_batch(found), most=100) == found


if __name__ == "__main__":
    runner.fuzz(__file__)
