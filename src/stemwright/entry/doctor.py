"""``stemwright doctor``: what this machine can do, and the exact fix for what it cannot."""

from __future__ import annotations

import importlib
import json
import os
import platform
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import stemwright
from stemwright.engine.catalog import MODELS, QUALITIES
from stemwright.engine.runtimes import available, usable_cores
from stemwright.engine.tiers import TierChoices, tier_model
from stemwright.errors import StemwrightError
from stemwright.settings import Settings, unknown_variables

from .machine import Processor, memory_bytes, read_processor
from .reports import describe_error, printable
from .wiring import Wiring

if TYPE_CHECKING:
    from stemwright.engine.weights import ModelStore

State = Literal["ok", "note", "problem"]
_MARKS: Final[dict[State, str]] = {"ok": "ok", "note": "note", "problem": "PROBLEM"}
_NEEDED_RAM: Final = 2 << 30
_NEEDED_DISK: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; a ``problem`` keeps this machine from separating, a ``note`` not."""

    name: str
    state: State
    text: str
    fix: str | None = None


def run_doctor(wiring: Wiring, *, as_json: bool) -> int:
    """Print the findings; the exit status says whether this machine is fit to separate."""
    findings = list(examine(wiring))
    fit = all(finding.state != "problem" for finding in findings)
    if as_json:
        document = {
            "version": stemwright.__version__,
            "fit": fit,
            "findings": [asdict(finding) for finding in findings],
        }
        print(json.dumps(document, indent=2))
    else:
        for finding in findings:
            _print_finding(finding)
        print("fit to separate" if fit else "not fit to separate; see the fixes above")
    return 0 if fit else 1


def _print_finding(finding: Finding) -> None:
    print(f"{_MARKS[finding.state]:8} {finding.name:14} {printable(finding.text)}")
    if finding.fix is not None:
        print(f"{'':8} {'':14} fix: {printable(finding.fix)}")


def examine(wiring: Wiring) -> Iterator[Finding]:
    """Look at everything a separation needs, cheapest first."""
    yield Finding("version", "ok", f"stemwright {stemwright.__version__}, {_python()}")
    yield from _machine(read_processor())
    yield from _dependencies()
    yield _decoders()
    yield _runtime()
    try:
        settings = wiring.settings()
        store = wiring.store(settings)
    except StemwrightError as error:
        yield Finding("settings", "problem", error.message, "correct the setting named")
        return
    yield from _settings()
    yield from _folders(settings)
    yield from _models(store)


def _python() -> str:
    return f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"


def _machine(processor: Processor) -> Iterator[Finding]:
    features = ", ".join(processor.features) or "none known"
    yield Finding("processor", "ok", f"{processor.name}; {features}")
    yield Finding("cores", "ok", f"{usable_cores()} usable of {os.cpu_count()}")
    memory = memory_bytes()
    if memory is None:
        yield Finding("memory", "note", "size unknown")
    elif memory < _NEEDED_RAM:
        fix = "add memory or swap, or raise the container's memory limit"
        yield Finding("memory", "problem", f"{memory / 1e9:.1f} GB; 2 GB are needed", fix)
    else:
        yield Finding("memory", "ok", f"{memory / 1e9:.1f} GB")


def _dependencies() -> Iterator[Finding]:
    """Every distribution that stemwright declares: installed, and its compiled parts loadable."""
    for requirement in metadata.requires("stemwright") or []:
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        optional = "extra ==" in requirement
        if not optional or (name == "onnxruntime" and _version(name)):
            yield _dependency(name, requirement)


def _dependency(name: str, requirement: str) -> Finding:
    version = _version(name)
    wanted = requirement.partition(";")[0].strip()
    if version is None:
        return Finding(name, "problem", "not installed", f"pip install '{wanted}'")
    try:
        importlib.import_module(name.replace("-", "_"))
    except Exception as error:  # noqa: BLE001  # a broken wheel can raise anything; that is the finding
        fix = f"pip install --force-reinstall '{wanted}'"
        return Finding(name, "problem", f"{version}, cannot be loaded: {error}", fix)
    return Finding(name, "ok", version)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _decoders() -> Finding:
    try:
        import av  # noqa: PLC0415  # itself under examination
    except ImportError as error:
        return Finding("decoders", "problem", str(error), "pip install --force-reinstall av")
    versions = av.library_versions
    text = ", ".join(
        f"{library} {'.'.join(map(str, versions[library]))}"
        for library in ("libavcodec", "libavformat", "libswresample")
        if library in versions
    )
    return Finding("decoders", "ok", text)


def _runtime() -> Finding:
    """What ``--runtime auto`` takes, and the precision each tier gets from it."""
    installed = available()
    if not installed:
        fix = "pip install openvino, or pip install 'stemwright[onnx]'"
        return Finding("runtime", "problem", "neither OpenVINO nor ONNX Runtime is installed", fix)
    wide = installed[0] == "openvino" and _has_bf16()
    tiers = ", ".join(
        f"{tier.name} {tier.precision if wide else 'f32'}" for tier in QUALITIES.values()
    )
    return Finding("runtime", "ok", f"{installed[0]} on {usable_cores()} threads: {tiers}")


def _has_bf16() -> bool:
    try:
        from stemwright.engine.runtimes.openvino import supports_bf16  # noqa: PLC0415
    except ImportError:  # a broken wheel, which the finding on openvino itself explains
        return False
    return supports_bf16()


def _settings() -> Iterator[Finding]:
    for name in unknown_variables(os.environ):
        if name != "STEMWRIGHT_DEBUG":
            yield Finding("settings", "note", f"{name} is no setting", f"unset {name}")


def _folders(settings: Settings) -> Iterator[Finding]:
    named = {
        "models folder": (settings.models_dir, "STEMWRIGHT_MODELS_DIR"),
        "this folder": (Path.cwd(), "--output"),
    }
    for name, (folder, setting) in named.items():
        yield _folder(name, folder, setting)


def _folder(name: str, folder: Path, setting: str) -> Finding:
    existing = next(it for it in (folder, *folder.parents) if it.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        fix = f"sudo chown -R $USER '{existing}', or choose another with {setting}"
        # Stems can go anywhere with --output; a folder of ours has to be writable.
        state: State = "note" if setting == "--output" else "problem"
        return Finding(name, state, f"{folder}: {existing} is not writable", fix)
    free = shutil.disk_usage(existing).free
    if free < _NEEDED_DISK:
        fix = f"free some space, or choose another disk with {setting}"
        return Finding(name, "note", f"{folder}: only {free / 1e6:.0f} MB free", fix)
    return Finding(name, "ok", f"{folder}: writable, {free / 1e9:.1f} GB free")


def _models(store: ModelStore) -> Iterator[Finding]:
    default = tier_model("balanced", TierChoices(store.folder), store.usable).name
    for name, model in MODELS.items():
        if store.installed(model) is None:
            state: State = "problem" if name == default else "note"
            fix = f"stemwright models pull {name}"
            yield Finding(f"model {name}", state, "not installed", fix)
        else:
            yield _checked(f"model {name}", lambda model=model: store.verify(model).source)  # type: ignore[misc]


def _checked(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, "ok", f"installed and verified, from {check()}")
    except StemwrightError as error:
        return Finding(name, "problem", describe_error(error), _command_in(error.message))


def _command_in(message: str) -> str | None:
    found = re.search(r"stemwright models .*?(?=\.?$)", message, re.MULTILINE)
    return found[0] if found else None
