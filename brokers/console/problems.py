"""What each broker error is called in the reader's language.

Owns: one title for every ErrorCode (a test checks that none is missing).
The detail of an error is the sentence of whoever raised it, translated; it stands below the title and names the values.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.errors import AccountError
from brokers.domain.errors import BrokerError, ErrorCode
from brokers.protocols.http import wording

TITLES: Mapping[ErrorCode, Any] = {  # Any: lazy translations
    ErrorCode.INVALID_REQUEST: _("Something in this request cannot be used"),
    ErrorCode.INVALID_JSON: _("This is not valid JSON"),
    ErrorCode.INVALID_NAME: _("This name cannot be used"),
    ErrorCode.INVALID_RECEIPT: _("This is not a receipt of this server"),
    ErrorCode.MESSAGE_TOO_LARGE: _("The message is too large"),
    ErrorCode.PROPERTIES_TOO_LARGE: _("The properties are too large"),
    ErrorCode.REQUEST_TOO_LARGE: _("The request is too large"),
    ErrorCode.RESERVED_PROPERTY: _("A property name is reserved for the server"),
    ErrorCode.TOPIC_TYPE_MISMATCH: _("The topic's type does not take this message"),
    ErrorCode.ALREADY_EXISTS: _("Something of this name exists already"),
    ErrorCode.CONFLICT: _("This cannot be done in the present state"),
    ErrorCode.SUBSCRIPTION_CONFLICT: _("The members of this group subscribe differently"),
    ErrorCode.METHOD_NOT_ALLOWED: _("This address does not take that method"),
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: _("This content type is not understood"),
    ErrorCode.TRANSACTION_DECIDED: _("This transaction was decided already"),
    ErrorCode.IDEMPOTENCY_KEY_REUSED: _("This idempotency key was used for another request"),
    ErrorCode.LENGTH_REQUIRED: _("The request must state its length"),
    ErrorCode.UNAUTHENTICATED: _("Please sign in"),
    ErrorCode.ACCESS_KEY_DISABLED: _("This access key is disabled"),
    ErrorCode.SIGNATURE_MISMATCH: _("The signature does not match"),
    ErrorCode.SIGNATURE_EXPIRED: _("The signature is too old or too new"),
    ErrorCode.SIGNATURE_REPLAYED: _("This signature was used already"),
    ErrorCode.ACCESS_DENIED: _("You may not do this"),
    ErrorCode.NOT_FOUND: _("Not found"),
    ErrorCode.INSTANCE_NOT_FOUND: _("There is no such instance"),
    ErrorCode.TOPIC_NOT_FOUND: _("There is no such topic"),
    ErrorCode.GROUP_NOT_FOUND: _("There is no such group"),
    ErrorCode.MESSAGE_NOT_FOUND: _("There is no such message"),
    ErrorCode.OPERATION_NOT_FOUND: _("There is no such operation"),
    ErrorCode.REQUEST_NOT_FOUND: _("There is no such request"),
    ErrorCode.TRANSACTION_NOT_FOUND: _("There is no such transaction"),
    ErrorCode.STALE_RECEIPT: _("This receipt is no longer valid"),
    ErrorCode.OFFSET_OUT_OF_RANGE: _("This offset is outside the queue"),
    ErrorCode.CHANGED_MEANWHILE: _("Somebody changed this meanwhile"),
    ErrorCode.REQUEST_OVER: _("The time of this request is over"),
    ErrorCode.REQUEST_ANSWERED: _("This request was answered already"),
    ErrorCode.REQUESTER_GONE: _("Nobody waits for this reply any more"),
    ErrorCode.NO_RESPONDER: _("Nobody is there to answer"),
    ErrorCode.REQUEST_TIMEOUT: _("Nobody answered in time"),
    ErrorCode.QUOTA_EXCEEDED: _("A limit of your account is reached"),
    ErrorCode.BACKLOG_FULL: _("The backlog is full"),
    ErrorCode.LIMIT_REACHED: _("A limit is reached"),
    ErrorCode.GROUP_PAUSED: _("This group is paused"),
    ErrorCode.OVERLOADED: _("The server is busy; please try again"),
    ErrorCode.STORE_UNAVAILABLE: _("The database cannot be reached; nothing was changed"),
    ErrorCode.LEASES_UNAVAILABLE: _("The lease store cannot be reached; nothing was changed"),
    ErrorCode.UNKNOWN_OUTCOME: _("The connection broke; it is not known whether this was done"),
    ErrorCode.INTERNAL: _("Something went wrong on the server"),
}


def title(code: str) -> str:
    """Returns the name of an error code in the reader's language; the code itself when it is not one of ours."""
    try:
        return str(TITLES[ErrorCode(code)])
    except (ValueError, KeyError):
        return code


def detail(error: BrokerError | AccountError) -> str:
    """Returns what went wrong in the reader's language, with the values it was about."""
    return wording.translate(error.detail, get_language())


def reason(error: BrokerError) -> str:
    """Returns why somebody was refused in the reader's language; empty when nobody was."""
    return told(str(error.extra.get("reason", "")))


def sentence(error: BrokerError) -> str:
    """Returns one line for a notice: the detail, behind the title where the detail has no translation."""
    text = detail(error)
    is_told = text != error.detail or (get_language() or "en").startswith("en")
    return text if is_told else f"{title(error.code)} — {text}"


def told(text: str) -> str:
    """Returns a sentence of the server in the reader's language; anything else, such as a client's words, as it is."""
    return wording.translate(text, get_language())
