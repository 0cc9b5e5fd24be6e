"""A song on its way through lalal.ai and back, with everything that can happen to it."""

from datetime import UTC, datetime, timedelta
from threading import Event

import numpy as np
import pytest

from stemwright.audio.decode import SongFile
from stemwright.errors import (
    Cancelled,
    InputError,
    LalalaiCancelled,
    LalalaiFailed,
    LalalaiQuota,
    LalalaiRefused,
    LalalaiRejected,
    LalalaiTimeout,
    LalalaiUnavailable,
)
from stemwright.features.lalalai.licences import LicenceKey
from stemwright.features.lalalai.orders import order_of, voice_cleaning
from support.lalalai_bench import SHARED, Kept
from support.lalalai_rules import LEVELS, sound
from support.lalalai_server import Fault

VOCALS = order_of("htdemucs", stem_filter="vocals", name="track-1")
FOUR = order_of("htdemucs")
SIX = order_of("htdemucs_6s")


@pytest.fixture
def kept():
    return Kept()


def _level(path):
    """The one value of all samples, in the steps of 16 bits."""
    blocks = np.concatenate(list(SongFile(path).blocks()), axis=1)
    assert np.ptp(blocks) == 0
    return round(float(blocks[0, 0]) * 32_768)


# ------------------------------------------------------------------------------ the good way


def test_a_song_goes_there_and_comes_back_as_stems(bench, server, kept):
    stems = bench.split(VOCALS, kept.remembered())
    assert {stem: _level(path) for stem, path in stems.items()} == {
        "vocals": LEVELS["vocals"],
        "instrumental": LEVELS["no_vocals"],
    }
    assert [path.name for path in stems.values()] == ["vocals.wav", "instrumental.wav"]
    assert server.operations() == [
        "upload",
        "limits/minutes_left",
        "split/stem_separator",
        *["check"] * 4,
    ]


def test_tracks_are_told_apart_by_label_whatever_their_order(bench, server, kept):
    server.service.reverses_tracks = True
    stems = bench.split(FOUR, kept.remembered())
    assert {stem: _level(path) for stem, path in stems.items()} == {
        "vocals": LEVELS["vocals"],
        "drums": LEVELS["drum"],
        "bass": LEVELS["bass"],
        "other": LEVELS["no_multistem"],
    }


def test_the_guitar_is_the_sum_of_both_guitars_which_are_kept_apart_too(bench, kept):
    stems = bench.split(SIX, kept.remembered())
    electric, acoustic = LEVELS["electric_guitar"], LEVELS["acoustic_guitar"]
    assert _level(stems["guitar"]) == electric + acoustic
    assert (_level(stems["electric_guitar"]), _level(stems["acoustic_guitar"])) == (
        electric,
        acoustic,
    )
    assert len(stems) == 8


@pytest.mark.parametrize(
    ("absent", "stems"),
    [
        (set(), {"lead", "backing", "instrumental"}),
        ({"vocals@1"}, {"lead", "instrumental"}),
    ],
)
def test_a_song_may_have_no_backing_vocals(bench, server, kept, absent, stems):
    server.service.absent = absent
    order = order_of("htdemucs", stem_filter="vocals", multivocal="lead_back")
    assert set(bench.split(order, kept.remembered())) == stems


def test_a_voice_is_cleaned(bench, server, kept):
    stems = bench.split(voice_cleaning(1), kept.remembered())
    assert _level(stems["voice"]) == LEVELS["voice"]
    assert server.asked("split/voice_clean")[0].json["presets"]["noise_cancelling_level"] == 1


def test_wav_is_asked_for_and_the_splitter_left_to_them(bench, server, kept):
    bench.split(VOCALS, kept.remembered())
    order = server.asked("split/stem_separator")[0].json
    assert order["presets"] == {"stem": "vocals", "encoder_format": "wav"}


def test_the_title_of_the_song_never_leaves_the_house(bench, server, kept):
    bench.split(VOCALS, kept.remembered())
    said = server.asked("upload")[0].headers["content-disposition"]
    assert said == 'attachment; filename="track-1.wav"'


