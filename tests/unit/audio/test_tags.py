from stemwright.audio.tags import MAX_COVER_BYTES, Tags, tags_from
from support.media import png_cover


def test_a_stem_is_named_in_the_title():
    assert Tags(title="Song", artist="A").for_stem("vocals") == Tags("Song (vocals)", "A")


def test_a_song_without_a_title_gives_stems_called_by_their_name():
    assert Tags().for_stem("drums").title == "drums"


def test_control_characters_and_lone_surrogates_do_not_survive():
    tags = tags_from({"title": "a\0b\x1b[31m\ud800c", "artist": " \0 "})
    assert tags.title == "a b [31m c"
    assert tags.artist is None


def test_unknown_fields_are_dropped_and_long_ones_cut():
    tags = tags_from({"lyrics": "la", "comment": "x" * 100_000})
    assert len(tags.comment) == 4096


def test_only_reasonable_pictures_become_covers():
    assert tags_from({}, png_cover()).cover == png_cover()
    assert tags_from({}, b"<svg/>").cover is None
    assert tags_from({}, png_cover() + bytes(MAX_COVER_BYTES)).cover is None
