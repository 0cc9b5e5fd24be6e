"""The stand-in for lalal.ai against what its documents state, asked without our client."""

import io
import wave
from uuid import UUID

import httpx
import pytest

from support.lalalai_server import Fault, LalalaiServer

KEY = "licence-of-somebody"
OTHER = "licence-of-another"
AUTH = {"X-License-Key": KEY}
UPLOAD = {
    **AUTH,
    "Content-Type": "application/octet-stream",
    "Content-Disposition": 'attachment; filename="song.mp3"',
}
UNKNOWN_ID = "55555555-5555-4555-8555-555555555555"
NO_TASK = {"status": "server_error", "error": "Failed to extract information about task"}


class Clock:
    now = 1_790_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def server(clock):
    with LalalaiServer(clock) as lalalai:
        lalalai.account(KEY, minutes=100.0)
        lalalai.account(OTHER)
        lalalai.service.duration_s = 212
        yield lalalai


@pytest.fixture
def http(server):
    with httpx.Client(base_url=server.url) as client:
        yield client


def _post(http, path, body=None, key=KEY):
    return http.post(f"/api/v1/{path}/", json=body, headers={"X-License-Key": key})


def _uploaded(http):
    return http.post("/api/v1/upload/", content=b"ID3 la la la", headers=UPLOAD).json()["id"]


def _begun(http, kind="stem_separator", source=None, **presets):
    order = {
        "source_id": source or _uploaded(http),
        "presets": {"stem": "vocals", **presets} if kind != "multistem" else presets,
    }
    return _post(http, f"split/{kind}", order).json()["task_id"]


def _checked(http, *task_ids, key=KEY):
    return _post(http, "check", {"task_ids": list(task_ids)}, key).json()["result"]


def _finished(http, task_id):
    for _ in range(4):
        found = _checked(http, task_id)[task_id]
    return found


# ------------------------------------------------------------------------------- transport


@pytest.mark.parametrize("headers", [{}, {"X-License-Key": "wrong"}, {"Authorization": KEY}])
def test_without_a_known_key_everything_is_forbidden(http, headers):
    answer = http.post("/api/v1/limits/minutes_left/", headers=headers)
    assert answer.status_code == 403
    assert answer.json() == {"detail": "Provide license key in 'X-License-Key' header"}


def test_a_path_without_its_last_slash_is_redirected(http):
    answer = http.post("/api/v1/check", json={"task_ids": []}, headers=AUTH)
    assert (answer.status_code, answer.headers["location"]) == (307, "/api/v1/check/")


def test_reads_are_posts_as_well(http):
    assert http.get("/api/v1/limits/minutes_left/", headers=AUTH).status_code == 405


def test_answers_carry_a_request_id(http):
    assert http.post("/api/v1/limits/minutes_left/", headers=AUTH).headers["x-request-id"]


# ---------------------------------------------------------------------------------- upload


def test_an_upload_is_answered_with_its_five_members(http, clock):
    answer = http.post("/api/v1/upload/", content=b"x" * 5242, headers=UPLOAD)
    said = answer.json()
    assert set(said) == {"id", "name", "size", "duration", "expires"}
    assert UUID(said["id"]).version == 4
    assert (said["name"], said["size"], said["duration"]) == ("song.mp3", 5242, 212)
    assert said["expires"] == int(clock.now) + 86_400


def test_the_name_may_be_in_the_form_of_rfc_5987(http):
    form = {**UPLOAD, "Content-Disposition": "attachment; filename*=utf-8''a%20%C3%A9.wav"}
    assert http.post("/api/v1/upload/", content=b"x", headers=form).status_code == 200


@pytest.mark.parametrize("disposition", [None, "attachment", 'attachment; filename=""'])
def test_an_upload_without_a_name_is_refused(http, disposition):
    form = {**UPLOAD, "Content-Disposition": disposition}
    headers = {name: value for name, value in form.items() if value is not None}
    assert http.post("/api/v1/upload/", content=b"x", headers=headers).status_code == 400


def test_a_form_is_no_upload(http):
    answer = http.post("/api/v1/upload/", files={"file": b"x"}, headers=AUTH)
    assert answer.status_code == 400


def test_an_upload_without_a_length_is_refused(http):
    answer = http.post("/api/v1/upload/", content=iter([b"x"]), headers=UPLOAD)
    assert answer.status_code == 411


