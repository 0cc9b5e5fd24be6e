"""Fit the networks of the rhythm analysis anew, on pieces composed for it; about half an hour.

Writes ``networks.npz`` beside `stemwright.analysis.rhythm.network`, in place of the one there.
Needs fluidsynth, FluidR3 (as the benchmark does), TimGM6mb (``timgm6mb-soundfont``), espeak-ng.
Seeds up to 99 belong to fitting; the benchmark reports on seeds from 100 on. Confidence is fitted
on pieces that the networks did not see.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from corpus.compose import compose_set
from corpus.render import find_font, played
from corpus.score import PARTS
from rhythm_fit.fitting import Group, fit_logistic, fit_odds, fit_ranking
from rhythm_fit.listening import SAME_TEMPO, Heard, listen
from rhythm_fit.nonmusic import nonmusic
from rhythm_fit.synth import synthesize
from rhythm_fit.variety import varied_set
from stemwright.analysis.rhythm import downbeats, judge
from stemwright.analysis.rhythm.hypotheses import hypotheses
from stemwright.analysis.rhythm.network import FILE
from stemwright.analysis.rhythm.onset import FRAME_RATE, onsets_of
from stemwright.analysis.rhythm.periodicity import periodicity, whiten

SET_SIZE = 60
COMPOSED, COMPOSED_ASIDE = (10, 11, 12, 13, 15), (14,)
VARIED, VARIED_ASIDE = (50, 51, 52, 53, 55, 56, 57), (54,)
SYNTHESIZED, SYNTHESIZED_ASIDE = (61, 62, 63), (60,)
NONMUSIC_ASIDE = 108
WIDE, NARROW = (0.88, 1.0, 1.13), (0.93, 1.0, 1.08)
SECOND_FONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")
_RATE = 22_050

Arrays = dict[str, NDArray[np.float32]]


def pieces(
    composed: Iterable[int], varied: Iterable[int], synthesized: Iterable[int]
) -> Iterator[Heard]:
    """Compose, render and hear sets of the seeds given."""
    fonts = (find_font(), SECOND_FONT)
    for seed in composed:
        for piece in compose_set(seed, SET_SIZE):
            sound = mono(played(piece, PARTS, fonts[0]))
            yield from listen(piece, sound, WIDE)
    for seed in varied:
        for piece, cast, font in varied_set(seed, SET_SIZE):
            yield from listen(piece, mono(played(piece, cast, fonts[font])), NARROW)
    for seed in synthesized:
        for index, (piece, cast, _) in enumerate(varied_set(seed, SET_SIZE)):
            rng = np.random.default_rng([seed, index, 31])
            sound = synthesize(piece, cast, rng).astype(np.float32)
            yield from listen(piece, sound, NARROW)


def mono(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ``[samples]`` at 22.05 kHz from ``[frames, 2]`` at 44.1 kHz."""
    middle = soxr.resample(sound.mean(axis=1), 2 * _RATE, _RATE)
    return np.asarray(0.8 * middle / max(float(np.abs(middle).max()), 1e-6), np.float32)


def fit_networks(heard: list[Heard]) -> Arrays:
    readings = fit_ranking([ranked(it) for it in heard if it.useful])
    beats = fit_odds(
        [Group(it.around.astype(float), it.begins.astype(float)) for it in heard if it.useful]
    )
    return named("readings", readings) | named("downbeats", beats)


def ranked(it: Heard) -> Group:
    """Nearly all belief goes to the best readings; of equal ones, to those of the right tempo."""
    merit = it.quality + 0.15 * it.right_tempo
    wanted = np.exp((merit - merit.max()) / 0.03)
    rows = np.stack([reading.evidence for reading in it.readings]).astype(float)
    return Group(rows, wanted / wanted.sum())


def named(name: str, parts: Arrays) -> Arrays:
    return {f"{name}_{part}": array for part, array in parts.items()}


def fit_confidence(heard: list[Heard]) -> Arrays:
    """Fit what is said of tempo and meter, with the networks in place."""
    doubts, right = [], []
    for it in heard:
        chosen, tempos = judge.choose(it.readings)
        doubts.append(judge.doubts(chosen, tempos[0].weight))
        right.append(abs(60 * FRAME_RATE / chosen.period / it.bpm - 1) < SAME_TEMPO)
    for sound in nonmusic(5, NONMUSIC_ASIDE):
        onsets = onsets_of(sound)
        whitened = whiten(onsets.strength)
        readings = hypotheses(whitened, onsets.pitches, periodicity(whitened))
        if readings:
            chosen, tempos = judge.choose(readings)
            doubts.append(judge.doubts(chosen, tempos[0].weight))
            right.append(False)
    meters, right_meters = meter_doubts(heard)
    return {
        "tempo_odds": fit_logistic(np.array(doubts, float), np.array(right, float)),
        "meter_odds": fit_logistic(meters, right_meters),
    }


def meter_doubts(heard: list[Heard]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Whole pieces and parts of them, since a short excerpt tells less."""
    rows, right = [], []
    for it in heard:
        for start, stop in ((0, None), (0, 24), (10, 26), (5, 17)):
            excerpt = it.around[start:stop]
            if len(excerpt) >= 8:
                meter, margin, _ = downbeats.likeliest_meter(excerpt)
                rows.append(downbeats.doubts(margin, len(excerpt)))
                right.append(meter == it.meter)
    return np.array(rows, float), np.array(right, float)


def main() -> None:
    argparse.ArgumentParser(description=__doc__.partition(".")[0] + ".").parse_args()
    arrays = fit_networks(list(pieces(COMPOSED, VARIED, SYNTHESIZED)))
    np.savez_compressed(FILE, **arrays)  # read from here on
    aside = list(pieces(COMPOSED_ASIDE, VARIED_ASIDE, SYNTHESIZED_ASIDE))
    arrays |= fit_confidence(aside)
    np.savez_compressed(FILE, **arrays)
    print(f"wrote {FILE.name}: {sum(array.size for array in arrays.values())} numbers")


if __name__ == "__main__":
    main()
