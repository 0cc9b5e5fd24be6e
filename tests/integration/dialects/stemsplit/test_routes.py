"""The routes over HTTP: shapes, statuses and headers."""

import re

import httpx
import pytest
from fastapi.routing import APIRoute

from stemwright.dialects.stemsplit import access
from stemwright.dialects.stemsplit.app import create_app
from support.stemsplit_app import GRANT_S, RATE_LIMIT, VIDEO, client

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
YOUTUBE = {"youtubeUrl": f"https://youtu.be/{VIDEO}"}
SOUNDCLOUD = {"soundcloudUrl": "https://soundcloud.com/an-artist/a-track"}
LINKED = {"youtube-jobs": YOUTUBE, "soundcloud-jobs": SOUNDCLOUD}
FILE = {"sourceUrl": "https://files.example/song.mp3"}
CREATIONS = {"jobs": FILE, "denoise-jobs": FILE, **LINKED}


def error(answer, status):
    assert answer.status_code == status, answer.text
    found = answer.json()["error"]
    assert isinstance(found["message"], str)
    return found


def walk(routes):
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        for inner in ("routes", "original_router"):
            found = getattr(route, inner, None)
            if found is not None:
                yield from walk(getattr(found, "routes", found))


def dependencies(what):
    for inner in what.dependencies:
        yield inner.call
        yield from dependencies(inner)


def test_every_route_says_who_may_call_it(bench):
    declared = {
        (route.path, *route.methods): [
            call
            for call in dependencies(route.dependant)  # codespell:ignore dependant
            if call in {access.authenticated, access.unauthenticated}
        ]
        for route in walk(create_app(bench.services).routes)
    }

    assert len(declared) == 18
    open_to_all = [route for route, calls in declared.items() if calls != [access.authenticated]]
    assert open_to_all == [("/openapi", "GET")]
    assert declared["/openapi", "GET"] == [access.unauthenticated]


# ------------------------------------------------------------------------------------ creation


def test_upload_becomes_a_job(api, upload):
    asked = {"uploadKey": upload(), "fileName": "demo.mp3", "metadata": {"order": 7}}
    answer = api.post("/jobs", json=asked)
    job = answer.json()

    assert answer.status_code == 201
    assert (job["status"], job["progress"], job["outputs"]) == ("PENDING", 0, None)
    assert job["input"] == {"fileName": "demo.mp3", "durationSeconds": 90, "fileSizeBytes": 360}
    assert job["options"] == {"outputType": "BOTH", "quality": "BEST", "outputFormat": "MP3"}
    assert (job["creditsRequired"], job["metadata"]) == (90, {"order": 7})
    assert isinstance(job["estimatedSeconds"], int)
    assert INSTANT.fullmatch(job["createdAt"])


def test_link_to_a_file_becomes_a_job(api):
    job = api.post("/jobs", json={**FILE, "outputType": "vocals", "quality": "fast"}).json()

    assert job["input"]["durationSeconds"] == job["creditsRequired"] == 91
    assert job["options"] == {"outputType": "VOCALS", "quality": "FAST", "outputFormat": "MP3"}


def test_recording_becomes_a_denoise_job(api, upload):
    answer = api.post("/denoise-jobs", json={"uploadKey": upload(), "outputFormat": "wav"})

    assert answer.status_code == 201
    assert answer.json()["options"] == {"outputFormat": "WAV"}


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("youtube-jobs", {"videoId": VIDEO, "videoDuration": 181, "channelName": "A channel"}),
        ("soundcloud-jobs", {"trackId": "77", "trackDuration": 95, "artistName": "An artist"}),
    ],
)
def test_link_to_a_media_site_becomes_a_job(api, path, told):
    answer = api.post(f"/{path}", json=LINKED[path])
    job = answer.json()

    assert answer.status_code == 201
    assert told.items() <= job.items()
    assert job["outputs"] == ["vocals", "instrumental"]
    assert job["status"] == "PENDING"


def test_python_client_of_before_1_gets_no_array_it_cannot_read(api):
    headers = {"User-Agent": "stemsplit-python/0.1.0 python/3.11.2 httpx/0.28.1 (linux)"}

    assert api.post("/youtube-jobs", json=YOUTUBE, headers=headers).json()["outputs"] is None


