"""``stemwright midi`` with a network that hears one note."""

import numpy as np
import pytest
import soundfile

from stemwright.analysis.notes.listen import FRAMES, PITCHES
from stemwright.engine.catalog import NOTE_MODEL
from stemwright.engine.weights import ModelStore
from stemwright.entry.transcription import Order, run_midi
from stemwright.entry.wiring import Wiring
from stemwright.errors import OptionError, WeightsMissing
from support.signals import music


def _middle_c(window):
    """Hear middle C wherever the window is not silent."""
    sounding = np.zeros((FRAMES, PITCHES), np.float32)
    sounding[:, 39] = 0.9 if np.abs(window).max() > 0 else 0.0
    return sounding, np.zeros_like(sounding)


@pytest.fixture
def models(tmp_path):
    home = tmp_path / "models" / NOTE_MODEL.name
    home.mkdir(parents=True)
    for name in (NOTE_MODEL.networks[0].installed_file, "record.json"):
        (home / name).touch()
    return tmp_path / "models"


@pytest.fixture
def wiring(models):
    return Wiring(store=lambda _: ModelStore(models), load_notes=lambda _: _middle_c)


@pytest.fixture
def bass(tmp_path):
    path = tmp_path / "bass.wav"
    soundfile.write(path, music(8.0).T, 44_100)
    return path


def test_a_stem_becomes_a_track_of_its_name(wiring, bass, tmp_path, capsys):
    output = tmp_path / "out" / "bass.mid"

    status = run_midi(wiring, Order([bass], output, None), download=False, quiet=False)

    file = output.read_bytes()
    assert status == 0
    assert file.startswith(b"MThd\x00\x00\x00\x06\x00\x01\x00\x02")
    assert b"\xff\x03\x04bass" in file
    assert bytes([0x90, 60]) in file
    assert "notes of bass 1; " in capsys.readouterr().out


def test_silence_gives_a_file_without_notes(wiring, tmp_path):
    stem, output = tmp_path / "other.wav", tmp_path / "other.mid"
    soundfile.write(stem, np.zeros((44_100, 2)), 44_100)

    assert run_midi(wiring, Order([stem], output, None), download=False, quiet=True) == 0
    assert b"MTrk" in output.read_bytes()


@pytest.mark.parametrize(
    ("stem", "output", "reason"),
    [("drums.wav", "a.mid", "drums have no notes"), ("bass.wav", "a.wav", "is called .mid")],
)
def test_what_cannot_be_meant_is_refused(wiring, tmp_path, stem, output, reason):
    order = Order([tmp_path / stem], tmp_path / output, None)

    with pytest.raises(OptionError, match=reason):
        run_midi(wiring, order, download=False, quiet=True)


def test_a_missing_network_is_one_clear_error(tmp_path, bass):
    wiring = Wiring(store=lambda _: ModelStore(tmp_path / "none"))

    with pytest.raises(WeightsMissing, match="stemwright models pull basic-pitch"):
        run_midi(wiring, Order([bass], tmp_path / "a.mid", None), download=False, quiet=True)
