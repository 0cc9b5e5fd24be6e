"""Checksums that are read once."""

import zlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from stemwright.errors import Cancelled, StorageError
from stemwright.features.exports.checksums import Checksums
from stemwright.storage.base import StoredObject

CONTENT = b"0123456789"


def stored(key="a", etag='"1"', size=10):
    return StoredObject(key, size, datetime(2030, 1, 1, tzinfo=UTC), etag)


class Storage:
    def __init__(self):
        self.asked = []

    def read(self, key, start=0, end=None):
        self.asked.append(key)
        return iter([CONTENT[:3], CONTENT[3:]])


@pytest.fixture
def storage():
    return Storage()


def test_an_object_is_read_once(storage):
    checksums = Checksums(storage)

    assert [checksums.of(stored()) for _ in range(3)] == [zlib.crc32(CONTENT)] * 3
    assert storage.asked == ["a"]


def test_another_object_under_the_same_key_is_read_anew(storage):
    checksums = Checksums(storage)
    for found in (stored(), replace(stored(), etag='"2"')):
        checksums.of(found)

    assert storage.asked == ["a", "a"]


def test_the_one_not_asked_for_longest_is_forgotten(storage):
    checksums = Checksums(storage, most_kept=2)
    for key in ("a", "b", "a", "c", "a", "b"):
        checksums.of(stored(key))

    assert storage.asked == ["a", "b", "c", "b"]


def test_an_object_of_another_length_than_it_had_cannot_be_read(storage):
    with pytest.raises(StorageError, match="10 bytes and not 11"):
        Checksums(storage).of(stored(size=11))


def test_reading_ends_when_nobody_waits(storage):
    with pytest.raises(Cancelled):
        Checksums(storage).of(stored(), lambda: True)
