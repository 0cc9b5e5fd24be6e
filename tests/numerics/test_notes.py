"""The real note network on notes that are known. Fetches 0.2 MB: ``pytest -m registry``."""

import numpy as np
import pytest

from stemwright.analysis.notes.transcribe import transcribe
from stemwright.analysis.sound import Sound
from stemwright.engine.catalog import NOTE_MODEL
from stemwright.engine.runtimes.note_network import load_note_network
from stemwright.engine.weights import ModelStore
from support.chords import RATE, tone


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return load_note_network(ModelStore(tmp_path_factory.mktemp("models")).pull(NOTE_MODEL))


@pytest.mark.registry
def test_a_scale_is_heard_note_by_note(network):
    scale = [48, 50, 52, 53, 55, 57, 59, 60]
    song = np.concatenate([tone(pitch, 0.5) for pitch in scale]) / 4

    notes = transcribe(Sound.of_array(song, RATE), network)

    clear = [note for note in notes if note.velocity > 60 and note.pitch in scale]
    assert [note.pitch for note in clear] == scale
    starts = [note.start_s for note in clear]
    np.testing.assert_allclose(starts, np.arange(8) / 2, atol=0.05)
