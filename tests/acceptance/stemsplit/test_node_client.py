"""npm ``@stemsplit/sdk`` 0.1.0, as it is, against a real service with the real model."""

import base64
from pathlib import Path

import pytest
import soundfile

from support.live_server import Service
from support.stemsplit_clients import (
    GRANT_S,
    SONG_S,
    TRACK,
    VIDEO,
    Node,
    NodeError,
    new_account,
    new_key,
)

pytestmark = [pytest.mark.model, pytest.mark.slow]

STEMS = {
    "VOCALS": {"vocals"},
    "INSTRUMENTAL": {"instrumental"},
    "BOTH": {"vocals", "instrumental"},
    "FOUR_STEMS": {"vocals", "drums", "bass", "other"},
}


def check_song(path):
    assert soundfile.info(path).duration == pytest.approx(SONG_S, abs=0.2)


def thrown(node, scenario, **given):
    with pytest.raises(NodeError) as caught:
        node(scenario, maxRetries=0, **given)
    return caught.value.told


@pytest.mark.parametrize("given", ["path", "bytes", "stream", "blob"])
def test_song_is_uploaded_however_it_is_given(node, song, tmp_path, given):
    told = node(given, song=song, folder=tmp_path, options={"quality": "FAST"})

    created, done = told["created"], told["done"]
    assert (created["status"], created["progress"], created["outputs"]) == ("PENDING", 0, None)
    assert created["input"]["durationSeconds"] == created["creditsRequired"] == SONG_S
    assert (done["status"], done["progress"], done["creditsCharged"]) == ("COMPLETED", 100, SONG_S)
    assert set(told["files"]) == set(done["outputs"]) == {"vocals", "instrumental"}
    for path in told["files"].values():
        assert Path(path).suffix == ".mp3"
        check_song(path)


def test_every_output_type_comes_in_every_format(node, song, tmp_path):
    each = [
        {"outputType": output_type, "outputFormat": output_format, "quality": "FAST"}
        for output_type in STEMS
        for output_format in ("MP3", "WAV", "FLAC")
    ]
    made = node("many", song=song, each=each)

    for options, job in zip(each, made, strict=True):
        told = node("wait", id=job["id"], folder=tmp_path / job["id"])
        assert told["done"]["options"] == options
        assert set(told["files"]) == STEMS[options["outputType"]]
        for path in told["files"].values():
            assert Path(path).suffix == f".{options['outputFormat'].lower()}"
            check_song(path)


def test_link_to_a_file_is_fetched(node, site, tmp_path):
    url = f"{site.origin}/files/{VIDEO}.mp3"
    told = node("url", url=url, folder=tmp_path, options={"quality": "FAST", "metadata": {"a": 1}})

    assert told["created"]["input"]["fileName"] == f"{VIDEO}.mp3"
    assert told["created"]["metadata"] == {"a": 1}


def test_jobs_are_listed_and_iterated(base_url, service, node, song):
    mine = Node(base_url, new_account(service, "node@example.com"))
    options = {"quality": "FAST", "outputType": "VOCALS"}
    made = [job["id"] for job in mine("many", song=song, each=[options] * 3)]
    page = mine("list", query={"limit": 2})

    assert [job["id"] for job in page["jobs"]] == made[:0:-1]
    assert page["pagination"] == {"total": 3, "limit": 2, "offset": 0, "hasMore": True}
    assert mine("iterate", query={"limit": 1}) == made[::-1]
    assert mine("iterate", query={"status": "EXPIRED"}) == []


@pytest.mark.parametrize(
    ("resource", "url", "told"),
    [
        (
            "youtubeJobs",
            f"https://youtu.be/{VIDEO}",
            {"videoId": VIDEO, "videoTitle": "A video", "videoDuration": SONG_S},
        ),
        (
            "soundcloudJobs",
            f"https://soundcloud.com/{TRACK}",
            {"trackTitle": "A track", "trackDuration": SONG_S, "artistName": "An artist"},
        ),
    ],
)
def test_link_to_a_media_site_is_taken_apart(node, resource, url, told):
    seen = node("linked", resource=resource, url=url)

    assert seen["created"]["outputs"] == ["vocals", "instrumental"]
    assert set(seen["done"]["outputs"]) == {"fullAudio", "vocals", "instrumental"}
    assert seen["done"]["creditsCharged"] == SONG_S
    for view in seen.values():
        assert told.items() <= view.items()
        assert view["id"] == seen["created"]["id"]


