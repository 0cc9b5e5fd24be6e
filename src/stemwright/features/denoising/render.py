"""One recording through the denoiser in bounded memory: file, blocks, file."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stemwright.audio.channels import to_stereo
from stemwright.audio.decode import SongFile
from stemwright.audio.encode import Format as FormatName
from stemwright.audio.encode import open_encoder
from stemwright.audio.resample import StreamResampler
from stemwright.engine.deep_filter import SAMPLE_RATE
from stemwright.engine.denoise import Denoiser
from stemwright.errors import Cancelled
from stemwright.features.separations.formats import Format, encoding_for
from stemwright.kit.files import AtomicFiles

if TYPE_CHECKING:
    from stemwright.audio.info import AudioInfo
    from stemwright.engine.deep_filter import DeepFilterNetwork

Block = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class DenoiseResult:
    """What was written."""

    output: Path
    duration_s: float
    """Of the recording, counted by decoding it."""
    sample_rate: int
    channels: int


def denoise_file(
    song: Path,
    output: Path,
    format: FormatName,  # noqa: A002  # the word of every command and request
    *,
    network: DeepFilterNetwork,
    strength: float = 1.0,
    max_duration_s: float | None = None,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> DenoiseResult:
    """Write a recording without its noise: its own length, channels, rate and tags.

    Mono stays mono and surround becomes stereo. The rate is another one only where the format needs
    it, and nothing above 24 kHz is kept: the network hears at 48 kHz. The bit depth is that of the
    recording, as for stems. The file has its name only when it is whole; an older one is replaced.

    Raises
    ------
    InputError
        The recording cannot be decoded, is empty, or longer than ``max_duration_s``.
    OutputError
    OptionError
    Cancelled
        ``cancelled()`` was true before a block of the recording.

    """
    source = SongFile(song, max_duration_s=max_duration_s)
    encoding = encoding_for(source.info, Format(format))
    cleaning = _Cleaning(
        source.info, encoding.output_rate(source.info.sample_rate), network, strength
    )
    with AtomicFiles() as files:
        encoder = open_encoder(
            files.open(output),
            encoding,
            sample_rate=cleaning.rate,
            channels=cleaning.channels,
            tags=source.info.tags,
        )
        with closing(encoder):
            for block in source.blocks():
                if cancelled is not None and cancelled():
                    raise Cancelled(f"{song}: stopped while denoising")
                encoder.write(cleaning.process(block))
                if progress is not None:
                    progress(cleaning.fraction)
            encoder.write(cleaning.finish())
        files.commit()
    return DenoiseResult(output, cleaning.duration_s, cleaning.rate, cleaning.channels)


class _Cleaning:
    """To the network's rate, through it, and to the output's rate, as a stream."""

    def __init__(
        self, info: AudioInfo, rate: int, network: DeepFilterNetwork, strength: float
    ) -> None:
        self._info = info
        self.rate = rate
        self.channels = min(info.channels, 2)
        self._to_network = StreamResampler(info.sample_rate, SAMPLE_RATE, self.channels)
        self._denoiser = Denoiser(network, self.channels, strength=strength)
        self._to_output = StreamResampler(SAMPLE_RATE, rate, self.channels)
        self._taken = self._given = 0

    def process(self, block: Block) -> Block:
        self._taken += block.shape[1]
        if self.channels == 2:
            block = to_stereo(block, self._info.positions)
        ready = self._to_output.process(self._denoiser.process(self._to_network.process(block)))
        self._given += ready.shape[1]
        return ready

    def finish(self) -> Block:
        """What is still inside, cut or filled so that the output has the recording's length.

        Two conversions of rate may differ from it by a sample; what is filled in is silence.
        """
        late = self._denoiser.process(self._to_network.flush())
        last = self._denoiser.flush()
        ready = [self._to_output.process(late), self._to_output.process(last)]
        rest = np.concatenate([*ready, self._to_output.flush()], axis=1)
        owed = round(self._taken * self.rate / self._info.sample_rate) - self._given
        return np.pad(rest[:, :owed], ((0, 0), (0, max(0, owed - rest.shape[1]))))

    @property
    def duration_s(self) -> float:
        return self._taken / self._info.sample_rate

    @property
    def fraction(self) -> float:
        """How much of what the file declares is done; 0 where it declares no length."""
        declared = self._info.duration_s
        return min(1.0, self.duration_s / declared) if declared else 0.0