@pytest.mark.parametrize("path", CREATIONS)
def test_repeated_request_is_the_same_job(api, path):
    headers = {"Idempotency-Key": "one"}
    first, second = (api.post(f"/{path}", json=CREATIONS[path], headers=headers) for _ in range(2))

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert api.get(f"/{path}").json()["pagination"]["total"] == 1


def test_one_idempotency_key_for_two_requests_is_a_conflict(api):
    headers = {"Idempotency-Key": "one"}
    api.post("/jobs", json=FILE, headers=headers)
    other = api.post("/jobs", json={**FILE, "quality": "FAST"}, headers=headers)
    elsewhere = api.post("/denoise-jobs", json=FILE, headers=headers)

    assert error(other, 409)["code"] == error(elsewhere, 409)["code"] == "IDEMPOTENCY_CONFLICT"


@pytest.mark.parametrize(
    ("path", "asked", "code"),
    [
        ("jobs", {"uploadKey": "uploads/api_none/input.mp3"}, "UPLOAD_NOT_FOUND"),
        ("jobs", {"sourceUrl": "https://files.example/gone.mp3"}, "SOURCE_URL_UNREACHABLE"),
        ("jobs", {**FILE, "outputType": "SIX_STEMS"}, "MODEL_UNAVAILABLE"),
        ("youtube-jobs", {"youtubeUrl": "https://example.com/"}, "INVALID_YOUTUBE_URL"),
        ("upload", {"filename": "notes.txt"}, "UNSUPPORTED_FORMAT"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_code(api, path, asked, code):
    assert error(api.post(f"/{path}", json=asked), 400)["code"] == code


def test_upload_that_is_no_song_is_refused(api, upload):
    answer = api.post("/jobs", json={"uploadKey": upload(b"text")})

    assert error(answer, 400)["code"] == "UNSUPPORTED_FORMAT"


@pytest.mark.parametrize(("seconds", "code"), [(4, "AUDIO_TOO_SHORT"), (3601, "AUDIO_TOO_LONG")])
def test_song_outside_the_limits_is_refused_with_both_numbers(api, upload, seconds, code):
    told = error(api.post("/jobs", json={"uploadKey": upload(b"song" * seconds)}), 400)

    assert (told["code"], told["actualDurationSeconds"]) == (code, seconds)


def test_song_that_costs_too_much_is_refused_with_its_price(bench, address):
    key = bench.key()
    with bench.database.transaction() as session:
        bench.credits.adjust(session, bench.principal(key).owner, 1 - GRANT_S)
    with client(address, key) as poor:
        told = error(poor.post("/jobs", json=FILE), 402)

    assert (told["code"], told["requiredSeconds"]) == ("INSUFFICIENT_CREDITS", 91)
    assert told["purchaseUrl"].startswith("http")


# ------------------------------------------------------------------------------------- reading


def test_completed_job_gives_addresses_that_need_no_key(bench, api):
    job_id = api.post("/jobs", json=FILE).json()["id"]
    bench.complete(job_id, ("instrumental", "vocals"))
    job = api.get(f"/jobs/{job_id}").json()

    assert list(job["outputs"]) == ["vocals", "instrumental"]
    url = job["outputs"]["vocals"]["url"]
    assert url.partition("?")[0].endswith("/vocals.mp3")
    got = httpx.get(url, trust_env=False)
    assert (got.status_code, got.content) == (200, b"song")
    assert got.headers["content-type"] == "audio/mpeg"
    assert got.headers["content-disposition"].startswith("attachment")


def test_expired_job_has_no_files_any_more(bench, api):
    job_id = api.post("/jobs", json=FILE).json()["id"]
    bench.complete(job_id, ("vocals", "instrumental"))
    bench.expire()
    job = api.get(f"/jobs/{job_id}").json()

    assert (job["status"], job["outputs"]) == ("EXPIRED", None)


@pytest.mark.parametrize("path", CREATIONS)
def test_job_is_found_by_its_owner_under_its_own_kind_alone(bench, address, api, path):
    job_id = api.post(f"/{path}", json=CREATIONS[path]).json()["id"]
    with client(address, bench.key()) as stranger:
        foreign = stranger.get(f"/{path}/{job_id}")
    other_kinds = [api.get(f"/{other}/{job_id}") for other in CREATIONS if other != path]

    assert api.get(f"/{path}/{job_id}").json()["id"] == job_id
    for answer in [foreign, *other_kinds, api.get(f"/{path}/nothing")]:
        assert error(answer, 404)["code"] == "JOB_NOT_FOUND"


@pytest.mark.parametrize("path", CREATIONS)
def test_list_has_the_newest_first_and_says_where_it_ends(api, path):
    made = [api.post(f"/{path}", json=CREATIONS[path]).json()["id"] for _ in range(3)]
    first = api.get(f"/{path}", params={"limit": 2}).json()
    rest = api.get(f"/{path}", params={"limit": 2, "offset": 2}).json()

    assert [job["id"] for job in first["jobs"] + rest["jobs"]] == made[::-1]
    assert first["pagination"] == {"total": 3, "limit": 2, "offset": 0, "hasMore": True}
    assert rest["pagination"] == {"total": 3, "limit": 2, "offset": 2, "hasMore": False}


def test_list_is_filtered_by_the_states_of_the_contract(bench, api):
    waiting, done, stopped = (api.post("/jobs", json=FILE).json()["id"] for _ in range(3))
    bench.complete(done, ("vocals", "instrumental"))
    bench.jobs.cancel(stopped)

    def found(status):
        return [job["id"] for job in api.get("/jobs", params={"status": status}).json()["jobs"]]

    assert found("PENDING") == [waiting]
    assert found("completed") == [done]
    assert found("FAILED") == [stopped]
    assert found("EXPIRED") == []
    assert len(found("")) == 3


@pytest.mark.parametrize("query", ["limit=ten", "limit=1.5", "offset=x", "status=DONE"])
def test_query_that_makes_no_sense_is_refused_by_name(api, query):
    told = error(api.get(f"/jobs?{query}"), 400)

    assert (told["code"], told["field"]) == ("INVALID_REQUEST", query.partition("=")[0])


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=-5", "limit=1000", "offset=-1", "offset=" + "9" * 40]
)
def test_query_out_of_range_is_brought_into_range(api, query):
    assert api.get(f"/jobs?{query}").status_code == 200


# ------------------------------------------------------------------------- account and webhooks


def test_balance_is_told_in_three_ways(api):
    told = api.get("/balance").json()

    assert (told["balanceSeconds"], told["balanceMinutes"]) == (GRANT_S, GRANT_S // 60)
    assert told["balanceFormatted"] == "166 minutes"
    assert INSTANT.fullmatch(told["updatedAt"])


def test_upload_ticket_says_what_to_do_with_it(api):
    ticket = api.post("/upload", json={"filename": "a.flac", "contentType": "x/y"}).json()

    assert ticket["uploadUrl"].startswith("http")
    assert ticket["uploadKey"].startswith("uploads/api_")
    assert (ticket["maxFileSizeBytes"], ticket["maxFileSizeMb"]) == (52_428_800, 50)
    assert ticket["contentType"] == "audio/flac"
    assert set(ticket["instructions"]) == {"step1", "step2", "note"}


def test_webhook_is_made_listed_without_its_secret_and_deleted(api):
    made = api.post("/webhooks", json={"url": "https://host.example/hook"})
    hook = made.json()
    (listed,) = api.get("/webhooks").json()["webhooks"]
    gone = api.delete(f"/webhooks/{hook['id']}")

    assert made.status_code == 201
    assert set(hook) == {"id", "url", "events", "secret", "isActive", "createdAt"}
    assert (hook["id"][:4], hook["secret"][:6]) == ("whk_", "whsec_")
    assert hook["events"] == ["job.completed", "job.failed"]
    assert set(listed) == {*hook, "failCount", "lastError", "lastCalledAt"} - {"secret"}
    assert (gone.status_code, gone.json()) == (200, {"deleted": True})
    assert error(api.delete(f"/webhooks/{hook['id']}"), 404)["code"] == "WEBHOOK_NOT_FOUND"


@pytest.mark.parametrize("asked", [{}, {"url": "x"}, {"url": "https://h/", "events": ["job.x"]}])
def test_webhook_that_makes_no_sense_is_refused(api, asked):
    assert error(api.post("/webhooks", json=asked), 400)["code"] == "INVALID_REQUEST"


# ------------------------------------------------------------------------------ who, and errors


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({}, "MISSING_API_KEY"),
        ({"Authorization": "Basic eDp5"}, "MISSING_API_KEY"),
        ({"Authorization": "Bearer pk_123"}, "INVALID_API_KEY_FORMAT"),
        ({"Authorization": "Bearer sk_live_" + "x" * 40}, "INVALID_API_KEY"),
    ],
)
def test_nobody_comes_in_without_a_key(address, header, code):
    answer = httpx.get(f"{address}/api/v1/jobs", headers=header, trust_env=False)

    assert error(answer, 401)["code"] == code
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_key_that_was_taken_back_is_told_so(bench, address):
    key = bench.key()
    bench.accounts.revoke_key(key)
    with client(address, key) as api:
        assert error(api.get("/balance"), 403)["code"] == "API_KEY_REVOKED"


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"{", "application/json"),
        (b"", "application/json"),
        (b"[]", "application/json"),
        (b'{"filename": "\xff"}', "application/json"),
        (b'{"filename": ' + b"1" * 5000 + b"}", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b"filename=a.mp3", "application/x-www-form-urlencoded"),
    ],
)
def test_body_that_is_no_json_object_is_refused(api, content, content_type):
    answer = api.post("/upload", content=content, headers={"Content-Type": content_type})

    assert error(answer, 400)["code"] == "INVALID_REQUEST"


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
def test_json_is_read_whatever_the_header_calls_it(api, content_type):
    request = api.build_request("POST", "/upload", content=b'{"filename": "a.mp3"}')
    if content_type:
        request.headers["Content-Type"] = content_type

    assert api.send(request).status_code == 200


