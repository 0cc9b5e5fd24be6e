"""What is asked of lalal.ai, checked before anything is sent, and what its tracks become here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from stemwright.errors import OptionError

Operation = Literal["stem_separator", "multistem", "voice_clean"]
OutputType = Literal["VOCALS", "INSTRUMENTAL", "BOTH", "FOUR_STEMS", "SIX_STEMS"]

_OURS: Final = {
    "vocals": "vocals",
    "drum": "drums",
    "bass": "bass",
    "piano": "piano",
    "electric_guitar": "electric_guitar",
    "acoustic_guitar": "acoustic_guitar",
    "synthesizer": "synth",
    "strings": "strings",
    "wind": "wind",
}
"""Their names of stems, and ours."""
_THEIRS: Final = {
    **{ours: theirs for theirs, ours in _OURS.items()},
    **{theirs: theirs for theirs in _OURS},
    "electricguitar": "electric_guitar",
    "acousticguitar": "acoustic_guitar",
    "winds": "wind",
}
_GUITARS: Final = ("electric_guitar", "acoustic_guitar")
_REST: Final = ("no_multistem",)

_FOUR: Final = ("vocals", "drum", "bass")
_SIX: Final = ("vocals", "drum", "piano", "bass", *_GUITARS)
_OF_MODELS: Final = {
    "htdemucs": _FOUR,
    "htdemucs_ft": _FOUR,
    "mdx_extra": _FOUR,
    "htdemucs_6s": _SIX,
}

_CORE: Final = frozenset({"vocals", "voice", "drum", "bass"})
_MIDDLE: Final = _CORE | {"piano", *_GUITARS}
_SPLITTERS: Final = {
    "andromeda": _CORE,
    "perseus": _MIDDLE,
    "orion": _MIDDLE,
    "phoenix": _MIDDLE | {"synthesizer", "strings", "wind"},
}
"""What each separates; lyra and lynx exist, and nobody says what they are able to."""


@dataclass(frozen=True, slots=True)
class SplitOrder:
    """One separation, and which of its tracks are wanted."""

    operation: Operation
    presets: Mapping[str, Any]
    stems: Mapping[str, tuple[str, ...]]
    """Each stem, and the labels of the tracks that add up to it."""
    optional: frozenset[str] = frozenset()
    """Stems that not every song has."""
    preview: bool = False
    """The first minute only."""
    name: str = "song"
    """What the file is called over there, without extension; never its title."""

    @property
    def times(self) -> int:
        """How many minutes a minute of the song costs."""
        return len(self.presets.get("stem_list", ("one",)))

    @property
    def labels(self) -> tuple[str, ...]:
        """The tracks to download."""
        return tuple(dict.fromkeys(label for labels in self.stems.values() for label in labels))


def order_of(
    model: str,
    *,
    stem_filter: str | None = None,
    stems: Sequence[str] | None = None,
    splitter: str | None = None,
    multivocal: str | None = None,
    preview: bool = False,
    name: str = "song",
) -> SplitOrder:
    """Translate a request for ``model`` stems, or for those it names instead.

    Raises
    ------
    OptionError

    """
    if stem_filter is not None and stems is not None:
        raise OptionError("stem_filter and stems say different things; send one of them.")
    if multivocal is not None and stem_filter != "vocals":
        raise OptionError("multivocal goes with stem_filter vocals alone.")
    if stem_filter is not None:
        order = _one_stem(_theirs(stem_filter), multivocal)
    elif stems is not None:
        order = _named_stems(stems)
    else:
        order = _stems_of(model)
    return _completed(order, splitter, preview=preview, name=name)


def order_for(output_type: OutputType, *, name: str = "song") -> SplitOrder:
    """Translate an output type of the StemSplit API."""
    if output_type == "SIX_STEMS":
        order = _stems_of("htdemucs_6s")
        kept = {stem: of for stem, of in order.stems.items() if stem not in _GUITARS}
    elif output_type == "FOUR_STEMS":
        order = _stems_of("htdemucs")
        kept = dict(order.stems)
    else:
        order = _one_stem("vocals", None)
        wanted = {"VOCALS": {"vocals"}, "INSTRUMENTAL": {"instrumental"}}.get(output_type)
        kept = {stem: of for stem, of in order.stems.items() if wanted is None or stem in wanted}
    chosen = SplitOrder(order.operation, order.presets, kept)
    return _completed(chosen, None, preview=False, name=name)


def voice_cleaning(noise_cancelling_level: int = 0, *, name: str = "song") -> SplitOrder:
    """Take noise, music and all that is no voice away; for denoise jobs.

    Raises
    ------
    OptionError

    """
    if noise_cancelling_level not in {0, 1, 2}:
        raise OptionError(f"noise_cancelling_level is 0, 1 or 2, not {noise_cancelling_level}.")
    presets = {"stem": "voice", "noise_cancelling_level": noise_cancelling_level}
    order = SplitOrder("voice_clean", presets, {"voice": ("voice",)})
    return _completed(order, None, preview=False, name=name)


def record_of(stem: str) -> tuple[str, dict[str, str]]:
    """Type and options under which a stem is recorded; lead and backing are both vocals."""
    return ("vocals", {"label": stem}) if stem in {"lead", "backing"} else (stem, {})


def _stems_of(model: str) -> SplitOrder:
    if model not in _OF_MODELS:
        raise OptionError(f"Invalid model: {model}")
    names = _OF_MODELS[model]
    stems: dict[str, tuple[str, ...]] = {_OURS[name]: (name,) for name in names}
    if names == _SIX:
        stems["guitar"] = _GUITARS
    return SplitOrder("multistem", {"stem_list": list(names)}, {**stems, "other": _REST})


def _one_stem(theirs: str, multivocal: str | None) -> SplitOrder:
    presets = {"stem": theirs}
    if multivocal is not None:
        if multivocal != "lead_back":
            raise OptionError(f"invalid multivocal: {multivocal}; there is lead_back")
        voices = {"lead": ("vocals@0",), "backing": ("vocals@1",)}
        return SplitOrder(
            "stem_separator",
            {**presets, "multivocal": multivocal},
            {**voices, "instrumental": ("no_vocals",)},
            optional=frozenset({"backing"}),
        )
    stems: dict[str, tuple[str, ...]] = {_OURS[theirs]: (theirs,)}
    if theirs == "vocals":
        stems["instrumental"] = ("no_vocals",)
    return SplitOrder("stem_separator", presets, stems)


def _named_stems(named: Sequence[str]) -> SplitOrder:
    if not named:
        raise OptionError("stems is empty; name one or more.")
    wanted = {name: _GUITARS if name == "guitar" else (_theirs(name),) for name in named}
    theirs = tuple(dict.fromkeys(name for names in wanted.values() for name in names))
    if len(theirs) == 1:
        return _one_stem(theirs[0], None)
    if alone := [name for name in theirs if name not in _SIX]:
        raise OptionError(
            f"lalal.ai separates {_OURS[alone[0]]} by itself only; ask for it with stem_filter."
        )
    stems = {
        "guitar" if name == "guitar" else _OURS[names[0]]: names for name, names in wanted.items()
    }
    return SplitOrder("multistem", {"stem_list": list(theirs)}, {**stems, "other": _REST})


def _theirs(name: str) -> str:
    if name not in _THEIRS:
        raise OptionError(f"invalid stem_filter: {name}")
    return _THEIRS[name]


def _completed(order: SplitOrder, splitter: str | None, *, preview: bool, name: str) -> SplitOrder:
    presets: dict[str, Any] = {**order.presets, "encoder_format": "wav"}
    if splitter is not None:  # to let them choose, the key is left out
        _check_splitter(splitter, order.presets)
        presets["splitter"] = splitter
    return SplitOrder(order.operation, presets, order.stems, order.optional, preview, name)


def _check_splitter(splitter: str, presets: Mapping[str, Any]) -> None:
    if splitter not in _SPLITTERS:
        raise OptionError(f"invalid splitter: {splitter}")
    asked = presets.get("stem_list") or [presets["stem"]]
    if unable := [stem for stem in asked if stem not in _SPLITTERS[splitter]]:
        able = [name for name, stems in _SPLITTERS.items() if stems.issuperset(asked)]
        raise OptionError(
            f"invalid splitter: {splitter} (it does not separate {_OURS[unable[0]]}; "
            f"{' and '.join(able)} can)"
        )