def test_progress_runs_from_upload_over_theirs_to_download(bench, server, kept):
    server.service.scripts.append((0, 37, 12, 100, "success"))
    bench.split(VOCALS, kept.remembered())
    assert bench.progress == sorted(bench.progress)
    assert bench.progress[0] == 0
    assert {10.0, 10 + 0.8 * 37, 90.0, 99.0} <= set(bench.progress)
    assert max(bench.progress) == 99.0


def test_progress_of_the_download_comes_without_sizes_as_well(bench, server, kept):
    server.service.names_sizes = False
    bench.split(VOCALS, kept.remembered())
    assert {90.0, 94.5, 99.0} <= set(bench.progress)


def test_a_preview_is_the_first_minute(bench, server, kept):
    order = order_of("htdemucs", stem_filter="vocals", preview=True)
    bench.split(order, kept.remembered(), song=bench.song(seconds=65))
    (source,) = server.service.sources.values()
    assert source.duration == 60
    assert len(server.service.tasks) == 1


def test_a_preview_of_no_song_fails_before_anything_is_sent(bench, server, kept, tmp_path):
    (tmp_path / "x.mp3").write_bytes(b"<html>")
    order = order_of("htdemucs", preview=True)
    with pytest.raises(InputError):
        bench.split(order, kept.remembered(), song=tmp_path / "x.mp3")
    assert (server.heard, kept.endings) == ([], ["failed"])


# ------------------------------------------------------------------- what is kept, and restarts


def test_everything_begun_is_kept_before_anything_follows_from_it(bench, server, kept):
    bench.split(FOUR, kept.remembered())
    uploaded, keyed, began = kept.changes
    (task,) = server.service.tasks.values()
    assert (uploaded["source_id"], uploaded["idempotency_key"]) == (task.source.id, None)
    assert keyed["idempotency_key"] == server.asked("split/multistem")[0].json["idempotency_key"]
    assert (keyed["task_id"], began["task_id"]) == (None, task.id)
    assert began["task_began_at"] == bench.time.clock() - timedelta(seconds=15)
    assert began["minutes"] == pytest.approx(3 / 60)


def test_a_restart_waits_for_the_task_and_begins_no_other(bench, server, kept):
    job, remembered = bench.with_task()
    heard = len(server.heard)
    again = bench.lalalai.begin(job)
    assert again.task_id == remembered.task_id
    bench.splitter = bench.new_splitter()
    assert set(bench.split(VOCALS, again)) == {"vocals", "instrumental"}
    assert {request.path for request in server.heard[heard:]} == {"/api/v1/check/"}
    assert len(server.service.tasks) == 1


def test_a_restart_after_the_upload_sends_the_song_no_second_time(bench, server, kept):
    source = bench.api.upload(LicenceKey("global", SHARED), bench.song(), "x", lambda *_: None)
    bench.split(VOCALS, kept.remembered(source=source))
    assert len(server.asked("upload")) == 1


def test_a_source_about_to_vanish_is_sent_anew(bench, server, kept):
    source = bench.api.upload(LicenceKey("global", SHARED), bench.song(), "x", lambda *_: None)
    bench.time.seconds = source.expires_at.timestamp() - 599
    bench.split(VOCALS, kept.remembered(source=source))
    assert len(server.asked("upload")) == 2


def test_a_crash_between_order_and_answer_leads_to_one_task(bench, server, kept):
    """The key was kept, the task's id was not: the same key gives the same task."""
    source = bench.api.upload(LicenceKey("global", SHARED), bench.song(), "x", lambda *_: None)
    key = "0f6c1c0a-5d0e-4f54-a8f6-3b1c2f3e4d55"
    lost = bench.api.split(
        LicenceKey("global", SHARED), "stem_separator", source.id, VOCALS.presets, key
    )
    remembered = kept.remembered(source=source, idempotency_key=key)
    bench.split(VOCALS, remembered)
    assert remembered.task_id == lost
    assert len(server.service.tasks) == 1


