"""TLS on the ports that also speak plainly: which one a client wants shows in its first byte.

Owns: the certificate, and turning a connection's TLS records into the bytes inside. Must not know: sockets, frames.
Called by: doors.remoting.server, connection.
Source: apache/rocketmq remoting/.../netty/NettyRemotingServer.java (HandshakeHandler), TlsSystemConfig.java.
"""

import contextlib
import logging
import os
import ssl
from pathlib import Path

from django.conf import settings

from ...domain.errors import ProtocolViolation

_log = logging.getLogger(__name__)

# The first byte of a TLS handshake record. As the first byte of a frame it would mean a length of 352 MiB.
HANDSHAKE = 0x16
_READ_BYTES = 64 * 1024


class Unusable(Exception):
    """MQ_TLS_CERT and MQ_TLS_KEY do not name a certificate and its key; the text says what is wrong."""


class Certificate:
    """The certificate the settings name, read anew when its files change."""

    def __init__(self) -> None:
        self._cert, self._key = settings.TLS_CERT, settings.TLS_KEY
        self._seen: tuple[int, ...] = ()
        self._context: ssl.SSLContext | None = None

    def load(self) -> None:
        """Reads the files if there are any. Raises Unusable."""
        if not (self._cert or self._key):
            return
        if not (self._cert and self._key):
            raise Unusable("MQ_TLS_CERT and MQ_TLS_KEY go together: set both, or none.")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # A client that asks for new keys again and again would keep this process busy.
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        try:
            seen = self._stamps()
            # A key behind a passphrase must not ask for it on the terminal.
            context.load_cert_chain(self._cert, self._key, password=lambda: "")
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
            raise Unusable(f"MQ_TLS_CERT and MQ_TLS_KEY cannot be used: {reason}.") from error
        self._context, self._seen = context, seen

    def refresh(self) -> None:
        """Reads the files again if they changed; keeps what it has when they cannot be used (a half-written pair)."""
        if self._context is None:
            return
        with contextlib.suppress(OSError):
            if self._stamps() == self._seen:
                return
        try:
            self.load()
            _log.info("tls_certificate_loaded")
        except Unusable as error:
            _log.warning("tls_certificate_refused", extra={"reason": str(error)})

    def session(self, first: bytes) -> "Session | None":
        """Returns a new session when a connection that begins with these bytes wants one, None when it is plain.

        Raises: ProtocolViolation when it wants what the settings do not offer.
        """
        wants = first[0] == HANDSHAKE
        if wants and self._context is None:
            raise ProtocolViolation("the client wants TLS, and MQ_TLS_CERT names no certificate")
        if not wants and settings.REMOTING_TLS_ONLY:
            raise ProtocolViolation("the client speaks without TLS, which MQ_REMOTING_TLS_ONLY forbids")
        return Session(self._context) if wants and self._context is not None else None

    def _stamps(self) -> tuple[int, ...]:
        found = [os.stat(Path(path)) for path in (self._cert, self._key)]
        return tuple(number for one in found for number in (one.st_mtime_ns, one.st_size, one.st_ino))


class Session:
    """One connection's TLS, between the bytes of the socket and the bytes inside."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.is_open = False

    def receive(self, data: bytes) -> tuple[bytes, bytes]:
        """Returns (what came inside, what to write to the socket now). Raises ProtocolViolation."""
        self._incoming.write(data)
        inside = bytearray()
        try:
            if not self.is_open:
                self._tls.do_handshake()
                self.is_open = True
            while part := self._tls.read(_READ_BYTES):
                inside += part
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            pass
        except ssl.SSLError as error:
            raise ProtocolViolation(f"a TLS record cannot be read ({error.reason})") from error
        return bytes(inside), self._outgoing.read()

    def wrap(self, data: bytes) -> bytes:
        """Returns the records that carry `data`; nothing when the client is not that far yet."""
        if self.is_open:
            self._tls.write(data)
        return self._outgoing.read()
