"""Posting to an address somebody else chose, without letting it choose where we go.

Owns: one HTTPS request, signed, bounded, to a public address. Must not know: what is posted.
Called by: doors.back_checks.

The name is resolved once, every address it has must be public, and the connection goes to the address that was judged:
a name that answers differently the second time gains nothing. Redirects are not followed. What comes back is cut at
`limits.WEBHOOK_ANSWER_BYTES`, and everything together at `limits.WEBHOOK_SECONDS`.
"""

import asyncio
import hashlib
import hmac
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from ..domain import clock, limits

SIGNATURE = "MQ-Signature"
_HEAD_BYTES = 16 * 1024


class Failed(Exception):
    """The call did not succeed; the text may be shown to the owner of the webhook."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes


def signature(secret: bytes, timestamp: int, body: bytes) -> str:
    """Returns the value of `MQ-Signature`: the time of the call, and HMAC-SHA256 over it and the body, in hex."""
    digest = hmac.new(secret, b"%d." % timestamp + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


async def post(url: str, body: bytes, *, secret: bytes) -> Answer:
    """Posts JSON and returns the answer, whatever its status. Raises Failed."""
    try:
        async with asyncio.timeout(limits.WEBHOOK_SECONDS):
            return await _post(urlsplit(url), body, secret)
    except TimeoutError:
        raise Failed(f"no answer within {limits.WEBHOOK_SECONDS} seconds") from None
    except ssl.SSLError as error:
        raise Failed(f"the certificate or the TLS connection is not good: {error.reason or 'unknown'}") from None
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise Failed(f"the connection failed ({type(error).__name__})") from None


async def _post(url: SplitResult, body: bytes, secret: bytes) -> Answer:
    is_tls = url.scheme == "https"
    if not is_tls and not settings.WEBHOOK_ALLOW_PRIVATE:
        raise Failed("only https addresses are called")
    host = url.hostname or ""
    port = url.port or (443 if is_tls else 80)
    address = await _resolve(host, port)
    reader, writer = await asyncio.open_connection(
        address,
        port,
        limit=_HEAD_BYTES,
        ssl=ssl.create_default_context() if is_tls else None,
        server_hostname=host if is_tls else None,
    )
    try:
        writer.write(_request(url, body, secret))
        await writer.drain()
        return await _read(reader)
    finally:
        writer.close()


async def _resolve(host: str, port: int) -> str:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise Failed("the name does not resolve") from None
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses:
        raise Failed("the name does not resolve")
    if not settings.WEBHOOK_ALLOW_PRIVATE and not all(map(is_public, addresses)):
        raise Failed("the name leads to an address that is not public")
    return addresses[0]


def is_public(address: str) -> bool:
    """Returns True if an IP address belongs to the public internet, also one that stands for another.

    By our own list: what `ipaddress` calls global differs between releases of Python (CVE-2024-4032).
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _PRIVATE_4)
    inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
    if inner is not None:
        return is_public(str(inner))
    if ip in _NAT64:
        return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
    return ip in _GLOBAL_6 and not any(ip in network for network in _PRIVATE_6)


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
# IANA's special-purpose registries: this host, private, shared, loopback, link, tests, multicast, reserved.
_PRIVATE_4 = tuple(
    map(
        ipaddress.IPv4Network,
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24"
        " 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4".split(),
    )
)
_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")  # all that was ever given out
_PRIVATE_6 = tuple(map(ipaddress.IPv6Network, "2001::/23 2001:db8::/32 2002::/16 3fff::/20".split()))


def _request(url: SplitResult, body: bytes, secret: bytes) -> bytes:
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    host = url.hostname or ""
    name = f"[{host}]" if ":" in host else host
    head = [
        # HTTP/1.0: the answer then ends with the connection and comes in one piece.
        f"POST {target} HTTP/1.0",
        f"Host: {name}:{url.port}" if url.port else f"Host: {name}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "User-Agent: mqconsole",
        f"{SIGNATURE}: {signature(secret, clock.now_ms() // 1000, body)}",
        "Connection: close",
    ]
    return "\r\n".join(head).encode("ascii") + b"\r\n\r\n" + body


async def _read(reader: asyncio.StreamReader) -> Answer:
    head = await reader.readuntil(b"\r\n\r\n")
    words = head.split(b"\r\n", 1)[0].split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise Failed("what came back is not HTTP")
    if b"\r\ntransfer-encoding:" in head.lower():
        raise Failed("the answer is chunked although HTTP/1.0 was spoken")
    parts: list[bytes] = []
    size = 0
    while size <= limits.WEBHOOK_ANSWER_BYTES:
        part = await reader.read(limits.WEBHOOK_ANSWER_BYTES + 1 - size)
        if not part:
            return Answer(int(words[1]), b"".join(parts))
        parts.append(part)
        size += len(part)
    raise Failed(f"the answer is longer than {limits.WEBHOOK_ANSWER_BYTES} bytes")
