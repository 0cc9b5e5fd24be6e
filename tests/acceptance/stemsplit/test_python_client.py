"""PyPI ``stemsplit-python`` 0.1.0, as it is, against a real service with the real model."""

import io
from datetime import UTC, timedelta

import pytest
import soundfile
import stemsplit_python
from stemsplit_python import StemSplit, models, webhooks

from stemwright.kit.clock import utc_now
from stemwright.settings import Settings
from support.live_server import Service
from support.stemsplit_clients import GRANT_S, QUICK, SONG_S, VIDEO, new_account, new_key

pytestmark = [pytest.mark.model, pytest.mark.slow]

STEMS = {
    "VOCALS": {"vocals"},
    "INSTRUMENTAL": {"instrumental"},
    "BOTH": {"vocals", "instrumental"},
    "FOUR_STEMS": {"vocals", "drums", "bass", "other"},
}


def check_song(path, length_s=SONG_S):
    """A file is a song of the length of the one given."""
    info = soundfile.info(path)
    assert (info.samplerate, info.channels) == (44_100, 2)
    assert info.duration == pytest.approx(length_s, abs=0.2)


def impatient(base_url, key, **options):
    """A client that takes the first answer."""
    return StemSplit(api_key=key, base_url=base_url, max_retries=0, **options)


# ---------------------------------------------------------------------------------- stem jobs


@pytest.mark.parametrize("given", ["path", "text", "bytes", "stream"])
def test_song_is_uploaded_however_it_is_given(client, song, tmp_path, given):
    audio = {
        "path": song,
        "text": str(song),
        "bytes": song.read_bytes(),
        "stream": io.BytesIO(song.read_bytes()),
    }[given]
    made = client.jobs.create(audio=audio, file_name="demo.wav", quality="FAST")
    job = made.wait(**QUICK)
    files = made.download_all(tmp_path)

    assert job.input.file_name == "demo.wav"
    assert job.input.file_size_bytes == song.stat().st_size
    assert set(files) == {"vocals", "instrumental"}
    for path in files.values():
        check_song(path)


@pytest.mark.parametrize(
    "output_format",
    [
        pytest.param("MP3", marks=pytest.mark.long),
        pytest.param("WAV", marks=pytest.mark.long),
        "FLAC",
    ],
)
def test_every_output_type_comes_in_every_format(client, song, tmp_path, output_format):
    ticket = client.uploads.upload_bytes(filename="demo.wav", data=song.read_bytes())
    made = {
        output_type: client.jobs.create(
            upload_key=ticket.upload_key,
            output_type=output_type,
            output_format=output_format,
            quality="FAST",
        )
        for output_type in STEMS
    }
    for output_type, job in made.items():
        assert job.wait(**QUICK).options.output_format == output_format
        files = job.download_all(tmp_path / output_type)
        assert set(files) == STEMS[output_type]
        for path in files.values():
            assert path.suffix == f".{output_format.lower()}"
            check_song(path)


def test_six_stems_are_refused_where_no_model_makes_them(tmp_path, song):
    models = tmp_path / "models"
    models.mkdir()
    (models / "htdemucs").symlink_to(Settings.load().models_dir / "htdemucs")
    with (
        Service(tmp_path / "data", {"STEMWRIGHT_MODELS_DIR": str(models)}) as service,
        impatient(f"{service.url}/api/v1", new_key(service)) as client,
        pytest.raises(stemsplit_python.BadRequestError) as caught,
    ):
        client.jobs.create(audio=song, output_type="SIX_STEMS", quality="BEST")

    assert caught.value.code == "MODEL_UNAVAILABLE"
    assert "stemwright models pull" in caught.value.message


def test_friendly_names_of_stems_and_the_middle_quality_work(client, song):
    stems = ["vocals", "drums", "bass", "other"]
    job = client.jobs.create(audio=song, stems=stems, quality="BALANCED").wait(**QUICK)

    assert (job.options.output_type, job.options.quality) == ("FOUR_STEMS", "BALANCED")
    assert set(job.outputs.as_dict()) == set(stems)


