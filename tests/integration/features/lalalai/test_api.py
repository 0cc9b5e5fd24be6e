"""Each operation of the v1 API as it goes over the wire."""

import json
import logging
from uuid import uuid4

import pytest

from stemwright.errors import (
    Cancelled,
    LalalaiError,
    LalalaiQuota,
    LalalaiRefused,
    LalalaiRejected,
    LalalaiUnavailable,
)
from stemwright.features.lalalai.api import LalalaiApi
from stemwright.features.lalalai.licences import LicenceKey
from stemwright.features.lalalai.replies import Billing
from stemwright.web.client import GuardedClient
from support.lalalai_bench import SHARED
from support.lalalai_server import Fault

KEY = LicenceKey("global", SHARED)
WAV = {"stem": "vocals", "encoder_format": "wav"}


def _upload(bench, name="track-1"):
    return bench.api.upload(KEY, bench.song(), name, lambda _done, _size: None)


def _begin(bench, source_id=None, presets=WAV):
    source_id = source_id or _upload(bench).id
    return bench.api.split(KEY, "stem_separator", source_id, presets, str(uuid4()))


def test_a_song_is_sent_as_it_is_under_a_made_up_name(bench, server):
    song, told = bench.song(), []
    source = bench.api.upload(KEY, song, "8f1e-Träck/1", lambda *sent: told.append(sent))
    (heard,) = server.asked("upload")
    assert heard.body == song.read_bytes()
    assert heard.headers["content-disposition"] == 'attachment; filename="8f1e-Trck1.wav"'
    assert heard.headers["content-type"] == "application/octet-stream"
    assert heard.headers["content-length"] == str(len(heard.body))
    assert "transfer-encoding" not in heard.headers
    assert (source.size_bytes, source.duration_s) == (len(heard.body), 1)
    assert told[0] == (0, len(heard.body))
    assert told[-1] == (len(heard.body), len(heard.body))


def test_a_file_without_a_usable_extension_gets_one(bench, server, tmp_path):
    song = tmp_path / 'evil."\r\nX: y'
    song.write_bytes(b"la")
    bench.api.upload(KEY, song, "", lambda _done, _size: None)
    said = server.asked("upload")[0].headers["content-disposition"]
    assert said == 'attachment; filename="song.audio"'


def test_an_upload_ends_when_who_counts_its_bytes_says_so(bench, server):
    def stop(done, size):
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        bench.api.upload(KEY, bench.song(), "song", stop)
    assert server.service.sources == {}


def test_an_upload_that_did_not_arrive_whole_is_none(bench, server):
    reply = {"id": str(uuid4()), "name": "x", "size": 3, "duration": 1, "expires": 1_790_000_000}
    server.fails("upload", Fault(200, json.dumps(reply).encode()))
    with pytest.raises(LalalaiUnavailable, match="3 of the song's"):
        _upload(bench)


def test_every_request_is_a_post_to_a_path_with_a_slash_that_carries_the_key(bench, server):
    source = _upload(bench)
    task = _begin(bench, source.id)
    bench.api.check(KEY, [task])
    bench.api.cancel(KEY, [task])
    bench.api.minutes_left(KEY)
    bench.api.delete(KEY, source.id)
    assert server.operations() == [
        "upload",
        "split/stem_separator",
        "check",
        "cancel",
        "limits/minutes_left",
        "delete",
    ]
    for heard in server.heard:
        assert (heard.method, heard.path[-1]) == ("POST", "/")
        assert heard.headers["x-license-key"] == SHARED
        assert heard.headers["accept"] == "application/json"
        assert "authorization" not in heard.headers


def test_an_order_has_the_members_the_documents_name(bench, server):
    source, key = _upload(bench), str(uuid4())
    bench.api.split(KEY, "multistem", source.id, {"stem_list": ["drum"]}, key)
    assert server.asked("split/multistem")[0].json == {
        "source_id": source.id,
        "presets": {"stem_list": ["drum"]},
        "idempotency_key": key,
    }


