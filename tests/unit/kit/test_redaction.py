import time

import pytest

from stemwright.kit.redaction import redact, redact_value

NEEDLE = "Zq7hunterZq7hunterZq7hunterZq7hunter"

LEAKS = [
    f"sk_live_{NEEDLE}",
    f"key sk_test_{NEEDLE} refused",
    f"whsec_{NEEDLE}",
    f"Authorization: Bearer {NEEDLE}",
    f"authorization=Token {NEEDLE}",
    f"{{'Authorization': 'Basic {NEEDLE}=='}}",
    f'{{"authorization": "Bearer {NEEDLE}"}}',
    f"[(b'host', b'x'), (b'authorization', b'Bearer {NEEDLE}')]",
    f"[('cookie', 'session={NEEDLE}')]",
    f"Set-Cookie: session={NEEDLE}; HttpOnly",
    f"Cookie: a=b; session={NEEDLE}",
    f"GET https://bucket.example/k?X-Amz-Credential={NEEDLE}&X-Amz-Date=1",
    f"https://b.example/k?X-Amz-Expires=60&X-Amz-Signature={NEEDLE}",
    f"https://b.example/k?X-Amz-Security-Token={NEEDLE}&a=b",
    f"http://localhost/blobs/jobs/1/vocals.mp3?expires=1&sig={NEEDLE}",
    f"/blobs/jobs/1/vocals.mp3?signature={NEEDLE}",
    f"/callback?code={NEEDLE}&state=1",
    f"/x?a=1&access_token={NEEDLE}#top",
    f"postgresql://ada:{NEEDLE}@db.example/stems",
    f"redis://:{NEEDLE}@cache:6379/0",
    f"password={NEEDLE}",
    f"password = '{NEEDLE} and more {NEEDLE}'",
    f'{{"password": "{NEEDLE} {NEEDLE}"}}',
    f'"{{\\"password\\": \\"{NEEDLE} {NEEDLE}\\"}}"',
    f"User(email='a@b.c', password='{NEEDLE}')",
    f"db_password: {NEEDLE}",
    f"STEMWRIGHT_SECRET_KEY={NEEDLE}",
    f"api_key={NEEDLE}, x=1",
    f"client-secret:{NEEDLE}",
    f"metrics_token={NEEDLE}",
    f"$argon2id$v=19$m=65536,t=3,p=4${NEEDLE}${NEEDLE}",
    f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{NEEDLE}",
    f"-----BEGIN RSA PRIVATE KEY-----\n{NEEDLE}\n-----END RSA PRIVATE KEY-----",
    f"X-Webhook-Signature: sha256={NEEDLE}",
]

HARMLESS = [
    "GET /api/v1/jobs/job_0123456789abcdef 200 12.5",
    "https://host.example/jobs?limit=20&offset=40&status=COMPLETED",
    "key sk_live_AbCd last used today",
    "a basic song, 3:21 long",
    "Uvicorn running on http://127.0.0.1:8000 (Press CTRL+C to quit)",
    "uploads/upl_abc/song.mp3 (48000000 bytes)",
    "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "mail ada@example.com",
]


@pytest.mark.parametrize("text", LEAKS)
def test_no_shape_of_a_secret_gets_through(text):
    assert "hunter" not in redact(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_ordinary_lines_stay_as_they_are(text):
    assert redact(text) == text


@pytest.mark.parametrize("text", [*LEAKS, *HARMLESS])
def test_a_second_pass_changes_nothing(text):
    assert redact(redact(text)) == redact(text)


def test_what_surrounds_a_secret_stays():
    url = f"https://b.example/vocals.mp3?X-Amz-Expires=60&X-Amz-Signature={NEEDLE}"
    assert redact(url) == "https://b.example/vocals.mp3?X-Amz-Expires=60&X-Amz-Signature=***"
    assert redact(f"sk_live_{NEEDLE} is unknown") == "sk_live_*** is unknown"


def test_a_value_whose_name_says_secret_goes_whatever_it_looks_like():
    given = {"job": "job_1", "headers": {"Authorization": "x"}, "user_password": ["ab"], "n": 3}
    masked = {
        "job": "job_1",
        "headers": {"Authorization": "***"},
        "user_password": "***",
        "n": 3,
    }
    assert redact_value(given) == masked


def test_secrets_inside_objects_and_lists_are_found():
    class Key:
        def __repr__(self):
            return f"Key(sk_live_{NEEDLE})"

    assert redact_value([Key(), f"whsec_{NEEDLE}"]) == ["Key(sk_live_***)", "whsec_***"]
    assert "hunter" not in str(redact_value(ValueError(f"password={NEEDLE}")))


@pytest.mark.parametrize(
    "text",
    ["a." * 30_000, "?" + "a-" * 30_000, "token=" * 10_000, "eyJ" + "a" * 60_000, '"\\' * 30_000],
)
def test_hostile_text_costs_no_more_than_its_length_deserves(text):
    started = time.thread_time()
    redact(text)
    assert time.thread_time() - started < 1.0
