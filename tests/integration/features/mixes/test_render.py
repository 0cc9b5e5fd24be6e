"""Stems on disk through ``render_mix``, against the same mix computed on whole arrays."""

import json
import tracemalloc

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stemwright.errors import Cancelled, InputNotFound, InvalidManifest, InvalidStem, OutputError
from stemwright.features.mixes.manifest import parse_manifest
from stemwright.features.mixes.render import render_mix
from support.mixing import decibels, limited, reference_mix

BOUND_DB = -90
ALL = {"drums": (44_100, 2, 2.0), "vocals": (44_100, 1, 1.5), "bass": (48_000, 2, 1.2)}


def _write(path, samples, rate=44_100):
    soundfile.write(path, samples, rate, "FLOAT")
    return path


def _stem(path, rate, channels, seconds, seed):
    """A tone for each channel in noise of little treble, at most ±0.3."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    tones = [np.sin(2 * np.pi * 97 * (seed + k + 1) * time) for k in range(channels)]
    noise = rng.uniform(-1, 1, (len(time) + 7, channels))
    smooth = np.stack([np.convolve(noise[:, k], np.ones(8) / 8, "valid") for k in range(channels)])
    return _write(path, (0.2 * np.stack(tones) + 0.1 * smooth).T, rate)


@pytest.fixture(scope="module")
def stems(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stems")
    return {
        name: _stem(folder / f"{name}.wav", *what, seed)
        for seed, (name, what) in enumerate(ALL.items(), 1)
    }


def _mixed(stems, manifest, output, **options):
    plan = parse_manifest(json.dumps(manifest), dict.fromkeys(stems, ()))
    result = render_mix(stems, plan, output, **options)
    samples, rate = soundfile.read(output, dtype="float64", always_2d=True)
    assert rate == result.sample_rate
    return result, samples


def _deviation(stems, manifest, output):
    _, samples = _mixed(stems, {"bit_depth": 32, **manifest}, output)
    wanted = limited(reference_mix(stems, manifest))
    assert samples.shape == wanted.shape
    return decibels(samples - wanted)


OPERATIONS = [
    {"type": "crop", "params": {"start_ms": 300, "end_ms": 900.5}},
    {"type": "crop", "params": {"start": 1.0, "end": 1e9}},
    {"type": "trim", "params": {"start_ms": -50, "end_ms": 400}},
    {"type": "trim", "params": {"start_ms": 0, "end_ms": 99_999}},
    {"type": "trim", "params": {"start_ms": 700, "end_ms": 800}},
    {"type": "fade_in", "params": {}},
    {"type": "fade_in", "params": {"duration_ms": 0}},
    {"type": "fade_in", "params": {"duration_ms": 1e300}},
    {"type": "fade_out", "params": {"duration_ms": 250, "start_ms": 0, "end_ms": 3000}},
    {"type": "gain", "params": {"level": 0.25}},
    {"type": "gain", "params": {"level": 4, "start_ms": 200, "end_ms": 600}},
    {"type": "split", "params": {"position_ms": 500}},
    {"operation_type": "split", "params": {"position_sec": 0.5}},
    {"type": "pitch_shift", "params": {"semitones": 0}},
    {"type": "time_stretch", "params": {"tempo_factor": 1.0}},
]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: json.dumps(o["params"]))
@pytest.mark.parametrize("stem", ALL)
def test_every_operation_is_that_of_the_reference(stems, tmp_path, operation, stem):
    manifest = {"edits": [{"stem": stem, **operation}]}
    assert _deviation(stems, manifest, tmp_path / "mix.wav") < BOUND_DB


@pytest.mark.parametrize(
    "manifest",
    [
        {},
        {"volumes": {"drums": 0, "bass": 2, "vocals": 150}},
        {"pans": {"drums": -1, "bass": 100, "vocals": 0.3}},
        {"mutes": {"drums": True, "bass": False}},
        {"solos": {"bass": True, "vocals": True}, "mutes": {"vocals": True}},
        {"sample_rate": 48_000},
        {"sample_rate": 22_050},
        {"volumes": {"drums": 2, "bass": 2, "vocals": 2}, "pans": {"drums": -1}},
    ],
    ids=json.dumps,
)
def test_the_desk_is_that_of_the_reference(stems, tmp_path, manifest):
    assert _deviation(stems, manifest, tmp_path / "mix.wav") < BOUND_DB


@pytest.mark.parametrize(("depth", "bound_db"), [(16, -90), (24, -110), (32, -110)])
def test_every_bit_depth_is_that_of_the_reference(stems, tmp_path, depth, bound_db):
    manifest = {"bit_depth": depth, "pans": {"drums": 0.5}, "volumes": {"vocals": 2}}
    _, samples = _mixed(stems, manifest, tmp_path / "mix.wav")

    assert decibels(samples - limited(reference_mix(stems, manifest))) < bound_db
    subtype = {16: "PCM_16", 24: "PCM_24", 32: "FLOAT"}[depth]
    assert soundfile.info(tmp_path / "mix.wav").subtype == subtype


times = st.floats(-200, 2500)
ranges = st.tuples(times, times).filter(lambda r: r[0] < r[1])
fields = ranges.map(lambda r: {"start_ms": r[0], "end_ms": r[1]}) | ranges.map(
    lambda r: {"start": r[0] / 1000, "end": r[1] / 1000}
)
levels = st.floats(0, 4)


def _operation(kind, params):
    return st.fixed_dictionaries(
        {
            "stem": st.sampled_from(list(ALL)),
            "type": st.just(kind),
            "params": params,
            "position": st.integers(0, 5),
        }
    )


operations = st.one_of(
    _operation("crop", fields),
    _operation("trim", fields),
    _operation("fade_in", st.fixed_dictionaries({"duration_ms": st.floats(0, 3000)})),
    _operation("fade_out", st.fixed_dictionaries({}, optional={"duration_ms": st.floats(0, 900)})),
    _operation("gain", st.fixed_dictionaries({"level": levels})),
    _operation("gain", st.tuples(fields, levels).map(lambda p: {**p[0], "level": p[1]})),
    _operation("split", st.fixed_dictionaries({"position_ms": times})),
)
by_stem = lambda values: st.dictionaries(st.sampled_from(list(ALL)), values)  # noqa: E731
manifests = st.fixed_dictionaries(
    {"edits": st.lists(operations, max_size=8)},
    optional={
        "sample_rate": st.sampled_from([44_100, 48_000, 32_000]),
        "volumes": by_stem(st.floats(0, 2) | st.integers(3, 200)),
        "pans": by_stem(st.floats(-1, 1) | st.integers(-100, 100)),
        "mutes": by_stem(st.booleans()),
        "solos": by_stem(st.booleans()),
    },
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(manifest=manifests)
def test_any_manifest_is_mixed_as_the_reference_does_or_refused(stems, tmp_path, manifest):
    wanted = reference_mix(stems, manifest)
    if wanted is None or not len(wanted):
        with pytest.raises(InvalidManifest):
            _mixed(stems, manifest, tmp_path / "mix.wav")
        return
    result, samples = _mixed(stems, {**manifest, "bit_depth": 32}, tmp_path / "mix.wav")

    assert samples.shape == wanted.shape
    assert decibels(samples - limited(wanted)) < BOUND_DB
    assert result.peak_before == pytest.approx(np.abs(wanted).max(initial=0), abs=1e-4)
    assert result.scaled == (result.peak_before > 1)


def test_edits_keyed_by_stem_are_the_same_as_a_list_of_them(stems, tmp_path):
    trim = {"type": "trim", "params": {"start_ms": 0, "end_ms": 500}, "position": 2}
    fade = {"operation_type": "fade_in", "params": {"duration_ms": 300}, "position": 1}
    listed = {"edits": [{"stem": "drums", **trim}, {"stem": "drums", **fade}]}

    _, one = _mixed(stems, listed, tmp_path / "one.wav")
    _, two = _mixed(stems, {"edits": {"DRUMS_edited_17": [trim, fade]}}, tmp_path / "two.wav")

    np.testing.assert_array_equal(one, two)


def test_operations_go_by_position_and_then_as_listed(stems, tmp_path):
    crop = {"stem": "drums", "type": "crop", "params": {"start_ms": 500, "end_ms": 1500}}
    first = {"edits": [{**crop, "position": 1}, {"stem": "drums", "type": "fade_in"}]}
    second = {"edits": [crop, {"stem": "drums", "type": "fade_in"}]}

    assert _deviation(stems, first, tmp_path / "mix.wav") < BOUND_DB
    assert _deviation(stems, second, tmp_path / "mix.wav") < BOUND_DB


@pytest.mark.parametrize("depth", [16, 24, 32])
def test_a_loud_mix_is_turned_down_and_never_clipped(tmp_path, depth):
    time = np.arange(44_100) / 44_100
    tone = _write(tmp_path / "tone.wav", 0.9 * np.sin(2 * np.pi * 441 * time))
    stems = {"one": tone, "two": tone, "three": tone}

    result, samples = _mixed(stems, {"bit_depth": depth}, tmp_path / "mix.wav")

    assert result.scaled
    assert result.peak_before == pytest.approx(2.7, abs=1e-4)
    assert 0.9999 < np.abs(samples).max() <= 1
    assert decibels(samples[:, 0] - np.sin(2 * np.pi * 441 * time)) < BOUND_DB


def test_a_mix_within_full_scale_keeps_every_bit(tmp_path):
    samples = np.random.default_rng(1).integers(-(2**15), 2**15, (30_000, 2), dtype=np.int16)
    soundfile.write(tmp_path / "a.wav", samples, 44_100)

    result, _ = _mixed({"a": tmp_path / "a.wav"}, {}, tmp_path / "mix.wav")

    assert not result.scaled
    np.testing.assert_array_equal(soundfile.read(tmp_path / "mix.wav", dtype="int16")[0], samples)


def test_lossy_and_lossless_stems_mix_with_each_other(stems, tmp_path):
    samples, _ = soundfile.read(stems["drums"])
    soundfile.write(tmp_path / "drums.flac", samples, 44_100, "PCM_24")
    soundfile.write(tmp_path / "vocals.mp3", samples, 44_100)
    both = {"drums": tmp_path / "drums.flac", "vocals": tmp_path / "vocals.mp3"}

    result, mix = _mixed(both, {"mutes": {"vocals": True}}, tmp_path / "mix.wav")

    assert result.duration_s >= 2.0
    assert decibels(mix[: len(samples)] - samples) < BOUND_DB


@pytest.mark.parametrize("frames", [1, 2, 77])
def test_stems_of_hardly_a_sample_pass_through_every_edit(tmp_path, frames):
    stems = {"a": _write(tmp_path / "a.wav", np.full(frames, 0.5))}
    kinds = ["fade_in", "fade_out", "gain", "split", "pitch_shift", "time_stretch"]
    params = {"level": 0.5, "semitones": 2, "tempo_factor": 0.5, "duration_ms": 1}
    edits = [{"type": kind, "params": params} for kind in kinds]

    _, mix = _mixed(stems, {"edits": {"a": edits}}, tmp_path / "mix.wav")

    assert len(mix) == 2 * frames
    assert np.abs(mix).max() <= 1


def test_silence_stays_silence(tmp_path):
    stems = {"a": _write(tmp_path / "a.wav", np.zeros(44_100))}
    edits = [{"stem": "a", "type": "time_stretch", "params": {"tempo_factor": 0.8}}]

    result, mix = _mixed(stems, {"edits": edits}, tmp_path / "mix.wav")

    assert result.peak_before == 0
    assert mix.shape == (55_125, 2)
    assert not mix.any()


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("crop", {"start_ms": 2000, "end_ms": 3000}),
        ("trim", {"start_ms": 99_999, "end_ms": 1e12}),
        ("gain", {"start_ms": -20, "end_ms": -10, "level": 1}),
        ("crop", {"start_ms": 10, "end_ms": 10.001}),
    ],
)
def test_a_range_outside_of_its_clip_is_told_with_its_place(stems, tmp_path, kind, params):
    edits = [{"stem": "drums", "type": "split"}, {"stem": "drums", "type": kind, "params": params}]

    with pytest.raises(InvalidManifest) as refused:
        _mixed(stems, {"edits": edits}, tmp_path / "mix.wav")

    assert list(refused.value.details) == ["edits[1].params"]
    assert list(tmp_path.iterdir()) == []


def test_the_same_range_after_a_crop_is_one_of_the_shorter_clip(stems, tmp_path):
    crop = {"stem": "drums", "type": "crop", "params": {"start_ms": 0, "end_ms": 500}}
    late = {"stem": "drums", "type": "trim", "params": {"start_ms": 600, "end_ms": 700}}
    with pytest.raises(InvalidManifest, match=r"lasts 0\.500 seconds"):
        _mixed(stems, {"edits": [crop, late]}, tmp_path / "mix.wav")


def test_a_mix_that_edits_leave_nothing_of_is_refused(stems, tmp_path):
    trim = {"type": "trim", "params": {"start_ms": 0, "end_ms": 5000}}
    with pytest.raises(InvalidManifest, match="leave nothing"):
        _mixed(stems, {"edits": {name: [trim] for name in stems}}, tmp_path / "mix.wav")


def test_a_stem_must_not_be_stretched_beyond_the_longest_mix(stems, tmp_path):
    slow = {"stem": "drums", "type": "time_stretch", "params": {"tempo_factor": 0.5}}
    with pytest.raises(InvalidManifest, match="longer than the 10 seconds"):
        _mixed(stems, {"edits": [slow] * 3}, tmp_path / "mix.wav", max_duration_s=10)


def test_a_mix_too_large_for_a_disk_is_refused_before_it_is_begun(stems, tmp_path):
    slow = {"stem": "drums", "type": "time_stretch", "params": {"tempo_factor": 0.5}}
    with pytest.raises(InvalidManifest, match="at 192000 Hz a mix may last 2796 seconds"):
        _mixed(stems, {"sample_rate": 192_000, "edits": [slow] * 11}, tmp_path / "mix.wav")
    assert list(tmp_path.iterdir()) == []


def test_gains_beyond_all_numbers_are_refused(stems, tmp_path):
    louder = {"stem": "drums", "type": "gain", "params": {"level": 4}}
    with pytest.raises(InvalidManifest, match="louder than numbers go"):
        _mixed(stems, {"edits": [louder] * 200}, tmp_path / "mix.wav")
    assert list(tmp_path.iterdir()) == []


def test_a_thousand_edits_of_one_stem_neither_nest_nor_take_long(stems, tmp_path):
    gains = [{"stem": "drums", "type": "gain", "params": {"level": 1.0}}] * 1000
    assert _deviation(stems, {"edits": gains}, tmp_path / "mix.wav") < BOUND_DB


@pytest.mark.parametrize("content", [b"", b"RIFF....WAVE", b"<html>no sound</html>"])
def test_a_file_that_is_no_sound_is_named(stems, tmp_path, content):
    broken = tmp_path / "broken.wav"
    broken.write_bytes(content)

    with pytest.raises(InvalidStem) as refused:
        _mixed({**stems, "guitar": broken}, {}, tmp_path / "mix.wav")

    assert refused.value.name == "guitar"


def test_a_stem_that_is_gone_is_not_the_callers_mistake(tmp_path):
    with pytest.raises(InputNotFound):
        _mixed({"a": tmp_path / "gone.wav"}, {}, tmp_path / "mix.wav")


def test_a_wav_that_breaks_off_is_as_long_as_it_is(stems, tmp_path):
    whole = stems["drums"].read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 2])

    result, _ = _mixed({"drums": tmp_path / "cut.wav"}, {}, tmp_path / "mix.wav")

    assert 0.9 < result.duration_s < 1.1


def test_stopping_leaves_no_file(stems, tmp_path):
    with pytest.raises(Cancelled):
        _mixed(stems, {}, tmp_path / "mix.wav", cancelled=lambda: True)
    assert list(tmp_path.iterdir()) == []


def test_progress_rises_to_the_whole(stems, tmp_path):
    told = []
    _mixed(stems, {}, tmp_path / "mix.wav", progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1


def test_a_folder_that_is_not_there_is_named(stems, tmp_path):
    with pytest.raises(OutputError, match=r"missing.*mix\.wav"):
        render_mix(stems, parse_manifest("", {}), tmp_path / "missing" / "mix.wav")


def test_memory_does_not_grow_with_the_stems(tmp_path):
    def peak(seconds):
        noise = np.random.default_rng(1).uniform(-0.1, 0.1, (seconds * 44_100, 2))
        stem = _write(tmp_path / f"{seconds}.wav", noise.astype(np.float32))
        stems = dict.fromkeys("abc", stem)
        tracemalloc.start()
        try:
            _mixed_quietly(stems, tmp_path / "mix.wav")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(60) < 1.2 * peak(15)


def _mixed_quietly(stems, output):
    edits = {name: [{"type": "fade_out"}] for name in stems}
    manifest = {"sample_rate": 48_000, "edits": edits}
    render_mix(stems, parse_manifest(json.dumps(manifest), dict.fromkeys(stems, ())), output)
