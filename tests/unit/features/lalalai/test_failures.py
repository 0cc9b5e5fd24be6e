"""What lalal.ai's answers are called here: both shapes of errors, every row of the table."""

import json

import pytest

from stemwright.errors import (
    LalalaiFailed,
    LalalaiQuota,
    LalalaiRefused,
    LalalaiRejected,
    LalalaiUnavailable,
)
from stemwright.features.lalalai.failures import failure, task_failure


def _failure(status, body=None, headers=None):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return failure(status, headers or {}, raw)


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (401, {"detail": "no"}, LalalaiRejected, "HTTP 401"),
        (403, {"detail": "Provide license key"}, LalalaiRejected, "Provide license key"),
        (400, {"detail": "no minutes", "code": "exceeded_duration"}, LalalaiQuota, "used up"),
        (400, {"detail": "too long", "code": "max_duration"}, LalalaiQuota, "longer"),
        (400, {"detail": "too big", "code": "exceeded_size"}, LalalaiQuota, "larger"),
        (400, {"detail": "oops", "code": "internal_error"}, LalalaiUnavailable, "oops"),
        (400, {"detail": "no batch", "code": "batch_not_avaliable"}, LalalaiRefused, "no batch"),
        (400, {"detail": "what", "code": "brand_new_code"}, LalalaiRefused, "HTTP 400: what"),
        (404, {"detail": "Not Found"}, LalalaiRefused, "HTTP 404: Not Found"),
        (422, {"detail": {"why": 1}}, LalalaiRefused, 'HTTP 422: {"why": 1}'),
        (
            422,
            {"detail": [{"loc": ["body", "presets"], "msg": "Field required", "type": "missing"}]},
            LalalaiRefused,
            "body.presets: Field required",
        ),
        (422, b"<html>", LalalaiRefused, "HTTP 422"),
        (422, ["odd"], LalalaiRefused, "HTTP 422"),
        (422, {"detail": [{"loc": 3}]}, LalalaiRefused, "HTTP 422"),
        (408, None, LalalaiUnavailable, "timed out"),
        (429, {"detail": "slow down"}, LalalaiUnavailable, "HTTP 429"),
        (502, b"", LalalaiUnavailable, "temporarily"),
        (503, b"", LalalaiUnavailable, "temporarily"),
        (504, b"", LalalaiUnavailable, "temporarily"),
        (500, b"", LalalaiUnavailable, "lalal.ai API returned HTTP 500"),
        (301, b"", LalalaiRefused, "BASE_URL"),
        (204, b"", LalalaiRefused, "HTTP 204"),
    ],
)
def test_every_status_and_code_has_its_error(status, body, kind, said):
    error = _failure(status, body)
    assert type(error) is kind
    assert said in error.message
    assert "lalal.ai" in error.message


def test_their_code_is_kept_for_who_has_to_tell_them_apart():
    body = {"detail": "used", "code": "idempotency_key_used"}
    assert _failure(400, body).reason == "idempotency_key_used"


@pytest.mark.parametrize(
    ("asked", "waits"), [("12", 12.0), ("9999", 600.0), ("soon", None), ("", None)]
)
def test_a_wait_they_name_is_taken_within_bounds(asked, waits):
    assert _failure(429, None, {"retry-after": asked}).retry_after_s == waits


def test_a_long_or_dirty_detail_is_cut_to_what_may_be_shown():
    message = _failure(400, {"detail": "a\x00\n" + "b" * 1000}).message
    assert len(message) < 400
    assert message.isprintable()


@pytest.mark.parametrize(
    ("code", "kind"),
    [(None, LalalaiFailed), ("inference_error", LalalaiFailed), ("max_duration", LalalaiQuota)],
)
def test_a_task_that_failed_is_never_begun_again(code, kind):
    error = task_failure(code, "no voice found")
    assert type(error) is kind
    assert "no voice found" in error.message
    assert type(task_failure("internal_error", "x")) is LalalaiFailed
