"""What may be asked of a separation, checked before anything is begun."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from stemwright.errors import InvalidEngine, InvalidSeparationModel
from stemwright.features.lalalai.orders import SplitOrder, order_of

LOCAL: Final = "local"
LALALAI: Final = "lalalai"
ENGINES: Final = (LOCAL, LALALAI)
DEFAULT_MODEL: Final = "htdemucs"

_FOUR: Final = ("vocals", "drums", "bass", "other")
_SIX: Final = ("vocals", "drums", "bass", "guitar", "piano", "other")


@dataclass(frozen=True, slots=True)
class SeparationModel:
    """A model as this API offers it."""

    name: str
    description: str
    stems: tuple[str, ...]


MODELS: Final[Mapping[str, SeparationModel]] = MappingProxyType(
    {
        model.name: model
        for model in (
            SeparationModel(
                "htdemucs", "Hybrid Transformer Demucs, the default: four stems", _FOUR
            ),
            SeparationModel(
                "htdemucs_ft",
                "Hybrid Transformer Demucs with a network for each stem: better, and slower",
                _FOUR,
            ),
            SeparationModel(
                "htdemucs_6s",
                "Hybrid Transformer Demucs with guitar and piano: six stems",
                _SIX,
            ),
            SeparationModel(
                "mdx_extra", "MDX-Net Extra, of another architecture; good at vocals", _FOUR
            ),
        )
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessingOrder:
    """A separation as it is asked for; from ``stems`` on for lalal.ai alone."""

    track_id: str
    model: str = DEFAULT_MODEL
    engine: str = LOCAL
    stems: tuple[str, ...] | None = None
    stem_filter: str | None = None
    splitter: str | None = None
    multivocal: str | None = None
    preview: bool = False

    def check(self) -> None:
        """Refuse what no engine does.

        Raises
        ------
        InvalidSeparationModel, InvalidEngine
        OptionError
            Options of lalal.ai that contradict each other.

        """
        if self.model not in MODELS:
            raise InvalidSeparationModel(
                f"Invalid model: {self.model[:64]}. There are {', '.join(MODELS)}."
            )
        if self.engine not in ENGINES:
            raise InvalidEngine(
                f"Invalid engine: {self.engine[:64]}. There are {' and '.join(ENGINES)}."
            )
        if self.engine == LALALAI:
            self.split()
        elif extra := sorted(self.options):
            raise InvalidEngine(
                f"The engine {self.engine} does not take {', '.join(extra)}; lalalai does."
            )

    @property
    def options(self) -> dict[str, Any]:
        """What was asked for beside model and engine."""
        given = {
            "stems": list(self.stems) if self.stems is not None else None,
            "stem_filter": self.stem_filter,
            "splitter": self.splitter,
            "multivocal": self.multivocal,
            "preview": self.preview or None,
        }
        return {name: value for name, value in given.items() if value is not None}

    def split(self, name: str = "song") -> SplitOrder:
        """Translate it for lalal.ai; raises `OptionError`."""
        return order_of(
            self.model,
            stem_filter=self.stem_filter,
            stems=self.stems,
            splitter=self.splitter,
            multivocal=self.multivocal,
            preview=self.preview,
            name=name,
        )

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> ProcessingOrder:
        """Take it out of a job."""
        options = dict(request["options"])
        stems = options.pop("stems", None)
        return cls(
            track_id=request["track_id"],
            model=request["model"],
            engine=request["engine"],
            stems=None if stems is None else tuple(stems),
            **options,
        )
