"""What an error becomes on the wire.

Owns: that translation. Must not know: which requests there are. Called by: doors.remoting.connection, handlers, sends.
"""

import logging

from accounts.errors import AccountError

from ...domain.errors import BrokerError, ErrorCode, ProtocolViolation
from ...protocols.remoting import frames
from ...protocols.remoting.codes import STATUS, Reply
from ...protocols.remoting.frames import Command

_log = logging.getLogger(__name__)


def response(request: Command, error: Exception) -> Command:
    """Returns the response that tells an error; one nobody meant to raise is logged and told in a word."""
    if isinstance(error, ProtocolViolation):
        return frames.answer(request, Reply.INVALID_PARAMETER, remark=f"Bad request: {error}.")
    if isinstance(error, BrokerError | AccountError):
        return frames.answer(request, STATUS[ErrorCode(error.code)], remark=error.detail)
    _log.error("request_failed", exc_info=error, extra={"request_code": request.code})
    return frames.answer(request, Reply.SYSTEM_ERROR, remark=f"Something went wrong ({type(error).__name__}).")
