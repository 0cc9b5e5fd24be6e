import pytest

from stemwright.errors import OptionError
from stemwright.features.lalalai.orders import order_for, order_of, record_of, voice_cleaning

FOUR = {"vocals": ("vocals",), "drums": ("drum",), "bass": ("bass",), "other": ("no_multistem",)}
GUITARS = ("electric_guitar", "acoustic_guitar")


@pytest.mark.parametrize("model", ["htdemucs", "htdemucs_ft", "mdx_extra"])
def test_a_model_of_four_stems_is_three_and_the_rest(model):
    order = order_of(model)
    assert order.operation == "multistem"
    assert order.presets == {"stem_list": ["vocals", "drum", "bass"], "encoder_format": "wav"}
    assert (order.stems, order.times) == (FOUR, 3)


def test_the_model_of_six_stems_has_a_guitar_that_is_the_sum_of_two():
    order = order_of("htdemucs_6s")
    assert len(order.presets["stem_list"]) == order.times == 6
    assert order.stems["guitar"] == GUITARS
    assert set(order.stems) == {"vocals", "drums", "bass", "piano", "guitar", "other", *GUITARS}


@pytest.mark.parametrize(
    ("asked", "theirs", "ours"),
    [
        ("drums", "drum", "drums"),
        ("drum", "drum", "drums"),
        ("bass", "bass", "bass"),
        ("piano", "piano", "piano"),
        ("electric_guitar", "electric_guitar", "electric_guitar"),
        ("electricguitar", "electric_guitar", "electric_guitar"),
        ("acousticguitar", "acoustic_guitar", "acoustic_guitar"),
        ("synth", "synthesizer", "synth"),
        ("synthesizer", "synthesizer", "synth"),
        ("strings", "strings", "strings"),
        ("winds", "wind", "wind"),
        ("wind", "wind", "wind"),
    ],
)
def test_one_stem_may_be_asked_for_by_our_name_theirs_or_an_older_one(asked, theirs, ours):
    order = order_of("htdemucs", stem_filter=asked)
    assert order.operation == "stem_separator"
    assert order.presets == {"stem": theirs, "encoder_format": "wav"}
    assert (order.stems, order.times) == ({ours: (theirs,)}, 1)


def test_vocals_alone_bring_the_instrumental():
    order = order_of("htdemucs", stem_filter="vocals")
    assert order.stems == {"vocals": ("vocals",), "instrumental": ("no_vocals",)}


def test_lead_and_backing_are_recorded_as_vocals_with_a_label():
    order = order_of("htdemucs", stem_filter="vocals", multivocal="lead_back")
    assert order.presets["multivocal"] == "lead_back"
    assert order.labels == ("vocals@0", "vocals@1", "no_vocals")
    assert order.optional == {"backing"}
    assert record_of("lead") == ("vocals", {"label": "lead"})
    assert record_of("backing") == ("vocals", {"label": "backing"})
    assert record_of("drums") == ("drums", {})


def test_several_stems_may_be_named_and_the_rest_comes_with_them():
    order = order_of("htdemucs", stems=["drums", "piano"])
    assert order.presets["stem_list"] == ["drum", "piano"]
    assert order.stems == {"drums": ("drum",), "piano": ("piano",), "other": ("no_multistem",)}
    assert order.times == 2


def test_a_guitar_among_named_stems_is_both():
    order = order_of("htdemucs", stems=["guitar", "bass"])
    assert order.presets["stem_list"] == [*GUITARS, "bass"]
    assert order.stems["guitar"] == GUITARS
    assert order.labels == (*GUITARS, "bass", "no_multistem")


def test_one_named_stem_is_separated_by_itself():
    assert order_of("htdemucs", stems=["strings"]).operation == "stem_separator"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"stem_filter": "noise"}, "^invalid stem_filter: noise$"),
        ({"stem_filter": "midside"}, "^invalid stem_filter: midside$"),
        ({"stem_filter": "guitar"}, "^invalid stem_filter: guitar$"),
        ({"stems": ["vocals", "kazoo"]}, "^invalid stem_filter: kazoo$"),
        ({"stems": ["vocals", "synth"]}, "synth by itself only"),
        ({"stems": []}, "empty"),
        ({"splitter": "lyra"}, "^invalid splitter: lyra$"),
        ({"splitter": "auto"}, "^invalid splitter: auto$"),
        ({"stem_filter": "piano", "splitter": "andromeda"}, "perseus and orion and phoenix can"),
        ({"stem_filter": "wind", "splitter": "orion"}, "phoenix can"),
        ({"multivocal": "lead_back"}, "stem_filter vocals"),
        ({"stem_filter": "vocals", "multivocal": "choir"}, "^invalid multivocal: choir"),
        ({"stem_filter": "vocals", "stems": ["bass"]}, "one of them"),
    ],
)
def test_what_cannot_be_separated_so_is_refused_before_anything_is_sent(asked, said):
    with pytest.raises(OptionError, match=said):
        order_of("htdemucs", **asked)


def test_an_unknown_model_is_refused():
    with pytest.raises(OptionError, match="Invalid model: best"):
        order_of("best")


@pytest.mark.parametrize(
    ("splitter", "stem"), [("andromeda", "drums"), ("orion", "piano"), ("phoenix", "wind")]
)
def test_a_splitter_that_can_do_it_is_sent(splitter, stem):
    assert order_of("x", stem_filter=stem, splitter=splitter).presets["splitter"] == splitter


@pytest.mark.parametrize(
    ("output", "stems"),
    [
        ("VOCALS", {"vocals"}),
        ("INSTRUMENTAL", {"instrumental"}),
        ("BOTH", {"vocals", "instrumental"}),
        ("FOUR_STEMS", {"vocals", "drums", "bass", "other"}),
        ("SIX_STEMS", {"vocals", "drums", "bass", "piano", "guitar", "other"}),
    ],
)
def test_output_types_of_the_other_api_have_their_orders(output, stems):
    assert set(order_for(output).stems) == stems


def test_a_voice_is_cleaned():
    order = voice_cleaning(2)
    assert order.operation == "voice_clean"
    assert order.presets == {"stem": "voice", "noise_cancelling_level": 2, "encoder_format": "wav"}
    with pytest.raises(OptionError):
        voice_cleaning(3)
