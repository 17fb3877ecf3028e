"""Reply addresses: what was sealed comes back, and nothing else is one."""

import base64

import pytest

from brokers.domain import limits, requests
from brokers.domain.errors import ErrorCode, Rejected
from brokers.domain.requests import ReplyAddress

KEY = b"a key of this server"
ADDRESS = ReplyAddress(7, "orders", "4f1e", "10.0.0.1@88#1", "worker-1")


@pytest.mark.parametrize("is_each", [False, True])
def test_an_address_comes_back_as_it_was_sealed(is_each: bool) -> None:
    address = ReplyAddress(2**63, "订单", "id", "", "机器", is_each)
    assert requests.unseal(requests.seal(address, KEY), KEY) == address


def test_a_group_answers_once_and_in_a_broadcasting_group_each_member_does() -> None:
    other = ReplyAddress(7, "orders", "4f1e", "10.0.0.1@88#1", "worker-2")
    assert ADDRESS.responder == other.responder == "7"
    each = [ReplyAddress(7, "orders", "4f1e", "", name, is_each=True).responder for name in ("a", "b")]
    assert len(set(each)) == 2


def test_every_changed_byte_is_noticed_and_so_is_another_key() -> None:
    raw = base64.urlsafe_b64decode(requests.seal(ADDRESS, KEY) + "==")
    for place in range(len(raw)):
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        with pytest.raises(Rejected) as refused:
            requests.unseal(base64.urlsafe_b64encode(changed).decode(), KEY)
        assert refused.value.code == ErrorCode.INVALID_RECEIPT
    with pytest.raises(Rejected):
        requests.unseal(requests.seal(ADDRESS, KEY), b"another key")


@pytest.mark.parametrize("text", ["", "x", "=", "%", "é", "A" * 64, "A" * (limits.REPLY_ADDRESS_CHARS + 1)])
def test_garbage_is_no_address(text: str) -> None:
    with pytest.raises(Rejected):
        requests.unseal(text, KEY)


def test_a_reply_is_not_taken_for_a_request() -> None:
    properties = {"CORRELATION_ID": "1", "REPLY_TO_CLIENT": "c"}
    assert requests.is_request(properties)
    assert not requests.is_request({**properties, "MSG_TYPE": "reply"})
    assert not requests.is_request({"CORRELATION_ID": "1"})
