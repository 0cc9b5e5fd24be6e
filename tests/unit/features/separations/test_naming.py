from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwright.errors import OptionError
from stemwright.features.separations.naming import NameTemplate, NameValues, safe_name

OUT = Path("/out")
VALUES = NameValues(song="Song", model="htdemucs", quality="best", artist="AC/DC", title=None)


def place(template, values=VALUES, number=1):
    return NameTemplate.parse(template).slot(OUT, values, "wav", number)


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("{song}/{stem}.{ext}", "/out/Song/vocals.wav"),
        ("{artist}/{title} - {stem}.{ext}", "/out/AC_DC/Song - vocals.wav"),
        ("{model}-{quality}/{song}_{stem}.{ext}", "/out/htdemucs-best/Song_vocals.wav"),
        ("./{song}//{stem}.{ext}", "/out/Song/vocals.wav"),
        ("{{x}}{song}/{stem}.{ext}", "/out/{x}Song/vocals.wav"),
    ],
)
def test_template_gives_the_path_it_spells(template, path):
    assert place(template).path("vocals") == Path(path)


@pytest.mark.parametrize(
    "template",
    [
        "../{song}/{stem}.{ext}",
        "{song}/../../{stem}.{ext}",
        "/abs/{song}/{stem}.{ext}",
        "{song}/{stem}.{ext}/",
        "a\\..\\{song}{stem}.{ext}",
        "{nothing}/{stem}.{ext}",
        "{song.__class__}/{stem}.{ext}",
        "{song:>500}/{stem}.{ext}",
        "{song!r}/{stem}.{ext}",
        "{}/{stem}.{ext}",
        "{song/{stem}.{ext}",
        "{song}.{ext}",
        "\n{song}/{stem}.{ext}",
        "x" * 300 + "{stem}.{ext}",
        "",
    ],
)
def test_template_that_could_escape_or_collide_is_refused(template):
    with pytest.raises(OptionError, match="name template"):
        NameTemplate.parse(template)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Plain name", "Plain name"),
        ("a/b\\c", "a_b_c"),
        ("..", "__"),
        (".hidden", "_hidden"),
        ("trailing. . ", "trailing"),
        ("con", "con_"),
        ("LPT1.mix", "LPT1.mix_"),
        ('what?*|<>:"', "what_______"),
        ("tab\tnul\0", "tab_nul_"),
        ("Beyonce\u0301", "Beyonc\u00e9"),
        ("bytes\udcff", "bytes_"),
        ("   ", "song"),
    ],
)
def test_awkward_name_becomes_a_legal_one(name, safe):
    assert safe_name(name) == safe


def test_second_song_of_a_name_gets_a_number_in_folder_and_record():
    second = place("{song}/{stem}.{ext}", number=2)

    assert second.path("bass") == Path("/out/Song-2/bass.wav")
    assert second.record == Path("/out/Song-2/.Song-2.stemwright.json")


def test_number_lands_in_the_file_name_when_no_field_names_the_song():
    assert place("{stem}.{ext}", number=3).path("bass") == Path("/out/bass-3.wav")


@pytest.mark.parametrize(
    ("template", "record"),
    [
        ("{song}/{stem}.{ext}", "/out/Song/.Song.stemwright.json"),
        ("{stem}/{song}.{ext}", "/out/.Song.stemwright.json"),
        ("{song} - {stem}.{ext}", "/out/.Song.stemwright.json"),
        ("{ext}/{song}/{stem}.{ext}", "/out/.Song.stemwright.json"),
    ],
)
def test_record_lies_where_neither_stem_nor_format_moves_it(template, record):
    assert place(template).record == Path(record)


_TEXTS = st.text(max_size=300) | st.sampled_from(
    ["..", ".", "/etc/passwd", "a" * 999, "\udc80", "{stem}"]
)
_TEMPLATES = st.sampled_from(
    [
        "{song}/{stem}.{ext}",
        "{artist}/{title}/{stem}.{ext}",
        "{artist} - {title} - {song} ({stem}).{ext}",
        "{stem}/{artist}{title}.{ext}",
        "{stem}.{ext}",
    ]
)


@given(_TEMPLATES, _TEXTS, st.none() | _TEXTS, st.none() | _TEXTS, st.integers(1, 999))
def test_no_song_and_no_tag_leads_out_of_the_folder_or_to_an_illegal_name(
    template, song, artist, title, number
):
    values = NameValues(song, "htdemucs", "fast", artist, title)
    slot = NameTemplate.parse(template).slot(OUT, values, "flac", number)

    for path in (slot.path("instrumental"), slot.record):
        inside = path.relative_to(OUT)
        assert ".." not in inside.parts
        assert all(0 < len(part.encode()) <= 255 for part in inside.parts)
        assert not set("\0\n\\") & set(str(inside))


@given(_TEMPLATES, _TEXTS, _TEXTS, st.integers(2, 99))
def test_numbered_places_differ_however_long_the_names_are(template, song, artist, number):
    values = NameValues(song, "htdemucs", "fast", artist, artist)
    first, other = (NameTemplate.parse(template).slot(OUT, values, "wav", n) for n in (1, number))

    assert first.path("bass") != other.path("bass")
    assert first.record != other.record
