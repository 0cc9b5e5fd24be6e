import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from stemwright.audio.resample import StreamResampler
from support.signals import music, noise, tones

# soxr's streaming and one-shot paths do the same arithmetic; float32 rounding is all that differs.
TOLERANCE = 1e-6


def stream(block, source_rate, target_rate, sizes):
    resampler = StreamResampler(source_rate, target_rate, block.shape[0])
    parts, at = [], 0
    while at < block.shape[1]:
        size = sizes[len(parts) % len(sizes)]
        parts.append(resampler.process(block[:, at : at + size]))
        at += size
    return np.concatenate([*parts, resampler.flush()], axis=1)


@settings(max_examples=25, deadline=None)
@given(
    frames=st.integers(1, 30_000),
    rates=st.sampled_from([(48000, 44100), (44100, 48000), (8000, 44100), (192000, 44100)]),
    sizes=st.lists(st.integers(1, 5000), min_size=1, max_size=5),
)
def test_streaming_equals_one_shot_whatever_the_blocks(frames, rates, sizes):
    block = noise(frames)
    streamed = stream(block, *rates, [size + 100 for size in sizes])
    whole = soxr.resample(block.T, *rates, quality="HQ").T
    assert streamed.shape[1] == int(frames * rates[1] / rates[0] + 0.5)
    shared = min(streamed.shape[1], whole.shape[1])
    assert np.abs(streamed[:, :shared] - whole[:, :shared]).max(initial=0) <= TOLERANCE


def test_equal_rates_pass_blocks_through():
    resampler = StreamResampler(44100, 44100, 2)
    block = noise(1000)
    assert resampler.process(block) is block
    assert resampler.flush().shape == (2, 0)


@pytest.mark.parametrize("rate", [8000, 22050, 48000, 96000, 192000])
def test_there_and_back_keeps_the_length_and_the_tone(rate):
    block = tones(1.0)
    away = stream(block, 44100, rate, [4096])
    back = stream(away, rate, 44100, [4096])
    assert back.shape == block.shape
    inner = slice(2000, -2000)  # the filter rings where the signal starts and stops
    assert np.abs(back[:, inner] - block[:, inner]).max() < 1e-4


def test_one_sample_and_nothing_at_all_are_fine():
    assert stream(noise(1), 48000, 44100, [1]).shape == (2, 1)
    assert stream(noise(0), 48000, 44100, [1]).shape == (2, 0)


def test_output_is_contiguous_float32():
    resampler = StreamResampler(48000, 44100, 2)
    block = resampler.process(music(1.0))
    assert block.dtype == np.float32
    assert block.flags.c_contiguous
