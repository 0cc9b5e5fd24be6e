import pytest

from stemwright.features.imports.filenames import remote_name, safe_suffix


@pytest.mark.parametrize(
    ("disposition", "url", "name"),
    [
        ("", "https://x.example/music/a%20song.mp3?sig=1", "a song.mp3"),
        ('attachment; filename="b.wav"', "https://x.example/a.mp3", "b.wav"),
        ("attachment; filename=b.wav; size=3", "https://x.example/a.mp3", "b.wav"),
        ('attachment; filename="a \\"b\\".wav"', "https://x.example/", 'a "b".wav'),
        (
            "attachment; filename=\"old.mp3\"; filename*=UTF-8''n%C3%BC.mp3",
            "https://x.example/",
            "nü.mp3",
        ),
        ("attachment; filename*=bogus''x.mp3", "https://x.example/a.mp3", "a.mp3"),
        ('attachment; filename="../../etc/passwd"', "https://x.example/", "passwd"),
        ('attachment; filename="..\\\\..\\\\x.mp3"', "https://x.example/", "x.mp3"),
        ("attachment; filename*=UTF-8''..%2F..%2Fx%0A.mp3", "https://x.example/", "x.mp3"),
        ('attachment; filename=".."', "https://x.example/", "input"),
        ("", "https://x.example/%2e%2e%2f", "input"),
        ("", "https://x.example", "input"),
    ],
)
def test_a_file_is_called_what_the_server_or_the_address_says_and_never_a_path(
    disposition, url, name
):
    assert remote_name({"content-disposition": disposition}, url) == name


def test_a_long_name_keeps_its_ending():
    name = remote_name({}, f"https://x.example/{'a' * 300}.mp3")
    assert len(name) == 255
    assert name.endswith("a.mp3")


def test_only_a_plain_ending_is_handed_to_a_decoder():
    assert [safe_suffix(name) for name in ("a.MP3", "a", "a.b c", "a.toolong")] == [
        ".mp3",
        "",
        "",
        "",
    ]
