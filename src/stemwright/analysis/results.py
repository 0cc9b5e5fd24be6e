"""What an analysis finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .activity import Activity
from .frontend import Condition
from .harmony.describe import Harmony
from .loudness import Loudness
from .rhythm.find import Rhythm
from .spectral import Energy, SpectralShape
from .structure import Section

Source = Literal["mixture", "stems"]


@dataclass(frozen=True, slots=True)
class Analysis:
    """All that was asked about one song; ``None`` where it was not asked."""

    features: frozenset[str]
    condition: Condition
    rhythm: Rhythm | None = None
    rhythm_from: Source = "mixture"
    harmony: Harmony | None = None
    harmony_from: Source = "mixture"
    energy: Energy | None = None
    shape: SpectralShape | None = None
    mfcc: NDArray[np.float32] | None = None
    """``[13, frames]``, 43 a second."""
    chroma: NDArray[np.float32] | None = None
    """``[12, frames]`` from C, ten a second, the strongest of each frame 1."""
    loudness: Loudness | None = None
    sections: tuple[Section, ...] | None = None
    stems: Mapping[str, Activity] = field(default_factory=dict)
