"""Every failure has a word in this dialect."""

import json

import pytest

from stemwright import errors
from stemwright.dialects.stemsplit.errors import CONTRACT, ELSEWHERE, render
from support.repository import read, table_rows

ERRORS = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.StemwrightError)
}
SCOPE = {"type": "http", "scheme": "https", "headers": [(b"host", b"music.example")]}


def rendered(error):
    answer = render(SCOPE, error)
    return answer.status_code, json.loads(answer.body)["error"], answer.headers


def test_every_error_class_is_mapped_and_nothing_else():
    assert set(CONTRACT) == {code for code in ERRORS if not code.startswith(ELSEWHERE)}


def test_no_answer_has_the_status_that_clients_take_for_reserved():
    assert {answer.status for answer in CONTRACT.values()} <= {
        *(400, 401, 402, 403, 404, 409, 429, 500, 503)
    }


def test_too_few_credits_say_how_many_and_where_to_get_more():
    status, error, _ = rendered(errors.InsufficientCredits("Too few.", required_seconds=204))

    assert status == 402
    assert error == {
        "code": "INSUFFICIENT_CREDITS",
        "message": "Too few.",
        "requiredSeconds": 204,
        "purchaseUrl": "https://music.example/",
    }


@pytest.mark.parametrize(
    ("error", "extras"),
    [
        (
            errors.UploadTooLarge(50, 51),
            {"maxSizeBytes": 50, "actualSizeBytes": 51},
        ),
        (
            errors.FileTooLarge("Big.", max_size_bytes=5, actual_size_bytes=6),
            {"maxSizeBytes": 5, "actualSizeBytes": 6},
        ),
        (
            errors.AudioTooLong("Long.", max_duration_s=3600, actual_duration_s=3601),
            {"maxDurationSeconds": 3600, "actualDurationSeconds": 3601},
        ),
        (
            errors.AudioTooShort("Short.", min_duration_s=5, actual_duration_s=1),
            {"minDurationSeconds": 5, "actualDurationSeconds": 1},
        ),
        (
            errors.VideoTooLong("Long.", max_duration_s=3600, actual_duration_s=4000),
            {"maxDurationSeconds": 3600, "actualDurationSeconds": 4000},
        ),
        (errors.UnsupportedFormat("x.txt", ("mp3",)), {"supportedFormats": ["mp3"]}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_limits_come_with_their_numbers(error, extras):
    status, told, _ = rendered(error)

    assert status == 400
    assert {name: told[name] for name in told if name not in {"code", "message"}} == extras


def test_no_key_is_answered_with_the_scheme():
    status, error, headers = rendered(errors.MissingApiKey("No key."))

    assert (status, error["code"]) == (401, "MISSING_API_KEY")
    assert headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "error", [errors.RateLimited(7), errors.ServiceUnavailable("Bot wall."), errors.StorageFull("")]
)
def test_what_passes_is_answered_with_a_time_to_wait_of_at_least_a_second(error):
    status, _, headers = rendered(error)

    assert status in {429, 503}
    assert int(headers["retry-after"]) == getattr(error, "retry_after_s", 1)


@pytest.mark.parametrize("kind", [errors.OutputError, errors.InputNotFound, errors.StorageMissing])
def test_faults_of_ours_tell_nothing_of_the_inside(kind):
    status, error, _ = rendered(kind("/srv/secret/jobs/1 is full"))

    assert (status, error["code"]) == (500, "INTERNAL_ERROR")
    assert "secret" not in error["message"]


def test_a_missing_model_is_no_fault_that_clients_should_try_again():
    status, error, _ = rendered(errors.WeightsMissing("No model for SIX_STEMS."))

    assert (status, error["code"]) == (400, "MODEL_UNAVAILABLE")


def test_every_code_is_in_the_reference_with_its_status():
    rows = {tuple(row[:2]) for row in table_rows(read("docs/reference/api.md"))}

    assert {(str(answer.status), answer.code) for answer in CONTRACT.values()} <= rows
