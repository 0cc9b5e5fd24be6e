from hypothesis import given, settings
from hypothesis import strategies as st

from stemwright.audio.id3 import read_id3, write_id3
from stemwright.audio.tags import Tags
from support.media import png_cover

EVERYTHING = Tags(
    "日本語 🎵", "Ünïcödé", "Альбом", "Various", "2021-03-04", "3/12", "Pop", "hé", png_cover()
)


def test_every_field_survives_writing_and_reading():
    assert read_id3(write_id3(EVERYTHING)) == EVERYTHING


def test_nothing_to_say_writes_nothing():
    assert write_id3(Tags()) == b""


def test_version_2_2_is_read():
    frame = b"TT2" + (5).to_bytes(3, "big") + b"\0Song"
    assert read_id3(b"ID3\x02\0\0\0\0\0" + bytes([len(frame)]) + frame).title == "Song"


def test_version_2_4_is_read_with_several_values():
    body = b"\x03One\0Two"
    frame = b"TPE1\0\0\0" + bytes([len(body)]) + b"\0\0" + body
    assert read_id3(b"ID3\x04\0\0\0\0\0" + bytes([len(frame)]) + frame).artist == "One; Two"


@settings(max_examples=200, deadline=None)
@given(raw=st.binary(max_size=400), version=st.sampled_from([2, 3, 4]), flags=st.integers(0, 255))
def test_junk_never_raises(raw, version, flags):
    read_id3(b"ID3" + bytes([version, 0, flags, 0, 0, 3, 0]) + raw)


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, 400), byte=st.integers(0, 255))
def test_a_damaged_tag_never_raises(at, byte):
    raw = bytearray(write_id3(EVERYTHING))
    raw[at % len(raw)] = byte
    read_id3(bytes(raw))
