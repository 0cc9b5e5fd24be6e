"""Measure a mixdown: time and memory, beside the same mix made of whole arrays.

    python benchmarks/bench_mix.py [--minutes 10] [--stems 6] [--no-peers]

Every run is a whole process. Where both only cut, fade and weigh, their files are compared; two
ways to stretch time never give the same samples.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import soundfile

from harness.places import PEER_PYTHON, PEERS, SCRATCH, STEMWRIGHT_PYTHON
from harness.processes import Run, measure
from harness.report import print_json, print_table

FOLDER = SCRATCH / "mix"
RATE = 44_100
OURS, PEER = "stemwright", "whole arrays"
PARAMS = {"start_ms": 1000, "end_ms": 3000, "duration_ms": 2000, "level": 0.7}


def main() -> None:
    options = _parse()
    if options.render:
        _render(*options.render)
        return
    stems = _stems(options.minutes, options.stems)
    figures: dict[str, dict[str, object]] = {}
    for task, manifest in _tasks(stems).items():
        runs = {OURS: _run(OURS, manifest, FOLDER / "ours.wav")}
        if not options.no_peers:
            runs[PEER] = _run(PEER, manifest, FOLDER / "peer.wav")
        for system, run in runs.items():
            figures[f"{task}, {system}"] = _figures(run, options.minutes)
        if "stretch" not in task and PEER in runs and not runs[PEER].exit_code:
            figures[f"{task}, {OURS}"]["off_by_db"] = _difference_db()
    _tell(figures, options)
    shutil.rmtree(FOLDER)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--stems", type=int, default=6)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--render", nargs=3, help=argparse.SUPPRESS)
    return parser.parse_args()


def _stems(minutes: float, count: int) -> list[str]:
    """Write stems of noise, 16 bits, ten seconds that repeat."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "stems").mkdir(parents=True)
    names = [f"stem{n}" for n in range(1, count + 1)]
    for seed, name in enumerate(names):
        noise = np.random.default_rng(seed).normal(0, 0.05, (10 * RATE, 2))
        path = FOLDER / "stems" / f"{name}.wav"
        with soundfile.SoundFile(path, "w", RATE, 2, "PCM_16") as file:
            for _ in range(round(6 * minutes)):
                file.write(noise)
    return names


def _tasks(stems: list[str]) -> dict[str, dict[str, object]]:
    kinds = ("trim", "fade_in", "fade_out", "gain")
    every = {stem: [{"type": kind, "params": PARAMS} for kind in kinds] for stem in stems}
    slower = [{"type": "time_stretch", "params": {"tempo_factor": 0.9}}]
    higher = {"type": "pitch_shift", "params": {"semitones": 2}}
    desk = {
        "volumes": {stem: 0.5 + 0.1 * n for n, stem in enumerate(stems)},
        "pans": {stem: -0.5 + 0.2 * n for n, stem in enumerate(stems)},
    }
    return {
        "sum": {},
        "desk and 4 edits each": {**desk, "edits": every},
        "stretch 1": {"edits": {stems[0]: slower}},
        "stretch all": {"edits": dict.fromkeys(stems, slower)},
        "stretch all and shift": {"edits": {stem: [*slower, higher] for stem in stems}},
    }


def _run(system: str, manifest: dict[str, object], output: Path) -> Run:
    given = [str(FOLDER / "stems"), json.dumps(manifest), str(output)]
    command = [STEMWRIGHT_PYTHON, __file__, "--render", *given]
    if system == PEER:
        command = [PEER_PYTHON, str(PEERS / "mix_arrays.py"), *given]
    run = measure(command, FOLDER / "log")
    print(f"{system}: {run.error or f'{run.seconds:.1f} s'}", file=sys.stderr)
    return run


def _render(folder: str, manifest: str, output: str) -> None:
    from stemwright.features.mixes.manifest import parse_manifest
    from stemwright.features.mixes.render import render_mix

    stems = {path.stem: path for path in sorted(Path(folder).glob("*.wav"))}
    render_mix(stems, parse_manifest(manifest, dict.fromkeys(stems, ())), Path(output))


def _figures(run: Run, minutes: float) -> dict[str, object]:
    if run.exit_code:
        return {"error": run.error}
    return {
        "seconds": round(run.seconds, 1),
        "cpu_seconds": round(run.cpu_seconds, 1),
        "times_realtime": round(60 * minutes / run.seconds),
        "peak_rss_mb": round(run.peak_rss_mb),
    }


def _difference_db() -> float:
    """The largest difference of the two files in decibels below full scale."""
    worst = 2.0**-24
    blocks = [soundfile.blocks(FOLDER / f"{name}.wav", 1 << 16) for name in ("ours", "peer")]
    for ours, peer in zip(*blocks, strict=True):
        worst = max(worst, float(np.abs(ours - peer).max()))
    return round(20 * float(np.log10(worst)), 1)


def _tell(figures: dict[str, dict[str, object]], options: argparse.Namespace) -> None:
    columns = ["seconds", "cpu_seconds", "times_realtime", "peak_rss_mb", "off_by_db"]
    rows = [[name, *(str(of.get(c, "-")) for c in columns)] for name, of in figures.items()]
    title = f"{options.stems} stems of {options.minutes:g} minutes"
    print_table(title, ["", "seconds", "cpu s", "x realtime", "peak MB", "off by dB"], rows)
    print_json("mix", {"minutes": options.minutes, "stems": options.stems, "runs": figures})


if __name__ == "__main__":
    main()
