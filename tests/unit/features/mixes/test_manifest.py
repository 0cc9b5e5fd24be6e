"""Manifests in every shape they may have, and those that were sent to do harm."""

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwright.errors import InvalidManifest
from stemwright.features.mixes.edits import (
    Crop,
    FadeIn,
    FadeOut,
    Gain,
    PitchShift,
    Split,
    TimeStretch,
    Trim,
)
from stemwright.features.mixes.manifest import MAX_EDITS, MAX_RESHAPES, Manifest, parse_manifest

DRUMS_ID = "3f2a1c9e-7d64-4b7e-9a53-0c6f1d2e8b90"
STEMS = {"vocals": ("Lead Vocal",), "drums": (DRUMS_ID,), "bass": ()}


def _parse(manifest):
    return parse_manifest(manifest if isinstance(manifest, str) else json.dumps(manifest), STEMS)


def _refused(manifest):
    with pytest.raises(InvalidManifest) as refused:
        _parse(manifest)
    return refused.value.details


def _edit(kind, **params):
    return _parse({"edits": [{"stem": "bass", "type": kind, "params": params}]}).edits["bass"][0]


def _wrong(kind, **params):
    return _refused({"edits": [{"stem": "bass", "type": kind, "params": params}]})


@pytest.mark.parametrize("text", ["", "  \n", "{}", '{"version": 1}', '{"edits": null, "x": []}'])
def test_nothing_said_is_the_stems_as_they_are(text):
    assert _parse(text) == Manifest()


@pytest.mark.parametrize(
    ("key", "stem"),
    [
        ("vocals", "vocals"),
        ("VOCALS", "vocals"),
        ("lead vocal", "vocals"),
        (DRUMS_ID.upper(), "drums"),
        ("drums_edited", "drums"),
        ("Drums_edited_1712345678", "drums"),
    ],
)
def test_a_stem_goes_by_its_type_id_or_file(key, stem):
    assert _parse({"volumes": {key: 0.5}}).volumes == {stem: 0.5}


@pytest.mark.parametrize("key", ["", "guitar", "drums_edited_", "drums_edited_x", "drums.wav"])
def test_a_key_that_is_no_stem_is_told_with_those_there_are(key):
    assert "bass, drums, vocals" in _refused({"pans": {key: 0}})[f"pans.{key}"]


def test_an_edited_file_stands_for_its_stem_unless_that_is_there_too():
    edited, both = {"vocals_edited_17": ()}, {"vocals": (), "vocals_edited_17": ()}
    text = '{"volumes": {"Vocals": 0.5}}'
    assert parse_manifest(text, edited).volumes == {"vocals_edited_17": 0.5}
    assert parse_manifest(text, both).volumes == {"vocals": 0.5}


def test_a_name_of_two_stems_is_refused():
    with pytest.raises(InvalidManifest, match="several stems"):
        parse_manifest('{"mutes": {"other": true}}', {"a": ("other",), "b": ("Other",)})


def test_two_values_for_one_stem_are_refused():
    assert list(_refused({"volumes": {"drums": 1, DRUMS_ID: 0.5}})) == [f"volumes.{DRUMS_ID}"]


@pytest.mark.parametrize(
    ("given", "volume"), [(0, 0), (0.8, 0.8), (2, 2), (2.5, 0.025), (80, 0.8), (200, 2)]
)
def test_a_volume_above_two_is_a_percentage(given, volume):
    assert _parse({"volumes": {"drums": given}}).volumes["drums"] == pytest.approx(volume)


@pytest.mark.parametrize(("given", "pan"), [(-1, -1), (0.25, 0.25), (50, 0.5), (-100, -1)])
def test_a_pan_beyond_one_is_a_percentage(given, pan):
    assert _parse({"pans": {"drums": given}}).pans["drums"] == pan


@pytest.mark.parametrize("value", [-0.1, 200.1, "1", True, None, [], 10**400])
def test_a_volume_that_is_none_is_refused(value):
    assert _refused({"volumes": {"drums": value}}) == {
        "volumes.drums": "must be a number from 0 to 200"
    }


def test_a_soloed_stem_is_heard_alone_unless_it_is_muted():
    manifest = _parse({"solos": {"drums": True, "bass": True}, "mutes": {"bass": True}})
    assert [stem for stem in STEMS if manifest.sounds(stem)] == ["drums"]


