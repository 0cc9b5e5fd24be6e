"""A worker's child process whose networks are stand-ins; all around them is the product's."""

from __future__ import annotations

from pathlib import Path

from stemwright.entry.child import (
    ANALYSE,
    CLEAN,
    ENCODE,
    MIX,
    PROBE,
    SEPARATE,
    Channel,
    analyse,
    encode,
    mix,
    probe,
    serve,
)
from stemwright.features.denoising.render import denoise_file
from stemwright.features.separations.child_work import separate_song
from stemwright.features.separations.stem_work import StemWork

from .denoisers import Scaling
from .separators import GainSeparator


class GainSeparators:
    def start(self, _model, _precision, _stems):
        return GainSeparator


def separate(arguments, report):
    return separate_song(StemWork.of(arguments["work"]), GainSeparators(), report)


def clean(arguments, report):
    done = denoise_file(
        Path(arguments["song"]),
        Path(arguments["output"]),
        arguments["format"],
        network=Scaling(),
        max_duration_s=arguments["max_duration_s"],
        progress=lambda fraction: report("denoise", fraction),
    )
    return {"duration_s": done.duration_s}


if __name__ == "__main__":
    works = {
        PROBE: probe,
        SEPARATE: separate,
        CLEAN: clean,
        ENCODE: encode,
        ANALYSE: analyse,
        MIX: mix,
    }
    serve(Channel(), works)
