"""SCNet: its files, what has to be told beside them, and the pieces that its graph is made of."""

import pickle

import numpy as np
import pytest
from safetensors.numpy import save_file

from stemwright.engine.architectures import SCNET
from stemwright.engine.checkpoints import Told, describe, read_checkpoint, write_safetensors
from stemwright.engine.networks import SCNetShape
from stemwright.engine.networks.scnet import blocks_kernel, each_alone, fourier, fourier_back
from stemwright.engine.own_model import read_own_model
from stemwright.engine.separate import ArrayMixture
from stemwright.engine.separator import Separator
from stemwright.errors import WeightsCorrupt
from support.random_networks import CASES
from support.scnet_models import arguments_of, write_scnet
from support.scnet_models import describe as describe_folder
from support.signals import music
from support.torch_files import checkpoint, name_of, state_file, text, torch_file

CASE = CASES["scnet-small"]
MASKED = CASES["scnet-masked"]


@pytest.fixture(scope="module")
def state():
    return CASE.state()


@pytest.fixture
def read(tmp_path):
    def read(content, told=Told(SCNET, arguments_of(CASE))):  # noqa: B008 - frozen
        path = tmp_path / "weights.ckpt"
        path.write_bytes(content)
        return read_checkpoint(path, told)

    return read


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("within", ["", "state", "best_state", "state_dict", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_weights_are_found_wherever_trainings_put_them(read, state, within, prefix):
    found = read(state_file(state, within=within, prefix=prefix)).state
    assert list(found) == list(CASE.shapes)
    assert all(np.array_equal(found[name], state[name]) for name in state)


def test_safetensors_without_a_word_are_what_the_reader_says(tmp_path, state):
    save_file(state, tmp_path / "x.safetensors")
    found = read_checkpoint(tmp_path / "x.safetensors", Told(SCNET, arguments_of(CASE)))
    assert (found.architecture, found.outputs) == (SCNET, 4)


def test_what_stemwright_wrote_says_enough_of_itself(tmp_path, read, state):
    found = read(state_file(state))
    metadata = describe(found, CASE.shape.sources, 2)
    write_safetensors(tmp_path / "x.safetensors", found.state, metadata)
    again = read_checkpoint(tmp_path / "x.safetensors")
    assert again.architecture is SCNET
    assert again.arguments["band_SR"] == CASE.arguments["band_SR"]


def test_a_bare_file_that_nobody_speaks_for_names_the_way_out(read, state):
    with pytest.raises(WeightsCorrupt, match=r"weights\.ckpt does not say .* model\.toml"):
        read(state_file(state), told=None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("encoder.0.globalconv.bias"), r"missing: encoder\.0\.globalconv\.bias"),
        (lambda s: s.update(extra=np.zeros(1, np.float32)), "unknown: extra"),
        (
            lambda s: s.update({"decoder.0.0.conv.bias": np.zeros(3, np.float32)}),
            r"wrong shape: decoder\.0\.0\.conv\.bias",
        ),
        (
            lambda s: s.update({"encoder.1.globalconv.bias": np.full(8, np.inf, np.float32)}),
            r"not finite: encoder\.1\.globalconv\.bias",
        ),
        (lambda s: s.clear(), "missing: encoder"),
        (lambda s: s.pop("separation_net.dp_modules.0.linear_layers.0.weight"), "unknown: sep"),
        (
            lambda s: s.update({"encoder.0.globalconv.weight": np.zeros((0,), np.float32)}),
            "wrong shape: encoder",
        ),
    ],
)
def test_a_wrong_parameter_is_named(read, state, change, said):
    wrong = dict(state)
    change(wrong)
    with pytest.raises(WeightsCorrupt, match=said):
        read(state_file(wrong))


def test_weights_of_another_network_are_refused_by_what_is_missing(read):
    with pytest.raises(WeightsCorrupt, match="whole SCNet"):
        read(state_file(CASES["hdemucs-narrow"].state()))


def test_a_file_that_names_its_class_is_taken_at_its_word(read):
    other = CASES["hdemucs-narrow"]
    found = read(checkpoint(other.state(), klass="demucs.hdemucs HDemucs", kwargs=b"}"))
    assert found.architecture.name == "hdemucs"


