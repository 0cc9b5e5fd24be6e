"""The command line in processes of its own; only the network is replaced, by a gain per stem."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.gain_cli import install_model
from support.songs import samples, write_song

SCRIPT = Path(__file__).parents[1] / "support" / "gain_cli.py"


@dataclass
class Shell:
    """A working folder, a data folder, and the command."""

    folder: Path
    data_dir: Path

    def command(self, *arguments):
        return [sys.executable, str(SCRIPT), *map(os.fspath, arguments)]

    @property
    def environment(self):
        kept = {
            name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ
        }
        return {**kept, "STEMWRIGHT_DATA_DIR": str(self.data_dir), "LC_ALL": "C.UTF-8"}

    def run(self, *arguments, **environment):
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=60,
            check=False,
        )

    def documents(self, *arguments):
        found = self.run("separate", *arguments, "--json")
        return found, [json.loads(line) for line in found.stdout.splitlines()]

    def files(self, folder="stems"):
        paths = (self.folder / folder).rglob("*")
        return sorted(str(path.relative_to(self.folder)) for path in paths if path.is_file())


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    install_model(folder)
    return folder


@pytest.fixture
def shell(tmp_path, data_dir):
    folder = tmp_path / "work"
    folder.mkdir()
    return Shell(folder, data_dir)


@pytest.fixture
def song(shell):
    return write_song(shell.folder / "My Song.wav")


def test_song_becomes_four_stems_in_a_folder_of_its_name(shell, song):
    found = shell.run("separate", "My Song.wav")

    assert (found.returncode, found.stdout) == (0, "")
    assert "times realtime" in found.stderr
    assert shell.files() == [
        "stems/My Song/.My Song.stemwright.json",
        *(f"stems/My Song/{stem}.wav" for stem in ("bass", "drums", "other", "vocals")),
    ]


def test_json_is_one_object_a_song_and_nothing_else(shell, song):
    (shell.folder / "bad.mp3").write_text("hello")
    found, documents = shell.documents("My Song.wav", "bad.mp3", "--stems", "2")

    assert found.returncode == 3
    assert [document["status"] for document in documents] == ["done", "failed"]
    assert documents[0]["stems"] == {
        stem: f"stems/My Song/{stem}.wav" for stem in ("vocals", "instrumental")
    }
    assert documents[0]["duration_s"] == 1.0
    assert documents[0]["realtime_factor"] > 0
    assert documents[1]["error"]["code"] == "input.unreadable"
    assert "bad.mp3" in documents[1]["error"]["message"]


def test_second_run_skips_and_force_redoes(shell, song):
    statuses = [
        shell.documents("My Song.wav", *options)[1][0]["status"]
        for options in ((), (), ("--force",))
    ]

    assert statuses == ["done", "skipped", "done"]


def test_folder_is_separated_without_the_stems_in_it(shell, song):
    write_song(shell.folder / "album" / "Two.flac")
    first = shell.documents(".", "-o", "album/stems")[1]
    again = shell.documents(".", "-o", "album/stems")[1]

    assert [document["file"] for document in first] == ["My Song.wav", "album/Two.flac"]
    assert [document["status"] for document in again] == ["skipped", "skipped"]


def test_songs_of_one_name_get_places_of_their_own_for_good(shell):
    for number, folder in enumerate("ab"):
        write_song(shell.folder / folder / "song.wav", seed=number)
    first = shell.documents("a", "b")[1]
    swapped = shell.documents("b", "a")[1]

    assert first[0]["stems"] == swapped[1]["stems"]
    assert first[1]["stems"] == swapped[0]["stems"]
    assert first[1]["stems"]["bass"] == "stems/song-2/bass.wav"
    assert {document["status"] for document in swapped} == {"skipped"}


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["separate"], 2, "Missing argument"),
        (["separate", "song.wav", "--format", "ogg"], 2, "ogg"),
        (["separate", "song.wav", "--bit-depth", "32f", "--format", "flac"], 2, "floating point"),
        (["separate", "song.wav", "--name", "../{stem}.wav"], 2, "out of the output folder"),
        (["separate", "song.wav", "--segment", "60"], 2, "7.8 s"),
        (["separate", "song.wav", "--exact-sum", "--stems", "vocals"], 2, "all stems"),
        (["separate", "missing.wav"], 4, "missing.wav"),
        (["separate", "text.mp3"], 4, "text.mp3"),
        (["separate", "empty.wav"], 4, "empty.wav"),
        (["separate", "list.m3u"], 4, "playlist"),
        (["separate", "hollow"], 4, "no audio file"),
        (["separate", "song.wav", "--max-duration", "0.5"], 4, "longer than"),
        (["separate", "song.wav", "text.mp3"], 3, "text.mp3"),
        (["separate", "song.wav", "--model", "htdemux"], 5, "htdemucs"),
        (["separate", "song.wav", "--stems", "choir"], 5, "drums, bass, other, vocals"),
        (["separate", "song.wav", "--stems", "6"], 5, "htdemucs_6s"),
        (["separate", "song.wav", "-o", "text.mp3"], 7, "text.mp3"),
        (["models", "info", "nothing"], 5, "nothing"),
        (["models"], 2, "Usage"),
        (["nonsense"], 2, "nonsense"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_failure_is_one_clear_line_and_its_own_exit_status(shell, arguments, status, says):
    write_song(shell.folder / "song.wav")
    (shell.folder / "text.mp3").write_text("hello")
    (shell.folder / "list.m3u").write_text("#EXTM3U\nhttp://127.0.0.1/a.mp3\n")
    (shell.folder / "empty.wav").touch()
    (shell.folder / "hollow").mkdir()
    found = shell.run(*arguments)

    assert found.returncode == status
    assert says in found.stderr + found.stdout
    assert "Traceback" not in found.stderr


def test_defect_is_one_line_that_says_how_to_get_the_traceback(shell, song):
    broken = "import runpy, sys; sys.argv[0] = sys.argv.pop(1); import support.separators as s\n"
    broken += "s.GainSeparator.stream = lambda *a, **k: 1 / 0\n"
    broken += "runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-c", broken, str(SCRIPT), "separate", "My Song.wav", "-q"]
    environment = {**shell.environment, "PYTHONPATH": _with_tests(shell)}
    plain, debugged = (
        subprocess.run(
            command, cwd=shell.folder, env={**environment, **extra}, capture_output=True, text=True,
            timeout=60, check=False,
        )
        for extra in ({}, {"STEMWRIGHT_DEBUG": "1"})
    )  # fmt: skip

    assert plain.returncode == debugged.returncode == 1
    assert plain.stderr.count("\n") == 1
    assert "ZeroDivisionError" in plain.stderr
    assert "STEMWRIGHT_DEBUG=1" in plain.stderr
    assert "Traceback" in debugged.stderr


def _with_tests(shell):
    return os.pathsep.join([str(SCRIPT.parents[1]), shell.environment.get("PYTHONPATH", "")])


def test_exact_sum_holds_in_the_files(shell, song):
    _, [document] = shell.documents("My Song.wav", "--exact-sum")

    total = sum(
        samples(shell.folder / path, "int16").astype(int) for path in document["stems"].values()
    )
    assert (total == samples(song, "int16")).all()


@pytest.mark.parametrize(
    ("options", "subtype"),
    [
        (["--format", "flac"], "PCM_24"),
        (["--format", "wav", "--bit-depth", "32f"], "FLOAT"),
        (["--format", "mp3", "--bitrate", "192"], "MPEG_LAYER_III"),
        ([], "PCM_24"),
    ],
)
def test_stems_are_written_as_asked(shell, options, subtype):
    import soundfile

    write_song(shell.folder / "s.wav", rate=48_000, subtype="PCM_24")
    _, [document] = shell.documents("s.wav", "--stems", "bass", *options)
    info = soundfile.info(shell.folder / document["stems"]["bass"])

    assert (info.samplerate, info.channels, info.subtype) == (48_000, 2, subtype)


def test_name_that_is_no_text_is_separated_and_reported(shell):
    name = os.fsdecode(b"na\xffme\x1b[31m.wav")
    try:
        write_song(shell.folder / "plain.wav").rename(shell.folder / name)
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    found, [document] = shell.documents(name, "--stems", "bass")
    plain = shell.run("separate", name, "--stems", "bass")

    assert (found.returncode, plain.returncode) == (0, 0)
    assert document["file"] == name
    assert "\x1b" not in plain.stderr
    assert (shell.folder / document["stems"]["bass"]).exists()


def test_reader_that_goes_away_ends_the_run_quietly(shell, song):
    write_song(shell.folder / "Other.wav")
    command = subprocess.Popen(
        shell.command("separate", "My Song.wav", "Other.wav", "--json"),
        cwd=shell.folder,
        env=shell.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    command.stdout.close()
    said = command.stderr.read()
    command.stderr.close()

    assert command.wait(30) != 0
    assert said == ""


def test_help_answers_without_loading_the_engine():
    heavy = [
        "numpy",
        "openvino",
        "onnxruntime",
        "av",
        "soundfile",
        "httpx",
        "starlette",
        "rich.progress",
    ]
    program = (
        "import sys, stemwright.entry.cli\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    loaded = subprocess.check_output([sys.executable, "-c", program], text=True)

    assert loaded.strip() == "[]"


def test_version_is_said(shell):
    answers = {shell.run(word).stdout for word in ("version", "--version")}

    assert len(answers) == 1
    assert answers.pop().startswith("stemwright 0.")


def test_models_are_listed_and_explained(shell):
    listed = json.loads(shell.run("models", "list", "--json").stdout)
    info = shell.run("models", "info", "htdemucs").stdout

    names = ["htdemucs", "htdemucs_ft", "htdemucs_6s", "mdx_extra", "basic-pitch", "deepfilternet3"]
    assert [model["name"] for model in listed] == names
    assert listed[0]["installed"]
    assert listed[0]["tiers"] == ["fast", "balanced", "best"]
    assert listed[1]["networks"][3] == {"name": "04573f0d", "stems": ["vocals"]}
    assert listed[0]["licence"]["terms"] in info
    assert all(source["sha256"] in info for source in listed[0]["sources"])


def test_the_best_tier_says_which_model_it_takes(shell, song, tmp_path):
    finer = tmp_path / "finer"
    for name in ("htdemucs", "htdemucs_ft"):
        install_model(finer, name)
    command = ("separate", "My Song.wav", "--quality", "best", "--json")
    plain = shell.run(*command, "-o", "plain")
    fine = shell.run(*command, "-o", "fine", STEMWRIGHT_DATA_DIR=str(finer))

    assert json.loads(plain.stdout)["model"] == "htdemucs"
    assert json.loads(fine.stdout)["model"] == "htdemucs_ft"


def test_missing_model_without_download_names_the_command(shell, song, tmp_path):
    found = shell.run(
        "separate", "My Song.wav", "--no-download", STEMWRIGHT_DATA_DIR=str(tmp_path / "bare")
    )

    assert found.returncode == 5
    assert "stemwright models pull htdemucs" in found.stderr


def test_missing_model_with_no_source_says_why_and_shows_the_licence(shell, song, tmp_path):
    found = shell.run(
        "separate",
        "My Song.wav",
        STEMWRIGHT_DATA_DIR=str(tmp_path / "bare"),
        STEMWRIGHT_MODEL_SOURCES="none",
    )

    assert found.returncode == 5
    assert "research and personal use" in found.stderr


def test_wrong_setting_is_one_clear_line(shell, song):
    found = shell.run("separate", "My Song.wav", STEMWRIGHT_PORT="many")

    assert found.returncode == 2
    assert "STEMWRIGHT_PORT" in found.stderr


def test_demo_makes_a_song_and_its_stems(shell):
    found = shell.run("demo")

    assert found.returncode == 0
    assert "times faster than realtime" in found.stdout
    assert "demo/stemwright demo.flac" in shell.files("demo")
    assert len(shell.files("demo")) == 6