def test_an_order_whose_answer_is_lost_is_repeated_with_its_key(bench, server, kept):
    server.fails("split/stem_separator", Fault(after_work=True), Fault(502, after_work=True))
    bench.split(VOCALS, kept.remembered())
    keys = {heard.json["idempotency_key"] for heard in server.asked("split/stem_separator")}
    assert (len(keys), len(server.service.tasks)) == (1, 1)
    assert len(server.asked("split/stem_separator")) == 3


def test_a_key_used_by_a_task_whose_id_was_lost_is_replaced_once(bench, server, kept, caplog):
    server.service.starts_at_once = True
    server.fails("split/stem_separator", Fault(after_work=True))
    bench.split(VOCALS, kept.remembered())
    keys = [heard.json["idempotency_key"] for heard in server.asked("split/stem_separator")]
    assert keys[0] == keys[1] != keys[2]
    assert "may charge twice" in caplog.text
    assert kept.changes[-1]["idempotency_key"] == keys[2]


def test_it_is_not_replaced_twice(bench, server, kept):
    used = Fault(400, b'{"detail": "used", "code": "idempotency_key_used"}')
    server.fails("split/stem_separator", used, used, used)
    with pytest.raises(LalalaiRefused):
        bench.split(VOCALS, kept.remembered())
    assert len(server.asked("split/stem_separator")) == 2


def test_an_error_of_their_own_is_met_with_the_same_key(bench, server, kept):
    oops = Fault(400, b'{"detail": "oops", "code": "internal_error"}')
    server.fails("split/stem_separator", oops, oops)
    bench.split(VOCALS, kept.remembered())
    keys = {heard.json["idempotency_key"] for heard in server.asked("split/stem_separator")}
    assert len(keys) == 1


# ------------------------------------------------------------------------------ trying again


def test_a_service_out_of_order_is_tried_again_and_the_job_says_so(bench, server, kept):
    server.fails("upload", 503, 503)
    begun = bench.time.now()
    bench.split(VOCALS, kept.remembered())
    said = "lalal.ai is temporarily unavailable (HTTP 503). Next try in"
    assert kept.notes == [f"{said} 30 s.", f"{said} 60 s.", None]
    assert 90 <= bench.time.now() - begun < 120


@pytest.mark.parametrize(
    "operation", ["upload", "limits/minutes_left", "split/stem_separator", "check", "vocals"]
)
@pytest.mark.parametrize("fault", [Fault(), Fault(429), Fault(500), Fault(504), Fault(408)])
def test_no_step_minds_a_fault_that_passes(bench, server, kept, operation, fault):
    server.fails(operation, fault)
    assert set(bench.split(VOCALS, kept.remembered())) == {"vocals", "instrumental"}
    assert len(server.service.tasks) == 1
    assert kept.endings == []


def test_a_wait_that_they_name_is_kept(bench, server, kept):
    server.fails("upload", Fault(429, headers={"Retry-After": "7"}))
    bench.split(VOCALS, kept.remembered())
    assert kept.notes[0].endswith("Next try in 7 s.")


def test_ten_failures_are_enough_for_a_job(bench, server, kept):
    server.fails("upload", *[503] * 6)
    server.fails("limits/minutes_left", *[503] * 6)
    with pytest.raises(LalalaiUnavailable):
        bench.split(VOCALS, kept.remembered())
    assert len(server.asked("upload")) + len(server.asked("limits/minutes_left")) == 7 + 4
    assert kept.endings == ["failed"]


def test_more_checks_than_they_allow_only_make_it_slower(bench, server, kept):
    account = server.service.accounts[SHARED]
    account.checks.extend([bench.time.now()] * 30)
    bench.split(VOCALS, kept.remembered())
    assert "HTTP 429" in kept.notes[0]


# ------------------------------------------------------------------------------------ the end


def test_a_task_that_fails_inside_a_good_answer_fails_the_job_and_leaves_nothing(
    bench, server, kept
):
    server.service.scripts.append((0, 37, "error"))
    with pytest.raises(LalalaiFailed, match="no voice found"):
        bench.split(VOCALS, kept.remembered())
    assert server.operations()[-1] == "delete"
    assert kept.endings == ["failed"]
    assert len(server.service.tasks) == 1


