"""From the edits of a stem to the stages of a stream, with every length known in advance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from stemwright.audio.edits import Fall, Keep, Remove, Rise, Scale, Stage
from stemwright.audio.stretch import Stretch, TempoAndPitch, stretched_frames
from stemwright.errors import InvalidManifest

from .edits import (
    FASTEST,
    MAX_SEMITONES,
    SLOWEST,
    Crop,
    Edit,
    FadeIn,
    FadeOut,
    Gain,
    PitchShift,
    Range,
    Split,
    TimeStretch,
    Trim,
)

_ENDLESS_MS: Final = 1e15


class Plan:
    """The stages for one stem, and how long it is behind the last.

    Times of an edit refer to the clip as the edits before have left it. Milliseconds become samples
    by rounding to the nearest. Changes of pitch and time that follow each other are made in one go
    as long as they add up to what a single edit may do.

    Raises
    ------
    InvalidManifest
        A range lies outside of its clip, or a clip becomes longer than ``max_frames``.

    """

    def __init__(
        self, edits: Sequence[Edit], frames: int, rate: int, max_frames: int, stretch: Stretch
    ) -> None:
        self.frames = frames
        self.stages: list[Stage] = []
        self._rate, self._max_frames, self._stretch = rate, max_frames, stretch
        self._tempo, self._semitones = 1.0, 0.0
        for edit in edits:
            if not isinstance(edit, PitchShift | TimeStretch | Split):
                self._reshape()
            self._add(edit)
        self._reshape()

    def _add(self, edit: Edit) -> None:
        match edit:
            case Crop():
                start, stop = self._samples(edit.range)
                self._append(Keep(start, stop), stop - start)
            case Trim():
                start, stop = self._samples(edit.range)
                self._append(Remove(start, stop), self.frames - (stop - start))
            case FadeIn():
                self._append(Rise(self._at(edit.duration_ms)), self.frames)
            case FadeOut():
                self._append(Fall(self._at(edit.duration_ms), self.frames), self.frames)
            case Gain():
                start, stop = self._samples(edit.range) if edit.range else (0, self.frames)
                self._append(Scale(start, stop, edit.level), self.frames)
            case PitchShift():
                if abs(self._semitones + edit.semitones) > MAX_SEMITONES:
                    self._reshape()
                self._semitones += edit.semitones
            case TimeStretch():
                if not SLOWEST <= self._tempo * edit.tempo_factor <= FASTEST:
                    self._reshape()
                self._tempo *= edit.tempo_factor
            case Split():
                pass

    def _append(self, stage: Stage, frames: int) -> None:
        self.stages.append(stage)
        self.frames = frames

    def _reshape(self) -> None:
        """Append the change of pitch and time that is due; none at all leaves every sample."""
        tempo, semitones = self._tempo, self._semitones
        self._tempo, self._semitones = 1.0, 0.0
        if tempo == 1 and semitones == 0:
            return
        frames = stretched_frames(self.frames, tempo)
        if frames > self._max_frames:
            longest = self._max_frames / self._rate
            told = f"a stem would become longer than the {longest:.0f} seconds a mix may last"
            raise InvalidManifest({"edits": told})
        stage = TempoAndPitch(self.frames, tempo, semitones, self._rate, self._stretch)
        self._append(stage, frames)

    def _samples(self, wanted: Range) -> tuple[int, int]:
        """A range in samples, within the clip."""
        start = self._at(wanted.start_ms)
        stop = self.frames if wanted.end_ms is None else self._at(wanted.end_ms)
        if start >= stop:
            length = self.frames / self._rate
            told = f"holds none of the clip, which lasts {length:.3f} seconds at this point"
            raise InvalidManifest({wanted.path: told})
        return start, stop

    def _at(self, time_ms: float) -> int:
        """The sample next to a time; what lies outside is moved to the clip's nearer end."""
        bounded = min(max(time_ms, 0.0), _ENDLESS_MS)
        return min(int(bounded * self._rate / 1000 + 0.5), self.frames)
