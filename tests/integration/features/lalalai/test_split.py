"""A song on its way through lalal.ai and back, with everything that can happen to it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from threading import Barrier, BrokenBarrierError

import pytest

from stemwright.errors import (
    InputError,
    LalalaiRefused,
)
from stemwright.features.lalalai.licences import LicenceKey
from stemwright.features.lalalai.orders import order_of, voice_cleaning
from stemwright.features.lalalai.poller import Pollers
from support.lalalai_bench import OWN, SHARED, Kept, level_of
from support.lalalai_rules import LEVELS
from support.lalalai_server import Fault

VOCALS = order_of("htdemucs", stem_filter="vocals", name="track-1")
FOUR = order_of("htdemucs")
SIX = order_of("htdemucs_6s")


# ------------------------------------------------------------------------------ the good way


def test_a_song_goes_there_and_comes_back_as_stems(bench, server, kept):
    stems = bench.split(VOCALS, kept.remembered())
    assert {stem: level_of(path) for stem, path in stems.items()} == {
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
    assert {stem: level_of(path) for stem, path in stems.items()} == {
        "vocals": LEVELS["vocals"],
        "drums": LEVELS["drum"],
        "bass": LEVELS["bass"],
        "other": LEVELS["no_multistem"],
    }


def test_the_guitar_is_the_sum_of_both_guitars_which_are_kept_apart_too(bench, kept):
    stems = bench.split(SIX, kept.remembered())
    electric, acoustic = LEVELS["electric_guitar"], LEVELS["acoustic_guitar"]
    assert level_of(stems["guitar"]) == electric + acoustic
    assert (level_of(stems["electric_guitar"]), level_of(stems["acoustic_guitar"])) == (
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
    assert level_of(stems["voice"]) == LEVELS["voice"]
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


# ------------------------------------------------------------------------------ several at once


class Lockstep:
    """Lets time pass when both threads sleep, and for either alone once the other is done."""

    def __init__(self, time):
        self.time = time
        self.barrier = Barrier(2, lambda: time.sleep(0.5))

    def sleep(self, seconds):
        try:
            self.barrier.wait(30)
        except BrokenBarrierError:
            self.time.sleep(seconds)


def test_jobs_on_one_licence_are_asked_for_together_and_seldom(bench, server):
    """Two threads, one poller; each task is asked for by whichever of them comes first."""
    server.service.usual = (0, *range(1, 100, 7), "success")
    lockstep = Lockstep(bench.time)
    bench.splitter.pollers = Pollers(bench.api, bench.time.now, lockstep.sleep)

    def separate(remembered):
        try:
            return set(bench.split(VOCALS, remembered))
        finally:
            lockstep.barrier.abort()

    begun = [bench.with_task()[1] for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(separate, begun)) == [{"vocals", "instrumental"}] * 2
    together = [heard for heard in server.asked("check") if len(heard.json["task_ids"]) == 2]
    assert len(together) > len(server.asked("check")) / 2
    times = list(server.service.accounts[SHARED].checks)
    assert min(later - earlier for earlier, later in pairwise(times)) >= 5


def test_each_licence_is_asked_with_its_own_key(bench, server):
    server.account(OWN)
    bench.split(VOCALS, Kept().remembered())
    bench.split(VOCALS, Kept().remembered(LicenceKey("own", OWN)))
    keys = [heard.headers["x-license-key"] for heard in server.asked("check")]
    assert keys == [SHARED] * 4 + [OWN] * 4
