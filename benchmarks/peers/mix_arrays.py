"""The plain way to mix stems: every one whole in memory, in soundfile, NumPy and librosa.

    python benchmarks/peers/mix_arrays.py FOLDER MANIFEST OUTPUT

Of a manifest it knows what ``bench_mix.py`` writes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import soundfile


def main(folder: Path, manifest: dict, output: Path) -> None:
    stems = {path.stem: path for path in sorted(folder.glob("*.wav"))}
    clips = {}
    for name, path in stems.items():
        samples, rate = soundfile.read(path, dtype="float32")
        for edit in manifest.get("edits", {}).get(name, []):
            samples = edited(samples, edit["type"], edit.get("params", {}), rate)
        turn = (manifest.get("pans", {}).get(name, 0) + 1) * np.pi / 4
        gains = np.sqrt(2) * np.array([np.cos(turn), np.sin(turn)])
        clips[name] = samples * (manifest.get("volumes", {}).get(name, 1) * gains)
    mix = np.zeros((max(map(len, clips.values())), 2))
    for clip in clips.values():
        mix[: len(clip)] += clip
    soundfile.write(output, mix / max(1, np.abs(mix).max()), rate, "PCM_16")


def edited(samples: np.ndarray, kind: str, params: dict, rate: int) -> np.ndarray:
    """``[frames, 2]`` behind one edit."""
    if kind == "time_stretch":
        import librosa

        return librosa.effects.time_stretch(samples.T, rate=params["tempo_factor"]).T
    if kind == "pitch_shift":
        import librosa

        return librosa.effects.pitch_shift(samples.T, sr=rate, n_steps=params["semitones"]).T
    begin, end = (round(params[key] * rate / 1000) for key in ("start_ms", "end_ms"))
    if kind == "trim":
        return np.delete(samples, slice(begin, end), axis=0)
    samples = samples.copy()
    length = round(params["duration_ms"] * rate / 1000)
    ramp = (np.arange(length) / length)[:, None]
    if kind == "fade_in":
        samples[:length] *= ramp
    elif kind == "fade_out":
        samples[-length:] *= ramp[::-1]
    else:
        samples[begin:end] *= params["level"]
    return samples


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]), Path(sys.argv[3]))
