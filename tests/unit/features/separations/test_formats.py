from types import SimpleNamespace

import pytest

from stemwright.errors import OptionError
from stemwright.features.separations.formats import Format, encoding_for, output_grid


def info(bit_depth=None, *, is_float=False, rate=44_100, channels=2):
    return SimpleNamespace(
        bit_depth=bit_depth, is_float=is_float, sample_rate=rate, channels=channels
    )


@pytest.mark.parametrize(
    ("source", "file_format", "depth"),
    [
        (info(8), "wav", "16"),
        (info(16), "wav", "16"),
        (info(24), "flac", "24"),
        (info(32), "wav", "24"),
        (info(is_float=True), "wav", "32f"),
        (info(is_float=True), "flac", "24"),
        (info(), "wav", "16"),
        (info(), "mp3", None),
    ],
)
def test_default_bit_depth_is_the_songs_own(source, file_format, depth):
    assert encoding_for(source, Format(file_format)).bit_depth == depth


def test_chosen_bit_depth_wins():
    assert encoding_for(info(24), Format("wav", "16")).bit_depth == "16"


@pytest.mark.parametrize(
    ("chosen", "exact_sum", "message"),
    [
        (Format("mp3", "16"), False, "--bit-depth"),
        (Format("wav", None, 320), False, "--bitrate"),
        (Format("flac", "32f"), False, "floating point"),
        (Format("mp3"), True, "exact"),
    ],
)
def test_combination_that_cannot_be_meant_is_refused(chosen, exact_sum, message):
    with pytest.raises(OptionError, match=message):
        chosen.check(exact_sum=exact_sum)


@pytest.mark.parametrize(
    ("source", "file_format", "rate", "channels", "frames"),
    [
        (info(16, rate=96_000), "wav", 96_000, 2, 96_000),
        (info(rate=96_000, channels=6), "mp3", 48_000, 2, 48_000),
        (info(rate=22_050, channels=1), "mp3", 44_100, 1, 192_000),
    ],
)
def test_stems_keep_the_songs_rate_where_the_format_can(
    source, file_format, rate, channels, frames
):
    grid = output_grid(source, 96_000, encoding_for(source, Format(file_format)))

    assert (grid.sample_rate, grid.channels, grid.frames) == (rate, channels, frames)
