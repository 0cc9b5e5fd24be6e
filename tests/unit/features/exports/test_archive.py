"""An archive that is made where it is read, against Python's reader and unzip."""

import io
import subprocess
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwright.errors import StorageMissing
from stemwright.features.exports.archive import Archive, Entry
from stemwright.features.exports.zip_format import central_header, end_of, local_header

NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="/\\\0", exclude_categories=["Cc", "Cs"]),
    min_size=1,
    max_size=60,
)


def entry(name, content, block=7):
    def read(start, stop):
        for first in range(start, stop, block):
            yield content[first : min(first + block, stop)]

    return Entry(name, len(content), zlib.crc32(content), f'"{name}"', read)


def whole(archive):
    return b"".join(archive.read(0, archive.size_bytes))


ARCHIVES = st.dictionaries(NAMES, st.binary(max_size=60), max_size=4).map(
    lambda files: (files, Archive([entry(name, content) for name, content in files.items()]))
)


@given(ARCHIVES)
def test_what_goes_in_comes_out_of_pythons_reader(made):
    files, archive = made
    content = whole(archive)

    assert len(content) == archive.size_bytes
    with zipfile.ZipFile(io.BytesIO(content)) as read:
        assert read.testzip() is None
        assert {name: read.read(name) for name in read.namelist()} == files


@given(ARCHIVES, st.data())
def test_any_range_is_that_slice_of_the_whole(made, data):
    _, archive = made
    start = data.draw(st.integers(0, archive.size_bytes))
    stop = data.draw(st.integers(start, archive.size_bytes))

    assert b"".join(archive.read(start, stop)) == whole(archive)[start:stop]


def test_every_single_cut_of_a_small_archive_can_be_resumed():
    archive = Archive([entry("ä.wav", b"0123456789"), entry("b.wav", b"abc")])
    content = whole(archive)

    for cut in range(archive.size_bytes + 1):
        assert content[:cut] + b"".join(archive.read(cut, archive.size_bytes)) == content


def test_unzip_accepts_names_of_all_scripts(tmp_path):
    path = tmp_path / "song.zip"
    names = ["Für Elise - vocals.wav", "東京 - drums.wav", "हिन्दी - bass.wav"]
    path.write_bytes(whole(Archive([entry(name, name.encode() * 99) for name in names])))

    tested = subprocess.run(["unzip", "-t", path], capture_output=True, text=True, check=False)

    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "No errors detected" in tested.stdout


def test_the_same_files_make_the_same_bytes_and_others_another_tag():
    one, same = (Archive([entry("a", b"1"), entry("b", b"2")]) for _ in range(2))
    other = Archive([entry("a", b"1"), entry("b", b"3")])
    renamed = Archive([entry("a", b"1"), entry("c", b"2")])

    assert whole(one) == whole(same)
    assert one.etag == same.etag
    assert len({one.etag, other.etag, renamed.etag}) == 3


def test_a_file_shorter_than_it_was_breaks_the_archive_off():
    short = Entry("a", 10, 0, '"a"', lambda _start, _stop: iter([b"1234"]))
    archive = Archive([short, entry("b", b"x")])

    with pytest.raises(StorageMissing, match="6 bytes"):
        whole(archive)


class Virtual(io.RawIOBase):
    """An archive as a file: read where it is sought, and nowhere else."""

    def __init__(self, archive):
        self._archive, self._at = archive, 0

    def seekable(self):
        return True

    def readable(self):
        return True

    def tell(self):
        return self._at

    def seek(self, offset, whence=0):
        self._at = offset + (0, self._at, self._archive.size_bytes)[whence]
        return self._at

    def readinto(self, buffer):
        stop = min(self._at + len(buffer), self._archive.size_bytes)
        content = b"".join(self._archive.read(self._at, stop))
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)


def sparse(name, size):
    return Entry(name, size, 1, '"s"', lambda start, stop: iter([bytes(stop - start)]))


def test_files_and_places_beyond_four_gigabytes_are_told_in_zip64():
    sizes = {"large": 5 << 30, "just": 0xFFFFFFFF, "below": 0xFFFFFFFE, "tiny": 3}
    archive = Archive([sparse(name, size) for name, size in sizes.items()])

    with zipfile.ZipFile(Virtual(archive)) as read:
        told = {it.filename: (it.file_size, it.header_offset) for it in read.infolist()}
        with read.open("below") as file:
            assert file.read(10) == bytes(10)
    assert {name: size for name, (size, _) in told.items()} == sizes
    assert told["below"][1] > 9 << 30


def test_more_files_than_sixteen_bits_count_are_told_in_zip64():
    archive = Archive([entry(str(number), b"") for number in range(0x10000)])

    with zipfile.ZipFile(io.BytesIO(whole(archive))) as read:
        assert len(read.namelist()) == 0x10000


def test_small_archives_need_no_zip64():
    parts = local_header("a", 1, 2), central_header("a", 1, 2, 0), end_of(1, 47, 32)

    assert [len(part) for part in parts] == [31, 47, 22]
    assert parts[0][4:6] == b"\x14\0"
