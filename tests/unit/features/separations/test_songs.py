from stemwright.features.separations.records import Fingerprint, Record
from stemwright.features.separations.songs import find_songs


def touch(path, text=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_folder_is_searched_through_in_sorted_order(tmp_path):
    names = ["b.mp3", "a.WAV", "sub/deep/c.flac", "sub/d.ogg"]
    songs = [touch(tmp_path / name) for name in names]
    touch(tmp_path / "cover.jpg")

    assert find_songs([tmp_path]) == [songs[1], songs[0], songs[3], songs[2]]


def test_hidden_files_and_folders_are_left_out(tmp_path):
    touch(tmp_path / ".hidden.wav")
    touch(tmp_path / ".git" / "a.wav")

    assert find_songs([tmp_path]) == []


def test_file_given_by_name_is_taken_whatever_it_is(tmp_path):
    given = [tmp_path / "missing.wav", touch(tmp_path / "notes.txt")]

    assert find_songs(given) == given


def test_song_meant_twice_is_taken_once(tmp_path):
    song = touch(tmp_path / "a.wav")

    assert find_songs([song, tmp_path, tmp_path / "." / "a.wav"]) == [song]


def test_stems_of_an_earlier_run_are_no_songs(tmp_path):
    song = touch(tmp_path / "a.wav", "song")
    stem = touch(tmp_path / "stems" / "bass" / "a.wav", "stem")
    record = Record(tmp_path / "stems", Fingerprint.of(song))
    record.claiming(record.song, {"bass": stem}).write(tmp_path / "stems" / ".a.stemwright.json")

    assert find_songs([tmp_path]) == [song]


def test_link_to_a_folder_above_does_not_loop(tmp_path):
    song = touch(tmp_path / "a.wav")
    (tmp_path / "loop").symlink_to(tmp_path)

    assert find_songs([tmp_path]) == [song]