def test_a_state_that_holds_no_arrays_is_refused(read):
    with pytest.raises(WeightsCorrupt, match="no plain parameters"):
        read(torch_file(b"\x80\x02}" + text("state") + b"}" + text("a") + b"}ss."))


class Payload:
    """What makes a file as soon as an ordinary unpickler meets it."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return type(self.target).touch, (self.target,)


def test_a_payload_among_what_a_training_kept_executes_nothing(read, tmp_path):
    program = pickle.dumps({"best_state": {}, "optimizer": Payload(tmp_path / "owned")}, protocol=2)
    with pytest.raises(WeightsCorrupt, match="no weights need"):
        read(torch_file(program))
    assert not (tmp_path / "owned").exists()


def test_a_class_of_scnets_own_is_never_looked_up(read):
    program = b"\x80\x02}" + text("state") + name_of("scnet.SCNet SCNet") + b")Rs."
    with pytest.raises(WeightsCorrupt, match=r"asks for scnet\.SCNet\.SCNet"):
        read(torch_file(program))


# --- what has to be told --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"band_SR": None, "normalise": None}, r"band_SR, normalise of SCNet cannot be seen"),
        ({"sources": None}, "sources of SCNet"),
        ({"sources": "drums"}, "sources has to be a list of the stems"),
        ({"band_SR": [0.2, 0.35]}, "band_SR has to be three shares"),
        ({"band_SR": [0.2, 0.35, 0.1]}, "band_SR has to be three shares"),
        ({"band_SR": [0.2, 0.35, float("nan")]}, "band_SR has to be three shares"),
        ({"band_stride": [1, 0, 5]}, "band_stride has to be three whole numbers"),
        ({"nfft": 1024.0}, "nfft has to be a whole number, 64 to"),
        ({"nfft": 1 << 30}, "nfft has to be a whole number, 64 to"),
        ({"hop_size": 300}, "nfft has to be an even multiple of hop_size"),
        ({"normalized": 1}, "normalized has to be true or false"),
        ({"normalise": "loud"}, 'normalise has to be "song" or "segment" or "none"'),
        ({"dims": [4, 32, 64]}, r"dims is \[4, 6, 8\] and not \[4, 32, 64\]"),
        ({"conv_depths": [3, 2, 1]}, r"conv_depths is \[1, 2, 1\] and not"),
        ({"num_dplayer": 6}, "num_dplayer is 2 and not 6"),
        ({"compress": 4}, "compress 4 is not what"),
        ({"compress": "x"}, "compress x is not what"),
        ({"compress": 1e-320}, "is not what"),
        ({"win_size": 2048}, "win_size is 1024 and not 2048"),
        ({"audio_channels": 1}, "audio_channels is 2 and not 1"),
        ({"band_stride": [1, 3, 5]}, "these bands do not fit"),
        ({"band_stride": [1, 2, 1 << 40]}, "these bands do not fit"),
        ({"band_SR": [0.9989, 0.0001, 0.001]}, "these bands do not fit"),
    ],
)
def test_what_is_told_wrongly_is_named(read, state, changed, said):
    told = Told(SCNET, arguments_of(CASE, **changed))
    with pytest.raises(WeightsCorrupt, match=said):
        read(state_file(state), told)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"nfft": 2048, "win_size": 2048}, "nfft is 1024 and not 2048"),
        ({"normalise": "segment"}, "mask"),
    ],
)
def test_a_mask_shows_more_of_its_making(read, changed, said):
    told = Told(SCNET, arguments_of(MASKED, **changed))
    with pytest.raises(WeightsCorrupt, match=said):
        read(state_file(MASKED.state()), told)


# --- a user's folder ------------------------------------------------------------------------------


def test_a_folder_says_what_its_file_does_not(tmp_path):
    model = read_own_model(write_scnet(tmp_path, CASE)).model
    assert (model.architecture, model.stems, model.segment_s) == ("scnet", CASE.shape.sources, 2)


def test_eleven_seconds_are_seen_at_once_unless_said(tmp_path):
    write_scnet(tmp_path, CASE)
    describe_folder(tmp_path, arguments_of(CASE), head='stems = ["a", "b", "c", "d"]')
    model = read_own_model(tmp_path).model
    assert (model.stems, model.segment_s) == (("a", "b", "c", "d"), 11)


@pytest.mark.parametrize(
    ("text_", "said"),
    [
        ('architecture = "roformer"', 'architecture has to be "htdemucs" or "hdemucs" or "scnet"'),
        ("architecture = 3", "architecture has to be"),
        ("[arguments]\nnfft = 4096", "architecture has to be"),
        ('architecture = "scnet"\narguments = 3', "arguments has to be a table"),
        ('architecture = "scnet"', "sources, band_SR, band_stride, nfft, hop_size, normalized, n"),
    ],
)
def test_a_description_that_makes_no_sense_names_the_line(tmp_path, text_, said):
    write_scnet(tmp_path, CASE)
    (tmp_path / "model.toml").write_text(text_)
    with pytest.raises(WeightsCorrupt, match=said):
        read_own_model(tmp_path)


@pytest.mark.parametrize("case", [CASE, MASKED], ids=["spectra", "mask"])
def test_an_own_scnet_separates(tmp_path, case):
    own = read_own_model(write_scnet(tmp_path, case))
    with Separator.load(own.weights, own.model, precision="f32", threads=2) as separator:
        stems = separator.separate(music(3.0), 44_100)
    assert list(stems) == list(case.shape.sources)
    assert all(stem.shape == (2, 3 * 44_100) and stem.any() for stem in stems.values())


def test_stems_scale_with_the_song_unless_the_network_wants_it_as_it_is(tmp_path):
    mixture = ArrayMixture(music(3.0))
    quieter = ArrayMixture(music(3.0) * np.float32(0.5))
    same = {}
    for normalise in ("song", "none"):
        own = read_own_model(write_scnet(tmp_path, CASE, normalise=normalise))
        with Separator.load(own.weights, own.model, precision="f32", threads=2) as separator:
            loud, quiet = (
                np.concatenate(list(separator.stream(m)), -1) for m in (mixture, quieter)
            )
        same[normalise] = np.allclose(loud, 2 * quiet, atol=1e-3 * np.abs(loud).max())
    assert same == {"song": True, "none": False}


# --- pieces ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("samples", [44_100, 1024, 1023, 1, 485_100])
def test_there_is_an_even_number_of_frames_that_cover_the_segment(samples):
    frames = SCNetShape((), samples, (0.2, 0.3, 0.5), (1, 4, 16)).frames
    assert frames % 2 == 0
    assert samples < (frames - 1) * 1024 <= samples + 2 * 1024


def test_the_fourier_matrix_is_the_librarys_transform():
    signal = np.random.default_rng(0).standard_normal((3, 12)).astype(np.float32)
    waves = np.fft.rfft(signal, norm="ortho")
    found = signal @ fourier(12).T
    np.testing.assert_allclose(found, np.concatenate([waves.real, waves.imag], 1), atol=1e-6)


def test_the_way_back_ignores_what_the_library_ignores():
    waves = np.random.default_rng(0).standard_normal((3, 2, 7)).astype(np.float32)
    expected = np.fft.irfft(waves[:, 0] + 1j * waves[:, 1], norm="ortho")
    np.testing.assert_allclose(waves.reshape(3, 14) @ fourier_back(12).T, expected, atol=1e-6)


@pytest.mark.parametrize(("taps", "stride"), [(3, 1), (4, 4), (5, 2), (16, 16)])
def test_blocks_of_rows_are_what_a_transposed_convolution_gives(taps, stride):
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((2, 3, taps, 1)).astype(np.float32)
    rows = rng.standard_normal((6, 2)).astype(np.float32)
    expected = np.zeros(((6 - 1) * stride + taps, 3))
    for place, row in enumerate(rows):
        expected[place * stride : place * stride + taps] += np.einsum(
            "i,iot->to", row, weight[..., 0]
        )
    kernel, bias = blocks_kernel(weight, np.zeros(3, np.float32), stride)
    reach = kernel.shape[2]
    padded = np.pad(rows, ((reach - 1, reach - 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=0)
    blocks = np.einsum("git,oit->go", windows, kernel[..., 0])
    np.testing.assert_allclose(blocks.reshape(-1, 3)[: len(expected)], expected, atol=1e-5)
    assert bias.shape == (3 * stride,)


def test_every_channel_alone_is_a_diagonal():
    kernel = each_alone(np.ones((2, 1, 3), np.float32))
    assert kernel.shape == (2, 2, 3)
    assert kernel[0, 1].tolist() == [0, 0, 0]
    assert kernel[1, 1].tolist() == [1, 1, 1]
