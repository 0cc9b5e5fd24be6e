"""What ``separate`` and ``demo`` share: choices into a request, the model fetched, songs run."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from stemwright.audio.encode import BitDepth, Bitrate
from stemwright.audio.encode import Format as FormatName
from stemwright.engine.catalog import MODELS, QUALITIES, Model, Quality, QualityName, find_model
from stemwright.engine.separate import Method
from stemwright.engine.tiers import TierChoices, tier_model
from stemwright.errors import InputNotFound, OptionError, StemwrightError
from stemwright.features.separations.batch import Batch, Outcome, Request, SeparatorLoader
from stemwright.features.separations.formats import Format
from stemwright.features.separations.naming import DEFAULT_TEMPLATE, NameTemplate
from stemwright.features.separations.songs import find_songs
from stemwright.features.separations.stems import resolve_stems, separated_stems

from .pulling import licence_text, pull_model
from .reports import JsonReport, PlainReport, QuietReport, error_document
from .wiring import Loading, PrecisionName, RuntimeName, Wiring

if TYPE_CHECKING:
    from stemwright.engine.own_model import OwnModel
    from stemwright.engine.weights import ModelStore

    from .signals import Interruption

SOME_FAILED = 3
DEFECT = 1


@dataclass(frozen=True, slots=True)
class Choices:
    """The options of ``separate`` as given; ``None`` leaves the choice to tier, model or song."""

    folder: Path
    model: str | None = None
    quality: str = "balanced"
    stems: str | None = None
    format: str = "wav"
    bit_depth: str | None = None
    bitrate_kbps: int | None = None
    template: str = DEFAULT_TEMPLATE
    exact_sum: bool = False
    force: bool = False
    max_duration_s: float | None = None
    shifts: int | None = None
    overlap: float | None = None
    segment_s: float | None = None
    seed: int = 0
    runtime: str | None = None
    precision: str = "auto"
    threads: int | None = None
    download: bool = True

    @property
    def tier(self) -> Quality:
        """The quality tier."""
        return QUALITIES[cast("QualityName", self.quality)]

    def wanted_precision(self) -> PrecisionName:
        """The user's word; else the tier's, where bf16 means bf16 if the processor has it."""
        if self.precision != "auto":
            return cast("PrecisionName", self.precision)
        return "auto" if self.tier.precision == "bf16" else self.tier.precision


def run_separation(
    wiring: Wiring, choices: Choices, songs: Sequence[Path], *, as_json: bool, quiet: bool
) -> int:
    """Separate songs and return the exit status."""
    with _reported_as_json(enabled=as_json):
        settings = wiring.settings()
        model = choose_model(choices, wiring.store(settings))
        request = build_request(choices, model, settings.max_duration_s)
        report = choose_report(
            as_json=as_json, quiet=quiet, model=model.name, quality=choices.quality
        )
        found = find_songs(songs)
        if not found:
            raise InputNotFound(f"{', '.join(map(str, songs))}: no audio file found there")
        outcomes = separate_songs(wiring, choices, model, request, found, report)
    return exit_code(outcomes, wiring.interruption)


def choose_model(choices: Choices, store: ModelStore) -> Model:
    """The model named, or else what the tier runs.

    Raises
    ------
    UnknownModel

    """
    if choices.model is not None:
        own = own_model(choices.model)
        return find_model(choices.model) if own is None else own.model
    return tier_model(choices.tier.name, TierChoices(store.folder), store.usable)


def own_model(name: str) -> OwnModel | None:
    """The user's weights that a path leads to; ``None`` for what is no path."""
    from stemwright.engine.own_model import is_own, read_own_model  # noqa: PLC0415 - costs NumPy

    if name in MODELS or not is_own(name):
        return None
    return read_own_model(Path(name))


def _weights(
    wiring: Wiring, choices: Choices, model: Model, report: QuietReport
) -> tuple[Path, str]:
    """Where a model's weights are, fetched if need be, and their checksum."""
    own = None if choices.model is None else own_model(choices.model)
    store = wiring.store(wiring.settings())
    if own is None:
        return pull_model(store, model, report, download=choices.download)
    store.allow(own.model)
    if own.says_licence:
        # theirs to know, and not everybody who uses a folder has written its description
        print(licence_text(own.model.licence), file=sys.stderr, flush=True)
    return own.weights, own.sha256