def test_too_few_minutes_end_it_before_the_order(bench, server, kept):
    server.service.accounts[SHARED].minutes = 11.0
    server.service.duration_s = 240
    with pytest.raises(LalalaiQuota, match="11 minutes left and this takes 12"):
        bench.split(FOUR, kept.remembered())
    assert server.operations() == ["upload", "limits/minutes_left", "delete"]
    assert server.service.tasks == {}


@pytest.mark.parametrize(
    ("limit", "kind"), [({"longest_s": 0.5}, LalalaiQuota), ({"most_bytes": 9}, LalalaiQuota)]
)
def test_what_the_plan_does_not_allow_is_not_tried_again(bench, server, kept, limit, kind):
    for name, value in limit.items():
        setattr(server.service.accounts[SHARED], name, value)
    with pytest.raises(kind):
        bench.split(VOCALS, kept.remembered())
    assert bench.time.slept == []


def test_a_key_they_do_not_know_ends_it_at_once(bench, server, kept):
    with pytest.raises(LalalaiRejected):
        bench.split(VOCALS, kept.remembered(LicenceKey("own", "unknown")))
    assert server.operations() == ["upload"]


def test_a_task_cancelled_over_there_ends_without_another_try(bench, server, kept):
    server.service.scripts.append((0, 37, "cancelled"))
    with pytest.raises(LalalaiCancelled, match=r"^cancelled$"):
        bench.split(VOCALS, kept.remembered())
    assert kept.endings == ["cancelled"]
    assert server.operations()[-1] == "delete"


def test_a_task_they_lost_fails(bench, server, kept):
    server.service.scripts.append((0, "server_error"))
    with pytest.raises(LalalaiFailed, match="knows nothing of the task"):
        bench.split(VOCALS, kept.remembered())


def test_a_task_they_mislay_for_a_moment_is_waited_for(bench, server, kept):
    server.service.scripts.append((0, "server_error", "server_error", 37, "success"))
    assert bench.split(VOCALS, kept.remembered())


def test_a_task_that_stands_still_is_cancelled_and_deleted(bench, server, kept):
    server.service.scripts.append((0, 37))
    with pytest.raises(LalalaiTimeout):
        bench.split(VOCALS, kept.remembered())
    assert server.operations()[-2:] == ["cancel", "delete"]
    (task,) = server.service.tasks.values()
    assert (task.cancelled, task.source.deleted) == (True, True)


def test_deleting_is_tried_and_its_failure_only_logged(bench, server, kept, caplog):
    server.service.scripts.append((0, "error"))
    server.fails("delete", 500)
    with pytest.raises(LalalaiFailed):
        bench.split(VOCALS, kept.remembered())
    assert "did not delete" in caplog.text


def test_an_operator_may_leave_what_is_there(bench, server, kept):
    bench.splitter = bench.new_splitter(keep_remote=True)
    server.service.scripts.append((0, "error"))
    with pytest.raises(LalalaiFailed):
        bench.split(VOCALS, kept.remembered())
    assert server.asked("delete") == []


# ---------------------------------------------------------------------------------- cancelling


def test_who_cancels_while_it_runs_stops_the_task_over_there(bench, server, kept):
    wanted = Event()
    bench.time.after(7, wanted.set)
    with pytest.raises(Cancelled):
        bench.split(VOCALS, kept.remembered(), cancelled=wanted.is_set)
    (task,) = server.service.tasks.values()
    assert (task.cancelled, task.source.deleted) == (True, True)
    assert kept.endings == ["cancelled"]


def test_who_cancels_during_the_upload_has_begun_nothing(bench, server, kept):
    answers = iter([False, False, True])
    with pytest.raises(Cancelled):
        bench.split(VOCALS, kept.remembered(), cancelled=lambda: next(answers, True))
    assert server.service.sources == {}


