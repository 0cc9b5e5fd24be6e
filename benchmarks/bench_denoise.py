"""Measure what denoising does to speech in noise, beside other programs.

    python benchmarks/bench_denoise.py [--speech FILE ...] [--snr -5 0 5 10 20] [--no-peers]

Clean speech (see ``harness/speech.py``) in noises made from a seed, at several ratios: SI-SDR
gained, STOI and PESQ against the clean speech, what is done to speech without noise, time, memory.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import soundfile

from harness import speech
from harness.places import PEER_PYTHON, PEERS, SCRATCH, STEMWRIGHT_PYTHON
from harness.processes import Run, measure
from harness.report import print_json, print_table
from harness.voices import NOISES, RATE, Signal, mixed, si_sdr

FOLDER = SCRATCH / "denoise"
NOISY, CLEAN = FOLDER / "noisy", FOLDER / "clean"
NOTHING, OURS = "as it is", "stemwright"
PEER_SYSTEMS = ("deepfilternet", "rnnoise", "noisereduce", "noisereduce-stationary")
NOISE_SEED = 5

Scores = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Item:
    """One mixture; ``noise`` is None where there is only the speech."""

    speech: str
    noise: str | None
    snr_db: float | None

    @property
    def file(self) -> str:
        return f"{self.speech}-{self.noise or 'clean'}-{self.snr_db or 0:g}.wav"


def main() -> None:
    options = _parse()
    clean = {name: it for path in options.speech for name, it in speech.of_file(path).items()}
    items = list(_prepare(clean or speech.recordings(), options.snr))
    runs = {OURS: _ours(FOLDER / OURS)}
    for system in () if options.no_peers else PEER_SYSTEMS:
        script = str(PEERS / "run_denoisers.py")
        command = [PEER_PYTHON, script, system, str(NOISY), str(FOLDER / system)]
        runs[system] = measure(command, FOLDER / f"{system}.log")
    for system, run in list(runs.items()):
        if run.exit_code:
            print(f"{system} cannot run here: {run.error}")
            del runs[system]
    folders = {NOTHING: NOISY} | {system: FOLDER / system for system in runs}
    figures = {system: _figures(items, folder) for system, folder in folders.items()}
    _tell(items, figures, runs)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--speech", type=Path, nargs="+", default=[], metavar="FILE")
    parser.add_argument("--snr", type=float, nargs="+", default=[-5, 0, 5, 10, 20], metavar="DB")
    parser.add_argument("--no-peers", action="store_true")
    return parser.parse_args()


def _prepare(clean: dict[str, Signal], ratios: Sequence[float]) -> Iterable[Item]:
    """Write every mixture and its clean speech."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    for folder in (NOISY, CLEAN):
        folder.mkdir(parents=True)
    for name, sound in clean.items():
        yield _write(Item(name, None, None), sound, sound)
        for noise, make in NOISES.items():
            noisy = make(len(sound) / RATE, NOISE_SEED)
            for ratio in ratios:
                yield _write(Item(name, noise, ratio), sound, mixed(sound, noisy, ratio))


def _write(item: Item, clean: Signal, noisy: Signal) -> Item:
    soundfile.write(CLEAN / item.file, clean, RATE, "FLOAT")
    soundfile.write(NOISY / item.file, noisy, RATE, "FLOAT")
    return item


def _ours(output: Path) -> Run:
    command = [STEMWRIGHT_PYTHON, "-m", "stemwright", "denoise", "--quiet", "-o", str(output)]
    run = measure([*command, str(NOISY)], FOLDER / f"{OURS}.log")
    for path in output.glob("*_denoised.wav"):
        path.rename(output / path.name.replace("_denoised", ""))
    return run


def _figures(items: Sequence[Item], folder: Path) -> list[Scores]:
    """SI-SDR, STOI and PESQ of every item, in order."""
    pairs = [[str(CLEAN / item.file), str(folder / item.file)] for item in items]
    task, answer = FOLDER / "task.json", FOLDER / "scores.json"
    task.write_text(json.dumps(pairs))
    subprocess.run([PEER_PYTHON, str(PEERS / "score_denoised.py"), task, answer], check=True)
    scores: list[Scores] = json.loads(answer.read_text())
    for (clean, found), score in zip(pairs, scores, strict=True):
        score["si_sdr"] = si_sdr(soundfile.read(clean)[0], soundfile.read(found)[0])
    return scores


def _tell(items: Sequence[Item], figures: dict[str, list[Scores]], runs: dict[str, Run]) -> None:
    noisy = [number for number, item in enumerate(items) if item.noise]
    by_noise = {name: [n for n in noisy if items[n].noise == name] for name in NOISES}
    ratios = sorted({items[n].snr_db or 0 for n in noisy})
    by_ratio = {f"{it:g} dB": [n for n in noisy if (items[n].snr_db or 0) == it] for it in ratios}
    _tell_gains("by noise", figures, by_noise)
    _tell_gains("by ratio", figures, by_ratio)
    clean = {f"clean {it.speech}": [n] for n, it in enumerate(items) if not it.noise}
    seconds = sum(soundfile.info(NOISY / item.file).duration for item in items)
    rows = []
    for system, scores in figures.items():
        row = [_mean(scores, measure, noisy) for measure in ("stoi", "pesq")]
        row += [_mean(scores, "si_sdr", group) for group in clean.values()]
        run = runs.get(system)
        cost = (f"{seconds / run.seconds:.1f}", f"{run.peak_rss_mb:.0f}") if run else ("-", "-")
        rows.append([system, *row, *cost])
    columns = ["system", "STOI", "PESQ", *clean, "x realtime", "peak MB"]
    print_table("all noises and ratios; SI-SDR of speech without noise, in dB", columns, rows)
    print_json("denoise", {"items": [item.file for item in items], "scores": figures})


def _tell_gains(title: str, figures: dict[str, list[Scores]], groups: dict[str, list[int]]) -> None:
    before = figures[NOTHING]
    gained = {
        system: [{"si_sdr": _difference(*pair)} for pair in zip(scores, before, strict=True)]
        for system, scores in figures.items()
        if system != NOTHING
    }
    rows = [
        [system, *(_mean(scores, "si_sdr", group) for group in groups.values())]
        for system, scores in gained.items()
    ]
    print_table(f"SI-SDR gained, in dB, {title}", ["system", *groups], rows)


def _difference(scores: Scores, before: Scores) -> float | None:
    after_db, before_db = scores["si_sdr"], before["si_sdr"]
    return None if after_db is None or before_db is None else after_db - before_db


def _mean(scores: Sequence[Scores], measure: str, group: Iterable[int]) -> str:
    known = [value for number in group if (value := scores[number][measure]) is not None]
    return f"{fmean(known):.2f}" if known else "-"


if __name__ == "__main__":
    main()
