"""The table of problems is complete and says the same in every place."""

import pytest

from accounts.errors import AccountError
from brokers.domain.errors import BrokerError, Denied, ErrorCode, TryLater
from brokers.protocols.http import problems


def test_every_error_code_has_a_row() -> None:
    assert set(problems.TABLE) == set(ErrorCode)


@pytest.mark.parametrize("code", list(ErrorCode))
def test_statuses_are_errors_and_titles_are_short_texts(code: ErrorCode) -> None:
    assert 400 <= problems.status(code) <= 504
    assert problems.title(code)
    assert len(problems.title(code)) <= 60


def test_the_document_has_the_standard_members_and_the_safe_extras() -> None:
    error = Denied("You may not.", action="mq:PUB", resource="acs:mq:*:1:i%t", reason="no policy")
    assert problems.document(error, "r-1") == {
        "type": "urn:mqconsole:error:ACCESS_DENIED",
        "title": "Not allowed",
        "status": 403,
        "detail": "You may not.",
        "code": "ACCESS_DENIED",
        "request_id": "r-1",
        "action": "mq:PUB",
        "resource": "acs:mq:*:1:i%t",
        "reason": "no policy",
    }


def test_extras_cannot_replace_standard_members() -> None:
    assert problems.document(BrokerError("x", status=200, type="y"), "r")["status"] == 500


def test_errors_of_accounts_are_told_in_the_same_way() -> None:
    error = AccountError("x", "SIGNATURE_EXPIRED", server_time=1)
    assert problems.document(error, "r")["status"] == 401
    assert "WWW-Authenticate" in problems.headers(error)


def test_try_later_says_when() -> None:
    assert problems.headers(TryLater("x", ErrorCode.QUOTA_EXCEEDED, retry_after_seconds=7)) == {"Retry-After": "7"}
    assert problems.headers(TryLater("x", ErrorCode.STORE_UNAVAILABLE)) == {"Retry-After": "1"}
