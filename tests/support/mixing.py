"""A mix computed the plain way: whole arrays, double precision, one line for each operation.

Written from the description of the manifest, not from the product, which it is there to judge; only
the conversion of rates is the same library, at one go.
"""

from __future__ import annotations

import math

import numpy as np
import soundfile
import soxr


def reference_mix(stems, manifest, longest_s=3 * 3600.0):
    """``[frames, 2]`` in float64 before any limiting; ``None`` where a range is no range.

    ``stems`` are paths by name, ``manifest`` is the decoded JSON.
    """
    rate = manifest.get("sample_rate", 44_100)
    edits = _edits_by_stem(manifest.get("edits", []))
    clips = {}
    for name, path in stems.items():
        clips[name] = _clip(path, rate)
        for edit in edits.get(name, []):
            clips[name] = _edited(clips[name], edit, rate)
            if clips[name] is None:
                return None
    soloed = [name for name, on in manifest.get("solos", {}).items() if on]
    total = np.zeros((max(len(clip) for clip in clips.values()), 2))
    for name, clip in clips.items():
        muted = manifest.get("mutes", {}).get(name, False)
        if not muted and (not soloed or name in soloed):
            total[: len(clip)] += clip * _gains(manifest, name)
    return total


def limited(mix):
    """The mix as written: no louder than full scale."""
    return mix / max(1.0, np.abs(mix).max(initial=0))


def decibels(difference):
    """The largest sample of a difference, relative to full scale."""
    return 20 * math.log10(max(np.abs(difference).max(initial=0), 1e-12))


def _clip(path, rate):
    samples, own = soundfile.read(path, dtype="float64", always_2d=True)
    if samples.shape[1] == 1:
        samples = np.hstack([samples, samples])
    return samples if own == rate else soxr.resample(samples, own, rate, "HQ")


def _edits_by_stem(edits):
    if isinstance(edits, list):
        named = {}
        for edit in edits:
            named.setdefault(edit["stem"], []).append(edit)
        edits = named
    return {
        stem: sorted(several, key=lambda edit: edit.get("position", 0))
        for stem, several in edits.items()
    }


def _edited(clip, edit, rate):
    kind, params = edit.get("type") or edit.get("operation_type"), edit.get("params", {})
    if kind in {"crop", "trim"} or (
        kind == "gain" and {"start", "end", "start_ms"} & params.keys()
    ):
        begin, end = _range(params, len(clip), rate)
        if begin >= end:
            return None
    else:
        begin, end = 0, len(clip)
    if kind == "crop":
        return clip[begin:end]
    if kind == "trim":
        return np.delete(clip, slice(begin, end), axis=0)
    factor = np.ones((len(clip), 1))
    if kind == "gain":
        factor[begin:end] = params["level"]
    if kind in {"fade_in", "fade_out"}:
        length = min(_frame(params.get("duration_ms", 1000), rate), len(clip))
        factor[:length, 0] = np.linspace(0, 1, length, endpoint=False)
        factor = factor[::-1] if kind == "fade_out" else factor
    return clip * factor


def _range(params, length, rate):
    begin = params["start_ms"] if "start_ms" in params else 1000 * params["start"]
    end = params["end_ms"] if "end_ms" in params else 1000 * params["end"]
    return tuple(np.clip([_frame(begin, rate), _frame(end, rate)], 0, length))


def _frame(time_ms, rate):
    return math.floor(time_ms * rate / 1000 + 0.5)


def _gains(manifest, name):
    volume = manifest.get("volumes", {}).get(name, 1)
    volume = volume / 100 if volume > 2 else volume
    pan = manifest.get("pans", {}).get(name, 0)
    pan = pan / 100 if abs(pan) > 1 else pan
    # 0 to a quarter turn; the circle makes the power the same everywhere
    turn = (pan + 1) / 2 * math.pi / 2
    return volume * np.array([math.cos(turn), math.sin(turn)]) / math.cos(math.pi / 4)