def test_several_orders_are_answered_one_by_one(bench):
    source = _upload(bench).id
    orders = [(id_, WAV, str(uuid4())) for id_ in (source, str(uuid4()))]
    begun, refused = bench.api.split_batch(KEY, "stem_separator", orders)
    assert isinstance(begun, str)
    assert isinstance(refused, LalalaiRefused)


def test_a_batch_item_over_the_limit_is_named_as_such(bench, server):
    server.service.accounts[SHARED].minutes = 0
    orders = [(_upload(bench).id, WAV, str(uuid4()))]
    (refused,) = bench.api.split_batch(KEY, "stem_separator", orders)
    assert isinstance(refused, LalalaiQuota)


def test_states_are_read_from_inside_a_good_answer(bench, server):
    server.service.scripts.extend([(0,), (37,), ("success",), ("error",), ("cancelled",)])
    tasks = [_begin(bench) for _ in range(5)]
    states = bench.api.check(KEY, [*tasks, str(uuid4())]).values()
    assert [state.status for state in states] == [
        "progress",
        "progress",
        "success",
        "error",
        "cancelled",
        "server_error",
    ]
    waiting, running, done, failed, _, unknown = states
    assert (waiting.progress, running.progress) == (0, 37)
    assert [track.label for track in done.tracks] == ["vocals", "no_vocals"]
    assert (failed.detail, failed.code) == ("no voice found", "inference_error")
    assert unknown.detail == "Failed to extract information about task"


@pytest.mark.parametrize(
    ("item", "status"),
    [
        ({"status": "brand_new"}, "server_error"),
        ({"status": "progress"}, "progress"),
        ({"status": "progress", "progress": 250, "eta": 3}, "progress"),
        ({"status": "error", "error": {"detail": None, "code": None, "id": None}}, "error"),
        ({"status": "error"}, "error"),
        ({"status": "server_error", "error": "x"}, "server_error"),
    ],
)
def test_states_with_members_missing_new_or_empty_are_still_read(bench, server, item, status):
    task = str(uuid4())
    server.fails("check", Fault(200, json.dumps({"result": {task: item}}).encode()))
    state = bench.api.check(KEY, [task])[task]
    assert (state.status, state.progress <= 100) == (status, True)


def test_a_task_the_answer_leaves_out_is_unknown(bench, server):
    server.fails("check", Fault(200, b'{"result": {}}'))
    task = str(uuid4())
    assert bench.api.check(KEY, [task])[task].status == "server_error"


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"result": 3}',
        b'{"result": {"%s": {"status": "success"}}}',
        b"[" * 30_000,
    ],
)
def test_an_answer_that_makes_no_sense_may_be_better_next_time(bench, server, body):
    task = str(uuid4())
    server.fails("check", Fault(200, body.replace(b"%s", task.encode())))
    with pytest.raises(LalalaiUnavailable, match="no sense"):
        bench.api.check(KEY, [task])


def test_a_refusal_of_endless_depth_is_a_refusal(bench, server):
    server.fails("limits/minutes_left", Fault(400, b"[" * 30_000))
    with pytest.raises(LalalaiRefused):
        bench.api.minutes_left(KEY)


def test_many_tasks_are_cancelled_in_parts_and_never_all_of_a_licence(bench, server):
    ids = [str(uuid4()) for _ in range(450)]
    refused = bench.api.cancel(KEY, ids)
    assert [len(heard.json["task_ids"]) for heard in server.asked("cancel")] == [200, 200, 50]
    assert set(refused) == set(ids)
    assert set(refused.values()) == {"Failed to extract information about task"}
    assert server.asked("cancel/all") == []


def test_a_cancelled_task_has_no_complaint(bench):
    task = _begin(bench)
    assert bench.api.cancel(KEY, [task]) == {task: None}
    assert bench.api.cancel(KEY, [task]) == {task: "Task is not in progress state"}


