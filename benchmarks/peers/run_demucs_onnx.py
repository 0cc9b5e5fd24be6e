"""Separate one song with demucs-onnx, its hub download answered by a local file."""

from __future__ import annotations

import sys
from pathlib import Path

from demucs_onnx import inference


def main() -> None:
    song, output, model = (Path(argument) for argument in sys.argv[1:4])
    inference.download_single_model = lambda *_, **__: model
    inference.separate(song, output, model="htdemucs", providers="cpu", progress=False)


if __name__ == "__main__":
    main()
