"""The stems of one song as files: what the command line and the jobs of the service share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, BinaryIO

from stemwright.audio.encode import open_encoder

from .formats import output_grid
from .render import Cancel, SongMixture, SongSeparator, render

if TYPE_CHECKING:
    from stemwright.audio.encode import Encoding
    from stemwright.engine.separate import Method, Progress


def render_files(
    mixture: SongMixture,
    files: Mapping[str, BinaryIO],
    encoding: Encoding,
    separator: Callable[[], SongSeparator],
    method: Method,
    *,
    exact: bool,
    progress: Callable[[Progress], None],
    cancelled: Cancel,
) -> None:
    """Separate a song into open files, one for each stem, with the song's tags.

    ``separator`` is asked for after the files are open, so that a model still loading is waited
    for as late as can be.
    """
    info = mixture.song.info
    grid = output_grid(info, mixture.frames, encoding)
    with ExitStack() as stack:
        outputs = {}
        for stem, file in files.items():
            outputs[stem] = encoder = open_encoder(
                file,
                encoding,
                sample_rate=grid.sample_rate,
                channels=grid.channels,
                tags=info.tags.for_stem(stem),
                expected_frames=grid.frames,
            )
            stack.callback(encoder.close)
        render(
            mixture,
            separator(),
            method,
            outputs,
            grid,
            exact=exact,
            progress=progress,
            cancelled=cancelled,
        )
