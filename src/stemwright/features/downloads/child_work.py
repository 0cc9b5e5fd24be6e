"""What a child process does for a download: any song in, one of the library's formats out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from stemwright.audio.channels import to_stereo
from stemwright.audio.decode import Block, SongFile
from stemwright.audio.encode import Encoder, Encoding, open_encoder
from stemwright.audio.resample import StreamResampler
from stemwright.audio.tags import Tags, tags_from
from stemwright.errors import OutputError
from stemwright.features.separations.formats import Format, encoding_for

from .encoding_work import EncodingWork
from .quality import KINDS, parse_quality
from .validation import check_song

_PHASE: Final = "encode"
_MONO, _STEREO = 1, 2

Report = Callable[[str, float], None]


def encode_song(work: EncodingWork, report: Report) -> dict[str, Any]:
    """Transcode, tag and check a song.

    Returns
    -------
    dict
        ``duration_s``.

    Raises
    ------
    InputError, DownloadedFileInvalid, OutputError

    """
    song = SongFile(Path(work.song), max_duration_s=work.max_duration_s)
    kind = KINDS[parse_quality(work.quality)]
    encoding = encoding_for(song.info, Format(kind.format, bitrate_kbps=kind.bitrate_kbps))
    path = Path(work.output)
    try:
        frames = _written(song, path, encoding, _tags(work, song.info.tags), report)
    except OSError as error:
        raise OutputError(f"cannot write the song: {error.strerror or error}") from error
    check_song(path, "The song")
    return {"duration_s": frames / song.info.sample_rate}


def _written(song: SongFile, path: Path, encoding: Encoding, tags: Tags, report: Report) -> int:
    info, frames = song.info, 0
    channels = _MONO if info.channels == _MONO else _STEREO
    rate = encoding.output_rate(info.sample_rate)
    resampler = StreamResampler(info.sample_rate, rate, channels)
    with path.open("w+b") as file:
        encoder: Encoder = open_encoder(
            file, encoding, sample_rate=rate, channels=channels, tags=tags
        )
        for block in _folded(song, channels):
            frames += block.shape[1]
            encoder.write(resampler.process(block))
            report(_PHASE, min(frames / info.frames, 1.0) if info.frames else 0.0)
        encoder.write(resampler.flush())
        encoder.close()
    return frames


def _folded(song: SongFile, channels: int) -> Iterator[Block]:
    for block in song.blocks():
        yield block if channels == _MONO else to_stereo(block, song.info.positions)


def _tags(work: EncodingWork, own: Tags) -> Tags:
    """What is known of the song, and where nothing is, what its file says."""
    cover = Path(work.cover).read_bytes() if work.cover else None
    known = tags_from(work.tags, cover)
    filled = {name: text for name, text in known.texts().items() if text}
    return replace(own, **filled, cover=known.cover or own.cover)