def build_request(choices: Choices, model: Model, longest_s: float | None = None) -> Request:
    """Check the choices against each other and the model; ``longest_s`` is the operator's limit.

    Raises
    ------
    OptionError
    UnknownStem

    """
    format_ = Format(
        cast("FormatName", choices.format),
        cast("BitDepth | None", choices.bit_depth),
        cast("Bitrate | None", choices.bitrate_kbps),
    )
    format_.check(exact_sum=choices.exact_sum)
    stems = resolve_stems(choices.stems, model)
    return Request(
        folder=choices.folder,
        model=model.name,
        quality=choices.quality,
        stems=stems,
        method=_method(choices, model),
        format=format_,
        template=NameTemplate.parse(choices.template, stems=len(stems)),
        exact_sum=choices.exact_sum and _adds_up(stems, model),
        force=choices.force,
        max_duration_s=choices.max_duration_s or longest_s,
    )


def _method(choices: Choices, model: Model) -> Method:
    usual = choices.tier.run_with(lambda name: name == model.name)
    method = Method(
        overlap=usual.overlap if choices.overlap is None else choices.overlap,
        shifts=usual.shifts if choices.shifts is None else choices.shifts,
        segment_s=choices.segment_s,
        seed=choices.seed,
    )
    if method.segment_s is not None and method.segment_s > model.segment_s:
        longest = float(model.segment_s)
        raise OptionError(f"segment is {method.segment_s} s; {model.name} sees at most {longest} s")
    return method


def _adds_up(stems: tuple[str, ...], model: Model) -> bool:
    """Whether ``--exact-sum`` has work to do; vocals and instrumental add up as they are."""
    if set(model.stems) <= set(stems):
        return True
    if set(stems) == {"vocals", "instrumental"}:
        return False
    raise OptionError(
        f"--exact-sum speaks of all stems, but only {', '.join(stems)} are asked for; "
        "leave --stems out, or ask for 2"
    )


def separate_songs(
    wiring: Wiring,
    choices: Choices,
    model: Model,
    request: Request,
    songs: Sequence[Path],
    report: QuietReport,
) -> list[Outcome]:
    """Fetch the model if need be and run the batch until its end or a signal."""
    settings = wiring.settings()
    weights, digest = _weights(wiring, choices, model, report)
    loading = Loading(
        weights,
        model,
        runtime=cast("RuntimeName", choices.runtime or settings.runtime),
        precision=choices.wanted_precision(),
        threads=choices.threads or settings.threads,
        stems=separated_stems(model.stems, request.stems, every=request.exact_sum),
        segment_s=choices.segment_s,
    )
    if choices.model is None and model.name != choices.tier.model:
        report.note(f"quality {choices.quality}: with {model.name}")
    engine = {"weights": digest, "runtime": loading.runtime, "precision": loading.precision}
    batch = Batch(
        request.on(engine),
        SeparatorLoader(lambda: wiring.load(loading)),
        report,
        wiring.interruption.requested,
    )
    with wiring.interruption.polite(), report.live():
        outcomes = list(batch.run(songs))
    if wiring.interruption.requested():
        finished = sum(outcome.status in {"done", "skipped"} for outcome in outcomes)
        report.note(
            f"interrupted: {finished} of {len(songs)} songs done; "
            "the same command again goes on from there"
        )
    return outcomes


def choose_report(*, as_json: bool, quiet: bool, model: str, quality: str) -> QuietReport:
    """The report a run needs: JSON, nothing, a live bar on a terminal, lines elsewhere."""
    if as_json:
        return JsonReport(model, quality)
    if quiet:
        return QuietReport()
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        from .live import LiveReport  # noqa: PLC0415  # Rich's bars cost 50 ms; only terminals pay

        return LiveReport()
    return PlainReport()


def exit_code(outcomes: Sequence[Outcome], interruption: Interruption) -> int:
    """The exit status of a batch, as documented in docs/reference/cli.md."""
    if interruption.requested():
        return interruption.exit_code
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    if not errors:
        return 0
    known = [error.exit_code for error in errors if isinstance(error, StemwrightError)]
    if len(known) < len(errors):
        return DEFECT
    return SOME_FAILED if len(errors) < len(outcomes) else known[0]


@contextmanager
def _reported_as_json(*, enabled: bool) -> Iterator[None]:
    """Give a failure that belongs to no single song an object of its own, ``file`` being null."""
    try:
        yield
    except StemwrightError as error:
        if enabled:
            document = {"file": None, "status": "failed", "error": error_document(error)}
            print(json.dumps(document), flush=True)
        raise