@pytest.mark.parametrize("output_format", ["MP3", "WAV", "FLAC"])
def test_recording_is_denoised(node, song, tmp_path, output_format):
    options = {"audio": song, "outputFormat": output_format}
    told = node("denoise", options=options, folder=tmp_path)

    assert told["done"]["options"] == {"outputFormat": output_format}
    assert set(told["done"]["outputs"]) == {"audio"}
    assert Path(told["file"]).name == f"demo_denoised.{output_format.lower()}"
    check_song(told["file"])
    assert told["listed"]["id"] == told["created"]["id"]


def test_link_to_a_recording_is_denoised(node, site, tmp_path):
    options = {"sourceUrl": f"{site.origin}/files/{VIDEO}.mp3"}

    assert node("denoise", options=options, folder=tmp_path)["done"]["status"] == "COMPLETED"


def test_balance(base_url, service, node):
    told = Node(base_url, new_account(service, "rich@example.com"))("balance")

    assert (told["balanceSeconds"], told["balanceMinutes"]) == (GRANT_S, GRANT_S // 60)


def test_webhook_is_verified_and_names_its_job(client, node, receiver, song, tmp_path):
    hook = client.webhooks.create(url=receiver.url("/node"))
    job = node("path", song=song, folder=tmp_path, options={"quality": "FAST"})["done"]
    call = receiver.wait_for(job["id"])
    client.webhooks.delete(hook.id)
    sent = {
        "body": base64.b64encode(call.body).decode(),
        "signature": call.headers["x-webhook-signature"],
    }
    event = node("verify", secret=hook.secret, **sent)

    assert (event["event"], event["jobId"]) == ("job.completed", job["id"])
    assert event["data"]["status"] == "COMPLETED"
    assert thrown(node, "verify", secret="another", **sent)["name"] == "SignatureVerificationError"


@pytest.mark.parametrize(
    ("scenario", "given", "code"),
    [
        ("url", {"url": "ftp://127.0.0.1/x.mp3"}, "INVALID_SOURCE_URL"),
        ("url", {"url": "SITE/files/nothing.mp3"}, "SOURCE_URL_UNREACHABLE"),
        ("createLinked", {"resource": "youtubeJobs", "url": "x"}, "INVALID_YOUTUBE_URL"),
        (
            "createLinked",
            {"resource": "soundcloudJobs", "url": "https://soundcloud.com/artist"},
            "INVALID_SOUNDCLOUD_URL",
        ),
        (
            "createLinked",
            {"resource": "soundcloudJobs", "url": "https://soundcloud.com/artist/gone"},
            "TRACK_NOT_FOUND",
        ),
    ],
)
def test_what_cannot_be_done_is_a_bad_request(node, site, scenario, given, code):
    given = {name: value.replace("SITE", site.origin) for name, value in given.items()}
    told = thrown(node, scenario, **given)

    assert (told["name"], told["httpStatus"], told["code"]) == ("BadRequestError", 400, code)


@pytest.mark.parametrize("resource", ["youtubeJobs", "soundcloudJobs", "denoiseJobs", "jobs"])
def test_what_is_not_there_is_not_found(node, resource):
    told = thrown(node, "getLinked", resource=resource, id="job_none")

    assert (told["name"], told["code"]) == ("NotFoundError", "JOB_NOT_FOUND")


def test_keys_that_may_not_be_used(base_url, service, node):
    revoked = new_key(service)
    service.run("keys", "revoke", revoked)
    unknown = thrown(Node(base_url, "sk_live_" + "x" * 43), "balance")
    taken_back = thrown(Node(base_url, revoked), "balance")

    assert (unknown["name"], unknown["code"]) == ("AuthenticationError", "INVALID_API_KEY")
    assert (taken_back["name"], taken_back["code"]) == ("PermissionDeniedError", "API_KEY_REVOKED")


def test_too_few_credits(base_url, service, node, song, tmp_path):
    poor = Node(base_url, new_account(service, "poor-node@example.com"))
    service.run("credits", "grant", "poor-node@example.com", str(-GRANT_S))
    told = thrown(poor, "path", song=song, folder=tmp_path, options={})

    assert told["name"] == "InsufficientCreditsError"
    assert told["requiredSeconds"] == SONG_S
    assert told["purchaseUrl"].startswith("http")


def test_too_many_requests_are_told_how_long_to_wait(tmp_path, node):
    with Service(tmp_path / "data", {"STEMWRIGHT_RATE_LIMIT_PER_MINUTE": "1"}) as service:
        hurried = Node(f"{service.url}/api/v1", new_key(service))
        hurried("balance")
        told = thrown(hurried, "balance")

    assert told["name"] == "RateLimitError"
    assert 1 <= told["retryAfter"] <= 60
