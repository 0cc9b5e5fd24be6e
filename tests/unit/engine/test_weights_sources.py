import pytest

from stemwright.engine.catalog import MODELS
from stemwright.engine.source_order import SourceOrder
from stemwright.errors import OptionError

HTDEMUCS = MODELS["htdemucs"]


def _urls(*words):
    return [found.url for found in SourceOrder.parse(words).candidates(HTDEMUCS.networks[0])]


def test_without_a_setting_the_catalogue_decides():
    labels = [found.label for found in SourceOrder.parse(()).candidates(HTDEMUCS.networks[0])]
    assert labels == [source.label for source in HTDEMUCS.sources]


def test_the_hub_is_asked_for_the_pinned_revision():
    (url,) = _urls("huggingface")
    assert url == (
        "https://huggingface.co/adefossez/HTDemucs/resolve/"
        "bf35a81b663819a8255c8fefee17f9d812b786b5/955717e8.safetensors"
    )


def test_another_hub_keeps_the_path():
    (url,) = _urls("huggingface=https://hub.example/")
    assert url.startswith("https://hub.example/adefossez/HTDemucs/resolve/")


def test_a_mirror_is_asked_for_every_file_by_name():
    assert _urls("http://10.0.0.7:8080/models") == [
        "http://10.0.0.7:8080/models/htdemucs.onnx",
        "http://10.0.0.7:8080/models/955717e8.safetensors",
        "http://10.0.0.7:8080/models/955717e8-8726e21a.th",
    ]


def test_the_authors_own_server_comes_last_and_can_be_asked_alone():
    (url,) = _urls("https")
    assert url == ("https://dl.fbaipublicfiles.com/demucs/hybrid_transformer/955717e8-8726e21a.th")
    assert SourceOrder.parse(()).candidates(HTDEMUCS.networks[0])[-1].url == url


def test_only_places_an_operator_named_may_be_private():
    words = ("huggingface", "huggingface=https://hub.example", "https://mirror.example", "npm")
    found = SourceOrder.parse(words).candidates(HTDEMUCS.networks[0])
    assert [candidate.trusted for candidate in found] == [False, True, True, True, True, True]


def test_the_order_of_the_setting_is_kept():
    assert [url is None for url in _urls("huggingface", "npm")] == [False, True]


def test_none_switches_downloads_off():
    assert _urls("none") == []


def test_the_token_goes_to_the_hub_alone_and_into_no_message():
    order = SourceOrder.parse(("https://mirror.example", "huggingface"), huggingface_token="s3cret")
    *mirrors, hub = order.candidates(HTDEMUCS.networks[0])
    assert hub.headers == {"Authorization": "Bearer s3cret"}
    assert all(not mirror.headers for mirror in mirrors)
    assert "s3cret" not in repr((order, hub))


@pytest.mark.parametrize(
    "word", ["ftp://mirror", "npm=https://x", "hub", "none,npm", "https://", "https://[::1"]
)
def test_what_is_no_source_is_named_in_the_error(word):
    with pytest.raises(OptionError, match="MODEL_SOURCES"):
        SourceOrder.parse((word,))


def test_a_password_in_an_address_is_refused_without_repeating_it():
    with pytest.raises(OptionError) as caught:
        SourceOrder.parse(("https://me:s3cret@mirror.example",))
    assert "s3cret" not in caught.value.message
