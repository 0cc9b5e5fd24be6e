"""Write what the reference's own runtime makes of a made voice in noise, for the numeric tests.

    .venv-bench/bin/python benchmarks/peers/make_denoise_reference.py \
        tests/numerics/deepfilternet_reference.npz

Samples at random positions are kept, so that the tests need no native library.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from run_denoisers import deepfilternet

sys.path.append(str(Path(__file__).parents[1]))
from harness.voices import mixed, pink, voice

SECONDS, VOICE, NOISE, SNR_DB = 12.0, 3, 5, 5.0
KEPT = 5_000


def main() -> None:
    noisy = mixed(voice(SECONDS, VOICE), pink(SECONDS, NOISE), SNR_DB).astype(np.float32)
    clean = deepfilternet(noisy)
    positions = np.sort(np.random.default_rng(0).choice(len(clean), KEPT, replace=False))
    facts = {"seconds": SECONDS, "voice": VOICE, "noise": NOISE, "snr_db": SNR_DB}
    np.savez_compressed(sys.argv[1], positions=positions, values=clean[positions], **facts)


if __name__ == "__main__":
    main()