def test_who_cancels_while_it_waits_for_another_try_waits_no_longer(bench, server, kept):
    server.fails("upload", 503)
    wanted, begun = Event(), bench.time.now()
    bench.time.after(3, wanted.set)
    with pytest.raises(Cancelled):
        bench.split(VOCALS, kept.remembered(), cancelled=wanted.is_set)
    assert bench.time.now() - begun < 4
    assert kept.notes[-1] is None


def test_an_attempt_that_was_overtaken_leaves_the_task_to_the_other(bench, server, kept):
    remembered, wanted = kept.remembered(), Event()
    kept.overtaken = True
    bench.time.after(7, wanted.set)
    with pytest.raises(Cancelled):
        bench.split(VOCALS, remembered, cancelled=wanted.is_set)
    (task,) = server.service.tasks.values()
    assert (task.cancelled, task.source.deleted, kept.endings) == (False, False, [])


# ------------------------------------------------------------------------------------ download


def test_no_key_and_no_cookie_goes_to_the_servers_of_the_tracks(bench, server, kept):
    bench.split(VOCALS, kept.remembered())
    assert len(server.cdn_heard) == 2
    for heard in server.cdn_heard:
        assert not {"x-license-key", "authorization", "cookie"} & set(heard.headers)
        assert SHARED not in str(heard)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(),
        Fault(200, b"RIFF"),
        Fault(200, sound(7)[:-2000]),
        Fault(200, b"x" * len(sound(7))),
        Fault(200, sound(7)[:100] + b"\0" * 1000),
    ],
)
def test_a_track_that_did_not_come_whole_is_fetched_again(bench, server, kept, fault):
    server.fails("vocals", fault, fault)
    stems = bench.split(VOCALS, kept.remembered())
    assert _level(stems["vocals"]) == LEVELS["vocals"]
    assert sum(bench.time.slept) == pytest.approx(15 + 2 + 5)


def test_a_track_that_never_is_sound_fails_the_job(bench, server, kept):
    server.fails("vocals", *[Fault(200, b"x" * len(sound(7)))] * 10)
    with pytest.raises(LalalaiFailed, match="no sound"):
        bench.split(VOCALS, kept.remembered())
    assert len(server.cdn_heard) == 4


def test_a_track_that_is_another_format_than_asked_for_is_refused(bench, server, kept):
    server.service.names_sizes = False
    flac = b"fLaC" + b"\0" * 400
    server.fails("vocals", *[Fault(200, flac)] * 4)
    with pytest.raises(LalalaiFailed):
        bench.split(VOCALS, kept.remembered())


def test_a_track_larger_than_any_stem_is_cut_off(bench, server, kept):
    server.service.names_sizes = False
    bench.splitter = bench.new_splitter(most_track_bytes=1000)
    with pytest.raises(LalalaiFailed, match="more for vocals"):
        bench.split(VOCALS, kept.remembered())


def test_a_link_that_is_over_is_asked_for_anew_once(bench, server, kept):
    server.fails("vocals", 403)
    checks = 4
    assert bench.split(VOCALS, kept.remembered())
    assert len(server.asked("check")) == checks + 1
    server.fails("vocals", 404, 404)
    with pytest.raises(LalalaiFailed, match="vocals any more"):
        bench.split(VOCALS, kept.remembered())


def test_a_result_without_a_track_that_was_asked_for_fails(bench, server, kept):
    server.service.absent = {"no_vocals"}
    with pytest.raises(LalalaiFailed, match="without the track no_vocals"):
        bench.split(VOCALS, kept.remembered())


def test_nothing_but_the_stems_is_left_in_the_folder(bench, kept):
    stems = bench.split(SIX, kept.remembered())
    (folder,) = {path.parent for path in stems.values()}
    assert set(folder.iterdir()) == set(stems.values())


def test_an_old_task_counts_its_two_hours_from_its_begin(bench, server, kept):
    _, remembered = bench.with_task()
    remembered.task_began_at = datetime.fromtimestamp(bench.time.now() - 7300, UTC)
    with pytest.raises(LalalaiTimeout):
        bench.split(VOCALS, remembered)