def test_minutes_are_asked_for_with_an_empty_post(bench, server):
    server.service.accounts[SHARED].minutes = 1234.5
    assert bench.api.minutes_left(KEY) == 1234.5
    (heard,) = server.asked("limits/minutes_left")
    assert heard.body == b""


def test_the_older_billing_knows_limit_and_use(bench, server):
    assert bench.api.billing(KEY) == Billing(1200.0, 200.0)
    assert "x-license-key" not in server.heard[0].headers


@pytest.mark.parametrize("fault", [Fault(), Fault(500), Fault(200, b"no"), Fault(302)])
def test_where_the_older_billing_says_nothing_it_is_done_without(bench, server, fault):
    server.fails("billing", fault)
    assert bench.api.billing(KEY) is None
    assert bench.api.billing(LicenceKey("own", "unknown")) is None


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(bench, server, status):
    server.fails("check", Fault(status, b"", {"Location": f"{server.cdn_url}/api/v1/check/"}))
    with pytest.raises(LalalaiRefused, match=str(status)):
        bench.api.check(KEY, [str(uuid4())])
    assert server.cdn_heard == []


def test_nobody_there_is_said_to_be_unreachable(bench):
    api = LalalaiApi(GuardedClient(), "http://127.0.0.1:9")
    with pytest.raises(LalalaiUnavailable, match=r"lalal\.ai cannot be reached"):
        api.minutes_left(KEY)


def test_the_real_host_is_reached_as_any_other_address_is():
    inside = GuardedClient(resolve=lambda _host, _port: ["10.0.0.1"])
    with pytest.raises(LalalaiUnavailable, match="open internet"):
        LalalaiApi(inside).minutes_left(KEY)


@pytest.mark.parametrize("url", ["http://cdn.example/v.wav", "file:///etc/passwd", "//x"])
def test_from_the_real_host_tracks_are_taken_over_https_alone(url):
    api = LalalaiApi(GuardedClient(resolve=lambda *_: pytest.fail("looked up")))
    with pytest.raises(LalalaiError), api.track(url):
        pass


def test_from_the_real_host_no_track_is_taken_from_within(bench):
    api = LalalaiApi(GuardedClient(resolve=lambda _host, _port: ["169.254.169.254"]))
    with pytest.raises(LalalaiUnavailable), api.track("https://cdn.example/v.wav"):
        pass


def test_a_wrong_key_is_rejected_and_appears_nowhere(bench, server, caplog):
    secret = "secret-licence-9999"
    quoting = json.dumps({"detail": f"unknown key {secret}"}).encode()
    server.fails("check", Fault(403, quoting), Fault(400, quoting))
    key = LicenceKey("own", secret)
    with caplog.at_level(logging.DEBUG):
        with pytest.raises(LalalaiRejected) as rejected:
            bench.api.check(key, [str(uuid4())])
        with pytest.raises(LalalaiRefused) as refused:
            bench.api.check(key, [str(uuid4())])
        bench.api.billing(key)
    assert secret not in rejected.value.message + refused.value.message + caplog.text
    assert secret not in repr(key) + str(key)
    assert "req-1" in caplog.text


@pytest.mark.parametrize("value", ["with space", "line\r\nX-Evil: 1", "schlüssel", "", "x" * 300])
def test_a_key_that_cannot_be_a_header_is_rejected_without_being_shown(value):
    with pytest.raises(LalalaiRejected) as rejected:
        LicenceKey("own", value)
    assert not value or value not in rejected.value.message


def test_a_lost_answer_may_be_better_next_time(bench, server):
    server.fails("check", Fault(), Fault(after_work=True))
    for _ in range(2):
        with pytest.raises(LalalaiUnavailable):
            bench.api.check(KEY, [str(uuid4())])