def test_a_file_larger_than_the_plan_allows_is_refused_with_a_code(server, http):
    server.service.accounts[KEY].most_bytes = 3
    answer = http.post("/api/v1/upload/", content=b"four", headers=UPLOAD)
    assert (answer.status_code, answer.json()["code"]) == (400, "exceeded_size")
    assert isinstance(answer.json()["detail"], str)


# ----------------------------------------------------------------------------------- split


@pytest.mark.parametrize(
    ("kind", "presets"),
    [
        (
            "stem_separator",
            {"stem": "vocals", "encoder_format": "wav", "extraction_level": "deep_extraction"},
        ),
        ("stem_separator", {"stem": "wind", "splitter": "phoenix"}),
        ("stem_separator", {"stem": "vocals", "multivocal": "lead_back"}),
        ("multistem", {"stem_list": ["vocals", "drum"], "extraction_level": "clear_cut"}),
        ("voice_clean", {"stem": "voice", "noise_cancelling_level": 2, "dereverb_enabled": True}),
        ("demuser", {"stem": "music", "encoder_format": None}),
    ],
)
def test_good_presets_begin_a_task(http, kind, presets):
    order = {"source_id": _uploaded(http), "presets": presets, "idempotency_key": None}
    answer = _post(http, f"split/{kind}", order)
    assert answer.status_code == 200
    assert list(answer.json()) == ["task_id"]
    assert UUID(answer.json()["task_id"]).version == 4


@pytest.mark.parametrize(
    ("kind", "presets"),
    [
        ("stem_separator", {"stem": "drums"}),
        ("stem_separator", {"stem": "electricguitar"}),
        ("stem_separator", {"stem": "winds"}),
        ("stem_separator", {"stem": "noise"}),
        ("stem_separator", {"stem": "midside"}),
        ("stem_separator", {}),
        ("stem_separator", {"stem": "vocals", "extraction_level": "normal"}),
        ("stem_separator", {"stem": "vocals", "splitter": "auto"}),
        ("stem_separator", {"stem": "vocals", "splitter": None}),
        ("stem_separator", {"stem": "drum", "multivocal": "lead_back"}),
        ("stem_separator", {"stem": "vocals", "encoder_format": "opus"}),
        ("multistem", {"stem": "vocals"}),
        ("multistem", {"stem_list": []}),
        ("multistem", {"stem_list": ["synthesizer"]}),
        ("multistem", {"stem_list": ["vocals"] * 7}),
        ("voice_clean", {"stem": "vocals"}),
        ("voice_clean", {"stem": "voice", "noise_cancelling_level": 3}),
        ("demuser", {"stem": "vocals"}),
    ],
)
def test_presets_that_are_none_are_unprocessable(http, kind, presets):
    answer = _post(http, f"split/{kind}", {"source_id": _uploaded(http), "presets": presets})
    assert answer.status_code == 422
    for problem in answer.json()["detail"]:
        assert set(problem) == {"loc", "msg", "type"}
        assert isinstance(problem["loc"], list)


@pytest.mark.parametrize("name", ["params", "preset"])
def test_presets_under_another_name_are_unprocessable(http, name):
    order = {"source_id": _uploaded(http), name: {"stem": "vocals"}}
    assert _post(http, "split/stem_separator", order).status_code == 422


@pytest.mark.parametrize("source", ["src_1", "", None, "c7f0a1de-0b5e-1a53-9d1c-6f2f8a0b1c22"])
def test_a_source_id_that_is_no_uuid4_is_unprocessable(http, source):
    order = {"source_id": source, "presets": {"stem": "vocals"}}
    assert _post(http, "split/stem_separator", order).status_code == 422


def test_a_source_that_is_not_there_or_anothers_is_refused(http):
    order = {"source_id": UNKNOWN_ID, "presets": {"stem": "vocals"}}
    assert _post(http, "split/stem_separator", order).status_code == 400
    order["source_id"] = _uploaded(http)
    assert _post(http, "split/stem_separator", order, key=OTHER).status_code == 400


def test_a_splitter_that_cannot_do_the_stem_is_refused(http):
    order = {
        "source_id": _uploaded(http),
        "presets": {"stem": "piano", "splitter": "andromeda"},
    }
    assert _post(http, "split/stem_separator", order).status_code == 400


def test_several_stems_cost_the_minutes_of_each(server, http):
    server.service.duration_s = 240
    _begun(http, "multistem", stem_list=["vocals", "drum", "bass"])
    assert server.service.accounts[KEY].minutes == 88.0


