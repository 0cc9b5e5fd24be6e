"""What is measured: stemwright in its variants, and its peers on the same weights."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stemwright.engine.catalog import MODELS, QUALITIES, Quality
from stemwright.settings import Settings

from .models import shares_of, weights_of
from .places import PEER_MODELS, PEER_PYTHON, PEERS, STEMWRIGHT_PYTHON

Command = Callable[[Path, Path], list[str]]

STOCK = "demucs"
STOCK_OVERLAP = 0.25


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that turns a song into a folder of stems as one process."""

    name: str
    command: Command
    overlap: float
    shifts: int
    cannot_run: str | None = None
    """Why not, for the report."""
    against: str | None = None
    """Whom it is compared with; by default stock demucs with htdemucs."""

    def same_grid(self, other: Candidate) -> bool:
        """Whether both run the network on as many segments."""
        return (self.overlap, self.shifts) == (other.overlap, other.shifts)


def installed_weights() -> Path:
    """Find the weights stemwright itself uses; the peers get the same."""
    path = Settings.load().models_dir / "htdemucs" / "weights.safetensors"
    if not path.exists():
        raise SystemExit(f"{path} is missing: run `make setup` first")
    return path


def stemwright_tiers(runtimes: Sequence[str], *flags: str) -> list[Candidate]:
    return [
        _stemwright(f"stemwright {tier.name} {runtime}", tier, "--runtime", runtime, *flags)
        for runtime in runtimes
        for tier in QUALITIES.values()
    ]


def stemwright_on_stock_grid(precision: str, *flags: str) -> Candidate:
    """Exactly the segments stock demucs computes: overlap 0.25, no shifts."""
    grid = ("--overlap", str(STOCK_OVERLAP), "--shifts", "0", "--precision", precision)
    tier = QUALITIES["balanced"]
    name = f"stemwright {precision}, stock's grid"
    return Candidate(name, _stemwright_command(tier.name, *grid, *flags), STOCK_OVERLAP, 0)


def stock(overlap: float = STOCK_OVERLAP, shifts: int = 0, *flags: str) -> Candidate:
    name = STOCK + (f" overlap {overlap:g}" if overlap != STOCK_OVERLAP else "")
    name += f" shifts {shifts}" if shifts else ""
    weights = installed_weights()
    grid = ["--weights", str(weights), "--overlap", str(overlap), "--shifts", str(shifts), *flags]
    return Candidate(name, _peer("run_demucs.py", *grid), overlap, shifts, _no_peers())


def every_model(names: Sequence[str], *stems: str) -> list[Candidate]:
    """These models on stock's grid, stock demucs beside each, on the same weights."""
    found = []
    for name in names:
        folder, random = weights_of(name)
        note = ", random weights" if random else ""
        grid = ("--model", f"{folder}/", "--overlap", str(STOCK_OVERLAP), "--shifts", "0")
        wanted = ("--stems", ",".join(stems)) if stems else ()
        label = f"stemwright {name}{' ' + '+'.join(stems) if stems else ''}{note}"
        command = _stemwright_command("balanced", *grid, *wanted)
        stock_demucs = _stock_of(name, note)
        found.append(Candidate(label, command, STOCK_OVERLAP, 0, against=stock_demucs.name))
        if not stems:
            found.append(stock_demucs)
    return found


def _stock_of(name: str, note: str) -> Candidate:
    grid = ["--overlap", str(STOCK_OVERLAP), "--shifts", "0", "--weights", *shares_of(name)]
    command = _peer("run_demucs.py", *grid)
    label = f"{STOCK} {name}{note}"
    return Candidate(label, command, STOCK_OVERLAP, 0, _no_peers(), against=label)


def other_peers() -> list[Candidate]:
    """Name demucs-onnx and audio-separator, with their own fixed or default grids, no shifts."""
    onnx = PEER_MODELS / "demucs-onnx" / "htdemucs.onnx"
    repository = PEER_MODELS / "audio-separator"
    return [
        Candidate("demucs-onnx", _peer("run_demucs_onnx.py", str(onnx)), 0.25, 0, _why(onnx)),
        Candidate(
            "audio-separator",
            _peer("run_audio_separator.py", str(repository)),
            0.25,
            0,
            _why(repository / "htdemucs.yaml"),
        ),
    ]


def prepare_peers() -> None:
    """Make the files the peers read, once; a failure is kept beside them as its reason."""
    done = PEER_MODELS / "prepared.txt"
    weights, identity = installed_weights(), MODELS["htdemucs"].networks[0].installed_sha256
    if _no_peers() or (done.exists() and done.read_text() == identity):
        return
    command = [PEER_PYTHON, "-W", "ignore", str(PEERS / "prepare.py")]
    subprocess.run([*command, str(weights), str(PEER_MODELS)], check=True, capture_output=True)
    done.write_text(identity)


def stemwright_command(*flags: str) -> Command:
    """Separate to ``output/<stem>.wav`` with these flags, never reaching for the network."""
    return lambda song, output: [
        *(STEMWRIGHT_PYTHON, "-m", "stemwright", "separate", str(song), "-o", str(output)),
        *("--name", "{stem}.{ext}", "--force", "--no-download", "--json", *flags),
    ]


def _stemwright(name: str, tier: Quality, *flags: str) -> Candidate:
    return Candidate(name, _stemwright_command(tier.name, *flags), tier.overlap, tier.shifts)


def _stemwright_command(tier: str, *flags: str) -> Command:
    return stemwright_command("--quality", tier, *flags)


def _peer(script: str, *arguments: str) -> Command:
    return lambda song, output: [
        *(PEER_PYTHON, "-W", "ignore", str(PEERS / script), str(song), str(output)),
        *arguments,
    ]


def _no_peers() -> str | None:
    return None if Path(PEER_PYTHON).exists() else "no .venv-bench: run `make bench-speed`"


def _why(needed: Path) -> str | None:
    if needed.exists():
        return None
    failed = needed.parent / "failed.txt"
    return _no_peers() or (failed.read_text()[:200] if failed.exists() else f"no {needed.name}")
