"""The method on one page: what is asked decides who listens, the song is played once, each tells.

Where stems are at hand, each is described. Rhythm and harmony are heard in the mixture all the same
and in stems only where the mixture has none: measured, stems do not make them better (see
docs/analysis.md). Who wants it otherwise says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from .activity import Activity, stem_activity
from .features import parse_features
from .frontend import Condition, MonoListener, Progress, hear
from .harmony.chroma import Chroma
from .harmony.describe import Harmony, describe_harmony
from .harmony.pitch_frames import PitchFrameCollector
from .loudness import Loudness, LoudnessMeter
from .results import Analysis, Source
from .rhythm.find import Rhythm, find_rhythm
from .rhythm.onset import OnsetStream
from .sound import Sound
from .spectral import EnergyMeter, SpectrumListener
from .structure import find_sections

RHYTHM_STEMS = frozenset({"drums", "bass"})
UNPITCHED_STEMS = frozenset({"drums"})
REPEATING_STEMS = frozenset({"instrumental"})
"""Stems that hold what others hold, too: used only where those are missing."""

_RHYTHM = frozenset({"tempo", "beats", "sections"})
_HARMONY = frozenset({"key", "chords", "chroma", "sections"})
_SPECTRUM = frozenset({"spectral", "mfcc", "sections"})

Stems = Mapping[str, Sound]


def analyse(
    song: Sound,
    features: Collection[str] = ("all",),
    *,
    stems: Stems | None = None,
    listen_to: Source = "mixture",
    progress: Progress = lambda _fraction: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Analysis:
    """Describe a song.

    Parameters
    ----------
    song
        The mixture.
    features
        Names out of `features.FEATURES`, or ``all``.
    stems
        Its stems by name; what each holds is then reported, too.
    listen_to
        Where rhythm and harmony are heard first. Of stems, rhythm is heard in drums and bass,
        harmony in everything but drums; stems of nothing but bleed are left out.
    progress
        Gets the fraction of the work done, 0 to 1.
    cancelled
        Asked at every block.

    Raises
    ------
    OptionError
        For an unknown feature.
    Cancelled
        As soon as ``cancelled`` says so; and whatever the decoder raises.

    """
    asked = parse_features(features)
    ears = _Ears(asked, song, with_stems=bool(stems))
    player = _Player(progress, cancelled, passes=1 + (len(stems) + 2 if stems else 0))
    together = not stems or listen_to == "mixture"
    apart: list[MonoListener] = [*ears.onsets, *ears.pitches] if together else []
    condition = player.play(song, [*apart, *ears.energy, *ears.spectrum], ears.loudness)
    loudness = ears.loudness[0].finish() if ears.loudness else None
    activities = _activities(stems, loudness, player) if stems and loudness else {}
    useful = {name for name, it in activities.items() if not it.empty}
    parts = {name: stem for name, stem in (stems or {}).items() if name in useful}
    ask = _Asking(song, listen_to, player)
    rhythm = ask(_rhythm_question(cancelled), ears.onsets, _rhythmic(parts), heard=together)
    harmony = ask(_HARMONY_QUESTION, ears.pitches, _pitched(parts), heard=together)
    return _conclude(asked, ears, condition, loudness, activities, rhythm, harmony)


Ear = TypeVar("Ear", bound=MonoListener)
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class _Question(Generic[Ear, Answer]):
    """Something that the mixture or its stems may answer."""

    listener: Callable[[], Ear]
    answer: Callable[[Ear], Answer]
    answered: Callable[[Answer], bool]


def _rhythm_question(cancelled: Callable[[], bool]) -> _Question[OnsetStream, Rhythm]:
    return _Question(
        OnsetStream,
        lambda ear: find_rhythm(ear.finish(), cancelled),
        lambda rhythm: rhythm.tempo is not None,
    )


_HARMONY_QUESTION = _Question(
    PitchFrameCollector,
    lambda ear: describe_harmony(ear.finish()),
    lambda harmony: harmony.key.key is not None,
)


@dataclass(frozen=True, slots=True)
class _Asking:
    """Asks in one place and, if nothing is found there, in the other."""

    song: Sound
    listen_to: Source
    player: _Player

    def __call__(
        self,
        question: _Question[Ear, Answer],
        ears: Sequence[Ear],
        parts: Sequence[Sound],
        *,
        heard: bool,
    ) -> tuple[Answer | None, Source]:
        """Answer with where it was found; without an answer anywhere, the first place's.

        ``ears`` have heard the mixture already if ``heard``; without any, nothing is asked.
        """
        places: list[tuple[Source, Sound]] = [("mixture", self.song)] if ears else []
        if ears and parts:
            places.append(("stems", Sound.sum_of(parts)))
        places.sort(key=lambda place: place[0] != self.listen_to)
        answers: list[tuple[Answer, Source]] = []
        for source, sound in places:
            fed = heard and source == "mixture"
            ear = ears[0] if fed else question.listener()
            if not fed:
                self.player.play(sound, [ear])
            answers.append((question.answer(ear), source))
            if question.answered(answers[-1][0]):
                return answers[-1]
        return answers[0] if answers else (None, "mixture")


class _Ears:
    """Listeners for what is asked: each a list of one, or empty."""

    def __init__(self, asked: frozenset[str], song: Sound, *, with_stems: bool) -> None:
        self.onsets = [OnsetStream()] if asked & _RHYTHM else []
        self.pitches = [PitchFrameCollector()] if asked & _HARMONY else []
        self.energy = [EnergyMeter()] if "energy" in asked else []
        self.spectrum = (
            [SpectrumListener(shape="spectral" in asked, mfcc=bool(asked & {"mfcc", "sections"}))]
            if asked & _SPECTRUM
            else []
        )
        self.loudness = (
            [_meter(song, true_peak="loudness" in asked)]
            if with_stems or "loudness" in asked
            else []
        )


class _Player:
    """Plays sounds to listeners and reports how much of all passes is done."""

    def __init__(self, progress: Progress, cancelled: Callable[[], bool], passes: int) -> None:
        self._progress, self._cancelled = progress, cancelled
        self._passes, self._done = passes, 0

    def play(
        self,
        sound: Sound,
        mono: Sequence[MonoListener],
        full: Sequence[LoudnessMeter] = (),
    ) -> Condition:
        condition = hear(
            sound,
            mono,
            full,
            progress=lambda share: self._progress((self._done + share) / self._passes),
            cancelled=self._cancelled,
        )
        self._done += 1
        self._progress(self._done / self._passes)
        return condition


def _activities(stems: Stems, mixture: Loudness, player: _Player) -> dict[str, Activity]:
    found = {}
    for name, stem in stems.items():
        meter = _meter(stem, true_peak=False)
        player.play(stem, [], [meter])
        found[name] = stem_activity(meter.finish(), mixture)
    return found


def _rhythmic(useful: Stems) -> list[Sound]:
    """Drums with the bass; a bass alone is no rhythm section."""
    if "drums" not in useful:
        return []
    return [stem for name, stem in useful.items() if name in RHYTHM_STEMS]


def _pitched(useful: Stems) -> list[Sound]:
    """Everything but drums, if the drums are known to be apart."""
    parts = {name: stem for name, stem in useful.items() if name not in REPEATING_STEMS}
    if set(parts) <= {"vocals", "drums"}:
        return []
    return [stem for name, stem in parts.items() if name not in UNPITCHED_STEMS]


def _meter(sound: Sound, *, true_peak: bool) -> LoudnessMeter:
    return LoudnessMeter(sound.sample_rate, sound.channels, sound.positions, true_peak=true_peak)


# ------------------------------------------------------------------------- what the ears have got


def _conclude(
    asked: frozenset[str],
    ears: _Ears,
    condition: Condition,
    loudness: Loudness | None,
    activities: Mapping[str, Activity],
    rhythm: tuple[Rhythm | None, Source],
    harmony: tuple[Harmony | None, Source],
) -> Analysis:
    spectrum = ears.spectrum[0] if ears.spectrum else None
    if spectrum:
        spectrum.finish()
    mfcc = spectrum.mfcc() if spectrum and asked & {"mfcc", "sections"} else None
    chroma = chroma_of(harmony[0].chroma) if harmony[0] else None
    sections = None
    if "sections" in asked and rhythm[0] and chroma is not None and mfcc is not None:
        sections = find_sections(chroma, mfcc, rhythm[0].downbeats_s, condition.duration_s)
    return Analysis(
        features=asked,
        condition=condition,
        rhythm=rhythm[0],
        rhythm_from=rhythm[1],
        harmony=harmony[0],
        harmony_from=harmony[1],
        energy=ears.energy[0].finish() if ears.energy else None,
        shape=spectrum.shape() if spectrum and "spectral" in asked else None,
        mfcc=mfcc if "mfcc" in asked else None,
        chroma=chroma if "chroma" in asked else None,
        loudness=loudness if "loudness" in asked else None,
        sections=sections,
        stems=activities,
    )


def chroma_of(chroma: Chroma) -> NDArray[np.float32]:
    """Bass and treble together, ``[12, frames]``, the strongest pitch class of each frame 1."""
    both = chroma.total.T
    return np.asarray(both / np.maximum(both.max(axis=0, keepdims=True), 1e-9), np.float32)