def test_link_to_a_file_is_fetched(client, site):
    job = client.jobs.create(
        source_url=f"{site.origin}/files/{VIDEO}.mp3", file_name="linked.mp3", quality="FAST"
    ).wait(**QUICK)

    assert job.input.file_name == "linked.mp3"
    assert (job.input.duration_seconds, job.credits_charged) in {(SONG_S, SONG_S), (8, 8)}


def test_job_goes_through_its_states_and_is_paid_for(base_url, service, song):
    with StemSplit(api_key=new_account(service, "payer@example.com"), base_url=base_url) as client:
        made = client.jobs.create(audio=song, quality="FAST", metadata={"order": 7})
        held = client.account.balance().balance_seconds
        seen = list(made.iter_progress(poll_interval=0.05, timeout=600))
        left = client.account.get()

    assert (made.job.status, held) == ("COMPLETED", GRANT_S - SONG_S)
    progress = [job.progress for job in seen]
    assert (seen[0].status, progress[0], seen[0].outputs) == ("PENDING", 0, None)
    assert progress == sorted(progress)
    assert all(job.progress < 100 for job in seen[:-1])
    assert (seen[-1].progress, seen[-1].credits_charged) == (100, SONG_S)
    assert seen[0].metadata == seen[-1].metadata == {"order": 7}
    assert seen[-1].started_at >= seen[-1].created_at
    assert left.balance_seconds == GRANT_S - SONG_S
    assert left.balance_minutes == left.balance_seconds // 60
    assert left.balance_formatted == f"{left.balance_minutes} minutes"


def test_completed_job_tells_tempo_key_and_when_its_files_go(client, song):
    job = client.jobs.create(audio=song, quality="FAST").wait(**QUICK)

    assert job.audio_metadata.bpm is None or 40 < job.audio_metadata.bpm < 240
    assert job.audio_metadata.key is None or job.audio_metadata.key[0] in "ABCDEFG"
    assert job.expires_at - job.completed_at >= timedelta(days=13)
    for output in job.outputs.as_dict().values():
        assert timedelta(minutes=59) < output.expires_at - utc_now() < timedelta(minutes=61)


def test_jobs_are_listed_filtered_and_iterated(base_url, service, song):
    with StemSplit(api_key=new_account(service, "lister@example.com"), base_url=base_url) as client:
        ticket = client.uploads.upload_bytes(filename="demo.wav", data=song.read_bytes())
        made = [
            client.jobs.create(upload_key=ticket.upload_key, quality="FAST", output_type="VOCALS")
            for _ in range(3)
        ]
        made[-1].wait(**QUICK)
        newest_first = [job.id for job in made][::-1]

        assert [job.id for job in client.jobs.list(limit=2)] == newest_first[:2]
        assert [job.id for job in client.jobs.list(limit=2, offset=2)] == newest_first[2:]
        assert [job.id for job in client.jobs.iter_all(page_size=1)] == newest_first
        assert {job.id for job in client.jobs.iter_all(status="COMPLETED")} == set(newest_first)
        assert client.jobs.list(status="FAILED") == []
        assert client.jobs.get(newest_first[0]).status == "COMPLETED"


def test_same_idempotency_key_is_the_same_job(client, song):
    ticket = client.uploads.upload_bytes(filename="demo.wav", data=song.read_bytes())
    options = {"upload_key": ticket.upload_key, "quality": "FAST", "idempotency_key": "mine-1"}

    first, second = client.jobs.create(**options), client.jobs.create(**options)
    assert first.id == second.id
    with pytest.raises(stemsplit_python.ConflictError) as caught:
        client.jobs.create(**{**options, "quality": "BEST"})
    assert caught.value.code == "IDEMPOTENCY_CONFLICT"


# -------------------------------------------------------------------------------- YouTube jobs


