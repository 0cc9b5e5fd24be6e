"""What only the folder does."""

import os
import resource
import signal
import subprocess
import sys
import textwrap
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from stemwright.errors import StorageError, StorageFull, StorageUnreachable
from stemwright.storage.local import LocalStorage
from stemwright.storage.signing import UrlSigner

SIGNER = UrlSigner(b"thirty-two bytes or more, for tests")


@pytest.fixture
def storage(tmp_path):
    return LocalStorage(tmp_path, SIGNER)


def _store(storage, key, content=b"1"):
    with storage.writer(key, "audio/mpeg") as writer:
        writer.write(content)
        writer.commit()


def _files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def _folders(folder):
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def _files_no_larger_than(size):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_no_room_is_told_and_leaves_nothing(storage, tmp_path):
    with (
        _files_no_larger_than(1 << 20),
        pytest.raises(StorageFull, match=r"no room for a/b\.mp3"),
        storage.writer("a/b.mp3", "audio/mpeg") as writer,
    ):
        for _ in range(3):
            writer.write(b"x" * (1 << 20))
        writer.commit()
    assert _files(tmp_path) == []


def test_a_killed_writer_leaves_nothing(tmp_path):
    program = f"""
        import os, signal
        from pathlib import Path
        from stemwright.storage.local import LocalStorage
        from stemwright.storage.signing import UrlSigner
        writer = LocalStorage(Path({str(tmp_path)!r}), UrlSigner(b"x" * 32)).writer("a/b.mp3", "")
        writer.write(b"x" * (2 << 20))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert _files(tmp_path) == []


def test_what_was_whole_and_not_yet_placed_is_swept_when_it_is_old(tmp_path):
    LocalStorage(tmp_path, SIGNER)
    for name, age_s in (("old", 7200), ("young", 60)):
        part = tmp_path / ".parts" / f"{name}.whole"
        part.touch()
        changed = part.stat().st_mtime - age_s
        os.utime(part, (changed, changed))
    LocalStorage(tmp_path, SIGNER)
    assert _files(tmp_path) == [".parts/young.whole"]


def test_folders_go_with_their_last_object(storage, tmp_path):
    _store(storage, "a/b/1.mp3")
    _store(storage, "a/2.mp3")
    storage.delete(["a/b/1.mp3"])
    assert _folders(tmp_path / "a") == ["2.mp3"]
    storage.delete(["a/2.mp3"])
    assert _folders(tmp_path) == [".parts"]


def test_a_folder_deleted_under_a_writer_is_made_again(storage):
    _store(storage, "a/b/1.mp3")
    with storage.writer("a/b/2.mp3", "audio/mpeg") as writer:
        storage.delete(["a/b/1.mp3"])
        writer.write(b"2")
        writer.commit()
    assert storage.stat("a/b/2.mp3").size_bytes == 1


def test_files_of_others_are_not_objects(storage, tmp_path):
    (tmp_path / ".DS_Store").touch()
    (tmp_path / "a b").touch()
    (tmp_path / "folder").mkdir()
    assert list(storage.list()) == []
    assert storage.stat("folder") is None


def test_a_key_in_the_way_of_another_is_an_error(storage):
    _store(storage, "a/b")
    with pytest.raises(StorageError, match="a/b/c"):
        _store(storage, "a/b/c")


def test_a_reader_keeps_the_object_it_opened(storage):
    _store(storage, "a/b.mp3", b"older")
    blocks = storage.read("a/b.mp3")
    _store(storage, "a/b.mp3", b"newer and longer")
    storage.delete(["a/b.mp3"])
    assert b"".join(blocks) == b"older"


def test_a_reader_that_is_left_closes_its_file(storage, tmp_path):
    _store(storage, "a/b.mp3", b"x" * (3 << 20))
    blocks = storage.read("a/b.mp3")
    next(blocks)
    blocks.close()
    assert list(blocks) == []
    assert [path for path in _open_files() if path.startswith(str(tmp_path))] == []


def _open_files():
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            yield str(descriptor.readlink())


CALLS = {
    "stat": lambda storage: storage.stat("a/b.mp3"),
    "read": lambda storage: storage.read("a/b.mp3"),
    "write": lambda storage: storage.writer("a/c.mp3", "audio/mpeg"),
    "delete": lambda storage: storage.delete(["a/b.mp3"]),
    "list": lambda storage: list(storage.list()),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_folder_whose_disk_is_not_mounted_is_not_taken_for_an_empty_one(tmp_path, call):
    folder, away = tmp_path / "objects", tmp_path / "away"
    storage = LocalStorage(folder, SIGNER)
    _store(storage, "a/b.mp3")
    folder.rename(away)
    folder.mkdir()  # where the disk was

    with pytest.raises(StorageUnreachable):
        call(storage)

    folder.rmdir()
    away.rename(folder)
    assert b"".join(storage.read("a/b.mp3")) == b"1"