def test_all_are_heard_where_no_solo_is_on():
    manifest = _parse({"solos": {"drums": False}, "mutes": {"bass": True, "drums": False}})
    assert [stem for stem in STEMS if manifest.sounds(stem)] == ["vocals", "drums"]


@pytest.mark.parametrize(
    ("kind", "params", "start_ms", "end_ms"),
    [
        ("crop", {"start_ms": 100, "end_ms": 200}, 100, 200),
        ("trim", {"start": 0.5, "end": 2}, 500, 2000),
        ("crop", {"start_ms": 100, "start": 9, "end": 1}, 100, 1000),
        ("trim", {"start_ms": -1e300, "end_ms": 1e300}, -1e12, 1e12),
    ],
)
def test_ranges_are_in_milliseconds_or_else_in_seconds(kind, params, start_ms, end_ms):
    edit = _edit(kind, **params)
    assert isinstance(edit, Crop if kind == "crop" else Trim)
    assert (edit.range.start_ms, edit.range.end_ms) == (start_ms, end_ms)


@pytest.mark.parametrize("kind", ["crop", "trim", "gain"])
@pytest.mark.parametrize(("start", "end"), [(5, 5), (6, 5)])
def test_a_range_must_start_before_it_ends(kind, start, end):
    wrong = _wrong(kind, start_ms=start, end_ms=end, level=1)
    assert wrong == {"edits[0].params": "must start before it ends"}


def test_fades_last_a_second_and_ignore_ranges():
    assert _edit("fade_in") == FadeIn(1000)
    assert _edit("fade_out", start_ms=9, end_ms=0, duration_ms=20) == FadeOut(20)


def test_a_gain_may_have_a_range_or_a_part_of_one():
    assert _edit("gain", level=0.5) == Gain(0.5, None)
    assert _edit("gain", level=4, start=1).range.end_ms is None
    assert _edit("gain", level=0, end_ms=7).range.start_ms == 0


def test_split_pitch_and_tempo():
    assert _edit("split", position_sec=3) == Split()
    assert _edit("pitch_shift", semitones=-12) == PitchShift(-12)
    assert _edit("time_stretch", tempo_factor=0.5) == TimeStretch(0.5)


@pytest.mark.parametrize(
    ("kind", "params", "place", "told"),
    [
        ("crop", {"end_ms": 5}, "start_ms", "is missing"),
        ("trim", {"start": 5}, "end_ms", "is missing"),
        ("gain", {}, "level", "is missing"),
        ("gain", {"level": 4.01}, "level", "must be a number from 0 to 4"),
        ("fade_in", {"duration_ms": -1}, "duration_ms", "must be a number of at least 0"),
        ("fade_in", {"duration_ms": "long"}, "duration_ms", "must be a number of at least 0"),
        ("split", {"position_ms": "here"}, "position_ms", "must be a number"),
        ("pitch_shift", {"semitones": 12.5}, "semitones", "must be a number from -12 to 12"),
        ("time_stretch", {"tempo_factor": 0}, "tempo_factor", "must be a number from 0.5 to 2"),
    ],
)
def test_parameters_that_cannot_be_are_told_by_place(kind, params, place, told):
    assert _wrong(kind, **params) == {f"edits[0].params.{place}": told}


def test_edits_may_be_listed_by_stem_under_the_other_name_of_type():
    shown = {"drums": [{"operation_type": "split"}, {"type": "fade_in"}], "bass": []}
    assert _parse({"edits": shown}).edits == {"drums": (Split(), FadeIn(1000))}


def test_edits_go_by_position_then_as_listed():
    kinds = [("fade_in", 2), ("split", 0), ("fade_out", 2), ("gain", 0.5)]
    edits = [
        {"stem": "bass", "type": kind, "position": at, "params": {"level": 1}} for kind, at in kinds
    ]
    ordered = _parse({"edits": edits}).edits["bass"]
    assert [type(edit) for edit in ordered] == [Split, Gain, FadeIn, FadeOut]