@pytest.mark.parametrize(
    ("change", "code"),
    [({"minutes": 1.0}, "exceeded_duration"), ({"longest_s": 10}, "max_duration")],
)
def test_limits_of_the_account_are_refused_with_a_code(server, http, change, code):
    for name, value in change.items():
        setattr(server.service.accounts[KEY], name, value)
    order = {"source_id": _uploaded(http), "presets": {"stem": "vocals"}}
    answer = _post(http, "split/stem_separator", order)
    assert answer.status_code == 400
    assert (answer.json()["code"], type(answer.json()["detail"])) == (code, str)


def test_an_idempotency_key_gives_one_task_until_that_starts_and_then_an_error(http):
    order = {
        "source_id": _uploaded(http),
        "presets": {"stem": "vocals"},
        "idempotency_key": "0f6c1c0a-5d0e-4f54-a8f6-3b1c2f3e4d55",
    }
    first, again = (_post(http, "split/stem_separator", order).json() for _ in range(2))
    assert first == again
    for _ in range(2):
        _checked(http, first["task_id"])
    late = _post(http, "split/stem_separator", order)
    assert (late.status_code, late.json()["code"]) == (400, "idempotency_key_used")
    assert set(late.json()) == {"detail", "code"}


def test_orders_in_a_batch_fail_one_by_one_inside_a_good_answer(http):
    good, presets = _uploaded(http), {"stem": "vocals"}
    items = [{"source_id": source, "presets": presets} for source in (good, UNKNOWN_ID)]
    answer = _post(http, "split/batch/stem_separator", {"items": items})
    done, failed = answer.json()["results"]
    assert answer.status_code == 200
    assert (set(done), done["source_id"]) == ({"status", "task_id", "source_id"}, good)
    assert set(failed) == {"status", "error", "code", "source_id"}
    assert (done["status"], failed["status"]) == ("success", "error")
    assert _post(http, "split/batch/multistem", {"items": items}).status_code == 404


def test_a_plan_may_have_no_batches(server, http):
    server.service.accounts[KEY].has_batch = False
    answer = _post(http, "split/batch/demuser", {"items": [{}]})
    assert (answer.status_code, answer.json()["code"]) == (400, "batch_not_avaliable")


# ----------------------------------------------------------------------------------- check


def test_a_task_waits_runs_and_succeeds_in_four_checks(http):
    task = _begun(http)
    seen = [_checked(http, task)[task] for _ in range(4)]
    assert [state.get("progress") for state in seen] == [0, 37, 100, None]
    assert [state["status"] for state in seen] == [*["progress"] * 3, "success"]
    assert set(seen[0]) == {"status", "source_id", "presets", "progress"}
    assert seen[0]["presets"]["task_type"] == "split"
    assert set(seen[3]) == {"status", "source_id", "presets", "result"}
    assert seen[3]["result"]["duration"] == 212


@pytest.mark.parametrize(
    ("kind", "presets", "expected"),
    [
        ("stem_separator", {}, {"vocals": "stem", "no_vocals": "back"}),
        ("voice_clean", {"stem": "voice"}, {"voice": "stem", "no_voice": "back"}),
        ("demuser", {"stem": "music"}, {"music": "stem", "no_music": "back"}),
        (
            "multistem",
            {"stem_list": ["vocals", "drum"]},
            {"vocals": "stem", "drum": "stem", "no_multistem": "back"},
        ),
    ],
)
def test_each_operation_gives_its_tracks(http, kind, presets, expected):
    found = _finished(http, _begun(http, kind, **presets))
    tracks = found["result"]["tracks"]
    assert {track["label"]: track["type"] for track in tracks} == expected
    for track in tracks:
        assert set(track) == {"type", "label", "url", "name", "size", "playlist_file", "waveform"}


def test_lead_and_backing_vocals_are_four_tracks(http):
    found = _finished(http, _begun(http, multivocal="lead_back"))
    labels = [track["label"] for track in found["result"]["tracks"]]
    assert labels == ["vocals@0", "vocals@1", "no_vocals", "mix_no_lead"]


def test_a_failed_task_says_so_inside_a_good_answer(server, http):
    server.service.scripts.append((0, "error"))
    task = _begun(http)
    _checked(http, task)
    state = _checked(http, task)[task]
    assert state["status"] == "error"
    assert set(state["error"]) == {"detail", "code", "id"}


def test_a_task_unknown_foreign_or_old_is_a_server_error_with_a_text(http, clock):
    task = _begun(http)
    assert _checked(http, UNKNOWN_ID) == {UNKNOWN_ID: NO_TASK}
    assert _checked(http, task, key=OTHER) == {task: NO_TASK}
    clock.now += 86_401
    assert _checked(http, task) == {task: NO_TASK}