def test_video_is_taken_apart(client, receiver, tmp_path):
    made = client.youtube_jobs.create(
        url=f"https://www.youtube.com/watch?v={VIDEO}&t=3", callback_url=receiver.url("/video")
    )
    job = made.wait(**QUICK)
    files = made.download_all(tmp_path)

    assert (job.video_id, job.video_title, job.channel_name) == (VIDEO, "A video", "A channel")
    assert job.video_duration == job.credits_charged == SONG_S
    assert set(files) == {"full_audio", "vocals", "instrumental"}
    for path in files.values():
        assert path.suffix == ".mp3"
        check_song(path)
    call = receiver.wait_for(made.id)
    event = models.WebhookEvent.model_validate_json(call.body)
    assert (event.data.type, event.data.input.videoId) == ("youtube", VIDEO)
    assert client.youtube_jobs.get(made.id).status == "COMPLETED"
    assert made.id in {listed.id for listed in client.youtube_jobs.list(status="COMPLETED")}
    assert made.id in {listed.id for listed in client.youtube_jobs.iter_all(page_size=1)}
    with pytest.raises(stemsplit_python.NotFoundError):
        client.jobs.get(made.id)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://vimeo.com/1", "INVALID_YOUTUBE_URL"),
        ("https://www.youtube.com/playlist?list=PL1", "INVALID_YOUTUBE_URL"),
        ("https://youtu.be/gOnEgOnE123", "VIDEO_UNAVAILABLE"),
    ],
)
def test_video_that_is_none_is_refused(client, url, code):
    with pytest.raises(stemsplit_python.BadRequestError) as caught:
        client.youtube_jobs.create(url=url)
    assert caught.value.code == code


# ------------------------------------------------------------------------------------ webhooks


def test_webhook_is_told_of_the_end_of_a_job(client, receiver, song):
    hook = client.webhooks.create(url=receiver.url("/done"), events=["job.completed"])
    try:
        job = client.jobs.create(audio=song, quality="FAST", metadata={"a": 1}).wait(**QUICK)
        call = receiver.wait_for(job.id)
    finally:
        listed = {known.id: known for known in client.webhooks.list()}
        assert client.webhooks.delete(hook.id) is True
    event = webhooks.verify_and_parse(
        payload=call.body, signature=call.headers["x-webhook-signature"], secret=hook.secret
    )

    assert hook.secret.startswith("whsec_")
    assert (listed[hook.id].secret, listed[hook.id].is_active) == (None, True)
    assert call.headers["x-webhook-event"] == event.event == "job.completed"
    assert call.headers["x-webhook-id"] == hook.id
    assert (event.data.job_id, event.data.status, event.data.type) == (job.id, "COMPLETED", "stem")
    assert set(event.data.outputs.as_dict()) == {"vocals", "instrumental"}
    assert hook.id not in {known.id for known in client.webhooks.list()}
    with pytest.raises(stemsplit_python.NotFoundError) as caught:
        client.webhooks.delete(hook.id)
    assert caught.value.code == "WEBHOOK_NOT_FOUND"
    with pytest.raises(stemsplit_python.SignatureVerificationError):
        webhooks.verify_and_parse(payload=call.body, signature="sha256=00", secret=hook.secret)


def test_callback_of_one_job_is_called(client, receiver, song):
    job = client.jobs.create(
        audio=song, quality="FAST", output_type="VOCALS", callback_url=receiver.url("/callback")
    ).wait(**QUICK)

    assert receiver.wait_for(job.id).path == "/callback"


# -------------------------------------------------------------------------------------- errors


def test_keys_that_may_not_be_used(base_url, service):
    revoked = new_key(service)
    service.run("keys", "revoke", revoked)
    unverified = new_account(service, "unverified@example.com", "--unverified")
    suspended = new_account(service, "suspended@example.com")
    service.run("users", "suspend", "suspended@example.com")
    refused = {
        "sk_live_" + "x" * 43: (stemsplit_python.AuthenticationError, "INVALID_API_KEY"),
        revoked: (stemsplit_python.PermissionDeniedError, "API_KEY_REVOKED"),
        unverified: (stemsplit_python.PermissionDeniedError, "EMAIL_NOT_VERIFIED"),
        suspended: (stemsplit_python.PermissionDeniedError, "ACCOUNT_SUSPENDED"),
    }
    for key, (kind, code) in refused.items():
        with impatient(base_url, key) as client, pytest.raises(kind) as caught:
            client.account.balance()
        assert caught.value.code == code
        assert caught.value.request_id


def test_key_of_another_form_is_refused(base_url):
    with (
        pytest.warns(UserWarning, match="sk_live_"),
        impatient(base_url, "pk_123") as client,
        pytest.raises(stemsplit_python.AuthenticationError) as caught,
    ):
        client.account.balance()
    assert caught.value.code == "INVALID_API_KEY_FORMAT"