@pytest.mark.parametrize(
    ("edit", "place"),
    [
        (7, "edits[0]"),
        ({"type": "split"}, "edits[0].stem"),
        ({"stem": "cello", "type": "split"}, "edits[0].stem"),
        ({"stem": "bass"}, "edits[0].type"),
        ({"stem": "bass", "type": "reverse"}, "edits[0].type"),
        ({"stem": "bass", "operation_type": {}}, "edits[0].operation_type"),
        ({"stem": "bass", "type": "split", "params": []}, "edits[0].params"),
        ({"stem": "bass", "type": "split", "position": -1}, "edits[0].position"),
    ],
)
def test_an_entry_that_is_no_edit_is_told_by_place(edit, place):
    assert list(_refused({"edits": [edit]})) == [place]


@pytest.mark.parametrize(
    ("given", "rate"), [(8000, 8000), (48_000.0, 48_000), (192_000, 192_000), (None, 44_100)]
)
def test_sample_rates(given, rate):
    assert _parse({"sample_rate": given}).sample_rate == rate


@pytest.mark.parametrize(("given", "depth"), [(16, "16"), (24, "24"), (32, "32f"), ("32f", "32f")])
def test_bit_depths(given, depth):
    assert _parse({"bit_depth": given}).bit_depth == depth


def test_all_that_is_wrong_is_told_at_once():
    wrong = {"version": 2, "sample_rate": 7, "bit_depth": True, "mutes": {"bass": 1}, "pans": []}
    assert list(_refused(wrong)) == ["version", "sample_rate", "bit_depth", "pans", "mutes.bass"]


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "7",
        "{",
        "\x00",
        '{"volumes": {"bass": NaN}}',
        '{"volumes": {"bass": -Infinity}}',
        '{"sample_rate": 1e999}',
        '{"volumes": {"bass": ' + "9" * 5000 + "}}",
        '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        '{"x": "' + "y" * (1 << 20) + '"}',
        json.dumps({"edits": [{"stem": "bass", "type": "split"}] * 10_000}),
        json.dumps({"edits": {"bass": [{"type": "split"}] * 10_000}}),
        json.dumps({"edits": {str(n): [] for n in range(10_000)}}),
        json.dumps({"volumes": {str(n): 1 for n in range(10_000)}}),
        json.dumps({"volumes": {"n" * 100_000: 1}}),
        '{"volumes": {"\\ud800": 1}, "edits": [{"stem": "\\udfff", "type": "\\udc00"}]}',
        json.dumps({"edits": [{"stem": "bass", "type": "n" * 100_000}]}),
    ],
    ids=lambda text: text[:30],
)
def test_hostile_manifests_are_refused_soon_and_briefly(text):
    start = time.perf_counter()
    details = _refused(text)
    assert time.perf_counter() - start < 1
    assert len(json.dumps(details, ensure_ascii=False).encode()) < 4000


def test_as_many_edits_as_allowed_are_read():
    edits = [{"stem": "bass", "type": "split"}] * MAX_EDITS
    assert len(_parse({"edits": edits}).edits["bass"]) == MAX_EDITS


def test_changes_of_pitch_and_time_are_rationed():
    edits = [{"stem": "bass", "type": "pitch_shift", "params": {"semitones": 1}}]
    assert _parse({"edits": edits * MAX_RESHAPES})
    assert "at most" in _refused({"edits": edits * (MAX_RESHAPES + 1)})["edits"]


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
keys = ["version", "sample_rate", "bit_depth", "volumes", "pans", "mutes", "solos", "edits"]
params = st.dictionaries(
    st.sampled_from(["start_ms", "end", "level", "duration_ms", "semitones", "position_ms"]), trees
)
entries = st.fixed_dictionaries(
    {},
    optional={
        "stem": st.sampled_from(list(STEMS)) | trees,
        "type": st.sampled_from(["crop", "gain", "fade_in", "split", "pitch_shift"]) | trees,
        "params": params | trees,
        "position": trees,
    },
)
tables = st.dictionaries(st.sampled_from(list(STEMS)), trees | st.lists(entries, max_size=3))
manifests = st.dictionaries(
    st.sampled_from(keys), trees | tables | st.lists(entries | trees, max_size=3)
)


@given(manifest=manifests | trees)
def test_anything_at_all_is_read_or_refused(manifest):
    with contextlib.suppress(InvalidManifest):
        read = _parse(json.dumps(manifest))
        assert set(read.volumes) | set(read.edits) <= set(STEMS)
