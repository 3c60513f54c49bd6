"""What the SDKs' errors mean: which end the work at once, which are tried again, which may be billed."""

from __future__ import annotations

import pytest

from tests.learners.hosted.conftest import LAB
from tunecurve.learners.hosted.names import parse_hosted_name
from tunecurve.learners.hosted.transport.failures import explain_failure


class StatusError(Exception):
    def __init__(self, status_code, text):
        super().__init__(text)
        self.status_code = status_code


class Decision:
    def __init__(self, retry_after):
        self.retry_after = retry_after


def explain(error, retry_after=None):
    return explain_failure(error, parse_hosted_name(LAB), retry_after)


@pytest.mark.parametrize(
    ("status", "text", "part"),
    [
        (400, "bad parameter top_k", "rejects the request"),
        (401, "no", "check LAB_API_KEY"),
        (403, "no", "check LAB_API_KEY"),
        (404, "no", "check the model's name"),
        (429, "insufficient_quota: you are out of credits", "quota"),
        (429, "Quota exceeded for metric, limit: 0, model: x", "quota"),
    ],
)
def test_what_no_other_call_could_escape_ends_the_work(status, text, part):
    failure = explain(StatusError(status, text))
    assert failure.is_fatal
    assert part in failure.reason


def test_a_wait_that_nobody_would_sit_out_ends_the_work():
    assert explain(StatusError(429, "slow"), retry_after=3600.0).is_fatal


@pytest.mark.parametrize(
    ("error", "is_rate_limit", "may_be_billed"),
    [
        (StatusError(429, "slow"), True, False),
        (StatusError(503, "busy"), False, False),
        (StatusError(500, "oops"), False, True),  # a gateway gives up after the model has answered
        (ConnectionResetError("reset by peer"), False, True),
        (ValueError("Expecting value: line 1 column 1"), False, True),
        (ConnectionRefusedError("refused"), False, False),
    ],
)
def test_what_is_tried_again(error, is_rate_limit, may_be_billed):
    failure = explain(error, retry_after=2.0)
    assert not failure.is_fatal
    assert (failure.is_rate_limit, failure.may_be_billed) == (is_rate_limit, may_be_billed)
    if isinstance(error, StatusError):
        assert failure.retry_after_seconds == 2.0
