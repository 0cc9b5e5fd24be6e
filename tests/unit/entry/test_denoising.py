"""``stemwright denoise`` with a network that takes everything for speech."""

import numpy as np
import pytest
import soundfile

from stemwright.engine.catalog import DENOISE_MODEL
from stemwright.entry.denoising import Choices, run_denoising
from stemwright.entry.wiring import Wiring
from stemwright.errors import InputNotFound, WeightsMissing
from support.denoisers import Scaling


class _Store:
    """Has the network, or not."""

    def __init__(self, folder, *, there=True):
        self._path, self._there = folder / "networks.tar.gz", there

    def installed(self, model):
        assert model is DENOISE_MODEL
        return self._path if self._there else None

    def require(self, model):
        if not self._there:
            raise WeightsMissing("not installed")
        return self._path

    def record(self, model):
        class Record:
            sha256 = "0" * 64

        return Record


@pytest.fixture
def wiring(tmp_path):
    return Wiring(
        store=lambda _: _Store(tmp_path), load_denoiser=lambda _weights, _threads: Scaling()
    )


@pytest.fixture
def talk(tmp_path):
    return _write(tmp_path / "talk.wav")


def _write(path):
    path.parent.mkdir(exist_ok=True)
    soundfile.write(path, np.zeros((9000, 1)), 48_000)
    return path


def _choices(folder=None, **changed):
    given = {"format": "wav", "strength": 1.0, "force": False, "download": False, "quiet": True}
    return Choices(folder, **given | changed)


def test_the_clean_copy_lies_beside_the_recording(wiring, talk, capsys):
    assert run_denoising(wiring, _choices(quiet=False), [talk]) == 0

    assert talk.with_name("talk_denoised.wav").exists()
    said = capsys.readouterr()
    assert "talk.wav: 0:00 in " in said.out
    assert "times realtime" in said.out


def test_a_folder_is_searched_and_copies_of_earlier_runs_are_left_out(wiring, talk, tmp_path):
    choices = _choices(tmp_path / "out", format="flac")
    _write(tmp_path / "older_denoised.wav")

    assert run_denoising(wiring, choices, [tmp_path]) == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["talk_denoised.flac"]


def test_a_file_that_is_there_is_replaced_only_by_force(wiring, talk, capsys):
    older = talk.with_name("talk_denoised.wav")
    older.write_bytes(b"older")

    assert run_denoising(wiring, _choices(), [talk]) == 7
    assert older.read_bytes() == b"older"
    assert "--force" in capsys.readouterr().err

    assert run_denoising(wiring, _choices(force=True), [talk]) == 0
    assert older.read_bytes() != b"older"


def test_recordings_of_one_name_do_not_replace_each_other(wiring, tmp_path, capsys):
    pair = [_write(tmp_path / "a" / "talk.wav"), _write(tmp_path / "b" / "talk.wav")]

    assert run_denoising(wiring, _choices(tmp_path / "out", force=True), pair) == 3
    assert "another recording" in capsys.readouterr().err


def test_one_bad_recording_does_not_stop_the_rest(wiring, talk, tmp_path, capsys):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound" * 99)

    assert run_denoising(wiring, _choices(), [bad, talk]) == 3
    assert "bad.wav" in capsys.readouterr().err
    assert talk.with_name("talk_denoised.wav").exists()


def test_a_folder_without_recordings_is_an_error(wiring, tmp_path):
    with pytest.raises(InputNotFound, match="no audio file"):
        run_denoising(wiring, _choices(), [tmp_path])


def test_without_the_network_and_without_leave_to_fetch_it_says_so(talk, tmp_path):
    wiring = Wiring(store=lambda _: _Store(tmp_path, there=False))

    with pytest.raises(WeightsMissing):
        run_denoising(wiring, _choices(), [talk])
