"""The method, with a runtime whose stems depend on their neighbours."""

import threading

import numpy as np
import pytest

from stemwright.engine.runtimes.fake import FakeRuntime
from stemwright.engine.separate import ArrayMixture, Method, Progress, separate
from stemwright.engine.separator import Separator
from stemwright.errors import Cancelled, EmptyAudio, OptionError
from support.signals import music, noise

RATE = 8000
SEGMENT = 4096


class BlockMixture(ArrayMixture):
    """The same mixture, arriving in small blocks."""

    def blocks(self):
        for start in range(0, self.samples, 333):
            yield self.array[:, start : start + 333]


def whole(mixture, method, runtime=None):
    blocks = separate(mixture, runtime or FakeRuntime(), method, sample_rate=RATE)
    return np.concatenate(list(blocks), axis=-1)


def apply_model(mixture, runtime, method):
    """Demucs' ``apply_model`` over whole arrays, written down plainly: what must come out."""
    mono = mixture.mean(axis=0)
    mean, deviation = mono.mean(), mono.std(ddof=1) + 1e-8
    scaled = (mixture - mean) / deviation
    total, most = mixture.shape[1], RATE // 2
    offsets = np.random.default_rng(method.seed).integers(0, most, method.shifts, endpoint=True)
    passes = []
    for offset in offsets if method.shifts else [most]:
        shifted = np.pad(scaled, ((0, 0), (most - offset, 0)))
        passes.append(overlap_added(shifted, runtime, method)[..., most - offset :])
    return np.mean(passes, axis=0)[..., :total] * deviation + mean


def overlap_added(signal, runtime, method):
    segment = runtime.segment_samples
    stride = int((1 - method.overlap) * segment)
    rise = np.arange(1, segment // 2 + 1)
    weight = np.concatenate([rise, rise[::-1]]) / rise[-1]
    length = signal.shape[1]
    out = np.zeros((4, 2, length))
    sums = np.zeros(length)
    padded = np.pad(signal, ((0, 0), (segment, segment)))
    for start in range(0, length, stride):
        size = min(segment, length - start)
        lead = (segment - size) // 2
        window = padded[:, segment + start - lead :][:, :segment]
        stems = runtime.infer(window.astype(np.float32))[..., lead : lead + size]
        out[..., start : start + size] += stems * weight[:size]
        sums[start : start + size] += weight[:size]
    return out / sums


@pytest.mark.parametrize("samples", [1, 100, SEGMENT - 1, SEGMENT, SEGMENT + 1, 20_011])
@pytest.mark.parametrize("method", [Method(), Method(overlap=0.1), Method(overlap=0.6, shifts=3)])
def test_stems_are_those_of_the_reference_on_the_same_grid(samples, method):
    mixture = noise(samples) + 0.01 if samples > 1 else noise(samples)
    if samples == 1:
        # one sample has no deviation; the reference divides by nothing there
        assert whole(ArrayMixture(mixture), method).shape == (4, 2, 1)
        return
    expected = apply_model(mixture, FakeRuntime(), method)
    # float32 here, float64 there, on values below 1
    np.testing.assert_allclose(whole(ArrayMixture(mixture), method), expected, atol=2e-6)


@pytest.mark.parametrize("method", [Method(), Method(shifts=2), Method(segment_s=0.2)])
def test_a_stream_gives_the_same_samples_as_the_whole_array(method):
    mixture = noise(50_000)
    streamed = whole(BlockMixture(mixture), method)
    np.testing.assert_array_equal(streamed, whole(ArrayMixture(mixture), method))


def test_stems_that_add_up_in_every_segment_add_up_in_the_song():
    mixture = music(3, sample_rate=RATE)
    stems = whole(ArrayMixture(mixture), Method(shifts=2))
    # the reference gives the mixture's mean to each of the four stems, and so do we
    expected = mixture + 3 * mixture.mean()
    np.testing.assert_allclose(stems.sum(axis=0), expected, atol=1e-5)


def test_silence_stays_silent():
    stems = whole(ArrayMixture(np.zeros((2, 10_000), np.float32)), Method())
    assert stems.shape == (4, 2, 10_000)
    assert not stems.any()


def test_progress_rises_to_one_in_equal_steps():
    reports: list[Progress] = []
    mixture = ArrayMixture(noise(20_000))
    list(separate(mixture, FakeRuntime(), Method(), sample_rate=RATE, progress=reports.append))
    np.testing.assert_allclose([r.fraction for r in reports], np.arange(1, 8) / 7)
    assert reports[-1].seconds_done == reports[-1].seconds_total == 20_000 / RATE
    assert reports[-1].eta_s == 0


def test_cancelling_stops_before_the_next_segment():
    runtime = FakeRuntime()
    ran = []
    infer = runtime.infer
    runtime.infer = lambda segment: (ran.append(1), infer(segment))[1]
    blocks = separate(
        ArrayMixture(noise(100_000)),
        runtime,
        Method(),
        sample_rate=RATE,
        cancelled=lambda: len(ran) >= 2,
    )
    with pytest.raises(Cancelled):
        list(blocks)
    assert len(ran) <= 3


def test_an_abandoned_stream_leaves_no_thread_behind():
    before = threading.active_count()
    blocks = separate(ArrayMixture(noise(100_000)), FakeRuntime(), Method(), sample_rate=RATE)
    next(blocks)
    blocks.close()
    assert threading.active_count() == before


def test_a_runtime_that_fails_fails_the_separation():
    runtime = FakeRuntime()

    def fail(segment):
        raise MemoryError("no room for the network")

    runtime.infer = fail
    with pytest.raises(MemoryError, match="no room"):
        whole(ArrayMixture(noise(10_000)), Method(), runtime)


@pytest.mark.parametrize(
    "wrong",
    [{"overlap": 1.0}, {"overlap": -0.1}, {"overlap": float("nan")}, {"shifts": -1}, {"shifts": 65},
     {"segment_s": 0.05}, {"segment_s": float("nan")}],
)  # fmt: skip
def test_options_out_of_range_are_refused(wrong):
    with pytest.raises(OptionError):
        Method(**wrong)


def test_a_segment_longer_than_the_network_sees_is_refused():
    with pytest.raises(OptionError, match=r"at most 0\.512 s"):
        whole(ArrayMixture(noise(10_000)), Method(segment_s=1.0))


def separator():
    return Separator(FakeRuntime(), RATE)


def test_stems_come_back_at_the_rate_and_length_of_the_mixture():
    stems = separator().separate(noise(30_001), 11_025)
    assert set(stems) == {"drums", "bass", "other", "vocals"}
    assert {stem.shape for stem in stems.values()} == {(2, 30_001)}


def test_a_mono_array_is_repeated_on_both_channels():
    mono = noise(10_000, channels=1)[0]
    mono -= mono.mean()
    stems = separator().separate(mono, RATE)
    np.testing.assert_allclose(sum(stems.values()), np.stack([mono, mono]), atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 100), (2, 2, 100)])
def test_an_array_that_is_no_stereo_is_refused(shape):
    with pytest.raises(OptionError, match="shape"):
        separator().separate(np.zeros(shape, np.float32), RATE)


def test_an_empty_array_is_refused():
    with pytest.raises(EmptyAudio):
        separator().separate(np.zeros((2, 0), np.float32), RATE)
