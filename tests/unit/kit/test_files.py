import os
import resource
import subprocess
import sys

import pytest

from stemwright.errors import OutputError
from stemwright.kit.files import AtomicFiles, sweep

both_ways = pytest.mark.parametrize("unnamed", [True, False], ids=["unnamed", "hidden"])

WRITE_AND_WAIT = """
import sys
from pathlib import Path
from stemwright.kit.files import AtomicFiles
with AtomicFiles(unnamed=sys.argv[2] == "True") as files:
    file = files.open(Path(sys.argv[1]) / "album" / "song.wav")
    file.write(bytes(1 << 20))
    file.flush()
    print("ready", flush=True)
    sys.stdin.read()
"""


def killed_while_writing(folder, *, unnamed):
    command = [sys.executable, "-c", WRITE_AND_WAIT, str(folder), str(unnamed)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline() == b"ready\n"
        writer.kill()


@both_ways
def test_files_and_their_folders_appear_on_commit(tmp_path, unnamed):
    names = [tmp_path / "deep" / "er" / "a.wav", tmp_path / "b.wav"]
    with AtomicFiles(unnamed=unnamed) as files:
        for name in names:
            files.open(name).write(b"music")
        assert not any(name.exists() for name in names)
        assert not (tmp_path / "deep").exists()
        files.commit()
    assert [name.read_bytes() for name in names] == [b"music", b"music"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.wav", "deep"]


@both_ways
def test_nothing_appears_without_commit(tmp_path, unnamed):
    with pytest.raises(KeyError), AtomicFiles(unnamed=unnamed) as files:
        files.open(tmp_path / "a" / "b.wav").write(b"half")
        raise KeyError
    assert list(tmp_path.iterdir()) == []


@both_ways
def test_an_older_file_is_replaced_only_on_commit(tmp_path, unnamed):
    name = tmp_path / "a.wav"
    name.write_bytes(b"old")
    with AtomicFiles(unnamed=unnamed) as files:
        files.open(name).write(b"new")
        assert name.read_bytes() == b"old"
        files.commit()
    assert name.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [name]


def test_a_killed_writer_leaves_the_folder_empty(tmp_path):
    killed_while_writing(tmp_path, unnamed=True)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_hid_is_swept_later(tmp_path):
    killed_while_writing(tmp_path, unnamed=False)
    (part,) = tmp_path.iterdir()
    hour_ago = part.stat().st_mtime - 3600
    os.utime(part, (hour_ago, hour_ago))
    with AtomicFiles() as files:
        files.open(tmp_path / "next.wav")
    assert list(tmp_path.iterdir()) == []


def test_a_living_writers_part_is_not_swept(tmp_path):
    with AtomicFiles(unnamed=False) as files:
        files.open(tmp_path / "a.wav").write(b"x")
        sweep(tmp_path, older_than_s=0)
        assert len(list(tmp_path.iterdir())) == 1
        files.commit()
    assert (tmp_path / "a.wav").read_bytes() == b"x"


def test_other_hidden_files_are_not_swept(tmp_path):
    (tmp_path / ".stemwright-notes").write_text("mine")
    sweep(tmp_path, older_than_s=0)
    assert (tmp_path / ".stemwright-notes").exists()


@both_ways
def test_files_are_as_readable_as_any_other(tmp_path, unnamed):
    with AtomicFiles(unnamed=unnamed) as files:
        files.open(tmp_path / "a.wav")
        files.commit()
    (tmp_path / "plain").touch()
    assert (tmp_path / "a.wav").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_files_can_be_patched_after_writing(tmp_path):
    with AtomicFiles() as files:
        file = files.open(tmp_path / "a")
        file.write(b"____music")
        file.seek(0)
        file.write(b"head")
        files.commit()
    assert (tmp_path / "a").read_bytes() == b"headmusic"


def test_a_full_disk_names_the_output_and_leaves_nothing(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with (
            pytest.raises(OutputError, match=r"song\.wav.*free some space"),
            AtomicFiles() as files,
        ):
            files.open(tmp_path / "song.wav").write(bytes(2 << 20))
            files.commit()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_way_is_named(tmp_path):
    (tmp_path / "a.wav").mkdir()
    with AtomicFiles() as files, pytest.raises(OutputError, match=r"a\.wav.*folder"):
        files.open(tmp_path / "a.wav")


def test_a_file_where_a_folder_should_be_is_named(tmp_path):
    (tmp_path / "album").touch()
    with AtomicFiles() as files, pytest.raises(OutputError, match="album is not a folder"):
        files.open(tmp_path / "album" / "x" / "a.wav")


def test_a_name_too_long_is_known_before_anything_is_written(tmp_path):
    with AtomicFiles() as files, pytest.raises(OutputError, match="shorter name"):
        files.open(tmp_path / "new" / ("x" * 300))
    assert list(tmp_path.iterdir()) == []


def test_when_the_last_file_cannot_be_placed_the_first_is_taken_back(tmp_path):
    with AtomicFiles() as files:
        files.open(tmp_path / "one" / "a.wav").write(b"a")
        files.open(tmp_path / "two" / "b.wav").write(b"b")
        (tmp_path / "two").touch()
        with pytest.raises(OutputError, match=r"b\.wav"):
            files.commit()
    assert [path.name for path in tmp_path.iterdir()] == ["two"]


def test_one_name_cannot_be_written_twice(tmp_path):
    with AtomicFiles() as files:
        files.open(tmp_path / "a.wav")
        with pytest.raises(OutputError, match="twice"):
            files.open(tmp_path / "a.wav")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with AtomicFiles() as files, pytest.raises(OutputError, match="may write"):
        files.open(tmp_path / "a.wav")


def test_a_destination_with_a_nul_is_one_error(tmp_path):
    with AtomicFiles() as files, pytest.raises(OutputError):
        files.open(tmp_path / "a\0b")
