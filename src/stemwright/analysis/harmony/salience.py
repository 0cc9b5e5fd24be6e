"""Which notes sound: log-frequency frames explained as sums of harmonic notes.

After Mauch and Dixon, "Approximate note transcription for the improved identification of difficult
chords" (ISMIR 2010): the tuned spectrum is whitened by its running mean and deviation, then
non-negative amounts of note spectra are sought that add up to it. Theirs solve for each frame by
active sets; here all frames are solved at once by the multiplicative rule of Lee and Seung,
"Algorithms for non-negative matrix factorization" (NIPS 2000), with the note spectra held fixed.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from .pitch_frames import (
    BINS_PER_SEMITONE,
    LOWEST_MIDI,
    MARGIN_BINS,
    N_FFT,
    SAMPLE_RATE,
    SEMITONES,
)

LOWEST_NOTE = 28
"""E1, the lowest string of a bass guitar."""
NOTES = 69
"""Up to C7."""

_FINE = 3  # bins per semitone the notes are sought in
_BINS = SEMITONES * _FINE
_SPAN = 18 * _FINE // 3  # running statistics over an octave
_HARMONICS = 20
_DECAY = 0.7
_ITERATIONS = 40


def note_salience(magnitudes: NDArray[np.float16], tuning_cents: float) -> NDArray[np.float32]:
    """Amount of each note in each frame.

    Parameters
    ----------
    magnitudes
        ``[frames, LOG_BINS]``, any stretch of `PitchFrames`.
    tuning_cents
        Offset of the song's semitones from A4 = 440 Hz, within ±50.

    Returns
    -------
    ``[frames, NOTES]``, from ``LOWEST_NOTE`` in semitones; 0 or more, without unit.

    """
    return _explained(_whitened(_tuned(magnitudes.astype(np.float32), tuning_cents)))


def _tuned(magnitudes: NDArray[np.float32], cents: float) -> NDArray[np.float32]:
    """Read the bins of a song's own semitones, a third of one apart, between the stored ones."""
    wanted = (np.arange(_BINS) - 1) / _FINE + cents / 100
    places = np.clip(wanted * BINS_PER_SEMITONE + MARGIN_BINS, 0, magnitudes.shape[1] - 1.001)
    below = places.astype(np.int64)
    part = (places - below).astype(np.float32)
    return magnitudes[:, below] * (1 - part) + magnitudes[:, below + 1] * part


def _whitened(spectrum: NDArray[np.float32]) -> NDArray[np.float32]:
    """Keep what stands out of its octave, in deviations."""
    mean = _running_mean(spectrum)
    deviation = np.sqrt(np.maximum(_running_mean((spectrum - mean) ** 2), 0))
    floor = 1e-3 * spectrum.max(axis=1, keepdims=True) + 1e-7
    return np.asarray(np.maximum(spectrum - mean, 0) / (deviation + floor), np.float32)


def _running_mean(spectrum: NDArray[np.float32]) -> NDArray[np.float32]:
    padded = np.pad(spectrum.astype(np.float64), ((0, 0), (_SPAN + 1, _SPAN)), mode="reflect")
    total = np.cumsum(padded, axis=1)
    width = 2 * _SPAN + 1
    return ((total[:, width:] - total[:, :-width]) / width).astype(np.float32)


def _explained(spectrum: NDArray[np.float32]) -> NDArray[np.float32]:
    notes = _note_spectra()
    gram = notes @ notes.T
    target = spectrum @ notes.T
    amount = target.copy()
    for _ in range(_ITERATIONS):
        amount *= target / (amount @ gram + 1e-6)
    return amount


@cache
def _note_spectra() -> NDArray[np.float32]:
    """``[NOTES, bins]``: geometrically decaying harmonics as the window smears them."""
    bins = LOWEST_MIDI + (np.arange(_BINS) - 1) / _FINE
    centres = 440 * 2 ** ((bins - 69) / 12)
    spectra = np.zeros((NOTES, _BINS))
    for note in range(NOTES):
        fundamental = 440 * 2 ** ((LOWEST_NOTE + note - 69) / 12)
        for harmonic in range(1, _HARMONICS + 1):
            spectra[note] += _DECAY ** (harmonic - 1) * _lobe(centres, harmonic * fundamental)
    return np.asarray(spectra / np.linalg.norm(spectra, axis=1, keepdims=True), np.float32)


def _lobe(centres: NDArray[np.float64], hz: float) -> NDArray[np.float64]:
    """A Hann window's main lobe, or a third of a semitone where that is wider."""
    half_width = max(2 * SAMPLE_RATE / N_FFT, hz * (2 ** (1 / 24) - 1))
    return np.cos(np.pi / 2 * np.clip((centres - hz) / half_width, -1, 1)) ** 2
