"""Tracks on their way back from lalal.ai."""

import pytest

from stemwright.errors import (
    LalalaiFailed,
)
from stemwright.features.lalalai.orders import order_of
from support.lalalai_bench import SHARED, level_of
from support.lalalai_rules import LEVELS, sound
from support.lalalai_server import Fault

VOCALS = order_of("htdemucs", stem_filter="vocals", name="track-1")
FOUR = order_of("htdemucs")
SIX = order_of("htdemucs_6s")


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
    assert level_of(stems["vocals"]) == LEVELS["vocals"]
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