@pytest.mark.parametrize(
    ("asked", "headers", "field"),
    [
        ({**FILE, "outputType": "NINE"}, {}, "outputType"),
        ({**FILE, "outputType": "SIX_STEMS", "quality": "FAST"}, {}, "quality"),
        ({**FILE, "callbackUrl": "nowhere"}, {}, "callbackUrl"),
        ({}, {}, "uploadKey"),
        (FILE, {"Idempotency-Key": "x" * 256}, "Idempotency-Key"),
    ],
)
def test_refusal_names_the_field(api, asked, headers, field):
    told = error(api.post("/jobs", json=asked, headers=headers), 400)

    assert (told["code"], told["field"]) == ("INVALID_REQUEST", field)
    assert told["message"].startswith(f"{field}: ")


def test_unknown_address_and_method_have_codes(api):
    assert error(api.get("/nothing"), 404)["code"] == "NOT_FOUND"
    assert error(api.patch("/jobs"), 405)["code"] == "METHOD_NOT_ALLOWED"
    assert api.patch("/jobs").headers["allow"] == "GET, POST"
    assert error(api.delete("/jobs/job_1"), 405)["code"] == "METHOD_NOT_ALLOWED"


def test_slashes_too_many_are_no_redirect(api):
    for path in ("/jobs/", "///jobs"):
        answer = api.get(f"{api.base_url}{path}", follow_redirects=False)
        assert (answer.status_code, answer.json()["jobs"]) == (200, [])


def test_every_answer_says_what_is_left_and_how_it_is_called(address, api):
    nobody = httpx.get(f"{address}/api/v1/balance", trust_env=False)

    for answer in (api.get("/balance"), api.get("/nothing"), api.patch("/jobs"), nobody):
        assert answer.headers["x-ratelimit-limit"] == str(RATE_LIMIT)
        assert {"x-ratelimit-remaining", "x-ratelimit-reset", "x-request-id"} <= set(answer.headers)


def test_too_many_requests_are_told_how_long_to_wait(api):
    answers = [api.get("/balance") for _ in range(RATE_LIMIT + 1)]

    assert [answer.status_code for answer in answers] == [200] * RATE_LIMIT + [429]
    assert error(answers[-1], 429)["code"] == "RATE_LIMIT_EXCEEDED"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert answers[-1].headers["x-ratelimit-remaining"] == "0"


def test_defect_tells_nothing_of_the_inside(bench, address, api, monkeypatch):
    def fail(*_):
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(type(bench.jobs), "page", fail)

    assert error(api.get("/jobs"), 500)["code"] == "INTERNAL_ERROR"
    assert "secret" not in api.get("/jobs").text
