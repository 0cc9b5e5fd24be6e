"""The instance's secret: one, kept, and nobody else's to read."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from stemwright.entry.secret import FILE, instance_secret
from stemwright.errors import OptionError
from stemwright.settings import Settings

GIVEN = "a secret of thirty-two characters or more"


def load(tmp_path, **more):
    environ = {"HOME": str(tmp_path), "STEMWRIGHT_DATA_DIR": str(tmp_path / "data" / "here")}
    return Settings.load({**environ, **more})


def test_a_secret_is_made_once_and_found_again(tmp_path):
    settings = load(tmp_path)

    made = instance_secret(settings)

    assert len(made) >= 32
    assert instance_secret(settings) == made
    assert [path.name for path in settings.data_dir.iterdir()] == [FILE]


def test_nobody_else_on_the_machine_can_read_it(tmp_path):
    before = os.umask(0)
    try:
        instance_secret(load(tmp_path))
    finally:
        os.umask(before)

    folder = tmp_path / "data" / "here"
    assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_processes_that_start_together_make_one_secret(tmp_path):
    script = (
        "import sys; from stemwright.settings import Settings\n"
        "from stemwright.entry.secret import instance_secret\n"
        "sys.stdin.read()\n"
        "print(instance_secret(Settings.load()).decode())"
    )
    environ = {**os.environ, "STEMWRIGHT_DATA_DIR": str(tmp_path / "data")}
    together = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    for process in together:
        process.stdin.close()  # what each waits for
    said = set()
    for process in together:
        with process:
            said.add(process.stdout.read().strip())

    assert said == {(tmp_path / "data" / FILE).read_bytes()}
    assert len(list((tmp_path / "data").iterdir())) == 1


def test_a_secret_that_is_given_is_not_written_down(tmp_path):
    settings = load(tmp_path, STEMWRIGHT_SECRET_KEY=GIVEN)

    assert instance_secret(settings) == GIVEN.encode()
    assert not settings.data_dir.exists()


def test_a_secret_too_short_to_be_one_is_refused_and_not_repeated(tmp_path):
    with pytest.raises(OptionError, match="32 characters") as refused:
        instance_secret(load(tmp_path, STEMWRIGHT_SECRET_KEY="hunter2"))
    assert "hunter2" not in refused.value.message


@pytest.mark.parametrize("left", [b"", b"short\n"])
def test_a_damaged_file_is_no_secret(tmp_path, left):
    settings = load(tmp_path)
    instance_secret(settings)
    (settings.data_dir / FILE).write_bytes(left)

    with pytest.raises(OptionError, match="Remove it"):
        instance_secret(settings)


def test_a_folder_that_cannot_be_made_is_explained(tmp_path):
    (tmp_path / "data").write_bytes(b"a file in the way")

    with pytest.raises(OptionError, match="STEMWRIGHT_DATA_DIR"):
        instance_secret(load(tmp_path))
