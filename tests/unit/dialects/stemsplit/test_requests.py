"""What clients may send, and what is wrong with the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stemwright.dialects.stemsplit.requests import StemJobRequest, UploadRequest, WebhookRequest


def stems(**sent):
    return StemJobRequest.model_validate({"uploadKey": "uploads/api_1/input.mp3", **sent})


def refused(schema, sent):
    with pytest.raises(ValidationError) as caught:
        schema.model_validate(sent)
    first = caught.value.errors()[0]
    return getattr(first.get("ctx", {}).get("error"), "field", None) or first["loc"][0]


def test_what_is_left_out_or_null_has_its_default():
    asked = stems(quality=None, metadata=None, sourceUrl=None, somethingNew=1)

    assert (asked.output_type, asked.quality, asked.output_format) == ("BOTH", "BEST", "MP3")


def test_enumerations_are_read_in_any_case_and_kept_in_upper_case():
    asked = stems(outputType="four_stems", quality="Fast", outputFormat="flac")

    assert (asked.output_type, asked.quality, asked.output_format) == ("FOUR_STEMS", "FAST", "FLAC")


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "uploadKey"),
        ({"uploadKey": "a", "sourceUrl": "https://b"}, "uploadKey"),
        ({"uploadKey": "a", "outputType": "SIX_STEMS", "quality": "FAST"}, "quality"),
        ({"uploadKey": "a", "outputType": "THREE"}, "outputType"),
        ({"uploadKey": 1}, "uploadKey"),
        ({"uploadKey": "a\0"}, "uploadKey"),
        ({"uploadKey": "a", "fileName": "x" * 256}, "fileName"),
        ({"uploadKey": "a", "callbackUrl": "ftp://host/"}, "callbackUrl"),
        ({"uploadKey": "a", "metadata": []}, "metadata"),
        ({"uploadKey": "a", "metadata": {"x": "y" * 17_000}}, "metadata"),
        ({"uploadKey": "a", "metadata": {"x": float("nan")}}, "metadata"),
        ({"uploadKey": "a", "metadata": {"x": "\ud800"}}, "metadata"),
        ({"uploadKey": "a", "metadata": {"x\0": 1}}, "metadata"),
    ],
)
def test_a_refusal_names_the_field(sent, field):
    assert refused(StemJobRequest, sent) == field


def test_metadata_may_not_be_nested_without_end():
    nest: dict = {}
    for _ in range(200):
        nest = {"x": nest}

    assert refused(StemJobRequest, {"uploadKey": "a", "metadata": nest}) == "metadata"


def test_a_backslash_before_u0000_is_no_nul():
    assert stems(metadata={"x": r"\u0000"}).metadata == {"x": r"\u0000"}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/song.mp3", "song.mp3"),
        ("C:\\Music\\song.mp3", "song.mp3"),
        ("a\nb.mp3", "ab.mp3"),
        ("folder/", None),
    ],
)
def test_a_display_name_has_no_folders(sent, kept):
    assert stems(fileName=sent).file_name == kept


@pytest.mark.parametrize("sent", [{}, {"filename": None}, {"filename": ""}, {"filename": 3}, []])
def test_an_upload_needs_a_file_name(sent):
    with pytest.raises(ValidationError):
        UploadRequest.model_validate(sent)


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "url"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"url": "http://[::1"}, "url"),
        ({"url": "https://host/", "events": ["webhook.test"]}, "events"),
        ({"url": "https://host/", "events": []}, "events"),
    ],
)
def test_a_webhook_needs_an_address_and_known_events(sent, field):
    assert refused(WebhookRequest, sent) == field


def test_requests_of_one_meaning_have_one_fingerprint():
    first = stems(quality="best", metadata={"a": 1, "b": 2}).under("k", "/jobs")
    second = stems(metadata={"b": 2, "a": 1}, ignored=True).under("k", "/jobs")

    assert first == second


def test_another_body_or_path_has_another_fingerprint():
    keys = {
        stems().under("k", "/jobs").fingerprint,
        stems().under("k", "/denoise-jobs").fingerprint,
        stems(quality="FAST").under("k", "/jobs").fingerprint,
        stems(metadata={}).under("k", "/jobs").fingerprint,
    }
    assert len(keys) == 4


def test_no_key_promises_nothing():
    assert stems().under("", "/jobs") is None
    assert stems().under(None, "/jobs") is None


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["uploadKey", "sourceUrl", "fileName", "outputType", "quality", "metadata", "callbackUrl"]


@given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING))
def test_whatever_is_sent_is_read_or_refused(sent):
    try:
        asked = StemJobRequest.model_validate(sent)
    except ValidationError:
        return
    assert asked.under("key", "/jobs")