@pytest.mark.parametrize("ids", [["not-a-uuid"], [UNKNOWN_ID] * 201, None, "text"])
def test_ids_that_are_none_or_too_many_are_unprocessable(http, ids):
    assert _post(http, "check", {"task_ids": ids}).status_code == 422


def test_the_31st_check_in_a_minute_is_one_too_many(http, clock):
    asked = [_post(http, "check", {"task_ids": []}) for _ in range(31)]
    assert [answer.status_code for answer in asked] == [*[200] * 30, 429]
    assert isinstance(asked[-1].json()["detail"], str)
    assert _post(http, "check", {"task_ids": []}, key=OTHER).status_code == 200
    clock.now += 61
    assert _post(http, "check", {"task_ids": []}).status_code == 200


# ------------------------------------------------------------------------ cancel and delete


def test_cancelling_is_told_task_by_task(http):
    running, over = _begun(http), _begun(http)
    _finished(http, over)
    ids = [running, over, UNKNOWN_ID]
    answer = _post(http, "cancel", {"task_ids": ids})
    assert answer.status_code == 200
    assert answer.json()["result"] == {
        running: {"status": "success"},
        over: {"status": "server_error", "error": "Task is not in progress state"},
        UNKNOWN_ID: NO_TASK,
    }
    state = _checked(http, running)[running]
    assert (state["status"], set(state)) == ("cancelled", {"status", "source_id", "presets"})


def test_nobody_cancels_anothers_task(http):
    task = _begun(http)
    denied = _post(http, "cancel", {"task_ids": [task]}, key=OTHER).json()["result"]
    assert denied == {task: {"status": "server_error", "error": "Permission denied"}}


def test_everything_of_a_licence_can_be_cancelled(http):
    tasks = {_begun(http), _begun(http)}
    answer = _post(http, "cancel/all").json()["result"]
    assert answer == {task: {"status": "success"} for task in tasks}


def test_deleting_a_source_breaks_its_links_and_stops_its_tasks(http):
    source = _uploaded(http)
    done, running = _begun(http, source=source), _begun(http, source=source)
    url = _finished(http, done)["result"]["tracks"][0]["url"]
    assert httpx.get(url).status_code == 200
    answer = _post(http, "delete", {"source_id": source})
    assert (answer.status_code, answer.json()) == (200, {})
    assert httpx.get(url).status_code == 404
    assert _checked(http, done)[done]["status"] == "success"
    assert _checked(http, running)[running]["status"] == "cancelled"


# ------------------------------------------------------------------------- minutes and files


def test_minutes_left_is_one_number(http):
    assert _post(http, "limits/minutes_left").json() == {"minutes_left": 100.0}


def test_the_older_billing_takes_the_key_in_the_address(server, http):
    server.account("k", limit=300.0, used=12.5)
    said = http.get("/billing/get-limits/", params={"key": "k"}).json()
    assert said["status"] == "success"
    assert said["process_duration_limit"] == 300.0
    assert said["process_duration_used"] == 12.5
    assert said["process_duration_left"] == 287.5
    assert {"option", "email"} <= set(said)
    refused = http.get("/billing/get-limits/", params={"key": "no"}).json()
    assert (refused["status"], type(refused["error"])) == ("error", str)


def test_a_track_is_a_wav_on_another_host_that_wants_no_key(server, http):
    track = _finished(http, _begun(http))["result"]["tracks"][0]
    assert not track["url"].startswith(server.url)
    got = httpx.get(track["url"])
    assert len(got.content) == track["size"]
    with wave.open(io.BytesIO(got.content)) as song:
        assert (song.getnchannels(), song.getframerate()) == (2, 44_100)
    assert httpx.get(track["url"].partition("?")[0]).status_code == 404


# ------------------------------------------------------------------------------------ faults


def test_a_fault_comes_once_with_its_status_and_headers(server, http):
    server.fails("limits/minutes_left", Fault(429, headers={"Retry-After": "7"}))
    refused = _post(http, "limits/minutes_left")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")
    assert _post(http, "limits/minutes_left").status_code == 200


def test_an_answer_can_be_lost_after_the_work(server, http):
    server.fails("split/stem_separator", Fault(after_work=True))
    with pytest.raises(httpx.RemoteProtocolError):
        _begun(http)
    assert len(server.service.tasks) == 1