def test_too_few_credits(base_url, service, song):
    key = new_account(service, "poor@example.com")
    service.run("credits", "grant", "poor@example.com", str(1 - GRANT_S))
    with impatient(base_url, key) as client:
        assert client.account.balance().balance_formatted == "1 second"
        with pytest.raises(stemsplit_python.InsufficientCreditsError) as caught:
            client.jobs.create(audio=song)
    assert caught.value.required_seconds == SONG_S
    assert caught.value.purchase_url.startswith("http")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"upload_key": "uploads/api_none/input.mp3"}, "UPLOAD_NOT_FOUND"),
        ({"source_url": "ftp://127.0.0.1/x.mp3"}, "INVALID_SOURCE_URL"),
        ({"source_url": "https://www.youtube.com/watch?v=aBcDeF12345"}, "INVALID_SOURCE_URL"),
        ({"source_url": "SITE/files/nothing.mp3"}, "SOURCE_URL_UNREACHABLE"),
        ({"source_url": "SITE/watch?v=aBcDeF12345"}, "UNSUPPORTED_FORMAT"),
        ({"upload_key": "x", "output_type": "NINE"}, "INVALID_REQUEST"),
        ({"upload_key": "x", "output_type": "SIX_STEMS", "quality": "FAST"}, "INVALID_REQUEST"),
    ],
)
def test_what_cannot_be_done_is_a_bad_request(client, site, options, code):
    given = {name: value.replace("SITE", site.origin) for name, value in options.items()}
    with pytest.raises(stemsplit_python.BadRequestError) as caught:
        client.jobs.create(**given)
    assert caught.value.code == code


@pytest.mark.parametrize(("seconds", "code"), [(1, "AUDIO_TOO_SHORT"), (3_605, "AUDIO_TOO_LONG")])
def test_song_outside_the_limits(client, tmp_path, seconds, code):
    path = tmp_path / "silence.flac"
    soundfile.write(path, [0.0] * (8_000 * seconds), 8_000)
    with pytest.raises(stemsplit_python.BadRequestError) as caught:
        client.jobs.create(audio=path)
    assert caught.value.code == code


def test_file_that_is_no_song(client):
    with pytest.raises(stemsplit_python.BadRequestError) as by_name:
        client.jobs.create(audio=b"words", file_name="notes.txt")
    with pytest.raises(stemsplit_python.BadRequestError) as by_content:
        client.jobs.create(audio=b"words" * 1000, file_name="notes.mp3")

    assert by_name.value.code == by_content.value.code == "UNSUPPORTED_FORMAT"


def test_file_that_is_too_large(client):
    ticket = client.uploads.create_ticket(filename="big.wav")
    assert ticket.max_file_size_mb == 50
    with pytest.raises(stemsplit_python.APIError, match="413"):
        client.uploads.put_bytes(ticket, bytes(ticket.max_file_size_bytes + 1))


def test_nothing_is_found_under_foreign_or_made_up_ids(base_url, client, service, song):
    made = client.jobs.create(audio=song, quality="FAST", output_type="VOCALS")
    with impatient(base_url, new_account(service, "stranger@example.com")) as stranger:
        for asking, job_id in ((stranger, made.id), (client, "job_none")):
            with pytest.raises(stemsplit_python.NotFoundError) as caught:
                asking.jobs.get(job_id)
            assert caught.value.code == "JOB_NOT_FOUND"
    made.wait(**QUICK)


def test_too_many_requests_are_told_how_long_to_wait(tmp_path):
    settings = {"STEMWRIGHT_RATE_LIMIT_PER_MINUTE": "3"}
    with Service(tmp_path / "data", settings) as service:
        base_url = f"{service.url}/api/v1"
        with impatient(base_url, new_key(service)) as client:
            left = [client.account.balance() and client.last_rate_limit.remaining for _ in "123"]
            with pytest.raises(stemsplit_python.RateLimitError) as caught:
                client.account.balance()

    assert left == [2, 1, 0]
    assert caught.value.code == "RATE_LIMIT_EXCEEDED"
    assert 1 <= caught.value.retry_after <= 60
    assert (caught.value.limit, caught.value.remaining) == (3, 0)
    assert caught.value.reset_at > utc_now().astimezone(UTC).timestamp() - 1
