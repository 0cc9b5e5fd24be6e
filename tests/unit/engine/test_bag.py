"""Bags of models: what is run, what is in memory, and what comes out."""

import tempfile
import threading
from collections import namedtuple

import numpy as np
import pytest

from stemwright.engine import bag as module
from stemwright.engine.bag import Bag, Member, Watch
from stemwright.engine.runtimes.fake import FakeRuntime
from stemwright.engine.separate import ArrayMixture, Method, separate
from stemwright.errors import Cancelled, OutputError, UnknownStem
from support.signals import noise

RATE = 8000
STEMS = ("drums", "bass", "other", "vocals")
SONG = ArrayMixture(noise(30_011))
OF_ONE_STEM = [tuple(float(a == b) for b in range(4)) for a in range(4)]


class Networks:
    """Four networks that differ by a gain, and which of them are loaded when."""

    def __init__(self, weights):
        self.loaded = []
        self.most_at_once = 0
        self.runs = []
        members = [self._member(number, each) for number, each in enumerate(weights)]
        self.bag = Bag(STEMS, members)

    def _member(self, number, weights):
        def load():
            runtime = FakeRuntime(STEMS)
            plain = runtime.infer
            runtime.infer = lambda segment: plain(segment) * np.float32(number + 1)
            runtime.close = lambda: self.loaded.remove(number)
            self.loaded.append(number)
            self.runs.append(number)
            self.most_at_once = max(self.most_at_once, len(self.loaded))
            return runtime

        return Member(load, weights)

    def separated(self, method=None, **options):
        blocks = self.bag.separate(SONG, method or Method(), sample_rate=RATE, **options)
        return np.concatenate(list(blocks), axis=-1)


def alone(gain, method=None):
    """What one network makes of the song, without its normalisation's mean."""
    runtime = FakeRuntime(STEMS)
    plain = runtime.infer
    runtime.infer = lambda segment: plain(segment) * np.float32(gain)
    blocks = separate(SONG, runtime, method or Method(), sample_rate=RATE)
    return np.concatenate(list(blocks), axis=-1)


def test_every_stem_comes_from_its_own_network():
    stems = Networks(OF_ONE_STEM).separated()
    for row in range(4):
        np.testing.assert_array_equal(stems[row], alone(row + 1)[row])


def test_never_more_than_one_network_is_in_memory():
    networks = Networks(OF_ONE_STEM)
    networks.separated()
    assert networks.most_at_once == 1
    assert sorted(networks.runs) == [0, 1, 2, 3]
    networks.bag.close()
    assert networks.loaded == []


@pytest.mark.parametrize(("stems", "run"), [(["vocals"], [3]), (["vocals", "bass"], [1, 3])])
def test_only_networks_with_a_share_in_the_stems_asked_for_are_run(stems, run):
    networks = Networks(OF_ONE_STEM)
    networks.runs.clear()
    found = networks.separated(stems=stems)
    assert networks.runs == run
    for row, stem in zip(found, stems, strict=True):
        place = STEMS.index(stem)
        np.testing.assert_array_equal(row, alone(place + 1)[place])


def test_the_network_that_is_needed_first_is_the_one_loaded_at_once():
    loads = []

    def member(number):
        return Member(lambda: loads.append(number) or FakeRuntime(STEMS), OF_ONE_STEM[number])

    bag = Bag(STEMS, [member(number) for number in range(4)], ["vocals", "other"])
    assert loads == [2]
    assert bag.description == "fake"


def test_the_next_song_begins_with_the_network_that_is_loaded():
    networks = Networks(OF_ONE_STEM)
    first, second = networks.separated(), networks.separated()
    assert networks.runs == [0, 1, 2, 3, 0, 1, 2]
    np.testing.assert_array_equal(first, second)


def test_equal_shares_give_the_mean():
    networks = Networks([(1.0,) * 4] * 4)
    found = networks.separated()
    expected = np.mean([alone(gain) for gain in (1, 2, 3, 4)], axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_array_equal(found, networks.separated())


def test_shares_are_weights_of_a_mean():
    weights = [(1.0, 0.0, 0.5, 0.0), (3.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.5, 2.0)]
    found = Networks(weights).separated()
    one, two, three = (alone(gain) for gain in (1, 2, 3))
    np.testing.assert_allclose(found[0], (one[0] + 3 * two[0]) / 4, atol=1e-6)
    np.testing.assert_allclose(found[2], (one[2] + three[2]) / 2, atol=1e-6)
    np.testing.assert_allclose(found[1::2], three[1::2], atol=1e-6)


def test_networks_are_shifted_each_in_its_own_way_whichever_are_run():
    networks = Networks(OF_ONE_STEM)
    method = Method(shifts=2, seed=5)
    every = networks.separated(method)
    np.testing.assert_array_equal(every[3], alone(4, Method(shifts=2, seed=8))[3])
    np.testing.assert_array_equal(networks.separated(method, stems=["vocals"])[0], every[3])


def test_stems_come_in_the_order_asked_for():
    single = Bag.of(FakeRuntime(STEMS))
    found = np.concatenate(
        list(single.separate(SONG, Method(), sample_rate=RATE, stems=["vocals", "drums"])), axis=-1
    )
    np.testing.assert_array_equal(found, alone(1)[[3, 0]])


def test_progress_rises_evenly_over_all_networks():
    reports = []
    Networks(OF_ONE_STEM).separated(watch=Watch(reports.append))
    fractions = [report.fraction for report in reports]
    np.testing.assert_allclose(np.diff([0, *fractions]), 1 / len(fractions))
    assert reports[-1].seconds_done == pytest.approx(SONG.samples / RATE)


def test_cancelling_stops_in_any_pass():
    reports = []
    networks = Networks(OF_ONE_STEM)
    watch = Watch(reports.append, lambda: bool(reports) and reports[-1].fraction > 0.6)
    with pytest.raises(Cancelled):
        networks.separated(watch=watch)
    assert networks.runs[-1] == 2


def test_an_abandoned_stream_leaves_nothing_behind():
    before = threading.active_count()
    blocks = Networks(OF_ONE_STEM).bag.separate(SONG, Method(), sample_rate=RATE)
    next(blocks)
    blocks.close()
    assert threading.active_count() == before


def test_a_stem_nobody_gives_is_named():
    with pytest.raises(UnknownStem, match="'piano'; it has drums"):
        Networks(OF_ONE_STEM).separated(stems=["piano"])


def test_lack_of_room_is_said_before_an_hour_is_spent(monkeypatch):
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - the shape of shutil's answer
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage(10, 9, 1))
    networks = Networks(OF_ONE_STEM)
    with pytest.raises(OutputError, match=f"in {tempfile.gettempdir()} .*set TMPDIR"):
        networks.separated()
    assert networks.runs == [0]
