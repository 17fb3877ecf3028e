"""Which addresses a webhook may lead to."""

import pytest

from brokers.doors.webhooks import is_public

PRIVATE = (
    "0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.8"
    " 192.168.1.1 198.18.0.1 203.0.113.9 224.0.0.1 240.0.0.1 255.255.255.255"
    " :: ::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::7f00:1 64:ff9b::a00:1 2002:7f00:1:: fc00::1 fd12::1 fe80::1"
    " fe80::1%eth0 ff02::1 2001:db8::1 100::1 64:ff9b:1::1"
).split()
PUBLIC = "1.1.1.1 8.8.8.8 172.32.0.1 192.0.1.1 198.20.0.1 2606:4700::1111 2a00:1450::1 ::ffff:8.8.8.8".split()


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_not_called(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_called(address: str) -> None:
    assert is_public(address)
