"""Separate one song with audio-separator's Demucs, its online catalogue answered by a local file.

Its check for an ffmpeg program is skipped: WAV in and out needs none.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from audio_separator.separator import Separator

SHIFTS = 0


def main() -> None:
    song, output, repository = (Path(argument).absolute() for argument in sys.argv[1:4])
    Separator.check_ffmpeg_installed = lambda _: None
    model = repository / "htdemucs.yaml"
    Separator.download_model_files = lambda *_: (
        model.name,
        "Demucs",
        "Demucs v4: htdemucs",
        str(model),
        str(model),
    )
    separator = Separator(
        log_level=logging.WARNING,
        model_file_dir=str(repository),
        output_dir=str(output),
        use_soundfile=True,
        demucs_params={
            "segment_size": "Default",
            "shifts": SHIFTS,
            "overlap": 0.25,
            "segments_enabled": True,
        },
    )
    separator.load_model(model.name)
    separator.separate(str(song))


if __name__ == "__main__":
    main()
