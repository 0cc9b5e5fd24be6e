"""Segments that torch separates together come out as they do alone; run where torch is."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from support.random_networks import CASES

torch = pytest.importorskip("torch")

CALLERS = 4


@pytest.mark.parametrize(
    "name",
    [
        "hdemucs-narrow",
        "scnet-small",
        "scnet-masked",
        pytest.param("htdemucs_6s", marks=pytest.mark.long),
    ],
)
def test_segments_separated_together_are_those_separated_alone(name):
    from stemwright.engine.runtimes.torch import TorchRuntime

    case = CASES[name]
    alone = TorchRuntime(case.state(), case.shape, precision="f32")
    together = TorchRuntime(case.state(), case.shape, precision="f32", batch=CALLERS)
    rng = np.random.default_rng(1)
    shape = (CALLERS, 2, case.shape.segment_samples)
    segments = rng.standard_normal(shape).astype(np.float32)

    with ThreadPoolExecutor(CALLERS) as threads:
        found = list(threads.map(together.infer, segments))
    for segment, stems in zip(segments, found, strict=True):
        expected = alone.infer(segment)
        assert np.abs(stems - expected).max() < 2e-6 * np.abs(expected).max()
    assert (alone.segments_in_flight, together.segments_in_flight) == (1, 2 * CALLERS)
