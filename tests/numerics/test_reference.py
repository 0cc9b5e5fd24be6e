"""The whole method against stock demucs 4.1.0 (torch, float32) on the same weights and grid.

The reference is kept as samples at random positions, so that no test needs torch.
"""

from pathlib import Path

import numpy as np
import pytest

from stemwright.engine.catalog import MODELS
from stemwright.engine.separator import Separator
from support.reference import installed_weights
from support.reference_song import RATE, reference_song

pytestmark = [pytest.mark.model, pytest.mark.slow]

REFERENCE = Path(__file__).with_name("htdemucs_reference.npz")


@pytest.mark.parametrize(
    ("runtime", "precision", "tolerance"),
    [
        # Largest error of any sample as a fraction of full scale: float32 sums in another order.
        # Measured 1e-6 and 3e-6 here; torch itself is that far from float64.
        ("openvino", "f32", 1e-5),
        pytest.param("onnx", "f32", 1e-5, marks=pytest.mark.long),
    ],
)
def test_stems_equal_those_of_stock_demucs(runtime, precision, tolerance):
    reference = np.load(REFERENCE)
    model = MODELS["htdemucs"]
    separator = Separator.load(installed_weights(), model, runtime=runtime, precision=precision)
    stems = separator.separate(reference_song(), RATE, overlap=float(reference["overlap"]))
    separator.close()

    assert tuple(stems) == model.stems
    found = np.stack([stems[stem][:, reference["positions"]] for stem in model.stems])
    np.testing.assert_allclose(found, reference["values"], rtol=0, atol=tolerance)
